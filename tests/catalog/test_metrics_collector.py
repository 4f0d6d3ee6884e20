"""The collector against a real database: what is written, and what becomes of it when that does not go well."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

import asyncpg
import pytest

from catalog import metrics_collector
from catalog.metrics import LATENCY_BOUNDS, MaterializationPolicy, QueryMetric, StatementShape
from catalog.metrics_collector import MetricsCollector
from tests.catalog.fix_catalog import rows


def metric(shape, calls=1, errors=0, ms=2.0, slowest=2.0, returned=10, user="ada", application="app", when=0.0):
    latencies = [0] * (len(LATENCY_BOUNDS) + 1)
    latencies[30] = calls
    return QueryMetric(
        shape=shape,
        calls=calls,
        errors=errors,
        execution_time_ms=ms,
        slowest_ms=slowest,
        row_count=returned,
        most_rows=returned,
        latencies=tuple(latencies),
        user_name=user,
        application_name=application,
        completed=when or perf_counter(),
    )


def shape(*entities, kind="SELECT", text="SELECT ?", joins=0, mode="shared"):
    return StatementShape.of(kind, text, dict.fromkeys(entities, mode), joins)


class Collecting:
    """A collector with a policy that a test changes as it goes."""

    def __init__(self, dsn, **options):
        self.policy = MaterializationPolicy()
        self.collector = MetricsCollector(
            lambda: asyncpg.connect(dsn), lambda: self.policy, **({"interval": 3600} | options)
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.collector.close()


@pytest.fixture
def entities(catalog):
    session = catalog.session()
    session.execute("CREATE TABLE a (id int)")
    session.execute("CREATE TABLE b (id int)")
    return [entity for (entity,) in rows(session, "SELECT entity_id FROM kameleon.entities ORDER BY 1")]


RAW = "SELECT entity_id, query_type, storage_mode, joins, calls, errors, execution_time_ms, slowest_ms, row_count"


async def test_a_row_for_each_entity_and_sums_of_shapes_and_entities(catalog, entities):
    a, b = entities
    joined = shape(a, b, joins=1)
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        before = datetime.now(UTC)
        for ms in (2.0, 6.0):
            at.collector.record_query(metric(joined, ms=ms, slowest=ms))
        at.collector.record_query(metric(joined, user="bob"))
        at.collector.record_query(metric(shape(b, kind="UPDATE", mode="dedicated"), calls=3, errors=1, returned=7))
        await at.collector.flush()
        assert (at.collector.recorded, at.collector.pending, at.collector.dropped) == (6, 0, 0)
        session = catalog.session()
        assert rows(session, RAW + ", user_name FROM kameleon.kdb_query_metrics ORDER BY query_type, 1, user_name") == [
            (a, "SELECT", "shared", 1, 2, 0, 8.0, 6.0, 20, "ada"),
            (a, "SELECT", "shared", 1, 1, 0, 2.0, 2.0, 10, "bob"),
            (b, "SELECT", "shared", 1, 2, 0, 8.0, 6.0, 20, "ada"),
            (b, "SELECT", "shared", 1, 1, 0, 2.0, 2.0, 10, "bob"),
            (b, "UPDATE", "dedicated", 0, 3, 1, 2.0, 2.0, 7, "ada"),
        ]
        ((first, last),) = rows(session, "SELECT min(recorded_at), max(recorded_at) FROM kameleon.kdb_query_metrics")
        assert before - timedelta(seconds=1) < first <= last < datetime.now(UTC) + timedelta(seconds=1)
        shown = "SELECT entities, query_type, storage_mode, joins, calls, total_ms, p95_ms, rows, statement"
        assert rows(session, shown + " FROM kameleon.query_stats ORDER BY query_type") == [
            (["a", "b"], "SELECT", "shared", 1, 3, 10.0, pytest.approx(1.66, abs=0.01), 30, None),
            (["b"], "UPDATE", "dedicated", 0, 3, 2.0, pytest.approx(1.66, abs=0.01), 7, None),
        ]
        stats = await at.collector.get_entity_stats(b)
        assert (stats.calls, stats.joins, stats.writes, stats.total_ms, stats.slowest_ms) == (6, 3, 3, 12.0, 6.0)
        assert (stats.row_count, stats.most_rows) == (37, 10)
        assert stats.last_used is not None
        assert (await at.collector.get_entity_stats(12345)).last_used is None


async def test_the_text_is_kept_only_as_long_as_that_is_wanted(catalog, entities):
    one = shape(entities[0], text="SELECT * FROM a WHERE id IN (?, ?, ?) AND (x, y) IN (($1, $2), ($3, $4))")
    session = catalog.session()
    kept = "SELECT statement FROM kameleon.query_stats"
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        at.collector.record_query(metric(one))
        await at.collector.flush()
        assert rows(session, kept) == [(None,)]
        at.policy = MaterializationPolicy(store_sql_text=True)
        at.collector.record_query(metric(one))
        await at.collector.flush()
        assert rows(session, kept) == [("SELECT * FROM a WHERE id IN (?, ...) AND (x, y) IN ((?, ...), ...)",)]
        session.execute("INSERT INTO kameleon.settings VALUES ('store_sql_text', 'off')")
        assert rows(session, kept) == [(None,)]


async def test_nothing_is_recorded_where_it_is_not_wanted_or_names_no_entity(catalog, entities):
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        at.collector.record_query(metric(StatementShape("SELECT")))
        at.policy = MaterializationPolicy(enabled=False)
        at.collector.record_query(metric(shape(entities[0])))
        assert at.collector.pending == 0


async def test_a_database_that_does_not_take_them_holds_nobody_up_and_loses_nothing(catalog, entities, capsys):
    one = shape(entities[0])
    locker = catalog.session()
    async with Collecting(catalog.postgres.dsn(catalog.name), interval=0, stalled_after=0.05) as at:
        at.collector.record_query(metric(one))
        await at.collector.flush()
        with locker.transaction():
            locker.execute("LOCK TABLE kameleon.kdb_query_metrics")
            for _ in range(1000):
                started = perf_counter()
                at.collector.record_query(metric(one))
                assert perf_counter() - started < 0.1
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                while not at.collector.stalls:
                    await asyncio.sleep(0.01)
            for _ in range(1000):
                at.collector.record_query(metric(one))
            assert at.collector.pending <= 2
        async with asyncio.timeout(10):
            while at.collector.recorded < 2001:
                await asyncio.sleep(0.01)
        assert at.collector.dropped == 0
    assert rows(locker, "SELECT sum(calls)::int FROM kameleon.kdb_query_metrics") == [(2001,)]
    said = capsys.readouterr()
    assert "metrics are not written: the database takes its time" in said.out + said.err
    assert "metrics are written again" in said.out + said.err


async def test_what_is_pending_is_bounded_and_what_does_not_fit_is_counted(catalog, entities):
    async with Collecting(catalog.postgres.dsn(catalog.name), max_pending=10) as at:
        for number in range(15):
            at.collector.record_query(metric(shape(entities[0], text=f"SELECT {number}"), calls=2))
        assert (at.collector.pending, at.collector.dropped) == (10, 10)
        at.collector.record_query(metric(shape(entities[0], text="SELECT 3"), calls=2))
        assert (at.collector.pending, at.collector.dropped) == (10, 10)


async def test_a_lost_connection_is_made_again_and_what_was_pending_written(catalog, entities):
    async with Collecting(catalog.postgres.dsn(catalog.name), interval=0.01) as at:
        at.collector.record_query(metric(shape(entities[0])))
        await at.collector.flush()
        session = catalog.session()
        session.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'kameleon metrics'"
        )
        at.collector.record_query(metric(shape(entities[0])))
        async with asyncio.timeout(10):
            while at.collector.recorded < 2:
                await asyncio.sleep(0.01)
        assert rows(session, "SELECT sum(calls)::int FROM kameleon.kdb_query_metrics") == [(2,)]


async def test_what_is_pending_at_the_end_is_written_or_counted(catalog, entities):
    dsn = catalog.postgres.dsn(catalog.name)
    async with Collecting(dsn) as at:
        at.collector.record_query(metric(shape(entities[0])))
    session = catalog.session()
    assert rows(session, "SELECT sum(calls)::int FROM kameleon.kdb_query_metrics") == [(1,)]
    async with Collecting(dsn, interval=0) as at:
        with session.transaction():
            session.execute("LOCK TABLE kameleon.kdb_query_metrics")
            at.collector.record_query(metric(shape(entities[0]), calls=5))
            await asyncio.sleep(0.1)
            await at.collector.close(timeout=0.2)
        assert (at.collector.dropped, at.collector.pending) == (5, 0)
        at.collector.record_query(metric(shape(entities[0])))
        assert at.collector.dropped == 6


async def test_old_days_go_by_the_policy(catalog, entities):
    session = catalog.session()
    session.execute("SELECT kameleon.make_metric_days(current_date - 9, current_date)")
    days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'kameleon.kdb_query_metrics'::regclass"
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        at.policy = MaterializationPolicy(retention_days=8)
        assert await at.collector.cleanup_old_metrics() == 6
        assert rows(session, days) == [(8,)]
        # The first batch does so by itself.
        at.policy = MaterializationPolicy(retention_days=1)
        at.collector.record_query(metric(shape(entities[0])))
        await at.collector.flush()
        assert rows(session, days) == [(2,)]  # and tomorrow's


async def test_days_are_the_servers_and_rows_are_not_drawn_out_over_midnight(catalog, entities, monkeypatch):
    session = catalog.session("SET timezone = 'UTC'")
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        one = shape(entities[0])
        at.collector.record_query(metric(one, when=perf_counter() - 86_400))
        at.collector.record_query(metric(one))
        # A clock of this machine that is a year late.
        monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
        await at.collector.flush()
    found = rows(session, "SELECT day - current_date, calls FROM kameleon.kdb_statement_days ORDER BY 1")
    assert [(day, calls) for day, calls in found] == [(-1, 1), (0, 1)]


async def test_more_shapes_than_anybody_would_look_at_are_one(catalog, entities, monkeypatch):
    monkeypatch.setattr(metrics_collector, "_SHAPES_PER_DAY", 3)
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        at.policy = MaterializationPolicy(store_sql_text=True)
        for number in range(6):
            at.collector.record_query(metric(shape(entities[0], text=f"SELECT {number}")))
        await at.collector.flush()
    assert rows(catalog.session(), "SELECT statement, calls FROM kameleon.query_stats ORDER BY 1") == [
        ("...", 3),
        ("SELECT 0", 1),
        ("SELECT 1", 1),
        ("SELECT 2", 1),
    ]


async def test_days_that_somebody_dropped_are_made_again(catalog, entities):
    async with Collecting(catalog.postgres.dsn(catalog.name)) as at:
        at.collector.record_query(metric(shape(entities[0])))
        await at.collector.flush()
        session = catalog.session()
        session.execute("SELECT kameleon.drop_metric_days('2100-01-01')")
        at.collector.record_query(metric(shape(entities[0])))
        with pytest.raises(asyncpg.CheckViolationError):
            await at.collector.flush()
        await at.collector.flush()
        assert (at.collector.recorded, at.collector.pending) == (2, 0)
        assert rows(session, "SELECT calls FROM kameleon.query_stats") == [(1,)]
