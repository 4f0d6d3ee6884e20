"""psycopg 3, synchronous: statements, cursors, transactions, pipelines, prepared statements, errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import class_row, dict_row, namedtuple_row, scalar_row

from tests.clients.support import Target

Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.url) as connection:
        yield connection


@pytest.fixture
def people(target: Target, connection: Connection) -> Iterator[None]:
    """A committed entity with three rows."""
    connection.execute("CREATE TABLE people (id serial PRIMARY KEY, name varchar(30) UNIQUE NOT NULL, age int)")
    connection.execute("INSERT INTO people (name, age) VALUES ('Ada', 36), ('Grace', 85), ('Edsger', NULL)")
    connection.commit()
    yield
    # Whatever the test left open must not hold up the next one.
    connection.close()
    with psycopg.connect(target.url, autocommit=True) as other:
        other.execute("DROP TABLE public.people CASCADE")


def test_rows_and_description(target: Target, connection: Connection, people: None) -> None:
    cursor = connection.execute("SELECT id, name, age AS years FROM people WHERE age > %s ORDER BY id", (40,))
    assert cursor.fetchall() == [(2, "Grace", 85)]
    assert cursor.description is not None
    assert [(column.name, column.type_code, column.display_size) for column in cursor.description] == [
        ("id", 23, None),
        ("name", 1043, 30),
        ("years", 23, None),
    ]
    assert cursor.pgresult is not None
    relid = connection.execute("SELECT 'people'::regclass::oid").fetchall()[0][0]
    assert [(cursor.pgresult.ftable(n), cursor.pgresult.ftablecol(n)) for n in range(3)] == [
        (relid, 1),
        (relid, 2),
        (relid, 3),
    ]
    target.assert_stored("people", 3)
    if target.proxied:
        assert {"id": 1, "name": "Ada", "age": 36} in target.documents("people")
        assert {"id": 3, "name": "Edsger"} in target.documents("people")


@pytest.mark.parametrize("binary", [False, True])
def test_row_factories(connection: Connection, people: None, binary: bool) -> None:
    @dataclass
    class Person:
        id: int
        name: str
        age: int | None

    query = "SELECT * FROM people WHERE id = 1"
    assert connection.cursor(row_factory=dict_row, binary=binary).execute(query).fetchone() == {
        "id": 1,
        "name": "Ada",
        "age": 36,
    }
    assert connection.cursor(row_factory=class_row(Person), binary=binary).execute(query).fetchone() == Person(
        1, "Ada", 36
    )
    row: Any = connection.cursor(row_factory=namedtuple_row, binary=binary).execute(query).fetchone()
    assert (row.id, row.name, row.age) == (1, "Ada", 36)
    count = connection.cursor(row_factory=scalar_row, binary=binary).execute("SELECT count(*) FROM people").fetchone()
    assert count == 3


def test_rowcounts_and_status_messages(connection: Connection, people: None) -> None:
    def status(statement: str) -> tuple[str | None, int]:
        cursor = connection.execute(statement)
        return cursor.statusmessage, cursor.rowcount

    assert status("INSERT INTO people (name) SELECT 'n' || g FROM generate_series(1, 5) g") == ("INSERT 0 5", 5)
    assert status("UPDATE people SET age = 1 WHERE name LIKE 'n%'") == ("UPDATE 5", 5)
    assert status("UPDATE people SET age = 1 WHERE false") == ("UPDATE 0", 0)
    assert status("INSERT INTO people (name) VALUES ('Ada') ON CONFLICT DO NOTHING") == ("INSERT 0 0", 0)
    assert status(
        "INSERT INTO people (name, age) VALUES ('Ada', 37) ON CONFLICT (name) DO UPDATE SET age = EXCLUDED.age"
    ) == (
        "INSERT 0 1",
        1,
    )
    assert status("DELETE FROM people WHERE name LIKE 'n%'") == ("DELETE 5", 5)
    assert status("SELECT age FROM people WHERE name = 'Ada'") == ("SELECT 1", 1)


def test_executemany_with_returning(target: Target, connection: Connection, people: None) -> None:
    cursor = connection.cursor()
    cursor.executemany(
        "INSERT INTO people (name, age) VALUES (%s, %s) RETURNING id, name",
        [("Alan", 41), ("Barbara", None)],
        returning=True,
    )
    rows = []
    while True:
        rows += cursor.fetchall()
        if not cursor.nextset():
            break
    assert rows == [(4, "Alan"), (5, "Barbara")]
    cursor.executemany("UPDATE people SET age = %s WHERE id = %s", [(50, 4), (60, 5), (70, 99)])
    assert cursor.rowcount == 2
    connection.commit()
    target.assert_stored("people", 5)


def test_composed_statements(connection: Connection) -> None:
    table, column = sql.Identifier('Odd "name"'), sql.Identifier("Größe in cm")
    connection.execute(sql.SQL("CREATE TABLE {} ({} int)").format(table, column))
    connection.execute(sql.SQL("INSERT INTO {} ({}) VALUES ({}), (%s)").format(table, column, sql.Literal(170)), (180,))
    query = sql.SQL("SELECT {0} FROM {1} WHERE {1}.{0} > %(least)s").format(column, table)
    assert connection.execute(query, {"least": 175}).fetchall() == [(180,)]


def test_client_side_binding(connection: Connection, people: None) -> None:
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(
        "INSERT INTO people (name, age) VALUES (%s, %s), (%s, %s) RETURNING id", ("O'Neil", 7, r"back\slash", None)
    )
    assert cursor.fetchall() == [(4,), (5,)]
    cursor.execute("SELECT name FROM people WHERE name = ANY(%s) ORDER BY id", (["O'Neil", r"back\slash"],))
    assert cursor.fetchall() == [("O'Neil",), (r"back\slash",)]


def test_raw_query_with_glued_parameters(connection: Connection, people: None) -> None:
    cursor = psycopg.RawCursor(connection)
    cursor.execute("INSERT INTO people(name,age) VALUES($1,$2),($3,$4) RETURNING id", ["Tony", 90, "Niklaus", 89])
    assert cursor.fetchall() == [(4,), (5,)]
    cursor.execute("SELECT id FROM people WHERE id IN($1,$2,$3)AND age>$4 ORDER BY id", [1, 2, 4, 40])
    assert cursor.fetchall() == [(2,), (4,)]


def test_several_statements_without_parameters(connection: Connection) -> None:
    cursor = connection.execute(
        "CREATE TABLE many (n int); INSERT INTO many VALUES (1), (2); SELECT n FROM many ORDER BY n;"
        " SELECT count(*) FROM many"
    )
    results = [cursor.statusmessage]
    while cursor.nextset():
        results.append(cursor.statusmessage)
    assert results == ["CREATE TABLE", "INSERT 0 2", "SELECT 2", "SELECT 1"]
    assert cursor.fetchall() == [(2,)]


def test_server_side_cursor(connection: Connection, people: None) -> None:
    connection.execute("INSERT INTO people (name, age) SELECT 'p' || g, g FROM generate_series(1, 250) g")
    with connection.cursor(name="walk", scrollable=True) as cursor:
        cursor.itersize = 40
        cursor.execute("SELECT age FROM people WHERE name LIKE %s ORDER BY age", ("p%",))
        assert [row[0] for row in cursor] == list(range(1, 251))
        cursor.scroll(9, mode="absolute")
        assert cursor.fetchone() == (10,)
        cursor.scroll(-5)
        assert cursor.fetchmany(2) == [(6,), (7,)]
    connection.commit()


def test_cursor_with_hold_outlives_its_transaction(connection: Connection, people: None) -> None:
    with connection.cursor(name="held", withhold=True) as cursor:
        cursor.execute("SELECT name FROM people ORDER BY id")
        assert cursor.fetchone() == ("Ada",)
        connection.commit()
        connection.execute("DELETE FROM people")
        connection.commit()
        assert cursor.fetchall() == [("Grace",), ("Edsger",)]


def test_update_where_current_of_or_a_clear_refusal(target: Target, connection: Connection, people: None) -> None:
    """Either PostgreSQL's own outcome or an error: never a wrong row."""
    with connection.cursor(name="positioned") as cursor:
        cursor.execute("SELECT name FROM people WHERE name = 'Grace' FOR UPDATE")
        assert cursor.fetchone() == ("Grace",)
        try:
            changed = connection.execute("UPDATE people SET age = 86 WHERE CURRENT OF positioned").rowcount
        except errors.FeatureNotSupported:
            assert target.proxied
            return
    assert changed == 1
    assert connection.execute("SELECT name FROM people WHERE age = 86").fetchall() == [("Grace",)]


