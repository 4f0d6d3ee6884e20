"""A statement that met an older catalog than upstream's: refreshed, rewritten and sent once more.

Another session or another proxy may change an entity between the rewriting of a statement and its arrival. The view
that it names is gone then, or it reaches the guarded table; either way it fails without having done anything. Where
that is all that the client would see of it (a simple Query of one statement, or one cycle of Parse, Bind, Describe,
Execute and Sync or Flush, outside of a transaction or the first in one, with nothing sent after it), the client need
not know: it gets the second try's answer. A transaction that has done something before is told to retry (40001).

A function with a body in standard SQL meets the same while it runs (`met_other_storage`). Then the client may have been
told what rows there will be like, but no row.
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from catalog.store import STALE_SQLSTATE
from proxy import refusal, settle
from proxy.client_texts import prelude_of
from proxy.errors import error_response
from proxy.pipeline import Asked, Fate, Owed
from proxy.renewal import RUN_ONCE, run_once
from proxy.statements import Run
from proxy.timing import LONGEST_REMEMBERED, Passed
from proxy.translate import translate_diagnostic, unscanned_tables
from proxy.verdicts import REFRESH, Script
from proxy.wire.backend import FAILED_TRANSACTION, IDLE, Diagnostic, ReadyForQuery
from proxy.wire.framing import HEADER_SIZE, unpack_length
from proxy.wire.frontend import FLUSH, PORTAL, STATEMENT, SYNC, Close, Frontend, Parse, Query
from rewriter import RewriteError, Rewritten

if TYPE_CHECKING:
    from catalog.model import Entity, Snapshot
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.statements import Statement, Statements
    from proxy.texts import Text
    from proxy.timing import Subject

#: A cycle that came in a larger chunk than this is not kept for a second try.
LONGEST_KEPT = 16 * 1024

#: How often one statement is sent again: the catalog may move once more meanwhile.
MOST_TRIES = 5

#: Of entries that are not the client's own.
UNSEEN = frozenset({Fate.HIDE, Fate.SWALLOW})

#: A BEGIN by itself. (In a text with something else behind it there would be a semicolon before that.)
_OPENING = re.compile(rb"\s*(?:begin|start\s+transaction)\b[\w\s,]*;?\s*", re.IGNORECASE)

_MARKS = (STALE_SQLSTATE.encode(), b"kdb_", b"RExecOpenScanRelation\0")

_GONE = re.compile(r'relation "(?:kameleon\.|pg_temp\.)?kdb_[a-z]+_\d')

#: What PostgreSQL says, untranslated, of a relation that somebody knows by its number and that is gone.
_CLOSED = re.compile(rb"could not open relation with OID \d+")

#: In the context, in any language: a function in SQL. (Not one in PL/pgSQL.)
_SQL_FUNCTION = re.compile(rb"\bSQL\b")


#: What came of the messages between two Syncs, and where they begin. What is in them is looked at when it is
#: needed, which is next to never.
Cycle: TypeAlias = tuple[bytes, int]


class Again(NamedTuple):
    """The messages about one statement, Sync left out, and how many of them have been answered."""

    statement: Statement
    messages: list[tuple[Asked, bytes]]
    answered: int
    #: False: the client's Sync comes later.
    is_synced: bool = True


def opening(answered: Owed) -> bytes | None:
    """The text of what was asked, if all that it did was to begin a transaction."""
    text = answered.subject.sql if isinstance(answered.subject, Passed) else answered.subject
    return text if isinstance(text, bytes) and _OPENING.fullmatch(text) is not None else None


def led_by_opening(cycle: Cycle, statements: Statements) -> tuple[bytes, Cycle] | None:
    """The text of a BEGIN that a cycle begins with, and the rest of the cycle: JDBC sends it ahead of the first
    statement."""
    name = _name(cycle)
    if name is None:
        return None
    data, position = cycle
    begin = statements.by_name.get(name)
    if data[position] == Frontend.PARSE:
        text = Parse.decode(data[position + HEADER_SIZE : _end(data, position)]).sql
    elif name and begin is not None:
        text = begin.sql
    else:
        # another may have taken the unnamed one's place since
        return None
    if _OPENING.fullmatch(text) is None:
        return None
    while len(data) - position >= HEADER_SIZE:
        after = _end(data, position)
        asked = _about(name, data[position], data[position + HEADER_SIZE : after])
        position = after
        if asked is Asked.EXECUTE and position < len(data):
            return text, (data, position)
        if asked is None:
            return None
    return None


def named(cycle: Cycle, statements: Statements) -> Statement | None:
    """The statement that the cycle begins with a Parse or Bind of: one that was passed on is not noted with what is
    owed."""
    name = _name(cycle)
    return None if name is None else statements.by_name.get(name)


def _name(cycle: Cycle) -> bytes | None:
    data, position = cycle
    kind, name = data[position], position + HEADER_SIZE
    if kind == Frontend.BIND:
        name = data.find(0, name) + 1
    elif kind != Frontend.PARSE:
        return None
    return data[name : data.find(0, name)]


def _end(data: bytes, position: int) -> int:
    length: int = unpack_length(data, position + 1)[0]
    return position + 1 + length


def of_cycle(cycle: Cycle, statement: Statement, discarded: list[Owed], is_synced: bool) -> Again | None:
    """None unless all of the cycle is here, it is about this statement only, and none of its rows has been shown.

    `is_synced`: whether the client has sent its Sync.
    """
    if statement.prepared_by_sql:
        return None
    messages: list[tuple[Asked, bytes]] = []
    data, position = cycle
    is_ended = False
    while len(data) - position >= HEADER_SIZE and not is_ended:
        kind = data[position]
        after = _end(data, position)
        if after > len(data):
            break
        message = data[position:after]
        is_ended = kind == Frontend.SYNC or (kind == Frontend.FLUSH and after == len(data))
        if is_ended and is_synced is not (kind == Frontend.SYNC):
            return None
        if not is_ended:
            asked = _about(statement.name, kind, message[HEADER_SIZE:])
            if asked is None:
                return None
            messages.append((asked, message))
        position = after
    answered = len(messages) - sum(entry.unanswered for entry in discarded)
    if answered < 0 or any(asked is Asked.EXECUTE for asked, _ in messages[:answered]):
        return None
    # without Sync, more may have come in another chunk; or not even Flush has come, and no more than these
    if not is_synced and [entry.asked for entry in discarded] != [asked for asked, _ in messages[answered:]]:
        return None
    return Again(statement, messages, answered, is_synced)


def _about(name: bytes, kind: int, body: bytes) -> Asked | None:
    if kind == Frontend.PARSE:
        return Asked.PARSE if body.startswith(name + b"\0") else None
    if kind == Frontend.BIND:
        return Asked.BIND if body[body.find(0) + 1 :].startswith(name + b"\0") else None
    if kind == Frontend.DESCRIBE:
        if body[0] == PORTAL:
            return Asked.DESCRIBE_PORTAL
        return Asked.DESCRIBE_STATEMENT if body[1:] == name + b"\0" else None
    return Asked.EXECUTE if kind == Frontend.EXECUTE else None


def is_stale(error: bytes, knowledge: Knowledge) -> bool:
    # They are looked for in the whole frame first: nearly every error has none.
    if not any(mark in error for mark in _MARKS):
        return False
    fields = _fields(error, knowledge)
    if _is_gone(fields):
        return _GONE.search(fields.get("M", "")) is not None
    # A function's body reaches the table itself however often it is tried.
    is_own = all("kameleon." in frame for frame in fields.get("W", "kameleon.").split("\n"))
    return is_own and (fields.get("C") == STALE_SQLSTATE or bool(unscanned_tables(fields, knowledge)))


def is_news(error: bytes, knowledge: Knowledge) -> bool:
    """Whether a stale statement was made for another catalog, and did not meet the guard for another reason."""
    met = _met(error, knowledge)
    return met is None or any(each.storage_mode == "dedicated" for each in met)


def is_no_news(error: bytes, knowledge: Knowledge) -> bool:
    """Whether a statement met the guard of what was known to be guarded: a function's body has found it."""
    met = _met(error, knowledge)
    return bool(met) and all(each.storage_mode == "shared" for each in met or ())


