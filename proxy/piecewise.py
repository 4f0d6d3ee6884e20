"""A simple Query of several statements, of which later ones may mean something else once the earlier ones have run.

`CREATE TABLE orders (...); INSERT INTO orders ...` cannot be rewritten as a whole: when it arrives, there is no entity.
So its statements are sent one by one, and each is rewritten with what is known by then. What PostgreSQL does with such
a message is kept up:

* Outside of a transaction block all of it is one implicit transaction: the proxy begins one and commits it.
* A BEGIN among the statements turns that into a block of the client's; COMMIT and ROLLBACK end it, with a warning when
  the client began none; what comes behind them is in an implicit transaction again.
* The transaction ends before the last statement is reported complete, so that a deferred constraint's error comes
  instead of that report.
* After an error the rest is not run, and there is one ReadyForQuery, at the end.
* A syntax error anywhere keeps all of it from running: PostgreSQL is asked, by a Parse of the whole text that fails
  with one particular error when there is nothing else to fail with.
"""

from __future__ import annotations

from collections.abc import Generator
from time import perf_counter
from typing import TYPE_CHECKING

from proxy import refusal, settle
from proxy.client_texts import note_declared, prelude_of
from proxy.errors import StatementRefused, notice_response
from proxy.pipeline import Asked, Fate, Outcome, Owed
from proxy.refusal import OWN_NAME
from proxy.sql_prepare import EXECUTING, note_prepared, renew_executed
from proxy.statements import Run
from proxy.translate import translate_diagnostic
from proxy.verdicts import SETTLED, Script, Wait
from proxy.wire.backend import FAILED_TRANSACTION, IDLE, CommandComplete, ReadyForQuery
from proxy.wire.frontend import FLUSH, STATEMENT, SYNC, Close, Parse, Query
from rewriter import Kind, RewriteError, Span, classify, may_change_names

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from proxy.texts import Text
    from rewriter import Rewritten

_NO_TRANSACTION = "25P01"


def is_needed(spans: list[Span], ends_matter: bool = False) -> bool:
    """Whether a statement stands behind one that may change what it means, as the end of a transaction may."""
    changed = False
    for span in spans:
        kind = classify(span.text)
        if changed and kind not in settle.NAMELESS:
            return True
        changed = changed or may_change_names(span.text) or (ends_matter and kind is Kind.TRANSACTION)
    return False


def run(relay: Relay, knowledge: Knowledge, sql: bytes, spans: list[Span]) -> Script:
    if relay.pipeline.queue:
        if relay.in_extended:
            relay.write_upstream(FLUSH)
        yield SETTLED
        if relay.pipeline.skipping:
            return  # an error before it: PostgreSQL throws a Query away too, up to Sync
    relay.in_extended = relay.has_bound = False
    parsed = yield from _check_syntax(relay, knowledge, sql)
    if not parsed:
        return
    yield from _Pieces(relay, knowledge).run(spans)


def _check_syntax(relay: Relay, knowledge: Knowledge, sql: bytes) -> Generator[Wait, None, bool]:
    """False when the text cannot be parsed; the client has been told so."""
    in_block = relay.status not in (IDLE, FAILED_TRANSACTION)
    if in_block:
        # The error that is hoped for would end the client's transaction.
        relay.inject(Query(b"SAVEPOINT " + OWN_NAME).encode(), Owed(Asked.QUERY, Fate.SWALLOW))
    parse, close, sync = (Owed(asked, Fate.SWALLOW) for asked in (Asked.PARSE, Asked.CLOSE, Asked.SYNC))
    relay.inject(Parse(OWN_NAME, sql).encode() + Close(STATEMENT, OWN_NAME).encode() + SYNC, parse, close, sync)
    yield sync
    error = parse.error
    if error is None or refusal.means_several(error):
        if in_block:
            back = b"ROLLBACK TO " + OWN_NAME + b"; RELEASE " + OWN_NAME
            relay.inject(Query(back).encode(), Owed(Asked.QUERY, Fate.SWALLOW))
            yield SETTLED
        return True
    relay.write_client((translate_diagnostic(error, knowledge, b"") or error) + ReadyForQuery(relay.status).encode())
    return False


