"""What becomes of a simple Query.

one statement, or several of which none names an entity    forwarded as the bytes that came
one or several that name entities                          one Query with the edits in it
one after which a later one may mean something else        taken apart by a script (`piecewise`)
one that is refused                                        those before it run, then it fails (`refusal`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import rewriter
from proxy import analysis, piecewise, refusal, settle
from proxy.analysis import UNTOLD
from proxy.client_texts import note_declared, prelude_of
from proxy.pipeline import Asked, Owed
from proxy.sql_prepare import EXECUTING, as_executed, executed_name, note_prepared, renew_executed
from proxy.statements import Run
from proxy.texts import Text
from proxy.timing import LONGEST_REMEMBERED
from proxy.verdicts import Hold, Verdict
from proxy.wire.frontend import Query, query
from rewriter import Kind, RewriteError, Span

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay


def on_query(relay: Relay, sql: bytes, now: float) -> Verdict:
    # PostgreSQL gives up the unnamed statement for every simple Query.
    relay.statements.by_name.pop(b"", None)
    knowledge = relay.knowledge
    if knowledge is not None:
        knowledge.follow_store()
        facts = knowledge.texts.facts(sql)
        if relay.careful or not facts.plain:
            text = knowledge.texts.text(sql, facts)
            if text.facts.direct and not relay.careful and not knowledge.names_dirty:
                return _rewrite(relay, knowledge, text, now)
            return _with_care(relay, knowledge, text, now)
        owed = Owed(Asked.QUERY)
        owed.subject = knowledge.texts.passed(sql, facts) if facts.dedicated else sql[:LONGEST_REMEMBERED]
    else:
        owed = Owed(Asked.QUERY)
        owed.subject = sql[:LONGEST_REMEMBERED]
    owed.started = now
    relay.pipeline.queue.append(owed)
    return None


def _with_care(relay: Relay, knowledge: Knowledge, text: Text, now: float) -> Verdict:
    refused = relay.take_refusal()
    if refused is not None:
        return refusal.of_query(relay, refused, now, text.sql, is_first_told=relay.has_failed_untold)
    if text.facts.mutes:
        relay.is_muted = True
    if text.text is None:
        return _as_it_came(relay, knowledge, text, now)
    spans = rewriter.split(text.text, knowledge.standard_conforming_strings) if text.facts.several else []
    if len(spans) > 1 and piecewise.is_needed(spans, relay.ends_matter):
        script = settle.before_script(relay, knowledge)
        return script or Hold(piecewise.run(relay, knowledge, text.sql, spans), consumes=True)
    held = settle.needed(relay, knowledge, text)
    if held is not None:
        return held
    if text.facts.kind in EXECUTING:
        held = renew_executed(relay, knowledge, text)
        if held is not None:
            return held
    if not text.facts.mentions or knowledge.names_dirty:
        # Still dirty: the transaction has failed, and PostgreSQL refuses whatever names a relation.
        runs = tuple(
            Run(knowledge.texts.part(span.text.encode(knowledge.codec)), span.start, span.start) for span in spans
        )
        return _as_it_came(relay, knowledge, text, now, runs if len(runs) > 1 else ())
    if spans:
        return _several(relay, knowledge, text, spans, now)
    return _rewrite(relay, knowledge, text, now)


def _as_it_came(relay: Relay, knowledge: Knowledge, text: Text, now: float, runs: tuple[Run, ...] = ()) -> Verdict:
    owed = Owed(Asked.QUERY)
    owed.started = now
    owed.subject = knowledge.texts.passed(text.sql, text.facts)
    owed.runs = runs
    relay.note_change(owed, text.facts)
    executed = executed_name(knowledge, text)
    if text.facts.kind is Kind.EXECUTE or executed in relay.statements.by_name:
        relay.used.add(UNTOLD)
        owed.subject = as_executed(relay, owed.subject, executed)
    note_prepared(relay, owed, text, None)
    relay.pipeline.queue.append(owed)
    return None


def _rewrite(relay: Relay, knowledge: Knowledge, text: Text, now: float) -> Verdict:
    assert text.text is not None
    try:
        rewritten = knowledge.rewrite(text.text)
    except RewriteError as error:
        held = refusal.look_again(relay)
        if held is not None:
            return held
        shown = refusal.response(error, knowledge)
        return refusal.of_query(
            relay, shown, now, text.sql, analyzed=text.facts.kind in analysis.ANALYZED and relay.used <= relay.locked
        )
    relay.caught_up = False
    owed = Owed(Asked.QUERY)
    owed.started = now
    owed.subject = rewritten
    owed.text = text
    sent = rewritten.sql
    prelude = prelude_of(relay, knowledge, rewritten)
    if prelude is not None:
        lead = prelude + "; "
        sent = lead + sent
        owed.runs = (Run(b"", ours=True), Run(rewritten, 0, len(lead)))
        if not rewritten.touched and text.facts.direct:
            relay.note_move(owed)
    if not text.facts.direct:
        relay.note_change(owed, text.facts)
        note_prepared(relay, owed, text, rewritten)
    note_declared(relay, rewritten, text.text)
    due = analysis.is_due(relay, rewritten)
    relay.used.update(rewritten.used)
    if due:
        message = Query(sent.encode(knowledge.codec)).encode()
        return Hold(analysis.before_query(relay, knowledge, text.sql, rewritten, owed, message), consumes=True)
    relay.pipeline.queue.append(owed)
    return None if sent is text.text else query(sent.encode(knowledge.codec))


def _several(relay: Relay, knowledge: Knowledge, text: Text, spans: list[Span], now: float) -> Verdict:
    """One Query for all of them, so that they stay in their one implicit transaction."""
    assert text.text is not None
    pieces: list[str] = []
    runs: list[Run] = []
    sent_length = 0
    position = 0

    def add(piece: str) -> None:
        nonlocal sent_length
        pieces.append(piece)
        sent_length += len(piece)

    for span in spans:
        add(text.text[position : span.start])
        position = span.start + len(span.text)
        if not knowledge.texts.mentions(span.text):
            passed = knowledge.texts.part(span.text.encode(knowledge.codec))
            runs.append(Run(passed, span.start, sent_length))
            add(span.text)
            continue
        try:
            rewritten = knowledge.rewrite(span.text)
            relay.used.update(rewritten.used)
        except RewriteError as error:
            # What comes before it runs, and is rolled back with it.
            shown = refusal.response(error, knowledge, span.start)
            runs.append(Run(span.text.encode(knowledge.codec), span.start, sent_length, refused=shown))
            add(refusal.REFUSED_SQL)
            position = len(text.text)
            break
        prelude = prelude_of(relay, knowledge, rewritten)
        if prelude is not None and not rewritten.touched and span is not spans[-1]:
            # it moves tables that a later one may name
            return Hold(piecewise.run(relay, knowledge, text.sql, spans), consumes=True)
        if prelude is not None:
            runs.append(Run(b"", span.start, sent_length, ours=True))
            add(prelude + "; ")
        note_declared(relay, rewritten, span.text)
        runs.append(Run(rewritten, span.start, sent_length))
        add(rewritten.sql)
    add(text.text[position:])
    owed = Owed(Asked.QUERY)
    owed.started = now
    owed.runs = tuple(runs)
    relay.note_change(owed, text.facts)
    relay.pipeline.queue.append(owed)
    return query("".join(pieces).encode(knowledge.codec))