def test_stream(connection: Connection, people: None) -> None:
    connection.execute("INSERT INTO people (name, age) SELECT 'p' || g, g FROM generate_series(1, 100) g")
    cursor = connection.cursor()
    assert [row[0] for row in cursor.stream("SELECT age FROM people WHERE name LIKE 'p%%' ORDER BY id")] == list(
        range(1, 101)
    )
    assert [row[0] for row in cursor.stream("SELECT age FROM people WHERE id > %s ORDER BY id", (3,), size=20)] == list(
        range(1, 101)
    )


def test_prepared_from_the_first_execution(target: Target, people: None) -> None:
    with psycopg.connect(target.url, prepare_threshold=0, autocommit=True) as connection:
        for age in (36, 85, 12):
            found = connection.execute("SELECT name FROM people WHERE age = %s", (age,)).fetchall()
            assert found == {36: [("Ada",)], 85: [("Grace",)]}.get(age, [])
        names = connection.execute("SELECT name FROM pg_prepared_statements WHERE name LIKE '_pg3_%'").fetchall()
        assert names


def test_prepared_after_the_usual_threshold(connection: Connection, people: None) -> None:
    for n in range(12):
        connection.execute("INSERT INTO people (name, age) VALUES (%s, %s)", (f"n{n}", n))
        assert connection.execute("SELECT count(*) FROM people WHERE age = %s", (n,)).fetchall() == [(1,)]
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchall()[0][0] >= 2


