"""What commands show: tables and progress on a terminal, lines where there is none, JSON where it is asked for."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from catalog.storage_migration import MigrationProgress, OnProgress

PACE = 5.0  # seconds between two lines of progress in the same phase


def plain(value: Any) -> Any:
    """As JSON has it: times in ISO 8601, numbers as numbers."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=plain, ensure_ascii=False))


def print_rows(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], title: str) -> None:
    """`columns`: key -> heading. On a terminal a table; else a line a row, with tabs between its values."""
    numbers = {key for row in rows for key, value in row.items() if isinstance(value, int | float | Decimal)}
    if not sys.stdout.isatty():
        typer.echo("\t".join(columns.values()))
        for row in rows:
            typer.echo("\t".join(_cell(row[key]).replace("\t", " ").replace("\n", " ") for key in columns))
        return
    table = Table(title=title)
    for key, heading in columns.items():
        table.add_column(heading, justify="right" if key in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in columns))
    Console(markup=False).print(table)


def size(number_of_bytes: int | None) -> str:
    """As pg_size_pretty() says it."""
    if number_of_bytes is None:
        return ""
    amount: float = number_of_bytes
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 10_240:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.0f} TB"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


@contextmanager
def progress_shown(entity: str, as_json: bool) -> Iterator[OnProgress]:
    """Something to be told of a move's progress."""
    if as_json:
        yield lambda progress: print_json({"entity": entity, **dataclasses.asdict(progress)})
    elif sys.stdout.isatty():
        with _bar() as bar:
            task = bar.add_task(entity, total=None, phase="")
            yield lambda progress: bar.update(
                task, phase=progress.phase, completed=progress.rows_done, total=progress.rows_total or None
            )
    else:
        yield _Lines(entity).tell


def _bar() -> Progress:
    columns: Sequence[Any] = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[phase]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns)


class _Lines:
    """A line for each phase, and one now and then while rows are copied."""

    def __init__(self, entity: str) -> None:
        self._entity = entity
        self._phase = ""
        self._last = 0.0

    def tell(self, progress: MigrationProgress) -> None:
        now = time.monotonic()
        if progress.phase == self._phase and now - self._last < PACE:
            return
        self._phase, self._last = progress.phase, now
        left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
        total = "" if progress.rows_total is None else f" of {progress.rows_total}"
        typer.echo(f"{self._entity}: {progress.phase}, {progress.rows_done}{total} rows{left}")
