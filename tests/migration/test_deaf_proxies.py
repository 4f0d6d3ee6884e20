"""A proxy that hears of nothing: whatever it last knew, its clients are answered from the right storage, or told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.fix_proxy import Database
from tests.migration.conftest import Session, until


def _fill(session: Session) -> None:
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("CREATE VIEW v AS SELECT id, n FROM t")
    session.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 1000) AS i")


USES = {
    "SELECT count(*), sum(n) FROM t": [(1000, 1000)],
    "SELECT count(*), sum(n) FROM v": [(1000, 1000)],
    "SELECT count(*) FROM t a JOIN v b USING (id)": [(1000,)],
    "UPDATE t SET n = n + 1 WHERE id = 7 RETURNING n": [(2,)],
    "UPDATE v SET n = n + 1 WHERE id = 7 RETURNING n": [(2,)],
    "DELETE FROM t WHERE id = 7 RETURNING n": [(1,)],
    "INSERT INTO t VALUES (7, 5) ON CONFLICT (id) DO UPDATE SET n = 9 RETURNING n": [(9,)],
    "INSERT INTO t VALUES (1001, 5) RETURNING n": [(5,)],
    "SELECT count(*), sum(n) FROM ONLY t": [(1000, 1000)],
    "WITH a AS (TABLE ONLY public.t) SELECT count(*), sum(a.n) FROM a JOIN ONLY (t) USING (id)": [(1000, 1000)],
    "UPDATE ONLY t SET n = n + 1 WHERE id = 7 RETURNING n": [(2,)],
    "WITH gone AS (DELETE FROM ONLY t WHERE id = 7 RETURNING n) TABLE gone": [(1,)],
    "TABLE t LIMIT 0": [],
}


@pytest.mark.parametrize("known", ["shared", "dedicated"])
@pytest.mark.parametrize("sql", USES)
def test_what_it_last_knew_is_long_gone(
    known: str, sql: str, deaf: str, session: Session, session_of: Callable[[str], Session]
) -> None:
    _fill(session)
    if known == "dedicated":
        session.execute("CALL kameleon.materialize_entity('t')")
    stale, prepared = session_of(deaf), session_of(deaf)
    prepared.prepare_threshold = 0
    for each in (stale, prepared):
        with each.transaction(force_rollback=True):
            each.execute(sql.encode())
    session.execute(f"CALL kameleon.{'de' if known == 'dedicated' else ''}materialize_entity('t')".encode())
    session.execute("UPDATE t SET n = 1")
    for each in (stale, prepared):
        with each.transaction(force_rollback=True):
            pass  # the transaction of the first time is over
        cursor = each.execute(sql.encode())
        assert (cursor.fetchall() if cursor.description else []) == USES[sql]
        session.execute("DELETE FROM t WHERE id IN (7, 1001)")
        session.execute("INSERT INTO t VALUES (7, 1)")


@pytest.mark.parametrize("sql", USES)
def test_what_it_last_knew_is_just_being_made(
    sql: str, deaf: str, session: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    """It knows the documents; they have gone, and new ones, not complete yet, are beside the table."""
    _fill(session)
    stale = session_of(deaf)
    with stale.transaction(force_rollback=True):
        stale.execute(sql.encode())
    session.execute("CALL kameleon.materialize_entity('t')")
    session.execute("UPDATE t SET n = 1")
    holder, mover = session_of(database.proxied), session_of(database.proxied)
    with holder.transaction():
        # an old snapshot: the copy is made, the switch must wait
        holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        holder.execute("SELECT count(*) FROM t")
        thread = threading.Thread(
            target=mover.execute, args=(b"CALL kameleon.dematerialize_entity('t', batch_size => 100)",)
        )
        thread.start()
        try:
            until(
                session,
                "SELECT phase = 'waiting' OR rows_done >= 300 FROM kameleon.migrations WHERE direction = 'shared'",
            )
            assert stale.execute(sql.encode()).fetchall() == USES[sql]
        finally:
            holder.execute("ROLLBACK")
            thread.join()
    count = 1000 - ("DELETE" in sql) + ("1001" in sql)
    assert session.execute("SELECT count(*) FROM t").fetchall() == [(count,)]


@pytest.mark.parametrize(
    "known",
    [
        "shared",
        "dedicated",
    ],
)
def test_copy_and_truncate(known: str, deaf: str, session: Session, session_of: Callable[[str], Session]) -> None:
    _fill(session)
    if known == "dedicated":
        session.execute("CALL kameleon.materialize_entity('t')")
    stale = session_of(deaf)
    stale.execute("SELECT FROM t")
    session.execute(f"CALL kameleon.{'de' if known == 'dedicated' else ''}materialize_entity('t')".encode())

    def tell(run: Callable[[], object]) -> object:
        try:
            return run()
        except psycopg.errors.SerializationFailure as error:
            return error

    def copy_out() -> int:
        with stale.cursor().copy("COPY t TO STDOUT") as copy:
            return sum(1 for _ in copy)

    def copy_in() -> None:
        with stale.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write_row((5000, 5))

    told = tell(copy_out)
    assert told == 1000 or isinstance(told, psycopg.Error)
    if tell(copy_in) is not None:
        assert tell(copy_in) is None
    assert session.execute("SELECT n FROM t WHERE id = 5000").fetchall() == [(5,)]
    assert tell(copy_out) == 1001
    stale.execute("TRUNCATE t")
    assert session.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


@pytest.mark.parametrize("level", ["READ COMMITTED", "SERIALIZABLE"])
def test_a_transaction_begun_in_the_pipeline_of_its_first_statement(
    level: str, deaf: str, session: Session, session_of: Callable[[str], Session]
) -> None:
    _fill(session)
    stale = session_of(deaf)
    stale.execute("SELECT count(*) FROM t")
    session.execute("CALL kameleon.materialize_entity('t')")
    session.execute("UPDATE t SET n = 1")
    with stale.pipeline(), stale.cursor() as begin, stale.cursor() as first:
        begin.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
        first.execute("UPDATE t SET n = n + 1 WHERE id = %s RETURNING n", [7])
        assert first.fetchall() == [(2,)]
    shown = stale.execute("SHOW transaction_isolation").fetchall()
    assert shown == [(level.lower(),)]
    stale.execute("COMMIT")
    assert session.execute("SELECT n FROM t WHERE id = 7").fetchall() == [(2,)]


@pytest.mark.parametrize("prepare_threshold", [None, 0])
@pytest.mark.parametrize("first", ["SELECT 1", "SAVEPOINT here"])
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_transaction_that_is_tried_again_succeeds(
    level: str,
    first: str,
    prepare_threshold: int | None,
    deaf: str,
    session: Session,
    session_of: Callable[[str], Session],
) -> None:
    """It has done something before: that it is told is all that its proxy ever hears of the move."""
    _fill(session)
    stale = session_of(deaf)
    stale.prepare_threshold = prepare_threshold
    stale.execute("SELECT FROM t")
    for procedure in ("materialize_entity", "dematerialize_entity", "materialize_entity"):
        session.execute(f"CALL kameleon.{procedure}('t')".encode())
        told = 0
        for _ in range(3):
            try:
                with stale.transaction():
                    stale.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
                    stale.execute(first.encode())
                    stale.execute("UPDATE t SET n = n + 1 WHERE id = 7")
            except psycopg.errors.SerializationFailure:
                told += 1
        assert told == 1
    assert session.execute("SELECT n FROM t WHERE id = 7").fetchall() == [(6,)]


@pytest.mark.parametrize("prepare_threshold", [None, 0])
@pytest.mark.parametrize("begin", ["BEGIN", "START TRANSACTION ISOLATION LEVEL REPEATABLE READ"])
def test_a_transaction_that_has_only_begun_is_not_told(
    begin: str, prepare_threshold: int | None, deaf: str, session: Session, session_of: Callable[[str], Session]
) -> None:
    """Whatever its session has done in transactions before."""
    _fill(session)
    stale = session_of(deaf)
    stale.prepare_threshold = prepare_threshold
    for procedure in (None, "materialize_entity", "dematerialize_entity", "materialize_entity"):
        if procedure is not None:
            session.execute(f"CALL kameleon.{procedure}('t')".encode())
        stale.execute(begin.encode(), prepare=False)
        stale.execute("UPDATE t SET n = n + 1 WHERE id = 7")
        stale.execute("COMMIT", prepare=False)
    assert session.execute("SELECT n FROM t WHERE id = 7").fetchall() == [(4,)]
