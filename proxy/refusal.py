"""A statement that the proxy refuses.

It is not just answered. Something certain to fail is sent upstream in its place, so that the transaction there fails
as the client's would have on a native table, and what has to be thrown away is thrown away there; the error that comes
back is replaced by ours. So the proxy never has to guess a transaction's state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import ProxyError, error_response
from proxy.pipeline import Asked, Fate, Owed
from proxy.verdicts import CATCH_UP, Hold, Script
from proxy.wire.backend import Diagnostic
from proxy.wire.frontend import STATEMENT, SYNC, Close, Parse
from rewriter import RewriteError

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay

#: Fails when its names are looked up. In a transaction that has failed already PostgreSQL says that instead (25P02),
#: and then that is what the client is told.
REFUSED_SQL = 'TABLE kameleon."refused by Kameleon"'
_UNDEFINED_TABLE = b"42P01"
_SYNTAX_ERROR = b"42601"

#: The name of the proxy's own statements and portals.
OWN_NAME = b"kameleon"
#: What is owed for `parse_own`.
PARSE_OWN = (Asked.CLOSE, Asked.PARSE)

# Behind the refused text in one Parse: PostgreSQL reads all of it, and says that there cannot be several commands;
# unless the client's part is a syntax error, which is the client's answer then.
_SECOND = b"\n; " + REFUSED_SQL.encode()


def parse_own(sql: bytes, param_types: tuple[int, ...] = ()) -> bytes:
    """Parse under our own name, which is free only if the last one to use it did not fail before it could close it."""
    return Close(STATEMENT, OWN_NAME).encode() + Parse(OWN_NAME, sql, param_types).encode()


def response(error: RewriteError | ProxyError, knowledge: Knowledge, offset: int = 0) -> bytes:
    """`offset`: how many characters of the client's text come before the refused statement."""
    return error_response(
        error.message,
        sqlstate=error.sqlstate,
        detail=error.detail,
        hint=error.hint,
        position=None if error.position is None else error.position + offset,
        routine=error.routine if isinstance(error, ProxyError) else None,
        encoding=knowledge.codec,
    )


def look_again(relay: Relay) -> Hold | None:
    """Once per refused statement: make sure that it was not refused for an older catalog than upstream's.

    The column that it names may be new, and the proxy that made it another one.
    """
    if relay.caught_up:
        relay.caught_up = False
        return None
    return Hold(_catch_up(relay))


def _catch_up(relay: Relay) -> Script:
    yield CATCH_UP
    relay.caught_up = True


def of_query(
    relay: Relay, shown: bytes, now: float, sql: bytes, *, analyzed: bool = False, is_first_told: bool = False
) -> bytes:
    """The answer has a simple Query's form, an error and ReadyForQuery.

    `analyzed`: PostgreSQL is asked first whether the client's text is right as it stands (`analysis`).
    `is_first_told`: the error is that of a question of ours, which the transaction has failed with.
    """
    if analyzed:
        return in_pipeline(relay, shown, sql, b"", analyzed=True) + _sync(relay)
    owed = Owed(Asked.QUERY, Fate.REPLACE)
    owed.started = now
    owed.error = shown
    owed.is_first_told = is_first_told
    relay.pipeline.queue.append(owed)
    return Parse(b"", sql + _SECOND).encode() + SYNC


def in_pipeline(
    relay: Relay,
    shown: bytes,
    sql: bytes,
    name: bytes = OWN_NAME,
    *,
    analyzed: bool = False,
    is_first_told: bool = False,
) -> bytes:
    """In the extended protocol: upstream then throws away everything up to Sync by itself."""
    owed = Owed(Asked.PARSE, Fate.REPLACE)
    owed.error = shown
    owed.is_first_told = is_first_told
    if not analyzed:
        relay.pipeline.queue.append(owed)
        return Parse(name, sql + _SECOND).encode()
    close = Close(STATEMENT, name).encode()
    asked = (Asked.CLOSE, Asked.PARSE, Asked.CLOSE)
    relay.pipeline.queue.extend([*(Owed(each, Fate.HIDE) for each in asked), owed])
    return close + Parse(name, sql).encode() + close + Parse(name, REFUSED_SQL.encode()).encode()


def _sync(relay: Relay) -> bytes:
    relay.pipeline.queue.append(Owed(Asked.SYNC))
    return SYNC


def is_stand_in(error: bytes) -> bool:
    """Whether an ErrorResponse is the one that a stand-in was sent for."""
    fields = Diagnostic.decode(error[0], error[5:]).fields
    return fields.get("C") == _UNDEFINED_TABLE or means_several(error)


def means_several(error: bytes) -> bool:
    """cannot insert multiple commands into a prepared statement: a syntax error by its code, but of no place."""
    fields = Diagnostic.decode(error[0], error[5:]).fields
    return fields.get("C") == _SYNTAX_ERROR and "P" not in fields
