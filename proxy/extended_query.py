"""What becomes of Parse, Bind, Describe, Execute and Close.

A statement is rewritten when it is parsed. Should what names mean have changed by the time it is bound or described,
it is rewritten again, and parsed anew under its own name if the outcome differs (`_renew`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import rewriter
from proxy import analysis, refusal, retry, settle
from proxy.client_texts import note_declared, prelude_of
from proxy.errors import StatementRefused
from proxy.pipeline import Asked, Fate, Outcome, Owed
from proxy.refusal import OWN_NAME
from proxy.renewal import RUN_ONCE, owed_for_parse_again, parse_again, prelude_of_prepared, run_once
from proxy.sql_prepare import as_executed, executed_name, note_prepared
from proxy.statements import Statement
from proxy.timing import LONGEST_REMEMBERED, Passed
from proxy.verdicts import SETTLED, Before, Hold, Script, Verdict
from proxy.wire.backend import FAILED_TRANSACTION, IDLE, ParameterDescription, RowDescription
from proxy.wire.frontend import FLUSH, PORTAL, STATEMENT, SYNC, Close, Describe, Execute, Parse
from rewriter import Kind, RewriteError

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.texts import Facts, Text
    from rewriter import Rewritten

# Entries that carry nothing of their own are shared by all sessions: nobody waits for them.
_BIND = Owed(Asked.BIND)
_DESCRIBE_PORTAL = Owed(Asked.DESCRIBE_PORTAL)
_CLOSE = Owed(Asked.CLOSE)
_ASKED_CALL = Asked.CALL
_NO_BLOCK = frozenset((IDLE, FAILED_TRANSACTION))
#: Nearly every Execute: all rows of the unnamed portal.
_ALL_OF_UNNAMED = b"\0\0\0\0\0"


def on_parse(relay: Relay, body: bytes) -> Verdict:
    parse = Parse.decode(body)
    owed = Owed(Asked.PARSE)
    knowledge = relay.knowledge
    sent: bytes = parse.sql
    rewritten: Rewritten | None = None
    facts: Facts | None = None
    version = 0
    at_execute: bytes | None = None
    passed: bytes | Passed = parse.sql[:LONGEST_REMEMBERED]
    if knowledge is not None:
        knowledge.follow_store()
        text = knowledge.texts.text(parse.sql)
        if relay.careful or not text.facts.plain:
            refused = relay.take_refusal()
            if refused is None:
                held = settle.needed(relay, knowledge, text)
                if held is not None:
                    return held
                if _is_rewritable(knowledge, text):
                    assert text.text is not None
                    try:
                        rewritten = knowledge.rewrite(text.text, parse.param_types)
                    except RewriteError as error:
                        held = refusal.look_again(relay)
                        if held is not None:
                            return held
                        shown = refusal.response(error, knowledge)
                        if text.facts.kind in analysis.ANALYZED:
                            name = OWN_NAME if parse.name else b""
                            analyzed = relay.used <= relay.locked
                            return refusal.in_pipeline(relay, shown, parse.sql, name, analyzed=analyzed)
                        at_execute = shown
                    else:
                        relay.caught_up = False
                        if analysis.is_due(relay, rewritten):
                            return Hold(analysis.before_parse(relay, knowledge, parse, rewritten))
                        if rewritten.sql is not text.text:
                            sent = rewritten.sql.encode(knowledge.codec)
            if refused is not None:
                name = OWN_NAME if parse.name else b""
                is_first_told = relay.has_failed_untold
                return refusal.in_pipeline(relay, refused, parse.sql, name, is_first_told=is_first_told)
        facts = text.facts
        passed = knowledge.texts.passed(parse.sql, text.facts)
        if parse.param_types:
            passed = passed._replace(param_types=parse.param_types)
        version = knowledge.version
    statement = Statement(
        parse.name,
        parse.sql,
        parse.param_types,
        sent=sent,
        passed=passed,
        rewritten=rewritten,
        version=version,
        basis=None if rewritten is None or knowledge is None else knowledge.basis(rewritten),
        facts=facts,
    )
    if knowledge is not None and (statement.is_special or (facts is not None and facts.kind is Kind.DDL)):
        statement.executes = executed_name(knowledge, knowledge.texts.text(parse.sql))
    statement.refused = at_execute
    lead = b""
    if knowledge is not None and statement.plans_behind_prelude and relay.status not in _NO_BLOCK:
        lead = _queue_for_tables(relay, knowledge, statement)
    owed.statement = statement
    owed.renames = True
    owed.previous = relay.statements.parse(statement)
    relay.pipeline.queue.append(owed)
    if sent is not parse.sql:
        return lead + Parse(parse.name, sent, parse.param_types).encode()
    return Before(lead) if lead else None


def on_bind(relay: Relay, portal: bytes, name: bytes) -> Verdict:
    statement = relay.statements.by_name.get(name)
    verdict: Verdict = None
    owed = _BIND
    if statement is not None:
        knowledge = relay.knowledge
        if knowledge is not None:
            knowledge.follow_store()
            if relay.careful or statement.version != knowledge.version or statement.executes is not None:
                verdict = _renew(relay, knowledge, relay.statements.run_by(statement))
                if isinstance(verdict, Hold):
                    return verdict
            if statement.rewritten is not None:
                owed = Owed(Asked.BIND)
                owed.statement = statement
                if knowledge is not None and statement.plans_behind_prelude:
                    if relay.status == IDLE and relay.in_extended and not relay.has_bound:
                        return Hold(_unlock(relay))
                    renewed = verdict.sent_first if isinstance(verdict, Before) else b""
                    given_up = _give_up_portal(relay, portal)
                    prelude = _prelude(relay, (statement.rewritten.prelude or "").encode(knowledge.codec), moves=True)
                    verdict = Before(renewed + given_up + prelude.sent_first)
        relay.statements.portals[portal] = statement
    else:
        relay.statements.portals.pop(portal, None)
    relay.pipeline.queue.append(owed)
    return verdict


def on_call(relay: Relay, name: bytes, size: int, now: float) -> bool:
    """Bind to Sync in one go. False when there is more to it: then the messages are looked at one by one."""
    statement = relay.statements.by_name.get(name)
    if statement is None:
        return False
    knowledge = relay.knowledge
    if knowledge is not None:
        knowledge.follow_store()
        if relay.careful or statement.version != knowledge.version:
            return False
    if statement.changes_names or statement.is_special or statement.mutes or statement.refused is not None:
        return False
    rewritten = statement.rewritten
    if rewritten is not None and rewritten.prelude is not None:
        return False
    owed = Owed(_ASKED_CALL)
    owed.started = now
    owed.size = size
    owed.statement = statement
    if rewritten is None:
        owed.subject = statement.passed
    else:
        owed.subject = rewritten
        relay.used.update(rewritten.used)
    relay.statements.portals[b""] = statement
    relay.pipeline.queue.append(owed)
    return True


def on_describe(relay: Relay, body: bytes) -> Verdict:
    describe = Describe.decode(body)
    if describe.what == PORTAL:
        relay.pipeline.queue.append(_DESCRIBE_PORTAL)
        return None
    verdict: Verdict = None
    owed = Owed(Asked.DESCRIBE_STATEMENT)
    statement = relay.statements.by_name.get(describe.name)
    knowledge = relay.knowledge
    if statement is not None and knowledge is not None:
        knowledge.follow_store()
        if relay.careful or statement.version != knowledge.version or statement.executes is not None:
            verdict = _renew(relay, knowledge, relay.statements.run_by(statement), _parameters(statement))
            if isinstance(verdict, Hold):
                return verdict
        owed.statement = statement
    relay.pipeline.queue.append(owed)
    return verdict


def on_execute(relay: Relay, body: bytes, now: float) -> Verdict:
    owed = Owed(Asked.EXECUTE)
    owed.started = now
    portal = b"" if body == _ALL_OF_UNNAMED else Execute.decode(body).portal
    statement = relay.statements.portals.get(portal)
    verdict: Verdict = None
    if statement is not None:
        if statement.mutes:
            relay.is_muted = True
        rewritten = statement.rewritten
        if statement.refused is not None:
            verdict = Before(refusal.in_pipeline(relay, statement.refused, statement.sql))
        elif rewritten is None:
            owed.subject = statement.passed
            if statement.executes is not None and isinstance(statement.passed, Passed):
                owed.subject = as_executed(relay, statement.passed, statement.executes)
        else:
            owed.subject = rewritten
            owed.statement = statement
            relay.used.update(rewritten.used)
            if rewritten.kind is Kind.DECLARE and relay.knowledge is not None:
                note_declared(relay, rewritten, statement.sql.decode(relay.knowledge.codec, "replace"))
            if rewritten.prelude is not None and not statement.plans_behind_prelude:
                assert relay.knowledge is not None
                prelude = prelude_of(relay, relay.knowledge, rewritten) or ""
                verdict = _prelude(relay, prelude.encode(relay.knowledge.codec), moves=not rewritten.touched)
        if statement.facts is not None:
            relay.note_change(owed, statement.facts)
        if relay.knowledge is not None and statement.is_special:
            note_prepared(relay, owed, relay.knowledge.texts.text(statement.sql), rewritten)
    relay.pipeline.queue.append(owed)
    return verdict


def on_close(relay: Relay, body: bytes) -> Verdict:
    close = Close.decode(body)
    owed = _CLOSE
    if close.what == STATEMENT:
        statement = relay.statements.close(close.name)
        if statement is not None:
            owed = Owed(Asked.CLOSE)
            owed.statement = owed.previous = statement
            owed.renames = True
    else:
        relay.statements.close_portal(close.name)
    relay.pipeline.queue.append(owed)
    return None


def _is_rewritable(knowledge: Knowledge, text: Text) -> bool:
    """Several statements in one Parse are left for PostgreSQL to refuse."""
    if text.text is None or not text.facts.mentions or knowledge.names_dirty:
        return False
    return not text.facts.several or len(rewriter.split(text.text, knowledge.standard_conforming_strings)) == 1


def _parameters(statement: Statement) -> bytes:
    """Describe tells the parameters' types even where an error follows."""
    return ParameterDescription(statement.param_types).encode() if statement.types_known else b""


