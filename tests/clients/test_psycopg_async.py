"""psycopg 3's asynchronous connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from tests.clients.support import Target

Connection = psycopg.AsyncConnection[Any]


@pytest.fixture
async def connection(target: Target) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(target.url) as connection:
        yield connection


async def test_statements_and_rows(target: Target, connection: Connection) -> None:
    await connection.execute(
        "CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text, at timestamptz DEFAULT now())"
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "INSERT INTO notes (body) VALUES (%s), (%s) RETURNING id, at = now() AS current", ("a", "b")
        )
        assert await cursor.fetchall() == [{"id": 1, "current": True}, {"id": 2, "current": True}]
        await cursor.executemany("INSERT INTO notes (body) VALUES (%s)", [("c",), ("d",)])
        assert cursor.rowcount == 2
        await cursor.execute("SELECT id, body FROM notes WHERE id = ANY(%s) ORDER BY id DESC", ([1, 4],))
        assert [row async for row in cursor] == [{"id": 4, "body": "d"}, {"id": 1, "body": "a"}]
    with pytest.raises(errors.GeneratedAlways) as caught:
        await connection.execute("INSERT INTO notes (id, body) VALUES (9, 'no')")
    assert caught.value.diag.message_primary == 'cannot insert a non-DEFAULT value into column "id"'
    assert caught.value.diag.message_detail == 'Column "id" is an identity column defined as GENERATED ALWAYS.'
    await connection.rollback()


async def test_pipeline(target: Target, connection: Connection) -> None:
    async with connection.pipeline():
        await connection.execute("CREATE TABLE queue (id int PRIMARY KEY, state text NOT NULL)")
        cursors = [
            await connection.execute("INSERT INTO queue VALUES (%s, %s) RETURNING id", (n, "new")) for n in range(30)
        ]
        changed = await connection.execute("UPDATE queue SET state = %s WHERE id %% 3 = 0", ("done",))
    assert [await cursor.fetchone() for cursor in cursors] == [(n,) for n in range(30)]
    assert changed.rowcount == 10
    await connection.commit()
    target.assert_stored("queue", 30)


async def test_copy_and_server_side_cursor(target: Target, connection: Connection) -> None:
    async with connection.cursor() as cursor:
        await cursor.execute("CREATE TABLE lines (id int PRIMARY KEY, text varchar(40))")
        async with cursor.copy("COPY lines (id, text) FROM STDIN") as copy:
            for n in range(500):
                await copy.write_row((n, f"line {n}" if n % 10 else None))
        async with cursor.copy("COPY lines TO STDOUT") as copy:
            rows = [row async for row in copy.rows()]
    assert sorted(rows, key=lambda row: int(row[0]))[9:11] == [("9", "line 9"), ("10", None)]
    async with connection.cursor("stepwise") as walker:
        walker.itersize = 60
        await walker.execute("SELECT id FROM lines WHERE text IS NULL ORDER BY id")
        assert [row[0] async for row in walker] == list(range(0, 500, 10))
    await connection.commit()
    target.assert_stored("lines", 500)


async def test_transactions(target: Target, connection: Connection) -> None:
    await connection.execute("CREATE TABLE entries (id int UNIQUE)")
    await connection.commit()
    async with connection.transaction():
        await connection.execute("INSERT INTO entries VALUES (1)")
        with pytest.raises(errors.UniqueViolation):
            async with connection.transaction():
                await connection.execute("INSERT INTO entries VALUES (2), (1)")
    with pytest.raises(ZeroDivisionError):
        async with connection.transaction():
            await connection.execute("DELETE FROM entries")
            raise ZeroDivisionError
    target.assert_stored("entries", 1)


async def test_many_sessions_at_once(target: Target, connection: Connection) -> None:
    await connection.execute("CREATE TABLE counters (name text PRIMARY KEY, n int NOT NULL)")
    await connection.execute("INSERT INTO counters VALUES ('all', 0)")
    await connection.commit()

    async def work(worker: int) -> None:
        async with await psycopg.AsyncConnection.connect(target.url, autocommit=True) as mine:
            for _ in range(10):
                await mine.execute("UPDATE counters SET n = n + 1 WHERE name = 'all'")
                await mine.execute(
                    "INSERT INTO counters VALUES (%s, 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + EXCLUDED.n",
                    (f"worker {worker}",),
                )

    await asyncio.gather(*(work(worker) for worker in range(8)))
    found = await (await connection.execute("SELECT name, n FROM counters ORDER BY name")).fetchall()
    assert found == [("all", 80), *((f"worker {worker}", 10) for worker in range(8))]
    target.assert_stored("counters", 9)


async def test_listen_and_notify(target: Target, connection: Connection) -> None:
    await connection.set_autocommit(True)
    await connection.execute("LISTEN board")
    async with await psycopg.AsyncConnection.connect(target.url, autocommit=True) as other:
        await other.execute("NOTIFY board, 'hello'")
    received = [notice.payload async for notice in connection.notifies(timeout=20, stop_after=1)]
    assert received == ["hello"]


async def test_cancelled_task(target: Target, connection: Connection) -> None:
    """Cancelling the task sends CancelRequest; the connection lives on."""
    await connection.set_autocommit(True)
    await connection.execute("CREATE TABLE slow (id int); INSERT INTO slow VALUES (1)")
    pid = connection.info.backend_pid
    task = asyncio.create_task(connection.execute("SELECT pg_sleep(60) FROM slow"))
    async with asyncio.timeout(30):
        while not target.admin("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'", pid):
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await (await connection.execute("SELECT id FROM slow")).fetchall() == [(1,)]