def _met(error: bytes, knowledge: Knowledge) -> list[Entity] | None:
    """The entity, if it is known, whose guard this is; None when it is another error."""
    fields = _fields(error, knowledge)
    if fields.get("C") != STALE_SQLSTATE:
        return unscanned_tables(fields, knowledge) or None
    by_schema = knowledge.snapshot.by_name.get(fields.get("t", ""), {})
    return [each for each in by_schema.values() if each.schema == fields.get("s")]


def met_other_storage(error: bytes, knowledge: Knowledge) -> bool:
    """Whether the same words may find what they name once more.

    A function with a body in standard SQL gets another body when an entity that it reads is moved, or a view that
    stands for it is replaced. A call that had begun then, of whatever statement, finds a guarded table, or no view.
    Where the body is a string it finds the guard, too, and will again: if no table has moved meanwhile.
    """
    if STALE_SQLSTATE.encode() in error:
        return bool(_met(error, knowledge))
    if _CLOSED.search(error) is None:
        return False
    fields = Diagnostic.decode(error[0], error[5:]).fields
    innermost = fields.get("W", b"").partition(b"\n")[0]
    return fields.get("C") == b"XX000" and _SQL_FUNCTION.search(innermost) is not None


def _is_gone(fields: dict[str, str]) -> bool:
    """A view, and not the table behind its guard."""
    return fields.get("C") == "42P01"