def _renew(relay: Relay, knowledge: Knowledge, statement: Statement, lead: bytes = b"") -> Verdict:
    """The catalog has moved, or may have: the statement is made right before it is used again.

    `lead` goes to the client before an error of that.
    """
    refused = relay.take_refusal()
    is_first_told = refused is not None and relay.has_failed_untold
    text = knowledge.texts.text(statement.sql)
    rewritten: Rewritten | None = None
    if refused is None:
        held = settle.needed(relay, knowledge, text)
        if held is not None:
            return held
        if text.facts.mentions and knowledge.names_dirty:
            # In a failed transaction, where it will be refused whatever it says, if there is one of its name.
            return None if statement.sent else _parse_as_written(relay, statement)
        if _is_rewritable(knowledge, text):
            assert text.text is not None
            try:
                rewritten = knowledge.rewrite(text.text, statement.param_types)
            except RewriteError as error:
                held = refusal.look_again(relay)
                if held is not None:
                    return held
                refused = refusal.response(error, knowledge)
                if text.facts.kind not in analysis.ANALYZED:
                    statement.refused, statement.version = refused, knowledge.version
                    return None
            else:
                relay.caught_up = False
                statement.refused = None
    if refused is not None:
        stand_in = refusal.in_pipeline(relay, refused, statement.sql, is_first_told=is_first_told)
        relay.pipeline.queue[-1].lead = lead
        return Before(stand_in)
    sent = statement.sql if rewritten is None else rewritten.sql.encode(knowledge.codec)
    statement.version = knowledge.version
    if sent != statement.sent and statement.basis is not None and knowledge.still_holds(statement.basis):
        return None
    statement.rewritten = rewritten
    statement.basis = None if rewritten is None else knowledge.basis(rewritten)
    messages, hidden = prelude_of_prepared(statement, knowledge.codec)
    if sent != statement.sent:
        statement.sent = sent
        messages += parse_again(statement)
        hidden += owed_for_parse_again(statement)
    if not messages:
        return None
    for entry in hidden:
        entry.lead = lead
    if statement.described is not None and not statement.prepared_by_sql:
        return Hold(_compare(relay, knowledge, statement, messages, hidden))
    relay.pipeline.queue.extend(hidden)
    return Before(messages)


