"""Moves that are refused, cancelled or fail: the table is as it was, one error tells why, the next one succeeds."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database
from tests.migration.conftest import Session, until

ROWS = 3000
DIRECTIONS = ("materialize_entity", "dematerialize_entity")


@pytest.fixture(params=DIRECTIONS)
def procedure(request: pytest.FixtureRequest, session: Session) -> str:
    """The move that table t is ready for."""
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute(f"INSERT INTO t SELECT i, 0 FROM generate_series(1, {ROWS}) AS i".encode())
    if request.param == "dematerialize_entity":
        session.execute("CALL kameleon.materialize_entity('t')")
    return request.param


class Call:
    def __init__(self, session: Session, sql: str) -> None:
        self.session = session
        self.error: psycopg.Error | None = None
        self._thread = threading.Thread(target=self._run, args=(sql,))
        self._thread.start()

    def _run(self, sql: str) -> None:
        try:
            self.session.execute(sql.encode())
        except psycopg.Error as error:
            self.error = error

    def ended_with(self) -> str | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return None if self.error is None else self.error.sqlstate


@contextmanager
def held_in(phase: str, session: Session, holder: Session, procedure: str, mover: Session) -> Iterator[Call]:
    """The move, kept from going on in a phase by another client's transaction."""
    if phase == "switching":
        with holder.transaction():
            holder.execute("SELECT FROM t")
            call = Call(mover, f"CALL kameleon.{procedure}('t')")
            until(session, "SELECT EXISTS (SELECT FROM kameleon.migrations WHERE phase = 'switching')")
            yield call
    elif phase == "waiting":
        with holder.transaction():
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            holder.execute("SELECT 1")
            call = Call(mover, f"CALL kameleon.{procedure}('t')")
            until(session, "SELECT EXISTS (SELECT FROM kameleon.migrations WHERE phase = 'waiting')")
            yield call
    elif phase == "preparing":
        with holder.transaction():
            holder.execute("UPDATE t SET n = n WHERE id = 1")
            call = Call(mover, f"CALL kameleon.{procedure}('t')")
            until(session, "SELECT EXISTS (SELECT FROM kameleon.migrations WHERE phase = 'preparing')")
            yield call
    else:
        call = Call(mover, f"CALL kameleon.{procedure}('t', batch_size => 1)")
        until(session, "SELECT EXISTS (SELECT FROM kameleon.migrations WHERE phase = 'copying' AND rows_done > 0)")
        yield call


def _as_it_was(session: Session, procedure: str) -> None:
    mode = "shared" if procedure == "materialize_entity" else "dedicated"
    assert session.execute("SELECT storage_mode FROM kameleon.entities WHERE entity_name = 't'").fetchall() == [(mode,)]
    assert session.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall() == [(ROWS, ROWS)]
    session.execute("UPDATE t SET n = n + 1 WHERE id = 5")
    session.execute(f"CALL kameleon.{procedure}('t')".encode())
    assert session.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS, 1)]


