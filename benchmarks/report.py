"""Measurements by name, and the table made of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

#: The ways to the server; `pass` and `shared` are through the proxy, to an ordinary table and to a shared entity.
COLUMNS = ("direct", "pgbouncer", "pass", "shared")


@dataclass(frozen=True)
class Target:
    """What a figure has to reach: at least or at most `bound`."""

    bound: float
    at_most: bool = False
    #: Where there is a peer: of the ratio to it, or of the figure itself.
    of_ratio: bool = True

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass
class Row:
    """One line of the table: a figure for each way to the server, each the median of its rounds."""

    title: str
    unit: str
    digits: int = 0
    #: The column that the proxy's figures are divided by.
    peer: str | None = None
    #: By column.
    targets: dict[str, Target] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, column: str, figure: float) -> None:
        self.figures[column].append(figure)

    def value(self, column: str) -> float | None:
        figures = self.figures.get(column)
        return median(figures) if figures else None

    def ratio(self, column: str) -> float | None:
        """The median over the rounds: each round's figures were taken one after the other."""
        if self.peer is None or not self.figures.get(self.peer) or not self.figures.get(column):
            return None
        return median(mine / peers for mine, peers in zip(self.figures[column], self.figures[self.peer], strict=True))

    def cells(self) -> list[str]:
        cells = [self.title, self.unit]
        for column in COLUMNS:
            value = self.value(column)
            cells.append("" if value is None else f"{value:,.{self.digits}f}")
        cells.append(self.peer or "")
        for column in ("pass", "shared"):
            ratio = self.ratio(column)
            cells.append("" if ratio is None else f"{ratio:.2f}")
        return [*cells, *self._verdicts()]

    def _verdicts(self) -> tuple[str, str]:
        wanted, met = [], []
        for column, target in self.targets.items():
            value = self.ratio(column) if self.peer and target.of_ratio else self.value(column)
            wanted.append(f"{column} {target}")
            met.append("not measured" if value is None else "yes" if target.is_met(value) else "NO")
        return "\n".join(wanted), "\n".join(met)


def print_table(rows: list[Row], caption: str) -> None:
    table = Table(title="Kameleon benchmark", caption=caption, caption_justify="left")
    for title in ("measured", "unit"):
        table.add_column(title, no_wrap=True)
    for title in ("direct", "PgBouncer", "passing", "shared"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("peer", no_wrap=True)
    for title in ("passing : peer", "shared : peer"):
        table.add_column(title, justify="right")
    for title in ("target", "met"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*row.cells())
    # As wide as it needs to be: a pipe or a file has no width of its own.
    Console(width=200).print(table)
