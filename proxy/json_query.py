"""One SQL statement with JSON parameters, its answer as JSON values: what the MCP server runs statements by.

Numbers of float and integer types, booleans, json and arrays are JSON's own. Every other value is the text that
PostgreSQL writes for it, so that nothing of it is lost: `numeric` as "0.10", dates in ISO form, `bytea` in hex.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

from catalog.connections import Connection
from catalog.suggestion_notices import suggestion_in
from rewriter import Kind, classify
from rewriter.lexer import names_in

_AS_TEXT = (
    "bit", "box", "bpchar", "bytea", "cidr", "circle", "date", "inet", "interval", "line", "lseg", "macaddr8", "name",
    "numeric", "path", "point", "polygon", "text", "time", "timestamp", "timestamptz", "timetz", "uuid", "varbit",
    "varchar", "xml",
)  # fmt: skip
_JSON = ("json", "jsonb")


@dataclass(frozen=True, slots=True)
class Answer:
    columns: list[dict[str, str]]  # name and type of each
    rows: list[list[Any]]
    truncated: bool  # there were more rows than were asked for
    status: str | None  # PostgreSQL's command tag, 'INSERT 0 1'; None for a query that was cut short
    notices: list[str]
    suggestions: list[dict[str, str]]  # what would have made it faster


async def prepare_connection(connection: Connection) -> None:
    """Once for each connection, before its first query."""
    for name in _AS_TEXT:
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_text, decoder=str, format="text")
    for name in _JSON:
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_json_text, decoder=json.loads, format="text"
        )


class NotHere(Exception):
    """A statement that cannot be run by itself, with parameters in and rows out. The message says why."""


async def query(connection: Connection, sql: str, parameters: Sequence[Any], row_limit: int, timeout: float) -> Answer:
    """`timeout`: seconds, after which the statement is cancelled.

    Raises: asyncpg.PostgresError; asyncpg.InterfaceError for parameters that do not fit; TimeoutError; NotHere.
    """
    kind = classify(sql)
    if kind is Kind.COPY and not names_in(sql).isdisjoint(("stdin", "stdout")):
        raise NotHere("COPY has no data to read or write here; use INSERT and SELECT")
    notices: list[str] = []
    suggestions: list[dict[str, str]] = []

    def note(_: Any, message: Any) -> None:
        suggestion = suggestion_in(message)
        if suggestion is not None:
            suggestions.append(asdict(suggestion))
        elif message.severity_en in ("NOTICE", "WARNING"):
            notices.append(message.message)

    connection.add_log_listener(note)
    try:
        statement = await connection.prepare(sql, timeout=timeout)
        if kind is Kind.SELECT:
            # a cursor, so that rows beyond the limit are never sent
            async with connection.transaction():
                cursor = await statement.cursor(*parameters, timeout=timeout)
                rows = await cursor.fetch(row_limit + 1, timeout=timeout)
            status = None if len(rows) > row_limit else f"SELECT {len(rows)}"
        else:
            rows = await statement.fetch(*parameters, timeout=timeout)
            status = statement.get_statusmsg()
        columns = [{"name": each.name, "type": each.type.name} for each in statement.get_attributes()]
    except asyncpg.InterfaceError as error:
        # leaving the transaction of a connection that is gone hides why it is
        if isinstance(error.__context__, asyncpg.PostgresError):
            raise error.__context__ from None
        raise
    finally:
        with suppress(asyncpg.InterfaceError):  # the connection is gone
            connection.remove_log_listener(note)
    shown = [[_json_value(value) for value in row.values()] for row in rows[:row_limit]]
    return Answer(columns, shown, len(rows) > row_limit, status, notices, suggestions)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | dict | list) else str(value)


def _json_text(value: Any) -> str:
    """A string is taken for JSON that is written already."""
    return value if isinstance(value, str) else json.dumps(value)


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, asyncpg.Record):
        return {name: _json_value(each) for name, each in value.items()}
    if isinstance(value, dict):
        return value  # of json
    if isinstance(value, list | tuple | set):
        return [_json_value(each) for each in value]
    if isinstance(value, asyncpg.Range):
        return _range(value)
    return str(value)


def _range(value: asyncpg.Range[Any]) -> str:
    if value.isempty:
        return "empty"
    lower, upper = ("" if bound is None else str(bound) for bound in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{lower},{upper}{']' if value.upper_inc else ')'}"
