"""What the proxy records of statements, with a real client, a real server and its log."""

from __future__ import annotations

import re
import time

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER

_DURATION = re.compile(r"duration: ([0-9.]+) ms  (?:statement|execute [^:]*): .*? AS (\w+)")


@pytest.fixture(scope="module")
def logging_postgres():
    from tests.fix_postgres import PostgresServer, postgres_programs

    server = PostgresServer(postgres_programs(), {"log_min_duration_statement": "0", "shared_preload_libraries": ""})
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def logging_proxy(logging_postgres):
    from tests.fix_proxy import ProxyProcess

    name = logging_postgres.create_database()
    process = ProxyProcess(upstream=logging_postgres.dsn(name), store_sql_text="on")
    try:
        with psycopg.connect(process.url(user=SUPERUSER), autocommit=True) as connection:
            connection.execute("CREATE TABLE t (id int)")
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("SET kameleon.default_storage = dedicated")
            connection.execute("CREATE TABLE d (id int)")
            connection.execute("INSERT INTO d VALUES (1)")
        yield process
    finally:
        process.close()


def recorded(postgres, dbname, label):
    """(calls, slowest ms) of the shape with this label, as soon as it is there."""
    return _until(
        postgres, f"SELECT calls, max_ms FROM kameleon.query_stats WHERE statement ~ ' AS {label}\\M'", dbname
    )


def _until(postgres, sql, dbname):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        rows = postgres.execute(sql, dbname)
        if rows:
            return rows[0]
        time.sleep(0.05)
    raise AssertionError(f"nothing is recorded: {sql}")


def logged(postgres, label):
    durations = _DURATION.findall(postgres.log.read_text())
    return max(float(duration) for duration, found in durations if found == label)


def simple(connection, sql):
    connection.pgconn.exec_(sql.encode())


def extended(connection, sql):
    connection.execute(sql + " WHERE id = %s", (1,))


def binary(connection, sql):
    connection.execute(sql + " WHERE id = %s", (1,), binary=True, prepare=True)


def pipelined(connection, sql):
    with connection.pipeline():
        connection.execute("SELECT pg_sleep(0.05) AS before")
        connection.execute(sql)
        connection.execute("SELECT pg_sleep(0.05) AS behind")


def pipelined_behind_quick_ones(connection, sql):
    with connection.pipeline():
        for _ in range(20):
            connection.execute("SELECT id FROM t WHERE id = 1")
        connection.execute(sql)


def pipelined_before_quick_ones(connection, sql):
    for _ in range(20):
        connection.execute("SELECT id FROM t WHERE id = 1")
    time.sleep(1)  # until they are known to be
    with connection.pipeline():
        connection.execute("BEGIN")
        connection.execute(sql)
        for _ in range(3):
            connection.execute("SELECT id FROM t WHERE id = 1")
        connection.execute("COMMIT")


def not_yet_synced(connection, sql):
    """The client waits before it says that it wants the answer."""
    connection.pgconn.enter_pipeline_mode()
    connection.pgconn.send_query_params(sql.encode(), None)
    while connection.pgconn.flush():
        pass
    time.sleep(0.3)
    connection.pgconn.pipeline_sync()
    connection.pgconn.flush()
    while True:
        result = connection.pgconn.get_result()
        if result is not None and result.status == psycopg.pq.ExecStatus.PIPELINE_SYNC:
            break
    connection.pgconn.exit_pipeline_mode()


def parsed_early(connection, sql):
    connection.pgconn.prepare(b"early", sql.encode())
    time.sleep(0.3)
    connection.pgconn.exec_prepared(b"early", None)


def copied_out(connection, sql):
    with connection.cursor().copy(f"COPY ({sql}) TO STDOUT") as copy:
        list(copy)


FORMS = (
    simple,
    extended,
    binary,
    pipelined,
    pipelined_behind_quick_ones,
    pipelined_before_quick_ones,
    not_yet_synced,
    parsed_early,
    copied_out,
)