def test_a_prepared_statement_outlives_a_change_of_the_entity(target: Target, people: None) -> None:
    with (
        psycopg.connect(target.url, prepare_threshold=0, autocommit=True) as connection,
        psycopg.connect(target.url, autocommit=True) as other,
    ):

        def ages() -> list[tuple[Any, ...]]:
            return connection.execute("SELECT name, age FROM people WHERE id = %s", (1,)).fetchall()

        def insert(name: str) -> int:
            return connection.execute("INSERT INTO people (name, age) VALUES (%s, %s)", (name, 1)).rowcount

        assert (ages(), insert("a")) == ([("Ada", 36)], 1)
        connection.execute("ALTER TABLE people ADD COLUMN city text DEFAULT 'Paris'")
        assert (ages(), insert("b")) == ([("Ada", 36)], 1)
        other.execute("ALTER TABLE people ADD COLUMN country text DEFAULT 'France'")
        assert (ages(), insert("c")) == ([("Ada", 36)], 1)
        other.execute("CREATE INDEX people_age ON people (age)")
        assert (ages(), insert("d")) == ([("Ada", 36)], 1)
        assert connection.execute("SELECT count(*), min(city), min(country) FROM people").fetchall() == [
            (7, "Paris", "France")
        ]


def test_transaction_blocks_and_savepoints(target: Target, connection: Connection, people: None) -> None:
    with connection.transaction():
        connection.execute("UPDATE people SET age = 37 WHERE name = 'Ada'")
        with pytest.raises(errors.UniqueViolation), connection.transaction():
            connection.execute("INSERT INTO people (name) VALUES ('Lynn')")
            connection.execute("INSERT INTO people (name) VALUES ('Ada')")
        with connection.transaction() as inner:
            connection.execute("DELETE FROM people")
            raise psycopg.Rollback(inner)
        connection.execute("INSERT INTO people (name) VALUES ('Lynn')")
    assert connection.execute("SELECT name, age FROM people ORDER BY name").fetchall() == [
        ("Ada", 37),
        ("Edsger", None),
        ("Grace", 85),
        ("Lynn", None),
    ]
    connection.commit()
    target.assert_stored("people", 4)


def test_a_failed_transaction_refuses_more_until_rollback(connection: Connection, people: None) -> None:
    with pytest.raises(errors.UndefinedColumn):
        connection.execute("SELECT nope FROM people")
    with pytest.raises(errors.InFailedSqlTransaction):
        connection.execute("SELECT name FROM people")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM people").fetchall() == [(3,)]


def test_isolation_between_sessions(target: Target, connection: Connection, people: None) -> None:
    with psycopg.connect(target.url) as other:
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert other.execute("SELECT count(*) FROM people").fetchall() == [(3,)]
        connection.execute("INSERT INTO people (name) VALUES ('new')")
        assert connection.execute("SELECT count(*) FROM people").fetchall() == [(4,)]
        connection.commit()
        assert other.execute("SELECT count(*) FROM people").fetchall() == [(3,)]
        connection.execute("UPDATE people SET age = 1 WHERE name = 'Ada'")
        connection.commit()
        with pytest.raises(errors.SerializationFailure):
            other.execute("UPDATE people SET age = 2 WHERE name = 'Ada'")
        other.rollback()
        assert other.execute("SELECT age FROM people WHERE name = 'Ada'").fetchall() == [(1,)]


