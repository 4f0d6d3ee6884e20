"""Foreign keys while many clients write: no orphan is left, and nobody meets an error that native tables do not give.

The clients' transactions are such that natively none can deadlock: each takes the lock of one parent at most while it
holds rows that another could want.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import psycopg
import pytest

from tests.fix_proxy import Database

CLIENTS = 8
PARENTS = 12
#: Seconds, on a machine that is busy with other things.
LONGEST_MOVE = 60
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")

TABLES = """
CREATE TABLE parent (id int PRIMARY KEY, note text);
CREATE TABLE kept (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent_id int REFERENCES parent);
CREATE TABLE gone (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                   parent_id int NOT NULL REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nulled (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                     parent_id int REFERENCES parent ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE late (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                   parent_id int REFERENCES parent ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO parent SELECT g, 'first' FROM generate_series(1, 12) AS g;
"""
CHILDREN = ("kept", "gone", "nulled", "late")
#: What PostgreSQL may answer to these statements: the parent is missing or still referenced; a new snapshot is needed.
EXPECTED = {
    "READ COMMITTED": {"23503"},
    "REPEATABLE READ": {"23503", "40001"},
    "SERIALIZABLE": {"23503", "40001"},
}


def _transaction(rng: random.Random) -> list[str]:
    if rng.random() < 0.2:
        # new rows only, so that nobody waits for them who holds what they wait for
        return [f"INSERT INTO {rng.choice(CHILDREN)} (parent_id) VALUES ({rng.randint(1, PARENTS)})" for _ in range(3)]
    return [_statement(rng)]


def _statement(rng: random.Random) -> str:
    parent = rng.randint(1, PARENTS)
    child = rng.choice(CHILDREN)
    choice = rng.random()
    if choice < 0.4:
        return f"INSERT INTO {child} (parent_id) VALUES ({parent})"
    if choice < 0.5:
        return (
            f"INSERT INTO parent VALUES ({parent}, 'again')"
            " ON CONFLICT (id) DO UPDATE SET note = parent.note || excluded.note"
        )
    if choice < 0.6:
        return f"UPDATE parent SET note = 'changed' WHERE id = {parent}"
    if choice < 0.65:
        return f"UPDATE parent SET id = {rng.randrange(1000, 1 << 30)} WHERE id = {parent}"
    if choice < 0.8:
        return f"DELETE FROM {child} WHERE id = (SELECT min(id) FROM {child} WHERE parent_id = {parent})"
    return f"DELETE FROM parent WHERE id = {parent}"


def _client(dsn: str, level: str, seed: int, goes_on: Callable[[], bool], counts: Counter[str]) -> None:
    rng = random.Random(seed)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}".encode())
        connection.commit()
        while goes_on():
            try:
                for statement in _transaction(rng):
                    connection.execute(statement.encode())
                connection.commit()
                counts["done"] += 1
            except psycopg.Error as error:
                connection.rollback()
                counts[error.sqlstate or repr(error)] += 1


def _run(dsn: str, level: str, goes_on: Callable[[], bool]) -> Counter[str]:
    counts = [Counter[str]() for _ in range(CLIENTS)]
    clients = [
        threading.Thread(target=_client, args=(dsn, level, number, goes_on, counts[number]))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts, Counter[str]())


def _move(dsn: str, table: str, stop: threading.Event, moved: list[str]) -> None:
    """There and back, again and again, and at the end there."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            connection.execute(f"CALL kameleon.materialize_entity('{table}')".encode())
            moved.append(f"{table} there")
            if stop.is_set():
                return
            connection.execute(f"CALL kameleon.dematerialize_entity('{table}')".encode())
            moved.append(f"{table} back")


def _check(dsn: str, level: str, seconds: float, dedicated: Sequence[str] = (), moving: Sequence[str] = ()) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in TABLES.strip().split(";\n"):
            connection.execute(statement.encode())
        for table in dedicated:
            connection.execute(f"CALL kameleon.materialize_entity('{table}')".encode())
    stop = threading.Event()
    moved: list[str] = []
    movers = [threading.Thread(target=_move, args=(dsn, table, stop, moved)) for table in moving]
    for mover in movers:
        mover.start()
    began = time.monotonic()

    def goes_on() -> bool:
        passed = time.monotonic() - began
        has_moved = all(f"{table} back" in moved for table in moving)
        return passed < seconds or (not has_moved and passed < seconds + LONGEST_MOVE)

    counts = _run(dsn, level, goes_on)
    stop.set()
    for mover in movers:
        mover.join()
    assert set(moved) >= {f"{table} back" for table in moving}, moved
    assert counts["done"] > 0 and counts["23503"] > 0, counts
    assert counts.keys() <= EXPECTED[level] | {"done"}, counts
    with psycopg.connect(dsn, autocommit=True) as connection:
        for child in CHILDREN:
            orphans = connection.execute(
                f"SELECT * FROM {child} WHERE parent_id IS NOT NULL"
                " AND NOT EXISTS (SELECT FROM parent WHERE parent.id = parent_id)".encode()
            ).fetchall()
            assert orphans == [], (child, orphans)


@pytest.mark.parametrize("level", LEVELS)
def test_no_orphans(level: str, database: Database) -> None:
    _check(database.proxied, level, 4)
    _check_documents(database)


@pytest.mark.parametrize("dedicated", [("parent",), CHILDREN, ("gone", "late")], ids="+".join)
def test_no_orphans_between_tables_and_documents(dedicated: Sequence[str], database: Database) -> None:
    _check(database.proxied, "READ COMMITTED", 3, dedicated)


@pytest.mark.slow
@pytest.mark.parametrize("dedicated", [("parent",), CHILDREN, ("gone", "late")], ids="+".join)
@pytest.mark.parametrize("level", LEVELS)
def test_no_orphans_between_tables_and_documents_in_a_long_run(
    level: str, dedicated: Sequence[str], database: Database
) -> None:
    _check(database.proxied, level, 40, dedicated)


@pytest.mark.parametrize("moving", [("parent",), ("gone", "late")], ids="+".join)
def test_no_orphans_while_tables_move(moving: Sequence[str], database: Database) -> None:
    _check(database.proxied, "READ COMMITTED", 4, moving=moving)


@pytest.mark.slow
@pytest.mark.parametrize("dedicated", [(), ("kept", "nulled")], ids=["shared", "kept+nulled"])
def test_no_orphans_while_all_tables_move_in_a_long_run(dedicated: Sequence[str], database: Database) -> None:
    """Each by itself: their foreign keys are at times between tables, at times between documents, at times mixed."""
    _check(database.proxied, "READ COMMITTED", 90, dedicated, moving=("parent", "gone", "late"))


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_no_orphans_in_a_long_run(level: str, database: Database) -> None:
    _check(database.proxied, level, 120)
    _check_documents(database)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_expected_of_native_tables(level: str, plain_database: Database) -> None:
    _check(plain_database.direct, level, 20)


def _check_documents(database: Database) -> None:
    """A document and the columns that stand for its keys say the same."""
    with psycopg.connect(database.direct, autocommit=True) as connection:
        for child in CHILDREN:
            row = connection.execute(
                "SELECT kameleon.child_name(e), (SELECT column_name FROM kameleon.key_columns(e.entity_id) LIMIT 1)"
                " FROM kameleon.kdb_entity_definitions e WHERE entity_name = %s",
                (child,),
            ).fetchone()
            assert row is not None
            table, column = row
            differing = connection.execute(
                f"SELECT data, {column} FROM kameleon.{table}"
                f" WHERE (data ->> 'parent_id')::int IS DISTINCT FROM {column}".encode()
            ).fetchall()
            assert differing == []


def test_a_parent_locked_for_its_key_is_waited_for(database: Database) -> None:
    """FOR KEY SHARE of the check and an UPDATE that leaves the key alone do not stand in each other's way."""
    with (
        psycopg.connect(database.proxied) as one,
        psycopg.connect(database.proxied, autocommit=True) as two,
    ):
        two.execute("CREATE TABLE parent (id int PRIMARY KEY, note text)")
        two.execute("CREATE TABLE child (parent_id int REFERENCES parent)")
        two.execute("INSERT INTO parent VALUES (1, 'x'), (2, 'y')")
        two.execute("SET lock_timeout = '200ms'")
        one.execute("INSERT INTO child VALUES (1)")
        two.execute("UPDATE parent SET note = 'free' WHERE id = 1")
        two.execute("SELECT * FROM parent WHERE id = 1 FOR NO KEY UPDATE")
        for statement in ("DELETE FROM parent WHERE id = 1", "SELECT * FROM parent WHERE id = 1 FOR UPDATE"):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                two.execute(statement.encode())
        one.rollback()
        one.execute("UPDATE parent SET note = 'mine' WHERE id = 2")
        two.execute("INSERT INTO child VALUES (2)")
        one.rollback()
        one.execute("DELETE FROM parent WHERE id = 1")
        with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
            two.execute("INSERT INTO child VALUES (1)")
        assert caught.value.diag.context is not None
        assert 'FROM ONLY "public"."parent" x WHERE "id"' in caught.value.diag.context
        assert "kdb_" not in caught.value.diag.context
        one.commit()
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            two.execute("INSERT INTO child VALUES (1)")


def test_foreign_keys_come_and_go_while_others_write(database: Database) -> None:
    """The first of them gives the parent's documents a column, with other sessions in the midst of using it."""
    failures: list[str] = []
    counts: list[int] = []
    stop = threading.Event()

    def write(number: int) -> None:
        count = 0
        with psycopg.connect(database.proxied, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    connection.execute("INSERT INTO parent (note) VALUES ('x')")
                    connection.execute("UPDATE parent SET note = note || 'y' WHERE id = %s", (number,))
                    connection.execute("SELECT count(*) FROM parent")
                    connection.execute("DELETE FROM parent WHERE id > 100 AND note = 'nope'")
                    count += 1
                except psycopg.Error as error:
                    failures.append(f"{error.sqlstate} {error}")
        counts.append(count)

    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE parent (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)")
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        try:
            for number in range(4):
                session.execute(f"CREATE TABLE child{number} (parent_id int REFERENCES parent)".encode())
                session.execute(f"INSERT INTO child{number} SELECT max(id) FROM parent".encode())
                session.execute(f"ALTER TABLE child{number} DROP CONSTRAINT child{number}_parent_id_fkey".encode())
                session.execute(f"ALTER TABLE child{number} ADD FOREIGN KEY (parent_id) REFERENCES parent".encode())
                if number % 2:
                    session.execute(f"DROP TABLE child{number}".encode())
            session.execute("ALTER TABLE parent ALTER id TYPE bigint")
        finally:
            stop.set()
            for writer in writers:
                writer.join()
    assert failures == []
    assert all(counts), counts


def test_a_session_obeys_them_wherever_the_rows_are(database: Database) -> None:
    """PostgreSQL keeps plans of checks and actions by the topmost parent of a key: table and documents share them."""
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
        session.execute(
            "CREATE TABLE child (parent_id int CONSTRAINT fk REFERENCES parent"
            " ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE)"
        )
        kept: list[tuple[int]] = []
        for move in ("materialize", "dematerialize") * 3:
            first = len(kept) * 10
            kept.append((first + 5,))
            for number in (first, first + 1):
                session.execute("INSERT INTO parent VALUES (%s)", (number,))
                session.execute("INSERT INTO child VALUES (%s)", (number,))
                with pytest.raises(psycopg.errors.ForeignKeyViolation):
                    session.execute("INSERT INTO child VALUES (999)")
            session.execute("UPDATE parent SET id = id + 5 WHERE id = %s", (first,))
            session.execute("DELETE FROM parent WHERE id = %s", (first + 1,))
            assert session.execute("SELECT * FROM child ORDER BY 1").fetchall() == kept
            with pytest.raises(psycopg.errors.ForeignKeyViolation), session.transaction():
                session.execute("DO 'BEGIN SET CONSTRAINTS fk DEFERRED; END'")
                session.execute("INSERT INTO child VALUES (999)")
                session.execute("SELECT 1")
                session.execute("SET CONSTRAINTS fk IMMEDIATE")
            session.execute(f"CALL kameleon.{move}_entity('child')".encode())


def _wait_until_blocked(observer: psycopg.Connection, pid: int) -> None:
    deadline = time.monotonic() + 30
    while not observer.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,)).fetchone()[0]:  # type: ignore[index]
        assert time.monotonic() < deadline


def _another_changes_the_key(database: Database, dsn: str) -> None:
    """One session refers to a row, another changes the row's key, and the first goes on with the same row."""
    with (
        psycopg.connect(database.direct, autocommit=True) as observer,
        psycopg.connect(dsn) as first,
        psycopg.connect(dsn) as second,
    ):
        first.execute("INSERT INTO gone (parent_id) VALUES (1)")
        errors: list[psycopg.Error] = []

        def change_key() -> None:
            try:
                second.execute("UPDATE parent SET id = 50 WHERE id = 1")
                second.commit()
            except psycopg.Error as error:
                errors.append(error)

        changing = threading.Thread(target=change_key)
        pid = second.execute("SELECT pg_backend_pid()").fetchone()[0]  # type: ignore[index]
        changing.start()
        _wait_until_blocked(observer, pid)
        first.execute("UPDATE parent SET note = 'second' WHERE id = 1")
        first.commit()
        changing.join()
        assert errors == []
        assert first.execute("SELECT id FROM parent WHERE note = 'second'").fetchall() == [(50,)]
        assert first.execute("SELECT parent_id FROM gone").fetchall() == [(50,)]


def test_a_key_changes_behind_a_transaction_that_refers_to_it(database: Database) -> None:
    """The change waits with no lock on the row that the first, going on, could want: so nobody is in a deadlock."""
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute(TABLES)
    _another_changes_the_key(database, database.proxied)


def test_natively_too(plain_database: Database) -> None:
    with psycopg.connect(plain_database.direct, autocommit=True) as session:
        session.execute(TABLES)
    _another_changes_the_key(plain_database, plain_database.direct)