@pytest.mark.parametrize("table", ["t", "d"])
@pytest.mark.parametrize("form", FORMS)
def test_time_is_the_servers_own(logging_postgres, logging_proxy, form, table):
    """Within 2 ms, but for those times that the machine had something else to do between the server and the proxy."""
    differences = []
    for attempt in range(12):
        label = f"{form.__name__}_{table}_{attempt}"
        with psycopg.connect(logging_proxy.url(user=SUPERUSER), autocommit=True) as connection:
            form(connection, f"SELECT pg_sleep(0.15) AS {label} FROM {table}")
        try:
            calls, slowest = recorded(logging_postgres, logging_proxy.dsn.dbname, label)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{logging_proxy.log}") from None
        assert calls == 1
        differences.append(abs(slowest - logged(logging_postgres, label)))
        if differences[-1] < 2:
            return
    raise AssertionError(f"off by {differences} ms")


def test_statements_of_one_query_share_its_time(logging_postgres, logging_proxy):
    """The server tells, and logs, only when all of it is done."""
    with psycopg.connect(logging_proxy.url(user=SUPERUSER), autocommit=True) as connection:
        connection.execute("SELECT 1; SELECT pg_sleep(0.15) AS one_of_several FROM t")
    _, slowest = recorded(logging_postgres, logging_proxy.dsn.dbname, "one_of_several")
    assert 75 <= slowest < 150


def test_time_of_copy_in_is_the_servers_own(logging_postgres, logging_proxy):
    differences = []
    for attempt in range(12):
        column = f"copied_{attempt}"
        with psycopg.connect(logging_proxy.url(user=SUPERUSER), autocommit=True) as connection:
            connection.execute(f"CREATE TABLE copied ({column} int)")
            with connection.cursor().copy(f"COPY copied ({column}) FROM STDIN") as copy:
                copy.write(b"2\n")
                time.sleep(0.15)
            slowest = _until(
                logging_postgres,
                f"SELECT max_ms FROM kameleon.query_stats WHERE statement = 'COPY copied ({column}) FROM STDIN'",
                logging_proxy.dsn.dbname,
            )[0]
            connection.execute("DROP TABLE copied")
        (told,) = re.findall(rf"duration: ([0-9.]+) ms  statement: COPY .*{column}", logging_postgres.log.read_text())
        differences.append(abs(slowest - float(told)))
        if differences[-1] < 2:
            return
    raise AssertionError(f"off by {differences} ms")


MARKER = "tell_nobody"


def ran_with_marker(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS people (id int, name text)")
    connection.execute(f"INSERT INTO people VALUES (1, 'x'), (2, '{MARKER}x')")
    connection.execute(f"DELETE FROM people WHERE name = '{MARKER}x'")
    connection.execute("SELECT * FROM people WHERE name = %s", (MARKER,))
    connection.execute(f"SELECT id AS {MARKER} FROM people -- {MARKER}")
    connection.execute(f"SELECT id FROM people WHERE name = $tag${MARKER}$tag$ OR name = E'\\n{MARKER}'")
    with pytest.raises(psycopg.Error):
        connection.execute(f"SELECT * FROM people WHERE name = '{MARKER}")
    with pytest.raises(psycopg.Error):
        connection.execute(f"SELECT name::int FROM people WHERE name <> '{MARKER}'")


def holding(postgres, dbname, marker):
    """(table, rows) of Kameleon's in which the marker occurs."""
    tables = postgres.execute(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'kameleon'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND c.relname <> 'kdb_schema_changelog'"
        " AND c.relname !~ '^kdb_(records|guard)'",
        dbname,
    )
    assert ("kameleon.kdb_query_metrics",) in tables
    found = []
    for (table,) in tables:
        rows = postgres.execute(f"SELECT r::text FROM ONLY {table} AS r WHERE r::text ~ '{marker}'", dbname)
        found += [(table, row) for (row,) in rows]
    return found


@pytest.mark.parametrize("storage", ["shared", "dedicated"])
def test_neither_text_nor_parameters_are_stored_unless_that_is_wanted(postgres, new_proxy, storage):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name), default_storage=storage)
    with psycopg.connect(proxy.url(user=SUPERUSER), autocommit=True) as connection:
        ran_with_marker(connection)
    proxy.stop()
    assert postgres.execute("SELECT count(*) FROM kameleon.kdb_statement_shapes", name)[0][0] >= 6
    assert holding(postgres, name, MARKER) == []

    postgres.execute("INSERT INTO kameleon.settings VALUES ('store_sql_text', 'on')", name)
    proxy = new_proxy(upstream=postgres.dsn(name), default_storage=storage)
    with psycopg.connect(proxy.url(user=SUPERUSER), autocommit=True) as connection:
        ran_with_marker(connection)
    proxy.stop()
    kept = [row for _, row in holding(postgres, name, MARKER)]
    # A column's name is no literal.
    assert len(kept) == 1
    assert f"SELECT id AS {MARKER} FROM people" in kept[0]