def test_ddl_is_transactional_and_private_until_commit(target: Target, connection: Connection) -> None:
    with psycopg.connect(target.url, autocommit=True) as other:
        connection.execute("CREATE TABLE draft (id int PRIMARY KEY)")
        connection.execute("INSERT INTO draft VALUES (1)")
        assert connection.execute("SELECT * FROM draft").fetchall() == [(1,)]
        with pytest.raises(errors.UndefinedTable):
            other.execute("SELECT * FROM draft")
        connection.rollback()
        with pytest.raises(errors.UndefinedTable):
            connection.execute("SELECT * FROM draft")
        connection.rollback()
        connection.execute("CREATE TABLE draft (id int PRIMARY KEY, note text)")
        connection.execute("INSERT INTO draft VALUES (2, 'kept')")
        connection.commit()
        assert other.execute("SELECT * FROM draft").fetchall() == [(2, "kept")]
    target.assert_stored("draft", 1)
    if target.proxied:
        assert target.documents("draft") == [{"id": 2, "note": "kept"}]


def test_row_locks(target: Target, connection: Connection, people: None) -> None:
    connection.execute("SELECT * FROM people WHERE id = 1 FOR UPDATE")
    with psycopg.connect(target.url, autocommit=True) as other:
        assert other.execute("SELECT id FROM people ORDER BY id FOR UPDATE SKIP LOCKED").fetchall() == [(2,), (3,)]
        with pytest.raises(errors.LockNotAvailable):
            other.execute("SELECT id FROM people WHERE id = 1 FOR UPDATE NOWAIT")


@pytest.mark.parametrize(
    ("statement", "error", "constraint", "column", "detail"),
    [
        (
            "INSERT INTO people (id, name) VALUES (1, 'x')",
            errors.UniqueViolation,
            "people_pkey",
            None,
            "Key (id)=(1) already exists.",
        ),
        ("INSERT INTO people (name) VALUES (NULL)", errors.NotNullViolation, None, "name", None),
        (
            "UPDATE people SET name = 'Ada' WHERE id = 2",
            errors.UniqueViolation,
            "people_name_key",
            None,
            "Key (name)=(Ada) already exists.",
        ),
    ],
)
def test_error_diagnostics(
    connection: Connection,
    people: None,
    statement: str,
    error: type[psycopg.Error],
    constraint: str | None,
    column: str | None,
    detail: str | None,
) -> None:
    with pytest.raises(error) as caught:
        connection.execute(statement.encode())
    told = caught.value.diag
    assert (told.schema_name, told.table_name, told.constraint_name, told.column_name) == (
        "public",
        "people",
        constraint,
        column,
    )
    assert "kdb_" not in str(caught.value)
    if detail is not None:
        assert told.message_detail == detail


def test_error_position_is_in_the_clients_text(connection: Connection, people: None) -> None:
    statement = "SELECT p.name,\n  p.naem FROM people AS p JOIN people AS q USING (id)"
    with pytest.raises(errors.UndefinedColumn) as caught:
        connection.execute(statement)
    assert caught.value.diag.statement_position == str(statement.index("p.naem") + 1)
    assert caught.value.diag.message_hint == 'Perhaps you meant to reference the column "p.name".'


def test_pipeline(target: Target, connection: Connection, people: None) -> None:
    with connection.pipeline() as pipeline:
        inserted = [
            connection.execute("INSERT INTO people (name, age) VALUES (%s, %s) RETURNING id", (f"p{n}", n))
            for n in range(20)
        ]
        total = connection.execute("SELECT sum(age) FROM people WHERE name LIKE 'p%%'")
        pipeline.sync()
        renamed = connection.execute("UPDATE people SET name = upper(name) WHERE age < %s", (5,))
    assert [cursor.fetchone() for cursor in inserted] == [(4 + n,) for n in range(20)]
    assert total.fetchone() == (190,)
    assert renamed.rowcount == 5
    connection.commit()
    target.assert_stored("people", 23)


