"""A shared entity becomes dedicated while other sessions work with it."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database

TRIGGER = "CREATE TRIGGER n BEFORE UPDATE ON {0} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"


def test_writers_and_readers_go_on(database: Database) -> None:
    failures: list[BaseException] = []
    written: dict[str, int] = {}
    enough = {f"t{number}": threading.Event() for number in range(5)}
    table = "t0"
    stop = threading.Event()

    def work() -> None:
        with psycopg.connect(database.proxied, autocommit=True) as connection:
            while not stop.is_set():
                name = table
                try:
                    key = connection.execute(f"INSERT INTO {name} (v) VALUES (1) RETURNING id".encode()).fetchone()
                    written[name] = written.get(name, 0) + 1
                    connection.execute(f"UPDATE {name} SET v = v + 1 WHERE id = %s".encode(), key)
                    count = connection.execute(f"SELECT v FROM {name} WHERE id = %s".encode(), key).fetchone()
                    assert count == (2,)
                except (psycopg.Error, AssertionError) as error:
                    failures.append(error)
                if written.get(name, 0) >= 10 or failures:
                    enough[name].set()

    with psycopg.connect(database.proxied, autocommit=True) as session:
        for number in range(5):
            session.execute(f"CREATE TABLE t{number} (id serial PRIMARY KEY, v int)".encode())
        worker = threading.Thread(target=work)
        worker.start()
        try:
            for number in range(5):
                table = f"t{number}"
                assert enough[table].wait(60)
                session.execute(TRIGGER.format(table).encode())
        finally:
            stop.set()
            worker.join()
        assert failures == []
        for name, count in written.items():
            assert session.execute(f"SELECT count(*), min(v) FROM {name}".encode()).fetchall() == [(count, 2)]
        modes = session.execute("SELECT DISTINCT storage_mode FROM kameleon.entities").fetchall()
        assert modes == [("dedicated",)]


@pytest.mark.parametrize("name", ["t", "in_view", "in_view_of_view", "in_routine()", "in_routine_over_view()"])
@pytest.mark.parametrize("ddl", [TRIGGER.format("t"), "ALTER TABLE t ALTER v SET NOT NULL"])
def test_an_older_snapshot_is_not_shown_an_empty_table(database: Database, ddl: str, name: str) -> None:
    with (
        psycopg.connect(database.proxied, autocommit=True) as session,
        psycopg.connect(database.proxied) as reader,
    ):
        session.execute("CREATE TABLE t (id int, v int); CREATE TABLE other (id int)")
        session.execute("INSERT INTO t VALUES (1, 1); INSERT INTO other VALUES (1)")
        session.execute("CREATE VIEW in_view AS SELECT id FROM t; CREATE VIEW in_view_of_view AS TABLE in_view")
        for routine, source in (("in_routine", "t"), ("in_routine_over_view", "in_view_of_view")):
            body = f"BEGIN ATOMIC SELECT id FROM {source}; END"
            session.execute(f"CREATE FUNCTION {routine}(OUT id int) RETURNS SETOF int {body}".encode())
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        assert reader.execute("SELECT id FROM other").fetchall() == [(1,)]
        session.execute(ddl.encode())
        assert reader.execute("SELECT id FROM other").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.SerializationFailure):
            reader.execute(f"SELECT id FROM {name}".encode())
        reader.rollback()
        assert reader.execute(f"SELECT id FROM {name}".encode()).fetchall() == [(1,)]
        reader.commit()


def test_a_view_is_written_through_wherever_its_tables_are(database: Database) -> None:
    """Both in shared storage, either of them, neither."""
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE customer (id int PRIMARY KEY, active boolean)")
        session.execute('CREATE TABLE "Order" (id int PRIMARY KEY, customer int, total int DEFAULT 0)')
        session.execute("INSERT INTO customer VALUES (1, true), (2, false)")
        session.execute(
            'CREATE VIEW open_orders AS SELECT id, customer, total FROM "Order"'
            " WHERE customer IN (SELECT id FROM customer WHERE active) WITH CHECK OPTION"
        )
        moves = (None, ("materialize", '"Order"'), ("materialize", "customer"), ("dematerialize", '"Order"'))
        for number, move in enumerate(moves):
            if move is not None:
                session.execute(f"CALL kameleon.{move[0]}_entity('{move[1]}')".encode())
            for prepare in (False, True):
                key = 2 * number + prepare
                session.execute("INSERT INTO open_orders VALUES (%s, 1)", (key,), prepare=prepare)
                updated = session.execute(
                    "UPDATE open_orders SET total = total + %s WHERE id = %s RETURNING *", (key, key), prepare=prepare
                )
                assert updated.fetchall() == [(key, 1, key)]
                with pytest.raises(psycopg.errors.WithCheckOptionViolation):
                    session.execute("UPDATE open_orders SET customer = 2 WHERE id = %s", (key,), prepare=prepare)
        assert session.execute('SELECT id, customer, total FROM "Order" ORDER BY 1').fetchall() == [
            (key, 1, key) for key in range(8)
        ]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize(
    "write", ["INSERT INTO t VALUES (3, 3)", "UPDATE t SET v = 7 WHERE id = 1", "DELETE FROM t WHERE id = 2"]
)
@pytest.mark.parametrize(
    "ddl", [TRIGGER.format("t"), "ALTER TABLE t ALTER v TYPE bigint", "ALTER TABLE t ADD CHECK (v < 9)"]
)
def test_an_older_snapshot_moves_no_rows(database: Database, ddl: str, write: str, level: str) -> None:
    """It does not see all of them."""
    with (
        psycopg.connect(database.proxied, autocommit=True) as session,
        psycopg.connect(database.proxied, autocommit=True) as other,
    ):
        session.execute("CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1), (2, 2)")
        begin = f"BEGIN ISOLATION LEVEL {level}".encode()
        session.execute(begin)
        assert session.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
        other.execute(write.encode())
        after = other.execute("TABLE t ORDER BY id").fetchall()
        with pytest.raises(psycopg.errors.SerializationFailure):
            session.execute(ddl.encode())
        session.execute("ROLLBACK")
        assert session.execute("TABLE t ORDER BY id").fetchall() == after
        session.execute(begin)
        session.execute("INSERT INTO t VALUES (8, 8)")
        session.execute(ddl.encode())
        session.execute("COMMIT")
        assert other.execute("TABLE t ORDER BY id").fetchall() == [*after, (8, 8)]


@pytest.mark.parametrize("kind", [psycopg.ClientCursor, psycopg.Cursor])
def test_a_prepared_statement_goes_by_where_its_tables_are(database: Database, kind: Any) -> None:
    with (
        psycopg.connect(database.proxied, autocommit=True) as mover,
        psycopg.connect(database.proxied, autocommit=True, cursor_factory=kind) as session,
    ):
        mover.execute("CREATE TABLE t (id int, v int); CREATE TABLE u (id int, w int)")
        mover.execute("INSERT INTO t VALUES (1, 2); INSERT INTO u VALUES (1, 3)")
        session.execute("PREPARE q AS SELECT id, v FROM t")
        # what documents cannot serve: the tables become dedicated
        session.execute("PREPARE n AS SELECT t.ctid IS NULL, v, w FROM t NATURAL JOIN u")
        assert session.execute("EXECUTE n").fetchall() == [(False, 2, 3)]
        for number in range(4):
            direction = "dematerialize" if number % 2 == 0 else "materialize"
            mover.execute(f"CALL kameleon.{direction}_entity('t')".encode())
            session.execute(f"CREATE TABLE made_{number} AS EXECUTE q".encode())
            assert session.execute(f"TABLE made_{number}".encode()).fetchall() == [(1, 2)]
            assert session.execute("EXPLAIN (ANALYZE) EXECUTE q").fetchall() != []
            session.execute(f"EXPLAIN ANALYZE CREATE TABLE explained_{number} AS EXECUTE q".encode())
            assert session.execute("EXECUTE q").fetchall() == [(1, 2)]
        for table in ("t", "u"):
            modes: dict[str, str] = dict(
                mover.execute("SELECT entity_name, storage_mode FROM kameleon.entities").fetchall()
            )
            if modes[table] == "dedicated":
                mover.execute(f"CALL kameleon.dematerialize_entity('{table}')".encode())
        for _ in range(2):
            assert session.execute("EXECUTE n").fetchall() == [(False, 2, 3)]


@pytest.mark.parametrize("in_block", [False, True])
def test_several_sessions_find_that_a_table_has_to_be_moved(in_block: bool, database: Database) -> None:
    """Each has PostgreSQL parse its statement first, which locks the table; none may wait for the others' locks."""
    failures: list[BaseException] = []
    with psycopg.connect(database.proxied, autocommit=True) as session:
        for number in range(4):
            session.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY, at point)".encode())
            session.execute(f"INSERT INTO t{number} SELECT g, point(g, g) FROM generate_series(1, 500) AS g".encode())
    all_there = threading.Barrier(6)

    def work(worker: int) -> None:
        try:
            with psycopg.connect(database.proxied, autocommit=True) as session:
                for number in range(4):
                    all_there.wait(60)
                    with session.transaction() if in_block else nullcontext():
                        session.execute(f"UPDATE t{number} SET at[0] = %s WHERE id = %s".encode(), (7, worker))
        except BaseException as error:
            failures.append(error)
            all_there.abort()

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(1, 7)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert failures == []
    with psycopg.connect(database.proxied, autocommit=True) as session:
        for number in range(4):
            assert session.execute(
                f"SELECT count(*) FROM t{number} WHERE at[0] = 7 AND id < 7".encode()
            ).fetchone() == (6,)


