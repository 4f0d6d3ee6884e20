"""Samples add up to groups, groups to totals and to what the collectors are given."""

import pytest

from catalog.metrics import QueryMetric
from proxy.tally import Tally, rows_of
from proxy.wire.frontend import Query
from tests.playbook import READY, done, entity, error, playbook


@pytest.mark.parametrize(
    ("tag", "rows"),
    [("INSERT 0 5", 5), ("SELECT 0", 0), ("COPY 12", 12), ("MERGE 3", 3), ("CREATE TABLE", 0), ("", 0)],
)
def test_rows(tag, rows):
    assert rows_of(tag.encode()) == rows


class Recorded:
    """In place of a database's collector."""

    def __init__(self, script) -> None:
        self.metrics: list[QueryMetric] = []
        assert script.knowledge is not None
        script.knowledge.database.collector = self

    def record_query(self, metric: QueryMetric) -> None:
        self.metrics.append(metric)


def settled(script):
    """What the collector is given for all that the relay has timed."""
    recorded = Recorded(script)
    script.tally.add(script.tally.timings.take())
    script.tally.settle()
    return recorded.metrics


def ran(script, sql, *tags):
    return script.client(Query(sql)).upstream(*map(done, tags), READY)


def test_statements_that_differ_in_literals_are_one_shape():
    script = playbook(entity())
    for number in (1, 2, 3):
        ran(script, b"SELECT * FROM orders WHERE id = %d" % number, f"SELECT {number}")
    (metric,) = settled(script)
    assert metric.shape.text == "SELECT * FROM orders WHERE id = ?"
    assert (metric.shape.query_type, metric.shape.entity_ids, metric.shape.storage_modes) == (
        "SELECT",
        (17,),
        ("shared",),
    )
    assert (metric.calls, metric.errors, metric.row_count, metric.most_rows) == (3, 0, 6, 3)
    assert (metric.user_name, metric.application_name) == ("ada", "psql")
    assert sum(metric.latencies) == 3
    assert 0 < metric.slowest_ms < metric.execution_time_ms < 1000


@pytest.mark.parametrize("mode", ["shared", "dedicated"])
def test_a_shape_is_the_same_on_either_storage(mode):
    script = playbook(entity(storage_mode=mode), entity(18, "lines"))
    ran(script, b"SELECT * FROM orders AS o1 WHERE id = 1 -- 2\n", "SELECT 1")
    ran(script, b"SELECT * FROM orders AS o1 WHERE id = 3 -- four\n", "SELECT 1")
    (metric,) = settled(script)
    assert (metric.shape.text, metric.calls) == ("SELECT * FROM orders AS o1 WHERE id = ?", 2)
    assert metric.shape.storage_mode == mode


def test_a_joins_entities_may_be_kept_differently():
    script = playbook(entity(storage_mode="dedicated"), entity(18, "lines"))
    ran(script, b"SELECT * FROM orders JOIN lines USING (id)", "SELECT 1")
    (metric,) = settled(script)
    assert sorted(zip(metric.shape.entity_ids, metric.shape.storage_modes, strict=True)) == [
        (17, "dedicated"),
        (18, "shared"),
    ]
    assert (metric.shape.storage_mode, metric.shape.joins) == ("mixed", 1)


def test_digits_in_names_make_another_shape_of_a_passed_statement():
    script = playbook(entity(17, "t1", storage_mode="dedicated"), entity(18, "t2", storage_mode="dedicated"))
    ran(script, b"SELECT * FROM t1 WHERE id = 1", "SELECT 1")
    ran(script, b"SELECT * FROM t1 WHERE id = 2", "SELECT 1")
    ran(script, b"SELECT * FROM t2 WHERE id = 1", "SELECT 1")
    found = [(metric.shape.text, metric.shape.entity_ids, metric.calls) for metric in settled(script)]
    assert sorted(found) == [("SELECT * FROM t1 WHERE id = ?", (17,), 2), ("SELECT * FROM t2 WHERE id = ?", (18,), 1)]


def test_what_names_no_entity_is_counted_by_kind():
    script = playbook(entity(), entity(0, "pg_class", kind="catalog"))
    ran(script, b"SELECT 1", "SELECT 1")
    ran(script, b"BEGIN; COMMIT", "BEGIN", "COMMIT")
    ran(script, b"SELECT * FROM pg_class", "SELECT 1")
    script.client(Query(b"UPDATE nothing SET a = 1")).upstream(error("42P01", "nothing"), READY)
    ran(script, b"DELETE FROM orders", "DELETE 2")
    assert [metric.shape.query_type for metric in settled(script)] == ["DELETE"]
    assert script.tally.statements == {
        ("SELECT", "passed"): 1,
        ("TRANSACTION", "passed"): 2,
        ("SELECT", "rewritten"): 1,
        ("UPDATE", "passed"): 1,
        ("DELETE", "rewritten"): 1,
    }
    assert script.tally.errors == {("UPDATE", "passed"): 1}
    assert sum(script.tally.latencies) == 6


def test_statements_whose_answers_came_in_one_chunk_share_its_time():
    script = playbook(entity())
    ran(script, b"SELECT 1", "SELECT 1")
    ran(script, b"SELECT * FROM orders; DELETE FROM orders; SELECT 1", "SELECT 1", "DELETE 2", "SELECT 1")
    ran(script, b"SELECT 1", "SELECT 1")
    samples = script.tally.timings.take()
    together = samples[1][2] - samples[1][1]
    recorded = Recorded(script)
    script.tally.add(samples)
    script.tally.settle()
    assert [metric.execution_time_ms for metric in recorded.metrics] == [pytest.approx(together * 1000 / 3)] * 2
    assert script.tally.seconds == pytest.approx(sum(ended - started for _, started, ended, *_ in samples))


def test_a_shape_is_quick_when_its_statements_were():
    script = playbook(entity())
    sql = b"SELECT * FROM orders"
    assert script.knowledge is not None
    Recorded(script)
    for seconds, quick in ((0.5, False), (0.0005, True), (0.5, False)):
        ran(script, sql, "SELECT 1")
        ((subject, started, _, tag, caller),) = script.tally.timings.take()
        script.tally.add([(subject, started, started + seconds, tag, caller)])
        script.tally.settle()
        assert script.knowledge.rewrite(sql.decode()).is_quick is quick


def test_a_change_of_user_or_application_makes_another_caller():
    script = playbook(entity())
    caller = script.relay.caller
    assert caller.changed(b"TimeZone", b"UTC") is caller
    other = caller.changed(b"application_name", b"shop").changed(b"session_authorization", b"bob")
    assert (other.user, other.application) == ("bob", "shop")
    assert other.changed(b"application_name", b"psql").changed(b"session_authorization", b"ada") is caller


async def test_a_batch_that_is_quick_is_known_to_be_before_it_is_settled():
    script = playbook(entity())
    sql = b"SELECT * FROM orders"
    assert script.knowledge is not None
    tally = Tally(1000)
    Recorded(script)
    for number in range(10):
        assert not script.knowledge.rewrite(sql.decode()).is_quick
        ran(script, sql, "SELECT 1")
        ((subject, started, _, tag, caller),) = script.tally.timings.take()
        tally.timings.append((subject, started + number, started + number + 0.0005, tag, caller))
        tally.look()
    assert script.knowledge.rewrite(sql.decode()).is_quick
    tally.settle()
