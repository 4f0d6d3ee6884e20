"""A transaction block comes to tables that are being moved: their switch is put off until it has ended.

A statement by itself that meets the switch is sent again (`retry`), and so is the first of a block. A later one cannot
be, and the client would have to be told. So the move waits instead: a lock that the switch needs is taken before the
statement is looked at, in the client's own transaction.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from proxy import settle
from proxy.verdicts import REFRESH, Hold, Script
from proxy.wire.backend import IN_TRANSACTION, DataRow
from proxy.wire.frontend import Frontend, Parse
from rewriter.lexer import names_in

if TYPE_CHECKING:
    from catalog.model import Move
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay

#: What relations' names may come in.
KINDS = frozenset({Frontend.QUERY, Frontend.PARSE, Frontend.BIND})


def needed(relay: Relay, knowledge: Knowledge, kind: int, body: bytes) -> Hold | None:
    """The script to run before this message is looked at."""
    if relay.status != IN_TRANSACTION or relay.pipeline.skipping or relay.pipeline.copying_in:
        return None
    sql = _statement(relay, kind, body)
    if sql.lstrip()[:8].lower() == b"rollback":
        # a savepoint may take the locks with it
        relay.held.clear()
        return None
    if not _not_held(relay, knowledge):
        return None
    text = knowledge.texts.text(sql).text
    names = frozenset() if text is None else names_in(text, knowledge.standard_conforming_strings)
    return Hold(_put_off(relay, knowledge, names)) if _met(relay, knowledge, names) else None


def _not_held(relay: Relay, knowledge: Knowledge) -> list[Move]:
    return [each for each in knowledge.database.store.moves if each.call_id not in relay.held]


def _met(relay: Relay, knowledge: Knowledge, names: Set[str]) -> list[Move]:
    return [each for each in _not_held(relay, knowledge) if not each.names.isdisjoint(names)]


def _statement(relay: Relay, kind: int, body: bytes) -> bytes:
    if kind == Frontend.QUERY:
        return body[:-1]
    if kind == Frontend.PARSE:
        return Parse.decode(body).sql
    name = body.find(0) + 1
    statement = relay.statements.by_name.get(body[name : body.find(0, name)])
    return b"" if statement is None else relay.statements.run_by(statement).sql


def _put_off(relay: Relay, knowledge: Knowledge, names: Set[str]) -> Script:
    while moves := sorted(_met(relay, knowledge, names), key=lambda move: move.call_id):
        calls = ",".join(str(each.call_id) for each in moves)
        entities = ",".join(str(each.entity_id) for each in moves)
        relay.held.update(each.call_id for each in moves)
        question = f"SELECT kameleon.put_off_switches('{{{calls}}}', '{{{entities}}}')"
        rows = yield from settle.answered(relay, question.encode())
        if not rows or DataRow.decode(rows[0][5:]).values[0] == b"t":
            return
        # one has switched already, which the store may not have heard of; nor that the next move has begun
        yield REFRESH
        knowledge.follow_store()