def _fields(error: bytes, knowledge: Knowledge) -> dict[str, str]:
    found = Diagnostic.decode(error[0], error[5:]).fields
    return {code: value.decode(knowledge.codec, "replace") for code, value in found.items()}


def conflict(error: bytes, knowledge: Knowledge) -> bytes:
    """What a transaction is told that met a change of an entity made by another one."""
    message = _fields(error, knowledge).get("M", "")
    shown = translate_diagnostic(error, knowledge, b"") or error
    text = _fields(shown, knowledge).get("M", "")
    return error_response(
        "could not serialize access due to concurrent change of a table",
        sqlstate="40001",
        detail=text if "kdb_" not in text else message.partition(" ")[0],
        hint="The transaction might succeed if retried.",
        encoding=knowledge.codec,
    )


def text_of(failed: Owed, knowledge: Knowledge) -> Text | None:
    """The client's text of a simple Query, rewritten or passed as it came; None when it was too long to be kept."""
    if failed.asked is not Asked.QUERY or failed.text is not None:
        return failed.text
    passed = failed.subject.sql if isinstance(failed.subject, Passed) else failed.subject
    if not isinstance(passed, bytes) or len(passed) >= LONGEST_REMEMBERED:
        return None
    text = knowledge.texts.text(passed)
    return None if text.facts.several else text


def again_later(relay: Relay, head: Owed) -> bool:
    """Whether a failure of what a script sent need not be shown: nothing was done yet, and the script sees to it."""
    return head.is_retried and relay.status == IDLE and not relay.has_bound and relay.count_try()


def start_anew(relay: Relay, statement: Statement) -> Script:
    """After such a failure, upstream waits for Sync. Then the client's message is looked at again."""
    sync = Owed(Asked.SYNC, Fate.SWALLOW)
    relay.pipeline.skipping = False
    relay.inject(SYNC, sync)
    yield sync
    statement.spoil()
    yield REFRESH


def query(relay: Relay, knowledge: Knowledge, failed: Owed, text: Text, error: bytes, block: bytes | None) -> Script:
    """Again, a simple Query of one statement; `block`: the BEGIN before it."""
    yield failed
    before, alike = knowledge.snapshot, _is_of_storage(error, knowledge)
    yield from _begin_again(relay, block)
    yield from _catch_up(relay, knowledge)
    rewritten = _rewritten(knowledge, text.text)
    first = failed.subject
    same = first.sql if isinstance(first, Rewritten) else text.text
    alike = alike or _has_moved(error, before, knowledge)
    if rewritten is None or (rewritten.sql == same and not (alike or _have_moved(before, knowledge, rewritten))):
        yield from _fail_again(relay, block)
        _show(relay, knowledge, error, first)
        return
    again = Owed(Asked.QUERY)
    again.started = failed.started
    again.is_described = failed.begun > 0
    again.subject = rewritten
    again.text = text
    sent = rewritten.sql
    if rewritten.prelude is not None:
        lead = rewritten.prelude + "; "
        sent = lead + sent
        again.runs = (Run(b"", ours=True), Run(rewritten, 0, len(lead)))
    relay.note_change(again, text.facts)
    relay.inject(Query(sent.encode(knowledge.codec)).encode(), again)


