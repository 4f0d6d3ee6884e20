"""What the relay does behind a slow statement, message by message."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from catalog.metrics import MaterializationPolicy, MaterializationSuggestion
from catalog.suggestion_engine import Advice
from proxy.notices import Advising, Slow
from proxy.wire.frontend import Bind, Execute, Parse, Query
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    FLUSH,
    PARSE_COMPLETE,
    READY,
    SYNC,
    done,
    entity,
    error,
    notice,
    playbook,
    row,
)

ADVICE = Advice(1, "materialize", 0.5, 100.0, MaterializationSuggestion("orders", "why", "figures", "CALL it()", "low"))


def slow_book(*found: Advice, storage_mode: str = "shared") -> Any:
    """A conversation in which every statement takes too long, and this is found of it."""
    book = playbook(entity(storage_mode=storage_mode))
    assert book.knowledge is not None
    advising: Any = book.knowledge.database.advising
    advising.slow_after = -1.0

    async def look(*_: object) -> tuple[Advice, ...]:
        return found

    async def claim(*_: object) -> bool:
        return True

    advising.look = look
    advising.claim = claim
    return book


def run_slow(book: Any) -> None:
    """Up to what the client gets at once."""
    book.client(Query(b"SELECT * FROM orders"))
    book._sent_to_upstream.clear()
    book.upstream(done("SELECT 1"), READY).to_client(done("SELECT 1"))


async def finish_work(book: Any) -> None:
    (work,) = book.shell.works
    book.shell.works.clear()
    await work
    book.relay.worked()


async def test_ready_is_kept_back_until_it_has_been_looked_at() -> None:
    book = slow_book()
    run_slow(book)
    book.client(Query(b"SELECT 2")).quiet()
    assert not book.relay.is_idle
    await finish_work(book)
    # nothing to be told: the client gets its ReadyForQuery, and upstream what was sent meanwhile
    book.to_client(READY).to_upstream(Query(b"SELECT 2"))


@pytest.mark.parametrize(
    ("level", "is_told"), [("notice", True), ("log", True), ("debug5", True), ("warning", False), ("error", False)]
)
async def test_the_session_is_asked_whether_it_wants_to_be_told(level: str, is_told: bool) -> None:
    book = slow_book(ADVICE)
    run_slow(book)
    await finish_work(book)
    assert b"client_min_messages" in b"".join(book._sent_to_upstream)
    book.to_client()
    answer = row(level, None, "me", "me", "psql")
    ours = (CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, answer, done("SELECT 1"), CLOSE_COMPLETE, CLOSE_COMPLETE)
    book.upstream(*ours, READY)
    if is_told:
        await finish_work(book)
    told = notice("01K01", "why", D="figures", H="CALL it()", t="orders", R="kameleon_suggestion_low")
    book.to_client(*([told] if is_told else []), READY)


async def test_a_name_that_the_client_cannot_read_is_in_no_hint() -> None:
    advice = replace(ADVICE, suggestion=replace(ADVICE.suggestion, action="CALL it('\u8868')"))
    book = slow_book(advice)
    book.knowledge.encoding = "latin-1"
    run_slow(book)
    await finish_work(book)
    book._sent_to_upstream.clear()
    ours = (PARSE_COMPLETE, BIND_COMPLETE, row("notice", None, "me", "me", "psql"), done("SELECT 1"))
    book.upstream(CLOSE_COMPLETE, *ours, CLOSE_COMPLETE, CLOSE_COMPLETE, READY)
    await finish_work(book)
    book.to_client(READY)


async def test_a_question_that_fails_is_not_the_clients_matter() -> None:
    book = slow_book(ADVICE)
    run_slow(book)
    await finish_work(book)
    book.upstream(CLOSE_COMPLETE, error("57014", "canceling statement due to user request"), READY).to_client(READY)


async def test_a_proxy_that_drains_does_not_wait_for_a_session_that_was_looked_at() -> None:
    book = slow_book()
    run_slow(book)
    book.relay.tell_when_idle = True
    await finish_work(book)
    assert book.shell.idle_seen == 1


async def test_a_client_that_has_gone_meanwhile_is_sent_nothing() -> None:
    book = slow_book()
    run_slow(book)
    book.relay.closing = True
    await finish_work(book)
    book.to_client()


def test_a_statement_that_names_no_entity_is_not_looked_at() -> None:
    book = slow_book()
    book.client(Query(b"SELECT 1")).upstream(done("SELECT 1"), READY).to_client(done("SELECT 1"), READY)
    assert book.shell.works == []


def test_each_statement_of_a_query_may_be_the_slow_one() -> None:
    """Upstream tells of all of them at once."""
    book = slow_book()
    book.client(Query(b"BEGIN; SELECT * FROM orders WHERE id = 1; SELECT 2; SELECT * FROM orders; COMMIT"))
    book.upstream(done("BEGIN"), done("SELECT 1"), done("SELECT 1"), done("SELECT 1"), done("COMMIT"))
    slow = book.relay._slow
    assert [each.subject.outline for each in slow] == ["SELECT * FROM orders WHERE id = 0", "SELECT * FROM orders"]
    assert slow[0].seconds > 0


@pytest.mark.parametrize("mode", ["shared", "dedicated"])
@pytest.mark.parametrize("asked", [(Execute(b""), SYNC), (FLUSH, Execute(b""), SYNC)])
def test_the_types_of_parameters_are_known_of_it(mode: str, asked: tuple[Any, ...]) -> None:
    book = slow_book(storage_mode=mode)
    book.client(Parse(b"", b"SELECT * FROM orders WHERE id = $1", (1700,)), Bind(b"", b""), *asked)
    book.upstream(PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1"))
    assert [each.param_types for each in book.relay._slow] == [(1700,)]


class Unreachable:
    """A store of whose database nothing can be asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def connect(self) -> None:
        self.asked += 1
        raise OSError("no route to host")


async def test_a_database_that_gives_no_answer_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    book = slow_book()
    book.client(Query(b"SELECT * FROM orders WHERE id = 5"))
    book.upstream(done("SELECT 1"))
    (seen,) = book.relay._slow
    store: Any = Unreachable()

    async def stats_of(_: int) -> Any: ...

    advising = Advising(store, MaterializationPolicy, stats_of)
    now = monotonic()
    monkeypatch.setattr("proxy.notices.monotonic", lambda: now)
    slow = Slow(seen.subject, 1.0, b"SELECT 1", "public")
    for after, asked in ((0, 1), (1, 1), (8, 1), (2, 2), (12, 2), (9, 3)):
        now += after
        assert await advising.look(slow, book.relay.knowledge.snapshot) == ()
        assert store.asked == asked