def test_sessions_make_views_over_a_table_at_the_same_time(database: Database) -> None:
    failures: list[BaseException] = []
    all_there = threading.Barrier(3)

    def work() -> None:
        try:
            with psycopg.connect(database.proxied, autocommit=True) as session:
                for number in range(8):
                    all_there.wait(60)
                    session.execute(f"CREATE TEMP VIEW v{number} AS SELECT id FROM t{number} WHERE id > 0".encode())
                    session.execute(f"UPDATE v{number} SET id = id".encode())
        except BaseException as error:
            failures.append(error)
            all_there.abort()

    with psycopg.connect(database.proxied, autocommit=True) as session:
        for number in range(8):
            session.execute(f"CREATE TABLE t{number} (id int)".encode())
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []


def test_a_table_is_altered_while_others_read_it_through_temporary_views(database: Database) -> None:
    failures: list[BaseException] = []
    stop = threading.Event()
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        session.execute("INSERT INTO t VALUES (1, 1)")
        readers = [psycopg.connect(database.proxied, autocommit=True) for _ in range(3)]
        for reader in readers:
            reader.execute("CREATE TEMP VIEW x AS SELECT id, v FROM t")
            reader.execute("CREATE TEMP VIEW y AS SELECT id FROM x")

        def work(reader: psycopg.Connection[Any]) -> None:
            try:
                with reader:
                    while not stop.is_set():
                        assert reader.execute("SELECT * FROM y").fetchall() == [(1,)]
                        reader.execute("UPDATE x SET v = v + 1")
            except BaseException as error:
                failures.append(error)

        workers = [threading.Thread(target=work, args=(reader,)) for reader in readers]
        for worker in workers:
            worker.start()
        try:
            for number in range(25):
                session.execute(f"ALTER TABLE t ADD COLUMN c{number} int".encode())
                session.execute(f"ALTER TABLE t DROP COLUMN c{number}".encode())
        finally:
            stop.set()
            for worker in workers:
                worker.join(60)
    assert failures == []


def test_a_table_that_a_login_trigger_writes_to(postgres: PostgresServer, database: Database) -> None:
    """In shared storage its function could not use it, and nobody could connect."""
    if postgres.version < 17:
        pytest.skip("login event triggers came with PostgreSQL 17")
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE logins (who text)")
        session.execute(
            "CREATE FUNCTION note_login() RETURNS event_trigger LANGUAGE plpgsql"
            " AS 'BEGIN INSERT INTO logins VALUES (session_user); END'"
        )
        session.execute("CREATE EVENT TRIGGER noted ON login EXECUTE FUNCTION public.note_login()")
        session.execute("ALTER EVENT TRIGGER noted ENABLE ALWAYS")
        try:
            with psycopg.connect(database.proxied) as other:
                assert other.execute("SELECT DISTINCT who FROM logins").fetchall() == [("postgres",)]
            with psycopg.connect(database.direct) as other:
                assert other.execute("SELECT DISTINCT who FROM logins").fetchall() == [("postgres",)]
        finally:
            session.execute("DROP EVENT TRIGGER noted")
