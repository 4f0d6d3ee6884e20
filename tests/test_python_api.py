"""kameleon.open: statements from Python, without a port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

import kameleon
from tests.fix_postgres import PostgresServer


@pytest.fixture
def dsn(postgres: PostgresServer, kameleon_template: str) -> Iterator[str]:
    name = postgres.create_database(kameleon_template, prefix="api")
    yield postgres.dsn(name)
    postgres.drop_database(name)


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[kameleon.Database]:
    async with await kameleon.open(dsn, execution_time_threshold_ms=3) as opened:
        yield opened


async def test_rows_and_what_they_cost(db: kameleon.Database) -> None:
    await db.execute_sql("CREATE TABLE person (id int PRIMARY KEY, name text)")
    made = await db.execute_sql("INSERT INTO person VALUES ($1, $2), (2, 'Alan') RETURNING id", 1, "Ada")
    assert made.rows == ({"id": 1}, {"id": 2})
    assert (made.metrics.row_count, made.metrics.query_type) == (2, "INSERT")
    found = await db.execute_sql("SELECT a.name FROM person a JOIN person b USING (id), pg_sleep(.05) WHERE id = $1", 1)
    assert found.rows == ({"name": "Ada"},)
    assert found.metrics.entities_accessed == ("person",)
    assert found.metrics.has_join
    assert 50 <= found.metrics.execution_time_ms < 1000
    assert (found.suggestions, found.warnings) == ((), ())
    stored = await db.execute_sql("SELECT storage_mode FROM kameleon.entities")
    assert stored.rows == ({"storage_mode": "shared"},)


async def test_suggestions_come_with_the_result(db: kameleon.Database) -> None:
    await db.execute_sql("CREATE TABLE wide (a int PRIMARY KEY, b timestamptz, c timestamptz, d timestamptz)")
    await db.execute_sql("INSERT INTO wide SELECT n, now(), now(), now() FROM generate_series(1, 20000) AS n")
    await db.execute_sql("ANALYZE wide")
    slow = "SELECT count(b), count(c), count(d) FROM wide"
    found = [await db.execute_sql_with_metrics(slow) for _ in range(10)]
    results = [each for each in found if each.suggestions]
    assert len(results) > 1
    for result in results:
        (suggestion,) = result.suggestions
        assert suggestion.entity_name == "wide"
        assert suggestion.action == "CALL kameleon.materialize_entity('wide')"
        assert suggestion.priority in ("low", "medium", "high")
        assert "Expected gain" in suggestion.evidence
    await db.execute_sql(suggestion.action)
    after = await db.execute_sql(slow)
    assert after.suggestions == ()
    assert after.metrics.execution_time_ms < max(each.metrics.execution_time_ms for each in found)


async def test_warnings_and_errors_are_postgresqls(db: kameleon.Database) -> None:
    result = await db.execute_sql("DO $$ BEGIN RAISE NOTICE 'hear this'; END $$")
    assert result.warnings == ("hear this",)
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.execute_sql("SELECT * FROM nothing")


async def test_statements_run_at_the_same_time_and_sessions_keep_theirs(db: kameleon.Database) -> None:
    results = await asyncio.gather(*(db.execute_sql("SELECT $1::int AS n, pg_sleep(0.05)", n) for n in range(4)))
    assert [result.rows[0]["n"] for result in results] == [0, 1, 2, 3]
    async with db.session() as session:
        async with session.connection.transaction():
            await session.execute_sql("CREATE TABLE kept (id int)")
            await session.execute_sql("INSERT INTO kept VALUES (1)")
        assert (await session.execute_sql("SELECT * FROM kept")).rows == ({"id": 1},)


async def test_statements_run_as_the_user_that_was_named(dsn: str, postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE api_user LOGIN")
    try:
        async with await kameleon.open(dsn, user="api_user") as db:
            assert (await db.execute_sql("SELECT current_user AS u")).rows == ({"u": "api_user"},)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await db.execute_sql("SELECT * FROM kameleon.kdb_records")
    finally:
        postgres.execute("DROP ROLE api_user")


async def test_the_parts_work_on_its_pool(db: kameleon.Database) -> None:
    await db.execute_sql("CREATE TABLE moved (id int PRIMARY KEY)")
    migration = kameleon.StorageMigration(db.pool)
    await migration.migrate_to_dedicated("moved")
    found = await db.execute_sql("SELECT storage_mode FROM kameleon.entities")
    assert found.rows == ({"storage_mode": "dedicated"},)


async def test_columns_of_one_name_are_warned_of(db: kameleon.Database) -> None:
    result = await db.execute_sql("SELECT 1 AS a, 2 AS b, 3 AS a")
    assert result.rows == ({"a": 3, "b": 2},)
    assert result.warnings == (
        'several columns are called "a", and rows have the last of them: name them otherwise, with AS',
    )