def _parse_as_written(relay: Relay, statement: Statement) -> Before:
    statement.sent = statement.sql
    relay.pipeline.queue.extend(owed_for_parse_again(statement))
    return Before(parse_again(statement))


def _prelude(relay: Relay, sql: bytes, *, moves: bool) -> Before:
    owed = [Owed(asked, Fate.HIDE) for asked in RUN_ONCE]
    relay.pipeline.queue.extend(owed)
    if moves:
        relay.note_move(owed[-1])
    return Before(run_once(sql))


def _queue_for_tables(relay: Relay, knowledge: Knowledge, statement: Statement) -> bytes:
    """In a block, Parse locks tables that Bind moves: of two blocks that have both parsed neither could move them."""
    assert statement.rewritten is not None
    known = (knowledge.snapshot.entities.get(each) for each in statement.rewritten.entities)
    relids = ",".join(str(each.relid) for each in known if each is not None)
    relay.pipeline.queue.extend(Owed(asked, Fate.HIDE) for asked in RUN_ONCE)
    return run_once(f"SELECT kameleon.queue_for_table('{{{relids}}}'::pg_catalog.regclass[])".encode())


def _unlock(relay: Relay) -> Script:
    """Parse has locked tables that are to be moved: while nothing is bound, a Sync of ours gives the locks back."""
    relay.write_upstream(FLUSH)
    yield SETTLED
    if relay.pipeline.skipping:
        return
    sync = Owed(Asked.SYNC, Fate.SWALLOW)
    relay.inject(SYNC, sync)
    yield sync
    relay.in_extended = False


