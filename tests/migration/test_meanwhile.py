"""What clients do while a table moves, and what they find of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from tests.fix_proxy import Database
from tests.migration.conftest import Session, until
from tests.migration.test_given_up import DIRECTIONS, ROWS, Call, held_in, procedure

__all__ = ["procedure"]

RUNNING = "SELECT EXISTS (SELECT FROM kameleon.migrations WHERE finished_at IS NULL AND {})"


def test_rows_are_copied_in_while_it_is_paused(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    call = Call(session_of(database.proxied), f"CALL kameleon.{procedure}('t', batch_size => 1)")
    until(session, RUNNING.format("phase = 'copying' AND rows_done > 0"))
    session.execute("CALL kameleon.pause_migration('t')")
    until(session, RUNNING.format("requested = 'pause'"))
    (before,) = session.execute("SELECT rows_done FROM kameleon.migrations WHERE finished_at IS NULL").fetchall()
    with session.cursor().copy("COPY t FROM STDIN") as copy:
        for number in range(100):
            copy.write_row((10_000 + number, 1))
    with session.cursor().copy("COPY t TO STDOUT") as copy:
        assert sum(1 for _ in copy.rows()) == ROWS + 100
    assert session.execute("SELECT rows_done FROM kameleon.migrations WHERE finished_at IS NULL").fetchall() == [before]
    session.execute("CALL kameleon.resume_migration('t')")
    assert call.ended_with() is None
    assert session.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS + 100, 100)]


def test_serializable_transactions_across_the_switch(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    """Each reads what the other writes. One of them reads before the switch, and one writes after it."""
    session.execute("CREATE TABLE u (id int PRIMARY KEY)")
    holder, mover, one, other = (session_of(database.proxied) for _ in range(4))
    with pytest.raises(psycopg.errors.SerializationFailure):
        with held_in("switching", session, holder, procedure, mover) as call:
            other.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
            assert other.execute("SELECT count(*) FROM u").fetchall() == [(0,)]
            with one.transaction():
                one.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                assert one.execute("SELECT count(*) FROM t").fetchall() == [(ROWS,)]
                one.execute("INSERT INTO u VALUES (1)")
        assert call.ended_with() is None
        other.execute("INSERT INTO t VALUES (0, 0)")
        other.execute("COMMIT")
    other.execute("ROLLBACK")
    assert session.execute("SELECT count(*) FROM t").fetchall() == [(ROWS,)]


def test_a_snapshot_of_before_the_switch_goes_on(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover, reader = (session_of(database.proxied) for _ in range(3))
    with held_in("switching", session, holder, procedure, mover) as call:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        session.execute("UPDATE t SET n = 1 WHERE id = 1")
    assert call.ended_with() is None
    session.execute("DELETE FROM t WHERE id > 1")
    assert reader.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS, 0)]
    with pytest.raises(psycopg.errors.SerializationFailure):
        reader.execute("UPDATE t SET n = 2 WHERE id = 1")
    reader.execute("ROLLBACK")


def test_the_sequence_of_an_interrupted_batch_is_ahead(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    """What is not in the target yet, though it might be, is a matter of snapshots only above READ COMMITTED."""
    holder, mover, superuser = session_of(database.proxied), session_of(database.proxied), session_of(database.direct)
    with held_in("copying", session, holder, procedure, mover) as call:
        session.execute("CALL kameleon.pause_migration('t')")
        until(session, RUNNING.format("requested = 'pause'"))
        time.sleep(0.5)
        superuser.execute(
            "SELECT setval(('kameleon.kdb_progress_' || entity_id)::regclass, 1 << 30) FROM kameleon.entities"
        )
        session.execute(f"UPDATE t SET n = 1 WHERE id = {ROWS}".encode())
        session.execute(f"DELETE FROM t WHERE id = {ROWS - 1}".encode())
        with pytest.raises(psycopg.errors.SerializationFailure), holder.transaction():
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            holder.execute(f"DELETE FROM t WHERE id = {ROWS - 2}".encode())
        session.execute("CALL kameleon.resume_migration('t')")
        assert call.ended_with() is None
    assert session.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS - 1, 1)]


def test_writers_whose_strings_have_escapes(database: Database, session_of: Callable[[str], Session]) -> None:
    mover, holder, writer = (session_of(database.proxied) for _ in range(3))
    mover.execute("CREATE TABLE t (id int PRIMARY KEY, raw bytea)")
    mover.execute("INSERT INTO t SELECT i, '\\x00' FROM generate_series(1, 9) AS i")
    writer.execute("SET standard_conforming_strings = off")
    for number, each in enumerate(DIRECTIONS, 1):
        with held_in("waiting", mover, holder, each, mover=session_of(database.proxied)) as call:
            writer.execute("UPDATE t SET raw = '\\\\x00ff' WHERE id = %s", [number])
        assert call.ended_with() is None
        found = mover.execute("SELECT count(*) FROM t WHERE raw = '\\x00ff'").fetchall()
        assert found == [(number,)]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TRIGGER one BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE one AS ON INSERT TO t DO NOTHING",
        "CREATE POLICY one ON t",
        "CREATE STATISTICS one ON id, n FROM t",
        "CREATE PUBLICATION one FOR TABLE t",
        "CREATE TABLE heir () INHERITS (t)",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'happy'",
        "ALTER TYPE mood RENAME TO temper",
        "GRANT UPDATE (n) ON t TO PUBLIC",
    ],
)
@pytest.mark.parametrize("phase", ["waiting", "switching"])
def test_what_documents_must_know_of_is_done_to_the_table(
    phase: str, sql: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    """It is done, and the move fails; or it is refused."""
    session.execute("CREATE TYPE mood AS ENUM ('sad')")
    session.execute("SET kameleon.default_storage = dedicated")
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int, m mood DEFAULT 'sad')")
    session.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 9) AS i")
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    refused = False
    with held_in(phase, session, holder, "dematerialize_entity", mover) as call:
        session.execute("SET lock_timeout = '100ms'")
        try:
            session.execute(sql.encode())
        except (psycopg.errors.ObjectInUse, psycopg.errors.LockNotAvailable):
            refused = True
    assert call.ended_with() in ((None,) if refused else ("0A000", "55000"))
    assert session.execute("SELECT storage_mode FROM kameleon.entities WHERE entity_name = 't'").fetchall() == [
        ("shared" if refused else "dedicated",)
    ]
    assert session.execute("SELECT count(*) FROM t").fetchall() == [(9,)]


def test_an_index_is_built_concurrently(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    with held_in("copying", session, holder, procedure, mover) as call:
        session.execute("CALL kameleon.pause_migration('t')")
        with pytest.raises(psycopg.errors.ObjectInUse):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY late ON t ((id - 1))")
        session.execute("CALL kameleon.resume_migration('t')")
    call.ended_with()
    session.execute("DROP INDEX IF EXISTS late")
    assert session.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall() == [(ROWS, ROWS)]
    session.execute("CREATE UNIQUE INDEX late ON t ((id / 1))")
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.execute("INSERT INTO t VALUES (1, 1)")


def test_a_batch_has_few_rows_where_they_are_large(session: Session) -> None:
    """Whoever changes one of them waits for its batch."""
    session.execute("CREATE TABLE t (id int PRIMARY KEY, words text)")
    session.execute(
        "INSERT INTO t SELECT i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 1500) AS j)"
        " FROM generate_series(1, 200) AS i"
    )
    known = session.execute("SELECT id, md5(words) FROM t ORDER BY id").fetchall()
    for each in DIRECTIONS:
        session.execute(f"CALL kameleon.{each}('t')".encode())
        assert session.execute("SELECT id, md5(words) FROM t ORDER BY id").fetchall() == known
        ((size,),) = session.execute("SELECT min(batch_size) FROM kameleon.migrations").fetchall()
        assert size < 50


def test_a_transaction_empties_the_table_and_writes_on(
    procedure: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    """The copying waits for it, and may not hold what it wants."""
    holder, mover, writer = (session_of(database.proxied) for _ in range(3))
    with held_in("copying", session, holder, procedure, mover) as call:
        session.execute("CALL kameleon.pause_migration('t')")
        until(session, RUNNING.format("requested = 'pause'"))
        with writer.transaction():
            writer.execute("TRUNCATE t")
            writer.execute("INSERT INTO t VALUES (1, 0)")
            session.execute("CALL kameleon.resume_migration('t')")
            time.sleep(0.5)
            writer.execute("UPDATE t SET n = n + 1")
    assert call.ended_with() == "55000"
    assert session.execute("TABLE t").fetchall() == [(1, 1)]
