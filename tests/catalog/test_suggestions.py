"""The facts that advice is made of, what is shown of it, and the gain of dedicated storage measured."""

import json

import asyncpg
import psycopg
import pytest

from catalog.advisor import review_entities
from catalog.metrics import MaterializationPolicy
from catalog.metrics_collector import MetricsCollector
from catalog.store import open_store
from tests.catalog.fix_catalog import rows

SETUP = [
    "CREATE TABLE customers (id int PRIMARY KEY, city text)",
    "CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers, status text, placed timestamptz)",
]


@pytest.fixture
def shop(catalog):
    """Two shared tables with 1,000 and 20,000 rows."""
    session = catalog.session()
    for statement in SETUP:
        session.execute(statement)
    customers, orders = catalog.views("customers")["insert"], catalog.views("orders")["insert"]
    session.execute(f"INSERT INTO {customers} SELECT n, 'city ' || n % 40 FROM generate_series(1, 1000) AS n")
    session.execute(
        f"INSERT INTO {orders} SELECT n, 1 + n % 1000, 'status ' || n % 4, now() FROM generate_series(1, 20000) AS n"
    )
    return session


def facts(session, table, *columns, path="public", tested=None):
    found = session.execute(
        "SELECT kameleon.entity_facts(e.entity_id, %s, %s, %s, %s, true) FROM kameleon.kdb_entity_definitions e"
        " WHERE e.relid = %s::regclass",
        (list(columns), tested, list(columns), path, table),
    ).fetchone()
    return found[0] if not isinstance(found[0], str) else json.loads(found[0])


def test_facts_of_documents(shop):
    found = facts(shop, "orders", "customer_id", "status", "id")
    assert found["name"] == "orders"
    assert found["rows"] == pytest.approx(20_000, rel=0.05)
    assert found["distinct"]["status"] == 4
    assert found["distinct"]["customer_id"] == pytest.approx(1000, rel=0.3)
    assert found["distinct"]["id"] == pytest.approx(20_000, rel=0.2)
    assert found["indexes"] == [["id"]]
    assert 0 < found["row_us"] < found["document_us"]
    assert facts(shop, "orders", path="pg_catalog")["name"] == "public.orders"


@pytest.mark.parametrize("storage", ["shared", "dedicated"])
def test_facts_tell_which_columns_no_index_takes(catalog, storage):
    session = catalog.session(storage=storage)
    fit = [
        *("t text", "v varchar(9)", "c char(3)", "a int[]", "r int4range", "m moods", "d names", "u uuid", "j jsonb"),
        *("i inet", "y timestamptz"),
    ]
    unfit = ["p point", "b box", "x json", "pa point[]", "l text"]
    session.execute("CREATE TYPE moods AS ENUM ('glad')")
    session.execute("CREATE DOMAIN names AS text")
    session.execute(f"CREATE TABLE kinds ({', '.join(fit + unfit)})")
    target = catalog.views("kinds")["insert"] if storage == "shared" else "kinds"
    session.execute(
        f"INSERT INTO {target} (t, l) SELECT 'short', repeat(md5(n::text), 100) FROM generate_series(1, 9) n"
    )
    columns = [each.split()[0] for each in fit + unfit]
    assert sorted(facts(session, "kinds", *columns)["unfit"]) == ["b", "l", "p", "pa", "x"]


def test_facts_of_a_table_tell_whether_there_is_a_way_back(shop):
    shop.execute("CALL kameleon.materialize_entity('orders')")
    shop.execute("ANALYZE orders")
    found = facts(shop, "orders", "status")
    assert (found["storage_mode"], found["can_be_shared"]) == ("dedicated", True)
    assert found["distinct"] == {"status": 4}
    shop.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    shop.execute("CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()")
    assert facts(shop, "orders")["can_be_shared"] is False


def test_simulate_tells_both_times_and_leaves_nothing_behind(shop):
    before = rows(shop, "SELECT count(*) FROM pg_class")
    found = rows(shop, "SELECT shape, shared_ms, dedicated_ms, gain, rows, sampled FROM kameleon.simulate('orders')")
    assert [shape for shape, *_ in found] == [
        "made up: reading all columns of all rows",
        "made up: one row by its primary key",
        "made up: a join by foreign key orders_customer_id_fkey, all rows",
    ]
    for _, shared, dedicated, gain, count, sampled in found:
        assert gain == pytest.approx(1 - dedicated / shared, abs=0.05 if shared < 0.01 else 0.01)
        assert (count, sampled) == (20_000, 1)
    assert found[0][3] > 0
    assert rows(shop, "SELECT count(*) FROM pg_class") == before
    assert rows(shop, "SELECT storage_mode FROM kameleon.entities WHERE entity_name = 'orders'") == [("shared",)]