@pytest.mark.parametrize("phase", ["preparing", "copying", "waiting", "switching"])
@pytest.mark.parametrize("how", ["key", "procedure", pytest.param("backend", marks=pytest.mark.slow)])
def test_cancelled(
    phase: str, how: str, procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    with held_in(phase, session, holder, procedure, mover) as call:
        # while it waits, others write
        session.execute("INSERT INTO t VALUES (0, 0)")
        session.execute("DELETE FROM t WHERE id = 0")
        with pytest.raises(psycopg.errors.ObjectInUse):
            session.execute(f"CALL kameleon.{procedure}('t')".encode())
        if phase == "copying":
            with pytest.raises(psycopg.errors.ObjectInUse):
                session.execute("ALTER TABLE t ADD COLUMN late int")
        if how == "key":
            mover.cancel_safe()
        elif how == "backend":
            session.execute("SELECT pg_cancel_backend(pid) FROM kameleon.migrations WHERE finished_at IS NULL")
        else:
            session.execute("CALL kameleon.cancel_migration('t')")
        if phase == "copying":
            assert call.ended_with() == "57014"
    assert call.ended_with() == "57014"
    until(session, "SELECT NOT EXISTS (SELECT FROM kameleon.migrations WHERE finished_at IS NULL)")
    _as_it_was(session, procedure)


def test_somebody_keeps_the_table(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder = session_of(database.proxied)
    with holder.transaction():
        holder.execute("SELECT FROM t")
        with pytest.raises(psycopg.errors.LockNotAvailable, match='table "t" was not moved: waiting for transactions'):
            session.execute(f"CALL kameleon.{procedure}('t', timeout => '1 s')".encode())
    _as_it_was(session, procedure)


def test_the_disk_is_full(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    session.execute(
        "CREATE FUNCTION careful(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " $$BEGIN IF current_setting('test.is_full', true) = 'yes' AND $1 = 2000 THEN"
        " RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END IF;"
        " RETURN $1; END$$"
    )
    session.execute("CREATE INDEX ON t (careful(id))")
    session.execute("SET test.is_full = 'yes'")
    with pytest.raises(psycopg.errors.DiskFull, match="could not extend file: No space left on device"):
        session.execute(f"CALL kameleon.{procedure}('t', batch_size => 100)".encode())
    session.execute("RESET test.is_full")
    _as_it_was(session, procedure)


def test_the_table_is_emptied_meanwhile(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    with held_in("copying", session, holder, procedure, mover) as call:
        session.execute("TRUNCATE t")
        session.execute("INSERT INTO t VALUES (1, 1)")
    assert call.ended_with() in (None, "55000")
    assert session.execute("TABLE t").fetchall() == [(1, 1)]
    if call.error is not None:
        session.execute(f"CALL kameleon.{procedure}('t')".encode())
        assert session.execute("TABLE t").fetchall() == [(1, 1)]


def test_the_table_is_dropped_meanwhile(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    with held_in("copying", session, holder, procedure, mover) as call:
        try:
            session.execute("DROP TABLE t")
        except psycopg.errors.ObjectInUse:
            assert call.ended_with() is None
            session.execute("DROP TABLE t")
    assert call.ended_with() in (None, "42P01")
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO t VALUES (1, 1)")
    for each in DIRECTIONS:
        session.execute(f"CALL kameleon.{each}('t')".encode())
        assert session.execute("TABLE t").fetchall() == [(1, 1)]


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_the_callers_own_settings_do_not_matter(level: str, procedure: str, session: Session) -> None:
    session.execute(f"SET default_transaction_isolation = '{level}'".encode())
    session.execute("SET default_transaction_deferrable = on")
    session.execute("SET session_replication_role = replica")
    session.execute("SET standard_conforming_strings = off")
    session.execute(f"CALL kameleon.{procedure}('t', batch_size => 500)".encode())
    assert session.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall() == [(ROWS, ROWS)]


def test_past_the_proxy_it_is_an_ordinary_table(
    session: Session, database: Database, plain_database: Database, postgres: PostgresServer
) -> None:
    made = (
        "CREATE TABLE maker (id int PRIMARY KEY)",
        "CREATE TABLE car (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, maker int REFERENCES maker,"
        " name varchar(20) NOT NULL DEFAULT 'x' CHECK (name <> ''), twice int GENERATED ALWAYS AS (id * 2) STORED)",
        "CREATE INDEX by_name ON car (lower(name)) WHERE id > 3",
        "COMMENT ON COLUMN car.name IS 'as it is called'",
        "GRANT SELECT ON car TO PUBLIC",
        "INSERT INTO maker VALUES (1), (2)",
        "INSERT INTO car (maker, name) SELECT i % 2 + 1, 'n' || i FROM generate_series(1, 50) AS i",
    )
    with psycopg.connect(plain_database.direct, autocommit=True) as native:
        for statement in made:
            native.execute(statement.encode())
            session.execute(statement.encode())
    session.execute("CALL kameleon.materialize_entity('car')")

    def told(command: str, *arguments: str) -> list[list[str]]:
        outputs = []
        for dsn in (plain_database.direct, database.direct):
            done = subprocess.run(
                [postgres.programs / command, *arguments, dsn], capture_output=True, text=True, check=True
            )
            # pg_dump's own random word
            outputs.append(
                [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
            )
        return outputs

    # while the table that it refers to is kept in documents, too
    for command in (("pg_dump", "--table=car", "-d"), ("psql", "-Xc", "\\d+ car", "-c", "\\dp car", "-d")):
        native_told, our_told = told(*command)
        assert our_told == native_told
    session.execute("CALL kameleon.materialize_entity('maker')")
    native_dump, our_dump = told("pg_dump", "--table=car", "--table=maker", "-d")
    assert our_dump == native_dump
    native_shown, our_shown = told("psql", "-Xc", "\\d+ car", "-c", "\\d maker", "-c", "\\dp car", "-d")
    assert our_shown == native_shown
