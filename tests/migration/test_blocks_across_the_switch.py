"""Transaction blocks that come to a table only after it has begun to move: they are not told that it does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.fix_proxy import Database
from tests.migration.conftest import Session, until

WRITERS = 6


@pytest.mark.parametrize("prepare_threshold", [None, 0])
def test_no_transaction_is_told(
    prepare_threshold: int | None,
    database: Database,
    session: Session,
    session_of: Callable[[str], Session],
) -> None:
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    session.execute("CREATE VIEW v AS SELECT id, n FROM t")
    session.execute("CREATE TABLE other (id int PRIMARY KEY, n int)")
    session.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 2000) AS i")
    session.execute("INSERT INTO other SELECT i, 0 FROM generate_series(1, 100) AS i")
    stop = threading.Event()
    done = [0] * WRITERS
    failures: list[BaseException] = []

    def work(number: int, writer: Session) -> None:
        # each has rows of its own
        while not stop.is_set():
            key = 1 + number + WRITERS * (done[number] % 10)
            try:
                with writer.transaction():
                    writer.execute("UPDATE other SET n = n + 1 WHERE id = %s", [key])
                    before = writer.execute("SELECT n FROM v WHERE id = %s", [key]).fetchall()
                    writer.execute("UPDATE t SET n = n + 1 WHERE id = %s", [key])
                    after = writer.execute("SELECT n FROM t WHERE id = %s", [key]).fetchall()
                    assert after == [(before[0][0] + 1,)]
                done[number] += 1
            except (psycopg.Error, AssertionError, IndexError) as error:
                failures.append(error)
                return

    writers = [session_of(database.proxied) for _ in range(WRITERS)]
    for writer in writers:
        writer.prepare_threshold = prepare_threshold
    threads = [threading.Thread(target=work, args=each) for each in enumerate(writers)]
    for thread in threads:
        thread.start()
    try:
        for procedure in ("materialize_entity", "dematerialize_entity") * 3:
            session.execute(f"CALL kameleon.{procedure}('t', batch_size => 200)".encode())
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert min(done) > 10
    assert session.execute("SELECT sum(n) FROM t").fetchall() == [(sum(done),)]
    assert session.execute("SELECT sum(n) FROM other").fetchall() == [(sum(done),)]


def test_the_switch_waits_for_a_block_that_has_come_to_the_table(
    database: Database, session: Session, session_of: Callable[[str], Session]
) -> None:
    session.execute("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE other (id int)")
    session.execute("INSERT INTO t SELECT i, 0 FROM generate_series(1, 100) AS i; INSERT INTO other VALUES (1)")
    holder, block, mover = (session_of(database.proxied) for _ in range(3))
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.execute("SELECT count(*) FROM other")
    thread = threading.Thread(target=mover.execute, args=(b"CALL kameleon.materialize_entity('t')",))
    thread.start()
    try:
        until(session, "SELECT phase = 'waiting' FROM kameleon.migrations")
        block.execute("BEGIN")
        block.execute("SELECT count(*) FROM other")
        # it is refused, and goes no further than that, but the block has come to the table
        block.execute("SAVEPOINT here")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            block.execute("SELECT nothing FROM t")
        block.execute("ROLLBACK TO here")
        assert block.execute("SELECT count(*) FROM t").fetchall() == [(100,)]
        holder.execute("COMMIT")
        until(session, "SELECT phase = 'switching' FROM kameleon.migrations")
        block.execute("UPDATE t SET n = 1 WHERE id = 1")
        assert session.execute("SELECT phase FROM kameleon.migrations").fetchall() == [("switching",)]
        block.execute("COMMIT")
    finally:
        for each in (holder, block):
            if not each.closed:
                each.execute("ROLLBACK")
        thread.join()
    assert session.execute("SELECT sum(n) FROM t").fetchall() == [(1,)]
    assert session.execute("SELECT storage_mode FROM kameleon.entities WHERE entity_name = 't'").fetchall() == [
        ("dedicated",)
    ]