def test_pipeline_with_an_error_in_the_middle(connection: Connection, people: None) -> None:
    connection.autocommit = True
    with pytest.raises(errors.UniqueViolation), connection.pipeline() as pipeline:
        before = connection.execute("SELECT name FROM people WHERE id = 2")
        connection.execute("INSERT INTO people (name) VALUES ('Ada')")
        connection.execute("DELETE FROM people")  # skipped: everything is, up to the next Sync
        pipeline.sync()
    assert before.fetchone() == ("Grace",)
    assert connection.execute("SELECT count(*) FROM people").fetchall() == [(3,)]


def test_a_refused_statement_in_a_pipeline_leaves_the_session_usable(connection: Connection, people: None) -> None:
    connection.autocommit = True
    with connection.pipeline() as pipeline:
        first = connection.execute("SELECT count(*) FROM people")
        pipeline.sync()
        with pytest.raises(errors.UndefinedColumn):
            connection.execute("SELECT nope FROM people").fetchall()
        pipeline.sync()
        second = connection.execute("SELECT max(id) FROM people")
    assert (first.fetchone(), second.fetchone()) == ((3,), (3,))


def test_create_and_use_in_one_pipeline(target: Target, connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("CREATE TABLE quick (id int PRIMARY KEY, note text)")
        connection.execute("INSERT INTO quick VALUES (%s, %s)", (1, "one"))
        connection.execute("ALTER TABLE quick ADD COLUMN extra int DEFAULT 7")
        found = connection.execute("SELECT * FROM quick")
    assert found.fetchall() == [(1, "one", 7)]
    connection.commit()
    target.assert_stored("quick", 1)


def test_listen_and_notify(target: Target, connection: Connection) -> None:
    connection.autocommit = True
    connection.execute("LISTEN news")
    with psycopg.connect(target.url, autocommit=True) as other:
        other.execute("CREATE TABLE bulletin (id int)")
        other.execute("NOTIFY news, 'first'")
        with other.transaction():
            other.execute("INSERT INTO bulletin VALUES (1)")
            other.execute("SELECT pg_notify('news', 'second')")
    received = list(connection.notifies(timeout=20, stop_after=2))
    assert [(notice.channel, notice.payload) for notice in received] == [("news", "first"), ("news", "second")]
    assert connection.execute("SELECT * FROM bulletin").fetchall() == [(1,)]


def test_cancel(target: Target, connection: Connection, people: None) -> None:
    """A statement on an entity that would run for a minute is cancelled as soon as it runs."""
    ended = threading.Event()

    def cancel_when_running() -> None:
        running = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        with target.postgres.connect(target.dbname) as admin:
            while not ended.is_set():
                if admin.execute(running, (pid,)).fetchall():
                    connection.cancel_safe(timeout=20)
                    return

    pid = connection.execute("SELECT pg_backend_pid()").fetchall()[0][0]
    thread = threading.Thread(target=cancel_when_running)
    thread.start()
    try:
        with pytest.raises(errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60) FROM people")
    finally:
        ended.set()
        thread.join()
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM people").fetchall() == [(3,)]


def test_notices_arrive_and_ours_do_not(connection: Connection) -> None:
    notices: list[str | None] = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    connection.execute("CREATE TABLE noticed (id int)")
    connection.execute("CREATE TABLE IF NOT EXISTS noticed (id int)")
    connection.execute("ALTER TABLE noticed ADD COLUMN IF NOT EXISTS id int")
    connection.execute("DROP TABLE IF EXISTS never_there")
    connection.execute("DROP TABLE noticed")
    assert notices == [
        'relation "noticed" already exists, skipping',
        'column "id" of relation "noticed" already exists, skipping',
        'table "never_there" does not exist, skipping',
    ]


def test_temporary_tables_hide_an_entity(connection: Connection, people: None) -> None:
    connection.execute("CREATE TEMP TABLE people (only_here text)")
    connection.execute("INSERT INTO people VALUES ('temporary')")
    assert connection.execute("SELECT * FROM people").fetchall() == [("temporary",)]
    assert connection.execute("SELECT count(*) FROM public.people").fetchall() == [(3,)]
    connection.execute("DROP TABLE people")
    assert connection.execute("SELECT count(*) FROM people").fetchall() == [(3,)]
    connection.execute("CREATE TEMP TABLE people (x int)")


def test_search_path(target: Target, connection: Connection, people: None) -> None:
    connection.execute("CREATE SCHEMA other; CREATE TABLE other.people (id int); INSERT INTO other.people VALUES (100)")
    connection.execute("SET LOCAL search_path = other, public")
    assert connection.execute("SELECT * FROM people").fetchall() == [(100,)]
    connection.commit()
    assert connection.execute("SELECT count(*) FROM people").fetchall() == [(3,)]
    connection.execute("SELECT set_config('search_path', 'other', false)")
    assert connection.execute("SELECT * FROM people").fetchall() == [(100,)]
    connection.execute("RESET search_path")
    with psycopg.connect(target.url, options="-c search_path=other") as configured:
        assert configured.execute("SELECT count(*) FROM people").fetchall() in ([(1,)], [(0,)])
    connection.execute("SET client_min_messages = warning; DROP SCHEMA other CASCADE")
    connection.commit()


def test_functions_and_do_blocks_that_name_an_entity_never_see_the_empty_shell(
    target: Target, connection: Connection, people: None
) -> None:
    """A function's body is out of the rewriter's sight: right rows or an error, never an empty table."""
    connection.execute(
        "CREATE FUNCTION count_people() RETURNS bigint LANGUAGE plpgsql"
        " AS 'BEGIN RETURN (SELECT count(*) FROM people); END'"
    )
    connection.commit()
    try:
        assert connection.execute("SELECT count_people()").fetchall() == [(3,)]
    except psycopg.Error as refused:
        assert target.proxied, refused
    connection.rollback()
    connection.execute("DROP FUNCTION count_people")
    connection.commit()


def test_views_over_an_entity(target: Target, connection: Connection, people: None) -> None:
    connection.execute("CREATE VIEW elders AS SELECT name, age FROM people WHERE age > 40")
    assert connection.execute("SELECT * FROM elders").fetchall() == [("Grace", 85)]
    connection.execute("INSERT INTO people (name, age) VALUES ('Donald', 86)")
    assert connection.execute("SELECT name FROM elders ORDER BY age DESC").fetchall() == [("Donald",), ("Grace",)]
    connection.execute("DROP VIEW elders")
    connection.commit()


def test_other_encodings(target: Target, people: None) -> None:
    with psycopg.connect(target.url, client_encoding="LATIN1") as connection:
        connection.execute("INSERT INTO people (name) VALUES ('Élodie'), (%s)", ("Jürgen",))
        assert connection.execute("SELECT name FROM people WHERE name ~ '^[ÉJ]' ORDER BY id").fetchall() == [
            ("Élodie",),
            ("Jürgen",),
        ]
        connection.commit()
    if target.proxied:
        assert {"Élodie", "Jürgen"} <= {document["name"] for document in target.documents("people")}


def test_what_is_said_below_notice_is_said_of_the_clients_own(make_target: Callable[[str], Target]) -> None:
    statements = (
        "CREATE TABLE told (id int PRIMARY KEY, n int DEFAULT 1)",
        "CREATE TABLE told_of (id int GENERATED ALWAYS AS IDENTITY, told int REFERENCES told CHECK (told > 0))",
        "INSERT INTO told VALUES (1, 2), (2, 3)",
        "INSERT INTO told_of (told) VALUES (1), (2)",
        "UPDATE told SET n = n + 1 WHERE id = 1 RETURNING *",
        "ALTER TABLE told ADD COLUMN x int DEFAULT 7",
        "ALTER TABLE told ADD CHECK (n > 0), ALTER COLUMN x SET NOT NULL",
        "ALTER TABLE told ALTER COLUMN x TYPE bigint",
        "CREATE INDEX told_n ON told (n)",
        "CREATE VIEW telling AS SELECT id, x FROM told",
        "SELECT * FROM telling",
        "UPDATE telling SET x = 1 WHERE id = 2",
        "DROP VIEW telling",
        "TRUNCATE told CASCADE",
        "DROP TABLE told_of, told",
    )

    def said(target: Target) -> list[tuple[str, str]]:
        notices: list[str | None] = []
        with psycopg.connect(target.url, autocommit=True) as connection:
            connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
            connection.execute("SET client_min_messages = debug1")
            told = []
            for statement in statements:
                connection.execute(statement.encode())
                told += [(statement, notice) for notice in notices if notice and not notice.startswith("rehashing ")]
                notices.clear()
        return told

    assert said(make_target("proxied")) == said(make_target("direct"))
