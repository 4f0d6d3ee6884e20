"""`kameleon top`: what statements cost, the costliest first, and what would make them cheaper."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from proxy.commands.client import EXIT_CODES, ConfigOption, DsnOption, JsonOption, connect, run, server_dsn
from proxy.commands.shown import print_json, print_rows
from proxy.dsn import Dsn

STATEMENTS = """
SELECT s.shape_id, s.query_type, s.storage_mode AS storage, s.entities, s.joins, s.calls, s.errors,
       s.total_ms, s.mean_ms, s.p95_ms, s.max_ms, s.rows, s.statement,
       ARRAY(SELECT a.action FROM kameleon.suggestions a WHERE s.shape_id = ANY (a.shape_ids)) AS advice
FROM kameleon.query_stats s ORDER BY s.total_ms DESC LIMIT $1
"""
ENTITIES = """
SELECT e.entity_name AS entity, e.storage_mode AS storage, e.calls, e.writes, e.joins,
       e.total_ms, e.mean_ms, e.max_ms, e.rows,
       ARRAY(SELECT a.action FROM kameleon.suggestions a WHERE a.entity_name = e.entity_name) AS advice
FROM kameleon.entity_stats e ORDER BY e.total_ms DESC LIMIT $1
"""

#: Key -> heading.
STATEMENT_COLUMNS = {
    "what": "Statement",
    "storage": "Storage",
    "calls": "Calls",
    "per_second": "Calls/s",
    "total_ms": "Total ms",
    "mean_ms": "Mean ms",
    "p95_ms": "95 % ms",
    "max_ms": "Max ms",
    "rows": "Rows",
    "advice": "Advice",
}
ENTITY_COLUMNS = {
    "entity": "Entity",
    "storage": "Storage",
    "calls": "Calls",
    "per_second": "Calls/s",
    "writes": "Writes",
    "joins": "Joins",
    "total_ms": "Total ms",
    "mean_ms": "Mean ms",
    "max_ms": "Max ms",
    "rows": "Rows",
    "advice": "Advice",
}
STATEMENTS_TITLE = "Statements, since metrics are kept"
ENTITIES_TITLE = "Entities, in the last day"

Once = Annotated[bool, typer.Option("--once", help="Print it once, as is done where stdout is no terminal.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="The costliest so many.")]
Interval = Annotated[float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Between two looks.")]
Rows = list[dict[str, Any]]


def top(
    once: Once = False,
    limit: Limit = 10,
    interval: Interval = 2.0,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the costliest statements and entities, how they are kept, and what would help. Ctrl-C ends it."""
    server = server_dsn(dsn, config)
    if once or as_json or not sys.stdout.isatty():
        statements, entities = run(server, _once(server, limit), as_json=as_json)
        if as_json:
            print_json({"statements": statements, "entities": entities})
        else:
            _print(statements, entities)
    else:
        run(server, _live(server, limit, interval), interrupted="stopped")


async def _once(server: Dsn, limit: int) -> tuple[Rows, Rows]:
    connection = await connect(server)
    try:
        return await _look(connection, limit)
    finally:
        await connection.close()


async def _look(connection: asyncpg.Connection[Any], limit: int) -> tuple[Rows, Rows]:
    statements = [dict(row) for row in await connection.fetch(STATEMENTS, limit)]
    entities = [dict(row) for row in await connection.fetch(ENTITIES, limit)]
    return statements, entities


def _print(statements: Rows, entities: Rows) -> None:
    for columns, rows, title in (
        (STATEMENT_COLUMNS, statements, STATEMENTS_TITLE),
        (ENTITY_COLUMNS, entities, ENTITIES_TITLE),
    ):
        shown = {key: heading for key, heading in columns.items() if key != "per_second"}
        print_rows(shown, [_shown(row) for row in rows], title)


async def _live(server: Dsn, limit: int, interval: float) -> None:
    connection = await connect(server)
    pace = (_Pace(("shape_id", "storage")), _Pace(("entity", "storage")))
    try:
        with Live(console=Console(), screen=True, auto_refresh=False) as live:
            while True:
                statements, entities = await _look(connection, limit)
                pace[0].note(statements)
                pace[1].note(entities)
                live.update(
                    Group(
                        _table(STATEMENT_COLUMNS, statements, STATEMENTS_TITLE),
                        _table(ENTITY_COLUMNS, entities, ENTITIES_TITLE),
                        Text(time.strftime(f"%H:%M:%S, {server.place}, Ctrl-C to end"), style="dim"),
                    ),
                    refresh=True,
                )
                await asyncio.sleep(interval)
    except asyncio.CancelledError:
        return
    finally:
        await connection.close()


class _Pace:
    """Calls a second since the last look."""

    def __init__(self, key: tuple[str, str]) -> None:
        self._key = key
        self._before: dict[tuple[Any, ...], int] = {}
        self._looked_at = 0.0

    def note(self, rows: Rows) -> None:
        now = time.monotonic()
        seen: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = tuple(row[part] for part in self._key)
            seen[key] = row["calls"]
            if key in self._before:
                row["per_second"] = (row["calls"] - self._before[key]) / (now - self._looked_at)
        self._before, self._looked_at = seen, now


def _table(columns: dict[str, str], rows: Rows, title: str) -> Table:
    table = Table(title=title, expand=True)
    for key, heading in columns.items():
        wide = key in ("what", "entity", "advice")
        table.add_column(heading, justify="left" if wide or key == "storage" else "right", ratio=2 if wide else None)
    for row in rows:
        shown = _shown(row)
        table.add_row(*(Text(str(shown.get(key, ""))) for key in columns))
    return table


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """As people read it."""
    shown = {key: _number(value) for key, value in row.items()}
    shown["advice"] = "; ".join(row["advice"])
    if "shape_id" in row:
        names = ", ".join(row["entities"])
        shown["what"] = row["statement"] or f"{row['query_type']} of {names} ({row['shape_id'] & (1 << 64) - 1:016x})"
    return shown


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value


def register(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(top)
