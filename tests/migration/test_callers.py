"""Functions with bodies in standard SQL are called while what they read changes its storage and its shape."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.fix_proxy import Database
from tests.migration.drivers import Client, Failed, connect

ROWS = 500

MADE = """
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 1, spare text);
CREATE TABLE u (id int PRIMARY KEY);
CREATE VIEW v AS SELECT t.id, n FROM t LEFT JOIN u USING (id);
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT sum(n) FROM t);
CREATE FUNCTION total_of_view() RETURNS bigint LANGUAGE sql VOLATILE BEGIN ATOMIC SELECT 1; SELECT sum(n) FROM v; END;
CREATE FUNCTION listed(low int) RETURNS SETOF int LANGUAGE sql STABLE BEGIN ATOMIC SELECT n FROM t WHERE id >= low; END;
CREATE FUNCTION places() RETURNS bigint LANGUAGE sql STABLE RETURN (SELECT count(ctid) FROM t);
CREATE FUNCTION by_plpgsql() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN total() + total_of_view(); END'
"""

CALLS = {
    "SELECT total()": ROWS,
    "SELECT total_of_view()": ROWS,
    "SELECT sum(l) FROM listed(0) AS l": ROWS,
    "SELECT count(l) FROM listed($1::int) AS l": ROWS,
    "SELECT places()": ROWS,
    "SELECT by_plpgsql()": 2 * ROWS,
    "SELECT total() + count(*) FROM t": 2 * ROWS,
}

CHANGES = [
    "CALL kameleon.materialize_entity('t', timeout => '60 s')",
    "CALL kameleon.dematerialize_entity('t', timeout => '60 s')",
    "ALTER TABLE t DROP COLUMN spare",
    "ALTER TABLE t ADD COLUMN spare text",
    "CREATE OR REPLACE VIEW v AS SELECT t.id, n FROM t",
    "CREATE OR REPLACE VIEW v AS SELECT t.id, n FROM t LEFT JOIN u USING (id)",
]


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(2, id="short"), pytest.param(12, id="long", marks=pytest.mark.slow)],
)
async def test_a_call_finds_all_rows(database: Database, deaf: str, rounds: int) -> None:
    sessions: list[Client] = []
    done: Counter[str] = Counter()
    over = asyncio.Event()

    async def session(driver: str, dsn: str) -> Client:
        sessions.append(await connect(driver, dsn))
        return sessions[-1]

    async def call(client: Client, begin: str | None) -> None:
        while not over.is_set():
            for sql, expected in CALLS.items():
                arguments = (0,) if "$1" in sql else ()
                try:
                    if begin is not None:
                        await client.run(begin)
                        await client.run("SELECT 1")
                    assert await client.run(sql, *arguments) == [(expected,)], sql
                    done[sql] += 1
                except Failed as failed:
                    # a transaction that has done something is told to retry
                    assert begin is not None and failed.sqlstate == "40001", f"{client} {sql}: {failed}"
                    done["told to retry"] += 1
                if begin is not None:
                    await client.run("ROLLBACK")

    async def change(client: Client) -> None:
        try:
            for _ in range(rounds):
                for statement in CHANGES:
                    await client.run(statement)
                    await asyncio.sleep(0.05)
        finally:
            over.set()

    try:
        maker = await session("psycopg", database.proxied)
        for statement in MADE.split(";\n"):
            await maker.run(statement)
        await maker.run(f"INSERT INTO t SELECT i FROM generate_series(1, {ROWS}) AS i")
        async with asyncio.TaskGroup() as clients:
            for driver in ("psycopg", "psycopg-prepared", "asyncpg", "asyncpg-uncached"):
                clients.create_task(call(await session(driver, database.proxied), None))
            clients.create_task(call(await session("asyncpg", deaf), None))
            clients.create_task(call(await session("asyncpg", database.proxied), "BEGIN"))
            clients.create_task(call(await session("psycopg", deaf), "BEGIN ISOLATION LEVEL REPEATABLE READ"))
            clients.create_task(change(maker))
        print(dict(done))
    finally:
        for each in sessions:
            await each.close()


WRITING = """
CREATE TABLE w (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, spare text);
CREATE FUNCTION put(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC INSERT INTO w (id, n) VALUES (i, 1)
    ON CONFLICT (id) DO UPDATE SET n = w.n + excluded.n RETURNING n; END;
CREATE FUNCTION bump(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC UPDATE w SET n = n + 1 WHERE id = i RETURNING n; END;
CREATE FUNCTION bump_by_plpgsql(i int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN bump(i); END'
"""

WRITING_CHANGES = [
    "CALL kameleon.materialize_entity('w', timeout => '60 s')",
    "CALL kameleon.dematerialize_entity('w', timeout => '60 s')",
    "ALTER TABLE w RENAME COLUMN spare TO other",
    "ALTER TABLE w RENAME COLUMN other TO spare",
]


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(3, id="short"), pytest.param(15, id="long", marks=pytest.mark.slow)],
)
async def test_a_call_writes_once(database: Database, deaf: str, rounds: int) -> None:
    """Each client counts on a row of its own, and all of them on one."""
    sessions: list[Client] = []
    done: Counter[int] = Counter()
    over = asyncio.Event()

    async def session(driver: str, dsn: str) -> Client:
        sessions.append(await connect(driver, dsn))
        return sessions[-1]

    async def call(client: Client, own: int, begin: str | None) -> None:
        while not over.is_set():
            for function in ("put", "bump", "bump_by_plpgsql"):
                for row in (own, 0):
                    try:
                        if begin is not None:
                            await client.run(begin)
                            await client.run("SELECT 1")
                        await client.run(f"SELECT {function}($1::int)", row)
                        if begin is not None:
                            await client.run("COMMIT")
                        done[row] += 1
                    except Failed as failed:
                        assert begin is not None and failed.sqlstate == "40001", f"{client} {function}: {failed}"
                        await client.run("ROLLBACK")

    async def change(client: Client) -> None:
        try:
            for _ in range(rounds):
                for statement in WRITING_CHANGES:
                    await client.run(statement)
                    await asyncio.sleep(0.05)
        finally:
            over.set()

    try:
        maker = await session("psycopg", database.proxied)
        for statement in WRITING.split(";\nCREATE"):
            await maker.run(statement if statement.lstrip().startswith("CREATE") else "CREATE" + statement)
        await maker.run("INSERT INTO w SELECT i FROM generate_series(0, 7) AS i")
        async with asyncio.TaskGroup() as clients:
            for own, driver in enumerate(("psycopg", "psycopg-prepared", "asyncpg", "asyncpg-uncached"), 1):
                clients.create_task(call(await session(driver, database.proxied), own, None))
            clients.create_task(call(await session("asyncpg", deaf), 5, None))
            clients.create_task(call(await session("asyncpg", database.proxied), 6, "BEGIN"))
            clients.create_task(call(await session("psycopg", deaf), 7, "BEGIN"))
            clients.create_task(change(maker))
        print(dict(done))
        assert await maker.run("SELECT id, n FROM w ORDER BY id") == sorted(done.items())
        assert await maker.run("SELECT storage_mode FROM kameleon.entities WHERE entity_name = 'w'") == [("shared",)]
    finally:
        for each in sessions:
            await each.close()