def pipeline(relay: Relay, knowledge: Knowledge, failed: Again, error: bytes, block: bytes | None) -> Script:
    """Again, one cycle of the extended protocol: what has been answered already is answered unseen."""
    sync = Owed(Asked.SYNC, Fate.SWALLOW)
    if failed.is_synced:
        relay.pipeline.queue[0] = sync
    else:
        relay.pipeline.skipping = False
        relay.inject(SYNC, sync)
    yield sync
    before, alike = knowledge.snapshot, _is_of_storage(error, knowledge)
    yield from _begin_again(relay, block)
    yield from _catch_up(relay, knowledge)
    statement = failed.statement
    rewritten = _rewritten(knowledge, knowledge.texts.text(statement.sql).text, statement.param_types)
    sent = b"" if rewritten is None else rewritten.sql.encode(knowledge.codec)
    alike = alike or _has_moved(error, before, knowledge)
    same = rewritten is not None and sent == statement.sent and not (alike or _have_moved(before, knowledge, rewritten))
    if rewritten is None or same:
        if failed.is_synced:
            yield from _fail_again(relay, block)
        _show(relay, knowledge, error, statement.subject, failed.is_synced)
        return
    statement.sent, statement.rewritten, statement.version = sent, rewritten, knowledge.version
    statement.basis = knowledge.basis(rewritten)
    relay.statements.parse(statement)
    parse = Parse(statement.name, sent, statement.param_types).encode()
    messages = [Close(STATEMENT, statement.name).encode()]
    owed = [Owed(Asked.CLOSE, Fate.HIDE)]
    if failed.messages[0][0] is not Asked.PARSE:
        messages.append(parse)
        owed.append(Owed(Asked.PARSE, Fate.HIDE))
    started = perf_counter()
    prelude = prelude_of(relay, knowledge, rewritten)
    after_prelude = Asked.BIND if statement.plans_behind_prelude else Asked.EXECUTE
    for number, (asked, message) in enumerate(failed.messages):
        if asked is after_prelude and prelude is not None:
            messages.append(run_once(prelude.encode(knowledge.codec)))
            owed += (Owed(each, Fate.HIDE) for each in RUN_ONCE)
        again = Owed(asked, Fate.HIDE if number < failed.answered else Fate.FORWARD)
        again.statement, again.subject, again.started = statement, rewritten, started
        again.renames = asked is Asked.PARSE
        messages.append(parse if asked is Asked.PARSE else message)
        owed.append(again)
    if failed.is_synced:
        relay.inject(b"".join(messages) + SYNC, *owed, Owed(Asked.SYNC))
    else:
        relay.inject(b"".join(messages) + FLUSH, *owed)


def look(relay: Relay, knowledge: Knowledge, failed: Owed, error: bytes) -> Script:
    """Inside a transaction block: whether the table that was met has moved meanwhile, and a retry would help, is known
    once the catalog has been read again."""
    before, subject = knowledge.snapshot, failed.subject
    if failed.asked is not Asked.QUERY:
        subject = subject if failed.statement is None else failed.statement.subject
        failed = Owed(Asked.SYNC, Fate.SWALLOW)
        relay.pipeline.queue[0] = failed
    yield failed
    yield from _catch_up(relay, knowledge)
    moved = is_news(error, knowledge) or _has_moved(error, before, knowledge)
    shown = conflict(error, knowledge) if moved else translate_diagnostic(error, knowledge, subject) or error
    relay.write_client(shown + ReadyForQuery(relay.status).encode())


def _begin_again(relay: Relay, block: bytes | None) -> Script:
    if block is not None:
        rollback, begin = Owed(Asked.QUERY, Fate.SWALLOW), Owed(Asked.QUERY, Fate.SWALLOW)
        relay.inject(Query(b"ROLLBACK").encode() + Query(block).encode(), rollback, begin)
        yield begin


def _fail_again(relay: Relay, block: bytes | None) -> Script:
    if block is not None:
        failing = Owed(Asked.QUERY, Fate.SWALLOW)
        relay.inject(Query(refusal.REFUSED_SQL.encode()).encode(), failing)
        yield failing


def _catch_up(relay: Relay, knowledge: Knowledge) -> Script:
    yield REFRESH
    knowledge.follow_store()
    if knowledge.names_dirty and relay.status != FAILED_TRANSACTION:
        yield from settle.ask(relay, knowledge)
        relay.take_refusal()


def _rewritten(knowledge: Knowledge, text: str | None, param_types: tuple[int, ...] = ()) -> Rewritten | None:
    """None where there is no second try: then the first error stands."""
    if text is None or knowledge.names_dirty:
        return None
    try:
        return knowledge.rewrite(text, param_types)
    except RewriteError:
        return None


def _have_moved(before: Snapshot, knowledge: Knowledge, rewritten: Rewritten) -> bool:
    """There, or there and back: the second try may find another storage even with the same words."""
    return any(before.entities.get(each) != knowledge.snapshot.entities.get(each) for each in rewritten.entities)


def _is_of_storage(error: bytes, knowledge: Knowledge) -> bool:
    """What a call met comes of a move, by what was known when it was sent."""
    return met_other_storage(error, knowledge) and is_news(error, knowledge)


def _has_moved(error: bytes, before: Snapshot, knowledge: Knowledge) -> bool:
    """Whether what a call met has moved since: there and back, perhaps."""
    met = _met(error, knowledge) if met_other_storage(error, knowledge) else None
    return any(before.entities.get(each.entity_id) != each for each in met or ())


def _show(relay: Relay, knowledge: Knowledge, error: bytes, subject: Subject, is_synced: bool = True) -> None:
    gone = _is_gone(_fields(error, knowledge))
    shown = conflict(error, knowledge) if gone else translate_diagnostic(error, knowledge, subject) or error
    if is_synced:
        relay.write_client(shown + ReadyForQuery(relay.status).encode())
    else:
        # upstream must throw away what the client still sends before its Sync
        relay.write_upstream(refusal.in_pipeline(relay, shown, b"") + FLUSH)
