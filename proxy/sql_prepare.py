"""PREPARE, EXECUTE and DEALLOCATE, the statements: the same names as the protocol's, kept in the same place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxy.pipeline import Asked, Fate, Owed
from proxy.renewal import owed_for_parse_again, parse_again, prelude_of_prepared
from proxy.statements import Statement
from proxy.timing import Passed
from proxy.translate import translate_diagnostic
from proxy.verdicts import Hold, Script
from proxy.wire.frontend import SYNC
from rewriter import Kind, RewriteError, Rewritten, lexer

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.texts import Text

_NAME = re.compile(
    r"""\s*(?:PREPARE|EXECUTE|DEALLOCATE(?:\s+PREPARE(?=\s+[\w"]))?)\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))""",
    re.IGNORECASE,
)
#: What may run a prepared statement: EXECUTE; EXPLAIN ... EXECUTE; CREATE TABLE ... AS EXECUTE.
EXECUTING = frozenset({Kind.EXECUTE, Kind.EXPLAIN, Kind.DDL})
_EXECUTED = re.compile(
    r"""(?:\A\s*EXPLAIN\b(?:[^'"]*\sAS)?[^'"]*?|\sAS)\s*\bEXECUTE\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))""",
    re.IGNORECASE,
)
_ALL = re.compile(r"\s*(?:DISCARD\s+ALL|DEALLOCATE(?:\s+PREPARE)?\s+ALL)\s*;?\s*\Z", re.IGNORECASE)


def name_in(text: str) -> str | None:
    """The statement's name in PREPARE name, EXECUTE name, DEALLOCATE name; None where it cannot be told."""
    found = _NAME.match(text)
    return None if found is None else _name(found)


def _name(found: re.Match[str]) -> str:
    return found[1].replace('""', '"') if found[1] is not None else lexer.fold(found[2])


def executed_name(knowledge: Knowledge, text: Text) -> bytes | None:
    """Of EXECUTE name, the name, also behind EXPLAIN or CREATE TABLE ... AS; None for any other statement."""
    if text.text is None or text.facts.kind not in EXECUTING:
        return None
    if text.facts.kind is Kind.EXECUTE:
        name = name_in(text.text)
    else:
        found = _EXECUTED.search(text.text)
        name = None if found is None else _name(found)
    return None if name is None else name.encode(knowledge.codec)


def as_executed(relay: Relay, passed: Passed, name: bytes | None) -> Passed:
    """EXECUTE of a prepared statement is measured as that statement; not so EXPLAIN of it, or a table made by it."""
    statement = None if name is None or passed.facts.kind is not Kind.EXECUTE else relay.statements.by_name.get(name)
    if statement is None or not isinstance(statement.subject, Passed | Rewritten):
        return passed
    return passed._replace(executed=statement.subject)


def note_prepared(relay: Relay, owed: Owed, text: Text, rewritten: Rewritten | None) -> None:
    """The statement has been sent: keep track of the names that it gives or takes."""
    if relay.knowledge is None or text.text is None:
        return
    kind = text.facts.kind
    if kind is Kind.PREPARE:
        name = name_in(text.text)
        if name is None:
            return
        encoded = name.encode(relay.knowledge.codec)
        statement = Statement(
            encoded,
            text.sql,
            sent=text.sql if rewritten is None else rewritten.sql.encode(relay.knowledge.codec),
            passed=relay.knowledge.texts.passed(text.sql, text.facts),
            rewritten=rewritten,
            version=relay.knowledge.version,
            basis=None if rewritten is None else relay.knowledge.basis(rewritten),
            prepared_by_sql=True,
        )
        owed.statement, owed.renames = statement, True
        owed.previous = relay.statements.parse(statement)
    elif kind is Kind.DISCARD or kind is Kind.DEALLOCATE:
        if _ALL.match(text.text):
            relay.statements.forget_all()
        elif kind is Kind.DEALLOCATE:
            name = name_in(text.text)
            closed = None if name is None else relay.statements.close(name.encode(relay.knowledge.codec))
            if closed is not None:
                owed.statement = owed.previous = closed
                owed.renames = True


def renew_executed(relay: Relay, knowledge: Knowledge, text: Text) -> Hold | None:
    """EXECUTE of a statement whose rewriting may have become wrong: prepare it again, first."""
    name = executed_name(knowledge, text)
    statement = None if name is None else relay.statements.by_name.get(name)
    if statement is None or not statement.prepared_by_sql or statement.version == knowledge.version:
        return None
    inner = knowledge.texts.text(statement.sql)
    from proxy import settle

    held = settle.needed(relay, knowledge, inner)
    if held is not None:
        return held
    if inner.facts.mentions and knowledge.names_dirty:
        return None
    rewritten: Rewritten | None = None
    sent = statement.sql
    if inner.facts.mentions and inner.text is not None:
        try:
            rewritten = knowledge.rewrite(inner.text)
        except RewriteError as error:
            from proxy import refusal

            relay.refuse_next(refusal.response(error, knowledge))
            return Hold(_nothing())
        sent = rewritten.sql.encode(knowledge.codec)
    statement.version = knowledge.version
    if sent != statement.sent and statement.basis is not None and knowledge.still_holds(statement.basis):
        return None
    statement.rewritten = rewritten
    statement.basis = None if rewritten is None else knowledge.basis(rewritten)
    messages, owed = prelude_of_prepared(statement, knowledge.codec, Fate.SWALLOW)
    if sent != statement.sent:
        statement.sent = sent
        messages += parse_again(statement)
        owed += owed_for_parse_again(statement, Fate.SWALLOW)
    return Hold(_run(relay, knowledge, statement, messages, owed)) if messages else None


def _run(relay: Relay, knowledge: Knowledge, statement: Statement, messages: bytes, owed: list[Owed]) -> Script:
    sync = Owed(Asked.SYNC, Fate.SWALLOW)
    relay.inject(messages + SYNC, *owed, sync)
    yield sync
    error = next((each.error for each in owed if each.error is not None), None)
    if error is not None:
        statement.version = 0  # the next EXECUTE tries again
        relay.refuse_next(translate_diagnostic(error, knowledge, b"") or error)


def _nothing() -> Script:
    return
    yield
