"""The days of metrics, their sums, and what is shown of them."""

import math

import psycopg
import pytest

from tests.catalog.fix_catalog import rows

ADD = "SELECT kameleon.add_statement_days(%s::date[], %s, %s, %s, %s, %s, %s, %s, %s)"


def partitions(session):
    names = rows(
        session,
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid JOIN pg_class p ON p.oid = inhparent"
        " WHERE p.relname IN ('kdb_query_metrics', 'kdb_statement_days', 'kdb_entity_activity') ORDER BY 1",
    )
    return [name for (name,) in names]


def test_days_are_made_once_and_dropped_whole(catalog):
    session = catalog.session("SET timezone = 'Asia/Kolkata'")
    session.execute("SELECT kameleon.make_metric_days('2026-02-27', '2026-03-01')")
    session.execute("SELECT kameleon.make_metric_days('2026-02-28', '2026-03-01')")
    assert [name for name in partitions(session) if name.startswith("kdb_query")] == [
        "kdb_query_metrics_20260227",
        "kdb_query_metrics_20260228",
        "kdb_query_metrics_20260301",
    ]
    # days are UTC's, whatever the session's time zone
    insert = "INSERT INTO kameleon.kdb_query_metrics VALUES (%s, 1, 'SELECT', 'shared', 1, 0, 1, 0, 1, 1, 1, 'u', 'a')"
    session.execute(insert, ("2026-02-27 00:00+00",))
    session.execute(insert, ("2026-03-01 23:59:59.999999+00",))
    with pytest.raises(psycopg.errors.CheckViolation):
        session.execute(insert, ("2026-02-26 23:59+00",))
    assert rows(session, "SELECT kameleon.drop_metric_days('2026-03-01')") == [(6,)]
    assert len(partitions(session)) == 3
    assert rows(session, "SELECT count(*) FROM kameleon.kdb_query_metrics") == [(1,)]


def test_a_day_that_is_being_read_is_dropped_the_next_time(catalog):
    session, reader = catalog.session(), catalog.session()
    session.execute("SELECT kameleon.make_metric_days('2026-02-27', '2026-02-27')")
    with reader.transaction():
        reader.execute("SELECT count(*) FROM kameleon.kdb_query_metrics")
        assert rows(session, "SELECT kameleon.drop_metric_days('2026-03-01')") == [(2,)]
    assert rows(session, "SELECT kameleon.drop_metric_days('2026-03-01')") == [(1,)]
    assert partitions(session) == []


def test_a_percentile_is_within_a_tenth_of_what_was_counted(catalog):
    session = catalog.session()
    durations = [0.013 * 1.07**n for n in range(200)]
    latencies = [0] * 104
    for duration in durations:
        latencies[max(0, math.ceil(4 * math.log2(duration / 0.01)))] += 1
    for fraction in (0.01, 0.5, 0.95, 1.0):
        found = session.execute("SELECT kameleon.histogram_percentile(%s, %s)", (latencies, fraction)).fetchone()[0]
        exact = durations[math.ceil(fraction * 200) - 1]
        assert 0.9 < found / exact < 1.1
    assert rows(session, "SELECT kameleon.histogram_percentile('{}', 0.95)") == [(None,)]


def test_sums_add_up_over_batches_and_days(catalog):
    session = catalog.session()
    session.execute("CREATE TABLE orders (id int)")
    entity = rows(session, "SELECT entity_id FROM kameleon.entities")[0][0]
    session.execute("SELECT kameleon.make_metric_days('2026-02-27', '2026-02-28')")
    session.execute(
        "SELECT kameleon.add_statement_shapes('{7,8}', '{SELECT,UPDATE}', %s, '{2,0}', '{NULL,NULL}')",
        ([f"{{{entity}}}", f"{{{entity}}}"],),
    )
    days = ["2026-02-27", "2026-02-28", "2026-02-28"]
    for _ in range(2):
        session.execute(
            ADD,
            (days, [7, 7, 8], ["shared"] * 3, [10, 1, 4], [1, 0, 0], [5.0, 9.0, 4.0], [2.0, 9.0, 1.0], [100, 1, 4],
             ["{0,0,10}", "{0,0,0,0,1}", "{4}"]),
        )  # fmt: skip
    shown = "SELECT shape_id, entities, joins, calls, errors, total_ms, mean_ms, max_ms, rows, last_day::text"
    assert rows(session, shown + " FROM kameleon.query_stats ORDER BY 1") == [
        (7, ["orders"], 2, 22, 2, 28.0, 28 / 22, 9.0, 202, "2026-02-28"),
        (8, ["orders"], 0, 8, 0, 8.0, 1.0, 1.0, 8, "2026-02-28"),
    ]
    added = rows(session, "SELECT latencies FROM kameleon.kdb_statement_days WHERE day = '2026-02-27'")
    assert added == [([0, 0, 20],)]


def test_statements_are_shown_to_those_who_may_read_all_that_they_name(catalog):
    admin = catalog.session()
    admin.execute("CREATE ROLE metrics_reader LOGIN")
    try:
        admin.execute("CREATE TABLE open_to_all (id int)")
        admin.execute("CREATE TABLE closed (id int)")
        admin.execute("GRANT SELECT ON open_to_all TO metrics_reader")
        first, second = (row[0] for row in rows(admin, "SELECT entity_id FROM kameleon.entities ORDER BY 1"))
        admin.execute("SELECT kameleon.make_metric_days('2026-02-27', '2026-02-27')")
        admin.execute(
            "SELECT kameleon.add_statement_shapes('{1,2}', '{SELECT,SELECT}', %s, '{0,1}', '{NULL,NULL}')",
            ([f"{{{first}}}", f"{{{first},{second}}}"],),
        )
        one = [1, 1]
        ms = [1.0, 1.0]
        admin.execute(ADD, (["2026-02-27"] * 2, [1, 2], ["shared"] * 2, one, one, ms, ms, one, ["{1}", "{1}"]))
        reader = catalog.session(user="metrics_reader")
        assert rows(reader, "SELECT shape_id, entities FROM kameleon.query_stats") == [(1, ["open_to_all"])]
        assert rows(admin, "SELECT shape_id FROM kameleon.query_stats ORDER BY 1") == [(1,), (2,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT FROM kameleon.kdb_query_metrics")
    finally:
        admin.execute("DROP OWNED BY metrics_reader")
        catalog.close()
        catalog.postgres.execute("DROP ROLE metrics_reader")