class _Pieces:
    def __init__(self, relay: Relay, knowledge: Knowledge) -> None:
        self._relay = relay
        self._knowledge = knowledge
        #: We began the transaction that is open.
        self._implicit = False
        #: The last statement's completion, until the transaction has ended.
        self._held: list[bytes] = []

    def run(self, spans: list[Span]) -> Script:
        relay = self._relay
        for number, span in enumerate(spans):
            done = yield from self._one(span, is_last=number == len(spans) - 1)
            if not done:
                if self._implicit:
                    yield self._say(b"ROLLBACK", Fate.SWALLOW)
                break
        else:
            if self._implicit:
                commit = self._say(b"COMMIT", Fate.HIDE)
                yield commit
                if commit.error is not None:
                    self._held.clear()
            relay.write_client(b"".join(self._held))
        relay.write_client(ReadyForQuery(relay.status).encode())

    def _one(self, span: Span, *, is_last: bool) -> Generator[Wait, None, bool]:
        """Run one statement; false when it failed."""
        words = [word.rstrip(";").lower() for word in span.text.split(None, 8)]
        kind = classify(span.text)
        if kind is Kind.TRANSACTION and self._implicit:
            return (yield from self._transaction_command(span, words))
        if kind is not Kind.TRANSACTION and self._relay.status == IDLE and not self._implicit:
            self._say(b"BEGIN", Fate.SWALLOW)
            self._implicit = True
        return (yield from self._send(span, keep_completion=is_last and self._implicit))

    def _transaction_command(self, span: Span, words: list[str]) -> Generator[Wait, None, bool]:
        """In the implicit transaction, where PostgreSQL knows of no block of the client's."""
        relay = self._relay
        first = words[0]
        if first in ("begin", "start"):
            skipped = 1 + (words[1:2] in (["work"], ["transaction"]))
            modes = span.text.split(None, skipped)[skipped:]
            if modes:
                asked = self._say(b"SET TRANSACTION " + modes[0].encode(self._knowledge.codec), Fate.HIDE)
                yield asked
                if asked.error is not None:
                    return False
            self._implicit = False
            relay.write_client(CommandComplete(b"BEGIN" if first == "begin" else b"START TRANSACTION").encode())
            return True
        what = _needs_block(words)
        if what is not None:
            error = StatementRefused(f"{what} can only be used in transaction blocks", sqlstate=_NO_TRANSACTION)
            return (yield from self._refuse(span, refusal.response(error, self._knowledge)))
        warning = notice_response(
            "there is no transaction in progress", sqlstate=_NO_TRANSACTION, encoding=self._knowledge.codec
        )
        relay.write_client(warning)
        self._implicit = False
        return (yield from self._send(span))

    def _send(self, span: Span, *, keep_completion: bool = False) -> Generator[Wait, None, bool]:
        relay, knowledge = self._relay, self._knowledge
        knowledge.follow_store()
        text = knowledge.texts.text(span.text.encode(knowledge.codec))
        if text.facts.mentions or text.facts.kind not in settle.NAMELESS:
            yield from self._settle(text)
            text = knowledge.texts.text(text.sql)
        refused = relay.take_refusal()
        rewritten: Rewritten | None = None
        while refused is None and text.facts.kind in EXECUTING:
            held = renew_executed(relay, knowledge, text)
            if held is None:
                break
            yield from held.script
            refused = relay.take_refusal()
        if refused is None and text.facts.mentions and not knowledge.names_dirty:
            try:
                rewritten = knowledge.rewrite(span.text)
                relay.used.update(rewritten.used)
                note_declared(relay, rewritten, span.text)
            except RewriteError as error:
                refused = refusal.response(error, knowledge, span.start)
        if refused is not None:
            return (yield from self._refuse(span, refused))
        sent = span.text if rewritten is None else rewritten.sql
        subject = knowledge.texts.passed(text.sql, text.facts) if rewritten is None else rewritten
        runs: tuple[Run, ...] = (Run(subject, span.start, 0),)
        prelude = None if rewritten is None else prelude_of(relay, knowledge, rewritten)
        if prelude is not None:
            lead = prelude + "; "
            sent = lead + sent
            runs = (Run(b"", ours=True), Run(subject, span.start, len(lead)))
        owed = Owed(Asked.QUERY, Fate.PART)
        owed.runs = runs
        if keep_completion:
            owed.frames = self._held
        relay.note_change(owed, text.facts)
        note_prepared(relay, owed, text, rewritten)
        return (yield from self._wait_for(owed, sent.encode(knowledge.codec)))

    def _settle(self, text: Text) -> Script:
        """All before it has been answered; what names mean may have to be asked."""
        relay, knowledge = self._relay, self._knowledge
        relay.last_change = None
        if knowledge.names_dirty and (text.facts.mentions or knowledge.unknown) and relay.status != FAILED_TRANSACTION:
            yield from settle.ask(relay, knowledge)

    def _refuse(self, span: Span, shown: bytes) -> Generator[Wait, None, bool]:
        owed = Owed(Asked.QUERY, Fate.PART)
        owed.runs = (Run(span.text.encode(self._knowledge.codec), span.start, refused=shown),)
        return (yield from self._wait_for(owed, refusal.REFUSED_SQL.encode()))

    def _wait_for(self, owed: Owed, sql: bytes) -> Generator[Wait, None, bool]:
        owed.started = perf_counter()
        self._relay.inject(Query(sql).encode(), owed)
        yield owed
        return owed.error is None and owed.outcome is Outcome.DONE

    def _say(self, sql: bytes, fate: Fate) -> Owed:
        owed = Owed(Asked.QUERY, fate)
        self._relay.inject(Query(sql).encode(), owed)
        return owed


def _needs_block(words: list[str]) -> str | None:
    """The name under which PostgreSQL refuses the command outside of a transaction block."""
    first = words[0]
    if first == "savepoint":
        return "SAVEPOINT"
    if first == "release":
        return "RELEASE SAVEPOINT"
    if first in ("rollback", "abort") and "to" in words[1:3]:
        return "ROLLBACK TO SAVEPOINT"
    if "chain" in words and "no" not in words:
        return "COMMIT AND CHAIN" if first in ("commit", "end") else "ROLLBACK AND CHAIN"
    if first == "prepare":
        return "PREPARE TRANSACTION"
    return None
