"""`kameleon entities`, `kameleon adopt`, `kameleon forget`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from catalog.descriptions import list_entities
from proxy.commands.client import (
    EXIT_CODES,
    ConfigOption,
    DsnOption,
    JsonOption,
    ReasonOption,
    connect,
    run,
    server_dsn,
)
from proxy.commands.shown import print_json, print_rows, size
from proxy.dsn import Dsn

COLUMNS = {
    "schema": "Schema",
    "name": "Entity",
    "storage": "Storage",
    "generation": "Generation",
    "fields": "Fields",
    "estimated_rows": "Rows, about",
    "size": "Size",
    "owner": "Owner",
    "created_at": "Created",
    "changed_at": "Changed",
    "reason": "Reason",
}

Table = Annotated[str, typer.Argument(metavar="TABLE", help="As SQL names it: orders, archive.orders, '\"Odd one\"'.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As SQL names it: orders, archive.orders, '\"Odd one\"'.")]


def entities(dsn: DsnOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the entities that you may read or own, and how they are stored."""
    server = server_dsn(dsn, config)
    rows = run(server, _entities(server), as_json=as_json)
    if as_json:
        print_json(rows)
    else:
        print_rows(COLUMNS, [_row(row) for row in rows], "Entities")


def adopt(
    table: Table,
    reason: ReasonOption = None,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an ordinary table of yours a dedicated entity. Its rows stay where they are."""
    server = server_dsn(dsn, config)
    run(server, _call(server, "adopt_entity", table, reason), as_json=as_json)
    _tell({"entity": table, "done": "adopted"}, f"{table} is an entity now, in dedicated storage", as_json)


def forget(
    name: Name,
    reason: ReasonOption = None,
    dsn: DsnOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave a dedicated entity as an ordinary table, which Kameleon no longer manages. Its rows stay where they are."""
    server = server_dsn(dsn, config)
    run(server, _call(server, "forget_entity", name, reason), as_json=as_json)
    _tell({"entity": name, "done": "forgotten"}, f"{name} is an ordinary table now", as_json)


def register(app: typer.Typer) -> None:
    for command in (entities, adopt, forget):
        app.command(epilog=EXIT_CODES)(command)


def _row(entity: dict[str, Any]) -> dict[str, Any]:
    times = {name: (entity[name] or "")[: len("2026-11-23 01:23:05")] for name in ("created_at", "changed_at")}
    return entity | times | {"size": size(entity["bytes"])}


async def _entities(server: Dsn) -> list[dict[str, Any]]:
    connection = await connect(server)
    try:
        return await list_entities(connection)
    finally:
        await connection.close(timeout=5)


async def _call(server: Dsn, procedure: str, name: str, reason: str | None) -> None:
    connection = await connect(server)
    try:
        await connection.execute(f"CALL kameleon.{procedure}($1::text, $2::text)", name, reason)
    finally:
        await connection.close(timeout=5)


def _tell(fields: dict[str, str], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(fields)
    else:
        typer.echo(sentence)
