"""What the relay times, and where it puts a Flush to be able to."""

from proxy.tally import Caller
from proxy.timing import Timings
from proxy.wire.backend import Backend
from proxy.wire.framing import frame
from proxy.wire.frontend import Bind, Execute, Parse, Query
from rewriter import Kind
from tests.playbook import (
    BIND_COMPLETE,
    COPY_IN,
    EMPTY,
    FLUSH,
    PARSE_COMPLETE,
    READY,
    SYNC,
    answer,
    done,
    entity,
    error,
    playbook,
)


def timed(script):
    return [(each.kind, each.entities, each.rows, each.failed) for each in script.timings.take()]


def test_a_statement_is_timed_from_its_first_byte_to_its_completion():
    script = playbook(entity()).client(Query(b"SELECT * FROM orders WHERE id = 7"))
    assert len(script.timings) == 0
    script.upstream(done("SELECT 1"))
    (timing,) = script.timings.take()
    assert timing.entities == (17,)
    assert 0 < timing.duration < 1
    assert timing.tag == "SELECT 1"


def test_passed_failed_empty_and_suspended():
    script = playbook(entity()).client(Query(b"SELECT 'x', 1")).upstream(done("SELECT 1"), READY)
    script.client(Query(b"SELEC")).upstream(error("42601", "syntax error"), READY)
    script.client(Query(b"")).upstream(EMPTY, READY)
    script.client(Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"", 1), SYNC)
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, frame(Backend.PORTAL_SUSPENDED, b""), READY)
    assert timed(script) == [
        (Kind.SELECT, (), 1, False),
        (Kind.UTILITY, (), 0, True),
        (Kind.EMPTY, (), 0, False),
        (Kind.SELECT, (), 0, False),
    ]


def test_copy():
    script = playbook(entity()).client(Query(b"COPY orders FROM STDIN")).upstream(COPY_IN)
    assert len(script.timings) == 0
    script.client(frame(ord("d"), b"1\n"), frame(ord("c"), b"")).upstream(done("COPY 1"), READY)
    assert timed(script) == [(Kind.COPY, (17,), 1, False)]


def test_a_dedicated_entity_is_named_though_nothing_is_rewritten():
    script = playbook(entity(storage_mode="dedicated")).client(Query(b"SELECT * FROM orders"))
    script.to_upstream(Query(b"SELECT * FROM orders")).upstream(done("SELECT 0"), READY)
    assert timed(script) == [(Kind.SELECT, (17,), 0, False)]


def test_so_it_is_among_several_statements():
    script = playbook(entity(storage_mode="dedicated")).client(Query(b"SELECT 1; DELETE FROM orders"))
    script.upstream(done("SELECT 1"), done("DELETE 2"), READY)
    assert timed(script) == [(Kind.SELECT, (), 1, False), (Kind.DELETE, (17,), 2, False)]


def test_the_proxys_own_statements_are_not_timed():
    script = playbook(entity(), names_known=False).client(Query(b"SELECT * FROM orders"))
    script.upstream(answer(), done("SELECT 0"), READY)
    assert timed(script) == [(Kind.SELECT, (17,), 0, False)]


def test_a_statement_of_a_pipeline_begins_when_the_one_before_it_is_complete():
    script = playbook(entity()).client(Query(b"SELECT 1"), Query(b"SELECT 2"))
    script.upstream(done("SELECT 1"), READY).upstream(done("SELECT 1"), READY)
    first, second = script.tally.timings.take()
    assert second[1] == first[2]
    assert first[1] < first[2] < second[2]


CYCLE = [Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"")]


def test_an_execute_in_the_middle_of_a_pipeline_is_flushed():
    playbook(entity(), precise=True).client(*CYCLE, *CYCLE, SYNC).to_upstream(*CYCLE, FLUSH, *CYCLE, SYNC)


def test_an_execute_at_the_end_of_what_came_is_flushed():
    playbook(entity(), precise=True).client(*CYCLE).to_upstream(*CYCLE, FLUSH)


def test_an_execute_that_is_flushed_anyway_is_not_flushed_again():
    playbook(entity(), precise=True).client(*CYCLE, FLUSH, *CYCLE, SYNC).to_upstream(*CYCLE, FLUSH, *CYCLE, SYNC)


def test_an_execute_that_is_known_to_be_quick_is_not_flushed_but_before_one_that_is_not():
    slow = [Parse(b"", b"SELECT slow"), Bind(b"", b""), Execute(b"")]
    script = playbook(entity(), precise=True)
    assert script.knowledge is not None
    script.knowledge.texts.facts(b"SELECT 1").is_quick = True
    script.client(*CYCLE, *CYCLE, *slow, SYNC)
    script.to_upstream(*CYCLE, *CYCLE, *slow[:2], FLUSH, slow[2], SYNC)
    script.upstream(*[PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1")] * 2)
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1"), READY)
    script.client(*CYCLE, *CYCLE, SYNC).to_upstream(*CYCLE, *CYCLE, SYNC)


def test_what_came_in_one_chunk_with_a_statement_that_was_flushed_has_no_part_in_its_time():
    """A quick one behind a slow one is answered before the slow one's answer has been read."""
    slow = [Parse(b"", b"SELECT slow"), Bind(b"", b""), Execute(b"")]
    complete = [PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1")]
    script = playbook(entity(), precise=True)
    assert script.knowledge is not None
    for quick in (False, True):
        script.knowledge.texts.facts(b"SELECT 1").is_quick = quick
        script.client(*slow, *CYCLE, *CYCLE, SYNC).upstream(*complete * 3, READY)
        durations = [ended - started for _, started, ended, _, _ in script.tally.timings.take()]
        assert durations[0] > durations[1] > 0
        assert sum(durations[1:]) < 1e-5


def test_statements_of_one_query_share_a_chunk():
    script = playbook(entity(), precise=True).client(Query(b"SELECT 1; SELECT 2; SELECT * FROM orders"))
    script.upstream(*[done("SELECT 1")] * 3, READY)
    durations = [ended - started for _, started, ended, _, _ in script.tally.timings.take()]
    assert durations[0] > 0
    assert durations[1:] == [0, 0]


def test_what_waits_is_bounded_and_so_is_each_statement():
    timings, woken = Timings(2, lambda: woken.append(True)), []
    caller = Caller(None, None, "", "")
    for _ in range(3):
        timings.append((b"SELECT 1", 1.0, 2.0, b"SELECT 1", caller))
    assert (len(timings), timings.dropped, woken) == (2, 1, [True])
    assert len(timings.take()) == 2
    assert len(timings) == 0
    for sql in (b"SELECT '" + b"x" * 100_000 + b"'", b"SELECT * FROM orders WHERE name = '" + b"x" * 100_000 + b"'"):
        script = playbook(entity(storage_mode="dedicated")).client(Query(sql)).upstream(done("SELECT 1"))
        ((subject, *_),) = script.tally.timings.take()
        assert len(subject if isinstance(subject, bytes) else subject.sql) < 3000
