"""Before a statement that may name an entity is rewritten: make sure what names mean.

Two things can be in the way. A message that changes names (DDL, SET search_path) may have been sent and not yet
answered: then it is waited for, with a Flush where nothing else would make upstream answer. And the session may not
know how its names resolve: then it asks, on its own upstream connection, in the client's own transaction.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from proxy.pipeline import Asked, Fate, Outcome, Owed
from proxy.refusal import OWN_NAME, PARSE_OWN, parse_own
from proxy.verdicts import SETTLED, Hold, Script, Wait
from proxy.wire.backend import FAILED_TRANSACTION, Backend, DataRow, Diagnostic
from proxy.wire.frontend import FLUSH, PORTAL, STATEMENT, SYNC, Bind, Close, Execute
from rewriter import Kind

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.texts import Text

#: Statements that name no relation: what comes before them need not be settled.
NAMELESS = frozenset({Kind.TRANSACTION, Kind.SET, Kind.SHOW, Kind.DISCARD, Kind.DEALLOCATE, Kind.FETCH, Kind.CLOSE})

IN_FAILED_TRANSACTION = b"25P02"

_CLOSE_BOTH = Close(PORTAL, OWN_NAME).encode() + Close(STATEMENT, OWN_NAME).encode()


def needed(relay: Relay, knowledge: Knowledge, text: Text) -> Hold | None:
    """The script to run before this text can be rewritten; None when nothing is in the way."""
    if not text.facts.mentions and text.facts.kind in NAMELESS:
        return None
    held = before_script(relay, knowledge)
    if held is not None:
        return held
    if not knowledge.names_dirty or not (text.facts.mentions or knowledge.unknown):
        return None
    if relay.status == FAILED_TRANSACTION and not relay.pipeline.queue:
        return None  # nothing can be asked, and nothing that names a relation can be answered
    return Hold(ask(relay, knowledge))


def before_script(relay: Relay, knowledge: Knowledge) -> Hold | None:
    """Wait for a change of names that is on its way."""
    change = relay.last_change
    if change is not None:
        if not change.outcome:
            return Hold(_wait_for(relay, change))
        relay.last_change = None
    # Where names were changed in this transaction, even a COMMIT changes them.
    relay.careful = knowledge.unknown or knowledge.changed_in_transaction
    return None


def _wait_for(relay: Relay, change: Owed) -> Script:
    if relay.in_extended:
        relay.write_upstream(FLUSH)
    yield change


def ask(relay: Relay, knowledge: Knowledge) -> Script:
    """Ask upstream how this session's names resolve."""
    rows = yield from answered(relay, knowledge.question())
    if rows:
        knowledge.learn((DataRow.decode(rows[0][5:]).values[0] or b"").decode(knowledge.codec))
        relay.locked |= knowledge.made
        relay.careful = relay.last_change is not None or knowledge.changed_in_transaction


def answered(relay: Relay, question: bytes) -> Generator[Wait, None, list[bytes]]:
    """The DataRows of a query of ours on the client's own connection.

    None where it fails: the client's next message then fails with the same error.

    By the extended protocol and under a name of ours, so that the client's unnamed statement and portal live on; with
    a Flush inside a pipeline of the client's, whose implicit transaction a Sync would end. Before the client's first
    Bind there is nothing to end yet, and a Sync is better: what is executed behind another Execute is in a pipeline
    to PostgreSQL, and may do less (VACUUM) or more (DECLARE) than by itself.
    """
    in_pipeline = relay.in_extended and relay.has_bound
    if relay.in_extended and not in_pipeline and relay.pipeline.queue:
        relay.write_upstream(FLUSH)
        yield SETTLED
        if relay.pipeline.skipping:
            return []  # thrown away like the rest, up to the client's Sync
    asked = (*PARSE_OWN, Asked.BIND, Asked.EXECUTE)
    close, parse, bind, execute = (Owed(each, Fate.SWALLOW) for each in asked)
    closing = [Owed(Asked.CLOSE, Fate.SWALLOW), Owed(Asked.CLOSE, Fate.SWALLOW)]
    execute.frames = []
    messages = parse_own(question) + Bind(OWN_NAME, OWN_NAME).encode() + Execute(OWN_NAME).encode() + _CLOSE_BOTH
    if in_pipeline:
        messages += FLUSH
    else:
        messages += SYNC
        closing.append(Owed(Asked.SYNC, Fate.SWALLOW))
    relay.inject(messages, close, parse, bind, execute, *closing)
    yield closing[-1]
    if execute.outcome is Outcome.DONE:
        return [frame for frame in execute.frames if frame[0] == Backend.DATA_ROW]
    error = close.error or parse.error or bind.error or execute.error
    if in_pipeline:
        # Upstream throws away what the client sends up to its Sync; this is the one error it gets for it.
        if error is not None:
            relay.write_client(_without_context(error))
    elif error is not None and Diagnostic.decode(error[0], error[5:]).sqlstate != IN_FAILED_TRANSACTION:
        relay.refuse_next(_without_context(error))
    return []


def _without_context(error: bytes) -> bytes:
    """It would name our function, which the client has not called."""
    told = Diagnostic.decode(error[0], error[5:])
    return Diagnostic(told.kind, {code: value for code, value in told.fields.items() if code != "W"}).encode()