def test_simulate_reads_a_sample_of_more_rows_than_it_may_copy(shop):
    found = rows(shop, "SELECT rows, sampled FROM kameleon.simulate('orders', max_rows => 5000)")
    assert found[0][0] == 5000
    assert found[0][1] == pytest.approx(0.25, rel=0.1)


def test_simulate_copies_no_more_than_it_has_time_for(shop):
    found = rows(shop, "SELECT rows, sampled FROM kameleon.simulate('orders', budget => '30 ms')")
    assert found[0][0] < 20_000
    assert found[0][1] < 1


def record(session, statements, mean_ms=9.0):
    """As the collector would with store_sql_text on."""
    session.execute(
        "SELECT kameleon.make_metric_days((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date)"
    )
    (orders,) = rows(session, "SELECT entity_id FROM kameleon.entities WHERE entity_name = 'orders'")
    for number, statement in enumerate(statements):
        session.execute(
            "SELECT kameleon.add_statement_shapes(%s, %s, %s, %s, %s)",
            ([number], ["SELECT"], [f"{{{orders[0]}}}"], [0], [statement]),
        )
        session.execute(
            "SELECT kameleon.add_statement_days(%s::date[], %s, %s, %s, %s, %s, %s, %s, %s)",
            (["today"], [number], ["shared"], [1], [0], [mean_ms], [mean_ms], [1], ["{1}"]),
        )


def recorded(session, budget="10 s"):
    found = rows(session, f"SELECT shape, shared_ms, dedicated_ms FROM kameleon.simulate('orders', '{budget}')")
    return [(shape.removeprefix("recorded: "), *times) for shape, *times in found if shape.startswith("recorded")]


def test_simulate_replays_statements_whose_text_was_recorded(shop):
    grouped = "SELECT status, count(*) FROM orders WHERE status = ? GROUP BY 1 LIMIT ?"
    record(
        shop,
        [
            grouped,
            "SELECT count(*) FROM orders WHERE nextval('orders_seen') > ?",
            "SELECT count(*) FROM orders WHERE nextval('orders_seen') > id",
            "SELECT * FROM orders WHERE f(?)",
        ],
    )
    shop.execute("CREATE SEQUENCE orders_seen")
    ((shape, shared, dedicated),) = recorded(shop)
    assert shape == grouped
    assert shared > 0 and dedicated > 0
    # it was tried, read-only
    assert rows(shop, "SELECT is_called FROM orders_seen") == [(False,)]


def test_simulate_calls_no_functions_that_others_made(catalog, shop):
    shop.execute("CREATE ROLE sim_maker")
    shop.execute("GRANT CREATE ON SCHEMA public TO sim_maker")
    try:
        shop.execute("CREATE FUNCTION mine(int) RETURNS int LANGUAGE sql AS 'SELECT $1'")
        shop.execute("SET ROLE sim_maker")
        shop.execute(
            "CREATE FUNCTION theirs(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''called''; RETURN 1; END'"
        )
        shop.execute("CREATE OPERATOR @@@ (FUNCTION = theirs, RIGHTARG = int)")
        shop.execute("CREATE VIEW of_theirs AS SELECT theirs(1) AS id")
        shop.execute("RESET ROLE")
        called = []
        shop.add_notice_handler(lambda each: called.append(each.message_primary))
        mine = "SELECT mine(id) FROM orders"
        record(
            shop,
            [
                mine,
                "SELECT theirs(id) FROM orders",
                "SELECT @@@ id FROM orders",
                "SELECT id FROM orders JOIN of_theirs USING (id)",
            ],
        )
        assert [shape for shape, *_ in recorded(shop)] == [mine]
        assert called == []
    finally:
        shop.execute("DROP OWNED BY sim_maker")
        shop.execute("DROP ROLE sim_maker")


def test_simulate_leaves_out_what_takes_longer_than_it_has_time(shop):
    record(shop, ["SELECT count(*) FROM orders"], mean_ms=5000)
    assert recorded(shop) == []
    assert len(recorded(shop, "25 s")) == 1


