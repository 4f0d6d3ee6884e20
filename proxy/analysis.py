"""PostgreSQL's own parse analysis of a statement, before its rewrite is used for the first time.

The table that a statement names is there, empty, with all its columns. So PostgreSQL can say of the client's own text
whether it means anything: a Parse of it does not plan, and so does not meet the guard. What is wrong with it is told in
PostgreSQL's words, in its order and at its place, whatever the rewrite would have made of it. A shape that has passed
is not asked about again, which keeps this away from the hot path.

A Parse locks the table, which the rewrite does not. Natively a transaction has the table's lock from its first use on;
here one that has only used documents, and then waited for the table, could stop an ALTER TABLE that holds the table
and waits for the documents. So nothing is asked in a transaction that has used entities without such a lock
(`relay.used`, `relay.locked`); then the rewrite's own errors must do.

An error that depends on a literal (`'maybe'` for a boolean) may still come from the rewrite, which has the same.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from proxy.pipeline import Asked, Fate, Outcome, Owed
from proxy.refusal import OWN_NAME, PARSE_OWN, parse_own
from proxy.translate import translate_diagnostic
from proxy.verdicts import Script
from proxy.wire.backend import IDLE
from proxy.wire.frontend import FLUSH, STATEMENT, SYNC, Close
from rewriter import Kind

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.wire.frontend import Parse
    from rewriter import Rewritten

#: In the place of the entities that a statement like EXECUTE uses and does not name.
UNTOLD = 0
#: Statements that are analyzed when they are parsed; of others, Parse reads no more than the grammar.
ANALYZED = frozenset({Kind.SELECT, Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE, Kind.EXPLAIN, Kind.DECLARE})


def is_due(relay: Relay, rewritten: Rewritten) -> bool:
    return (
        not rewritten.analyzed
        and rewritten.kind in ANALYZED
        # not what is told something first; but what is sent as it came, behind a move of its tables
        and rewritten.touched is (rewritten.prelude is None)
        # in a block the table would stay locked, and of two blocks that wait to move it neither could
        and (rewritten.prelude is None or relay.status == IDLE)
        and relay.used <= relay.locked
    )


def before_query(
    relay: Relay, knowledge: Knowledge, sql: bytes, rewritten: Rewritten, owed: Owed, messages: bytes
) -> Script:
    """`messages`, for which `owed` is owed, are a simple Query's: they are sent if `sql` passes."""
    relay.in_extended = relay.has_bound = False
    parse = _ask(relay, sql)
    yield parse
    if parse.outcome is Outcome.DONE:
        _passed(relay, rewritten)
        if rewritten.prelude is not None:
            # gives the tables' locks back: of two who hold them, neither could move a table
            relay.inject(SYNC, Owed(Asked.SYNC, Fate.SWALLOW))
        owed.started = perf_counter()
        relay.inject(messages, owed)
        return
    owed.outcome = parse.outcome  # nobody is to wait for it
    if parse.outcome is Outcome.FAILED:
        relay.timed(rewritten, owed.started, None, perf_counter())
        _show(relay, knowledge, parse)
        relay.pipeline.skipping = False
        relay.inject(SYNC, Owed(Asked.SYNC))


def before_parse(relay: Relay, knowledge: Knowledge, parse: Parse, rewritten: Rewritten) -> Script:
    """The client's Parse is looked at again; if it does not pass, upstream throws it away like all up to Sync."""
    asked = _ask(relay, parse.sql, parse.param_types)
    yield asked
    if asked.outcome is Outcome.DONE:
        _passed(relay, rewritten)
    elif asked.outcome is Outcome.FAILED:
        _show(relay, knowledge, asked)


def _passed(relay: Relay, rewritten: Rewritten) -> None:
    rewritten.analyzed = True
    relay.locked.update(rewritten.entities)


def _ask(relay: Relay, sql: bytes, param_types: tuple[int, ...] = ()) -> Owed:
    before, parse, after = (Owed(asked, Fate.SWALLOW) for asked in (*PARSE_OWN, Asked.CLOSE))
    close = Close(STATEMENT, OWN_NAME).encode()
    relay.inject(parse_own(sql, param_types) + close + FLUSH, before, parse, after)
    return parse


def _show(relay: Relay, knowledge: Knowledge, parse: Owed) -> None:
    assert parse.error is not None
    relay.write_client(translate_diagnostic(parse.error, knowledge, b"") or parse.error)