def _give_up_portal(relay: Relay, portal: bytes) -> bytes:
    """The unnamed portal, which Bind is about to replace, would keep open what the prelude drops."""
    if portal:
        return b""
    relay.pipeline.queue.append(Owed(Asked.CLOSE, Fate.HIDE))
    return Close(PORTAL, portal).encode()


def _compare(relay: Relay, knowledge: Knowledge, statement: Statement, messages: bytes, hidden: list[Owed]) -> Script:
    """The client was told the statement's columns: they must still be the same, as PostgreSQL demands natively."""
    describe = Owed(Asked.DESCRIBE_STATEMENT, Fate.HIDE)
    describe.frames = []
    sent = [*hidden, describe]
    for entry in sent:
        entry.is_retried = True
    relay.inject(messages + Describe(STATEMENT, statement.name).encode() + FLUSH, *sent)
    yield describe
    if describe.outcome is not Outcome.DONE:
        if any(entry.fate is Fate.SWALLOW for entry in sent):
            yield from retry.start_anew(relay, statement)
        return
    before = statement.described or b""
    after = relay.shown_row_description(describe.frames[-1])
    if _result_type(before) != _result_type(after):
        statement.spoil()
        error = StatementRefused("cached plan must not change result type", routine="RevalidateCachedQuery")
        relay.refuse_next(refusal.response(error, knowledge))


def _result_type(message: bytes) -> list[tuple[bytes, int, int]]:
    if message[:1] != b"T":
        return []
    columns = RowDescription.decode(message[5:]).columns
    return [(column.name, column.type_oid, column.type_modifier) for column in columns]
