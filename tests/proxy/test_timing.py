import pytest

from proxy.timing import Timings, rows_of
from proxy.wire.backend import Backend
from proxy.wire.framing import frame
from proxy.wire.frontend import Bind, Execute, Parse, Query
from rewriter import Kind
from tests.playbook import (
    BIND_COMPLETE,
    COPY_IN,
    EMPTY,
    PARSE_COMPLETE,
    READY,
    SYNC,
    answer,
    done,
    entity,
    error,
    playbook,
)


@pytest.mark.parametrize(
    ("tag", "rows"),
    [("INSERT 0 5", 5), ("SELECT 0", 0), ("COPY 12", 12), ("MERGE 3", 3), ("CREATE TABLE", None), ("", None)],
)
def test_rows(tag, rows):
    assert rows_of(tag.encode()) == rows


def timed(script):
    return [(each.kind, each.entities, each.rows, each.failed) for each in script.timings]


def test_a_statement_is_timed_from_its_first_byte_to_its_completion():
    script = playbook(entity()).client(Query(b"SELECT * FROM orders WHERE id = 7"))
    assert len(script.timings) == 0
    script.upstream(done("SELECT 1"))
    timing = next(iter(script.timings))
    assert timing.shape == "SELECT * FROM orders WHERE id = ?"
    assert timing.entities == (17,)
    assert 0 <= timing.duration_ms < 1000
    assert timing.started_at > 1_700_000_000
    assert timing.tag == "SELECT 1"


def test_passed_failed_empty_and_suspended():
    script = playbook(entity()).client(Query(b"SELECT 'x', 1")).upstream(done("SELECT 1"), READY)
    script.client(Query(b"SELEC")).upstream(error("42601", "syntax error"), READY)
    script.client(Query(b"")).upstream(EMPTY, READY)
    script.client(Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"", 1), SYNC)
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, frame(Backend.PORTAL_SUSPENDED, b""), READY)
    assert timed(script) == [
        (Kind.SELECT, (), 1, False),
        (Kind.UTILITY, (), None, True),
        (Kind.EMPTY, (), None, False),
        (Kind.SELECT, (), None, False),
    ]
    assert next(iter(script.timings)).shape == "SELECT ?, ?"


def test_copy():
    script = playbook(entity()).client(Query(b"COPY orders FROM STDIN")).upstream(COPY_IN)
    assert len(script.timings) == 0
    script.client(frame(ord("d"), b"1\n"), frame(ord("c"), b"")).upstream(done("COPY 1"), READY)
    assert timed(script) == [(Kind.COPY, (17,), 1, False)]


def test_a_dedicated_entity_is_named_though_nothing_is_rewritten():
    script = playbook(entity(storage_mode="dedicated")).client(Query(b"SELECT * FROM orders"))
    script.to_upstream(Query(b"SELECT * FROM orders")).upstream(done("SELECT 0"), READY)
    assert timed(script) == [(Kind.SELECT, (17,), 0, False)]


def test_the_proxys_own_statements_are_not_timed():
    script = playbook(entity(), names_known=False).client(Query(b"SELECT * FROM orders"))
    script.upstream(answer(), done("SELECT 0"), READY)
    assert timed(script) == [(Kind.SELECT, (17,), 0, False)]


def test_the_history_is_bounded_and_so_is_each_statement():
    timings = Timings(2)
    for number in range(3):
        timings.append((b"SELECT %d" % number + b" " * 10, 1.0, 2.0, b"SELECT 1"))
    assert len(timings) == 2
    assert [each.duration_ms for each in timings.take()] == [1000.0, 1000.0]
    assert len(timings) == 0
    script = playbook().client(Query(b"SELECT '" + b"x" * 100_000 + b"'")).upstream(done("SELECT 1"))
    assert len(next(iter(script.timings)).shape) < 3000