def test_whose_statements_they_are_and_how_their_entities_are_kept(postgres, new_proxy):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name))
    with psycopg.connect(proxy.url(user=SUPERUSER), application_name="shop", autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY)")
        connection.execute("INSERT INTO items SELECT generate_series(1, 5)")
        for number in range(10):
            connection.execute(f"SELECT * FROM items WHERE id < {number}")
        connection.execute("SET application_name = 'nightly'")
        connection.execute("CALL kameleon.materialize_entity('items')")
        for number in range(10):
            connection.execute(f"SELECT * FROM items AS i JOIN items AS j USING (id) WHERE i.id < {number}")
        connection.execute("SELECT * FROM pg_class")
        connection.execute("SELECT 1")
    proxy.stop()
    found = postgres.execute(
        "SELECT query_type, storage_mode, joins, sum(calls)::int, sum(row_count)::int, user_name, application_name"
        " FROM kameleon.kdb_query_metrics WHERE query_type <> 'DDL' GROUP BY 1, 2, 3, 6, 7 ORDER BY 1, 2",
        name,
    )
    assert found == [
        ("INSERT", "shared", 0, 1, 5, SUPERUSER, "shop"),
        ("SELECT", "dedicated", 1, 10, 30, SUPERUSER, "nightly"),
        ("SELECT", "shared", 0, 10, 30, SUPERUSER, "shop"),
    ]


def test_a_database_may_say_that_nothing_is_to_be_recorded(postgres, new_proxy):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name))
    postgres.execute("INSERT INTO kameleon.settings VALUES ('metrics_enabled', 'off')", name)
    with psycopg.connect(proxy.url(user=SUPERUSER), autocommit=True) as connection:
        connection.execute("CREATE TABLE items (id int PRIMARY KEY)")
        connection.execute("SELECT * FROM items")
    proxy.stop()
    assert postgres.execute("SELECT count(*) FROM kameleon.kdb_query_metrics", name) == [(0,)]


@pytest.mark.parametrize("storage", ["shared", "dedicated"])
def test_execute_is_measured_as_what_was_prepared(postgres, new_proxy, storage):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name), default_storage=storage)
    with psycopg.connect(proxy.url(user=SUPERUSER), autocommit=True) as connection:
        connection.execute("CREATE TABLE items AS SELECT generate_series(1, 5) AS id")
        connection.execute("PREPARE p (int) AS SELECT * FROM items WHERE id < $1")
        for number in range(3):
            connection.execute(f"EXECUTE p ({number})")
            connection.pgconn.exec_params(b"EXECUTE p (6)", None)
    proxy.stop()
    found = postgres.execute(
        "SELECT query_type, entities, storage_mode, calls, rows FROM kameleon.query_stats WHERE query_type <> 'DDL'",
        name,
    )
    # PREPARE itself is one of the calls.
    assert found == [("PREPARE", ["items"], storage, 7, 16)]
