"""Parsing a prepared statement anew, under its own name.

Close frees the name, whoever gave it, and does not mind when it is free already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.pipeline import Asked, Fate, Owed
from proxy.refusal import OWN_NAME, PARSE_OWN, parse_own
from proxy.wire.frontend import PORTAL, STATEMENT, Bind, Close, Execute, Parse

if TYPE_CHECKING:
    from proxy.statements import Statement

#: What `run_once` sends.
RUN_ONCE = (*PARSE_OWN, Asked.BIND, Asked.EXECUTE, Asked.CLOSE, Asked.CLOSE)


def run_once(sql: bytes) -> bytes:
    return (
        parse_own(sql)
        + Bind(OWN_NAME, OWN_NAME).encode()
        + Execute(OWN_NAME).encode()
        + Close(PORTAL, OWN_NAME).encode()
        + Close(STATEMENT, OWN_NAME).encode()
    )


def prelude_of_prepared(statement: Statement, codec: str, fate: Fate = Fate.HIDE) -> tuple[bytes, list[Owed]]:
    """What moves tables for a statement that PREPARE has made, which PostgreSQL plans in the middle of an EXECUTE."""
    rewritten = statement.rewritten if statement.prepared_by_sql else None
    if rewritten is None or rewritten.prelude is None or rewritten.touched:
        return b"", []
    return run_once(rewritten.prelude.encode(codec)), [Owed(asked, fate) for asked in RUN_ONCE]


def parse_again(statement: Statement) -> bytes:
    close = Close(STATEMENT, statement.name).encode()
    if statement.prepared_by_sql:
        return close + run_once(statement.sent)
    return close + Parse(statement.name, statement.sent, statement.param_types).encode()


def owed_for_parse_again(statement: Statement, fate: Fate = Fate.HIDE) -> list[Owed]:
    asked = (Asked.CLOSE, *(RUN_ONCE if statement.prepared_by_sql else (Asked.PARSE,)))
    owed = [Owed(each, fate) for each in asked]
    for entry in owed:
        entry.renewed = statement
    return owed
