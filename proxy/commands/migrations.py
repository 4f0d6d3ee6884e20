"""`kameleon materialize`, `kameleon dematerialize`, `kameleon migrations`."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Annotated, Any, Literal

import typer

from catalog.storage_migration import Migration, OnProgress, StorageMigration
from proxy.commands.client import (
    EXIT_CODES,
    ConfigOption,
    DsnOption,
    JsonOption,
    ReasonOption,
    connect,
    connect_answering,
    run,
    server_dsn,
)
from proxy.commands.entities import Name
from proxy.commands.shown import print_json, print_rows, progress_shown
from proxy.dsn import Dsn

COLUMNS = {
    "migration_id": "Number",
    "schema": "Schema",
    "entity": "Entity",
    "direction": "To",
    "phase": "Phase",
    "requested": "Requested",
    "rows_done": "Rows",
    "rows_total": "Of",
    "rows_per_second": "Rows/s",
    "seconds_left": "Seconds left",
    "started_by": "By",
    "started_at": "Started",
    "finished_at": "Finished",
    "error": "Error",
}

BatchSize = Annotated[int | None, typer.Option("--batch-size", metavar="ROWS", min=1, help="Rows moved at a time.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long it may wait for others before it gives up."),
]
Entity = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only those of this entity, as SQL names it.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The latest so many.")]


def materialize(
    name: Name,
    reason: ReasonOption = None,
    batch_size: BatchSize = None,
    timeout: Timeout = None,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move an entity's rows into its own table. Ctrl-C undoes it."""
    _move("dedicated", name, reason, batch_size, timeout, server_dsn(dsn, config), as_json)


def dematerialize(
    name: Name,
    reason: ReasonOption = None,
    batch_size: BatchSize = None,
    timeout: Timeout = None,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move an entity's rows into shared storage. Ctrl-C undoes it."""
    _move("shared", name, reason, batch_size, timeout, server_dsn(dsn, config), as_json)


def migrations(
    name: Entity = None,
    limit: Limit = 20,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the moves between shared and dedicated storage that run and have run, the latest first."""
    server = server_dsn(dsn, config)
    moves = run(server, StorageMigration(lambda: connect(server)).history(name, limit=limit), as_json=as_json)
    if as_json:
        print_json([dataclasses.asdict(move) for move in moves])
    else:
        print_rows(COLUMNS, [_row(move) for move in moves], "Migrations")


def register(app: typer.Typer) -> None:
    for command in (materialize, dematerialize, migrations):
        app.command(epilog=EXIT_CODES)(command)


def _move(
    storage: Literal["dedicated", "shared"],
    name: str,
    reason: str | None,
    batch_size: int | None,
    timeout: float | None,
    server: Dsn,
    as_json: bool,
) -> None:
    async def move(on_progress: OnProgress) -> list[Migration]:
        migration = StorageMigration(lambda: connect_answering(server))
        run = migration.migrate_to_dedicated if storage == "dedicated" else migration.migrate_to_shared
        patience = None if timeout is None else timedelta(seconds=timeout)
        return await run(name, batch_size, reason=reason, timeout=patience, on_progress=on_progress)

    with progress_shown(name, as_json) as on_progress:
        moved = run(server, move(on_progress), as_json=as_json)
    if as_json:
        print_json({"entity": name, "storage": storage, "moved": [dataclasses.asdict(each) for each in moved]})
    else:
        for each in moved:
            typer.echo(f"{each.schema}.{each.entity}: {each.rows_done} rows are in {storage} storage now")


def _row(move: Migration) -> dict[str, Any]:
    row = dataclasses.asdict(move)
    for name in ("rows_per_second", "seconds_left"):
        row[name] = None if row[name] is None else round(row[name])
    return row