def test_simulate_is_for_those_who_may_read(catalog, shop):
    shop.execute("CREATE ROLE sim_reader LOGIN")
    try:
        reader = catalog.session(user="sim_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="orders"):
            reader.execute("SELECT * FROM kameleon.simulate('orders')")
        shop.execute("GRANT SELECT ON orders TO sim_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="customers"):
            reader.execute("SELECT * FROM kameleon.simulate('orders')")
        shop.execute("GRANT SELECT ON customers TO sim_reader")
        assert len(rows(reader, "SELECT * FROM kameleon.simulate('orders')")) == 3
        reader.close()
    finally:
        shop.execute("REVOKE ALL ON orders, customers FROM sim_reader")
        shop.execute("DROP ROLE sim_reader")


def test_simulate_refuses_what_it_cannot_measure(shop):
    with pytest.raises(psycopg.errors.UndefinedTable):
        shop.execute("SELECT * FROM kameleon.simulate('nothing')")
    with pytest.raises(psycopg.errors.WrongObjectType):
        shop.execute("SELECT * FROM kameleon.simulate('pg_class')")
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        shop.execute("SELECT * FROM kameleon.simulate('orders', budget => '0')")
    with shop.transaction(), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        shop.execute("SET TRANSACTION READ ONLY")
        shop.execute("SELECT * FROM kameleon.simulate('orders')")
    shop.execute("CALL kameleon.materialize_entity('orders')")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        shop.execute("SELECT * FROM kameleon.simulate('orders')")


ADD = (
    "SELECT kameleon.add_suggestion(entity_id, %s, %s, 'why', 'because', %s, 0.5, 100) FROM kameleon.entities"
    " WHERE entity_name = 'orders'"
)


def test_suggestions_are_shown_until_they_are_followed(shop):
    shop.execute(ADD, ("materialize", [], "medium"))
    shop.execute(ADD, ("index", ["customer_id", "status"], "high"))
    shop.execute(ADD, ("index", ["customer_id", "status"], "high"))
    shown = "SELECT action, priority, times FROM kameleon.suggestions"
    assert rows(shop, shown) == [
        ("CREATE INDEX ON orders (customer_id, status)", "high", 2),
        ("CALL kameleon.materialize_entity('orders')", "medium", 1),
    ]
    shop.execute(rows(shop, shown)[0][0])
    assert [action for action, *_ in rows(shop, shown)] == ["CALL kameleon.materialize_entity('orders')"]
    candidates = rows(shop, "SELECT entity_name, top_reason, action FROM kameleon.materialization_candidates")
    assert candidates == [("orders", "why", "CALL kameleon.materialize_entity('orders')")]
    shop.execute(rows(shop, shown)[0][0])
    assert rows(shop, shown) == rows(shop, "SELECT * FROM kameleon.materialization_candidates") == []


def test_suggestions_that_nothing_speaks_for_any_longer_are_not_shown(shop):
    shown = "SELECT action FROM kameleon.suggestions"
    shop.execute(ADD, ("index", ["customer_id", "status"], "high"))
    shop.execute("ALTER TABLE orders RENAME COLUMN status TO state")
    assert rows(shop, shown) == []
    shop.execute(ADD, ("materialize", [], "medium"))
    assert len(rows(shop, shown)) == 1
    shop.execute("SELECT kameleon.drop_metric_days((now() AT TIME ZONE 'UTC')::date)")
    assert len(rows(shop, shown)) == 1
    shop.execute("SELECT kameleon.drop_metric_days((now() AT TIME ZONE 'UTC')::date + 1)")
    assert rows(shop, shown) == []


def test_suggestions_are_shown_to_those_who_may_see_the_entity(catalog, shop):
    shop.execute(ADD, ("materialize", [], "medium"))
    shop.execute("CREATE ROLE sug_reader LOGIN")
    try:
        reader = catalog.session(user="sug_reader")
        assert rows(reader, "SELECT * FROM kameleon.suggestions") == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT kameleon.add_suggestion(1, 'index', '{id}', '', '', 'low', 0, 0)")
        shop.execute("GRANT SELECT ON orders TO sug_reader")
        assert len(rows(reader, "SELECT * FROM kameleon.suggestions")) == 1
        reader.close()
    finally:
        shop.execute("REVOKE ALL ON orders FROM sug_reader")
        shop.execute("DROP ROLE sug_reader")


PEEK = (
    "CREATE FUNCTION peek(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
    " 'BEGIN RAISE NOTICE ''seen: %'', $1; RETURN true; END'"
)
SHOWN = {
    "entities": "owner_name",
    "schema_changes": "reason",
    "migrations": "reason",
    "query_stats": "statement",
    "entity_stats": "storage_mode",
    "suggestions": "evidence",
    "materialization_candidates": "top_reason",
}


def test_a_function_of_the_readers_is_not_called_for_what_it_may_not_see(catalog, shop):
    shop.execute("SET kameleon.reason = 'because'")
    shop.execute("ALTER TABLE orders ADD COLUMN more int")
    shop.execute("CALL kameleon.materialize_entity('orders', reason => 'because')")
    shop.execute("CALL kameleon.dematerialize_entity('orders')")
    shop.execute(ADD, ("materialize", [], "medium"))
    record(shop, ["SELECT id FROM orders"])
    shop.execute("CREATE ROLE sug_peeker LOGIN")
    shop.execute("GRANT CREATE ON SCHEMA public TO sug_peeker")
    try:
        for user, is_shown in (("postgres", True), ("sug_peeker", False)):
            reader, seen = catalog.session(user=user), []
            reader.add_notice_handler(lambda each, seen=seen: seen.append(each.message_primary))
            if is_shown:
                reader.execute(PEEK)
            for view, column in SHOWN.items():
                reader.execute(f"SELECT FROM kameleon.{view} WHERE public.peek({column}::text)")
            assert bool(seen) == is_shown
            reader.close()
    finally:
        shop.execute("REVOKE CREATE ON SCHEMA public FROM sug_peeker")
        shop.execute("DROP ROLE sug_peeker")


async def test_what_is_used_much_or_not_at_all_is_found_in_a_review(catalog, shop):
    shop.execute("CREATE TABLE unused (id int PRIMARY KEY)")
    shop.execute("CREATE TABLE used (id int PRIMARY KEY)")
    for table in ("unused", "used"):
        shop.execute(f"CALL kameleon.materialize_entity('{table}')")
    shop.execute("UPDATE kameleon.kdb_schema_changelog SET changed_at = now() - interval '2 days'")
    shop.execute("SELECT kameleon.make_metric_days((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date)")
    for table, mode, joins in (("orders", "shared", 20), ("customers", "shared", 0), ("used", "dedicated", 0)):
        (entity,) = rows(shop, f"SELECT entity_id FROM kameleon.entities WHERE entity_name = '{table}'")
        shop.execute(
            "SELECT kameleon.add_entity_activity(ARRAY[now()], %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            ([entity[0]], [mode], [20], [0], [joins], [400.0], [40.0], [20], [1]),
        )

    async def connect():
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name))

    policy = MaterializationPolicy()
    store, collector, connection = await open_store(connect), MetricsCollector(connect, lambda: policy), await connect()
    found = await review_entities(connection, policy, store.snapshot, collector.get_entity_stats)
    await collector.close()
    await store.close()
    await connection.close()
    assert sorted(each.suggestion.action for each in found) == [
        "CALL kameleon.dematerialize_entity('public.unused')",
        "CALL kameleon.materialize_entity('public.orders')",
    ]
    shown = rows(shop, "SELECT action, priority FROM kameleon.suggestions WHERE entity_name = 'unused'")
    assert shown == [("CALL kameleon.dematerialize_entity('unused')", "low")]
    assert rows(shop, "SELECT entity_name FROM kameleon.materialization_candidates") == [("orders",), ("customers",)]


async def test_sizes_are_noted_once_a_day_and_tell_that_a_table_grows(catalog, shop):
    (entity,) = rows(shop, "SELECT entity_id FROM kameleon.entities WHERE entity_name = 'orders'")[0]
    shop.execute("SELECT kameleon.make_metric_days((now() AT TIME ZONE 'UTC')::date, (now() AT TIME ZONE 'UTC')::date)")
    shop.execute(
        "SELECT kameleon.add_entity_activity(ARRAY[now()], %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        ([entity], ["shared"], [2], [0], [0], [20.0], [15.0], [20], [1]),
    )
    shop.execute(f"ANALYZE {catalog.views('orders')['records']}")

    async def connect():
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name))

    policy = MaterializationPolicy(execution_time_threshold_ms=12)
    store, collector, connection = await open_store(connect), MetricsCollector(connect, lambda: policy), await connect()
    try:
        assert await review_entities(connection, policy, store.snapshot, collector.get_entity_stats) == ()
        ((noted, days),) = rows(
            shop,
            "SELECT row_count, (now() AT TIME ZONE 'UTC')::date - day FROM kameleon.kdb_entity_sizes"
            f" WHERE entity_id = {entity}",
        )
        assert (noted, days) == (20_000, 0)
        shop.execute(f"UPDATE kameleon.kdb_entity_sizes SET day = day - 2, row_count = 4000 WHERE entity_id = {entity}")
        (found,) = await review_entities(connection, policy, store.snapshot, collector.get_entity_stats)
        assert found.suggestion.reason == "public.orders: it grows, and is kept in shared storage"
        assert "had about 4,000 2 days ago" in found.suggestion.evidence
        assert rows(shop, f"SELECT count(*) FROM kameleon.kdb_entity_sizes WHERE entity_id = {entity}") == [(2,)]
        shop.execute("SELECT kameleon.drop_metric_days((now() AT TIME ZONE 'UTC')::date - 1)")
        assert rows(shop, f"SELECT count(*) FROM kameleon.kdb_entity_sizes WHERE entity_id = {entity}") == [(1,)]
    finally:
        await collector.close()
        await store.close()
        await connection.close()
