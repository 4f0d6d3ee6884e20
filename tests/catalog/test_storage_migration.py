"""StorageMigration: moves watched, paused and cancelled, to the proxy and past it, while a client looks on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from catalog.schema_engine import SchemaEngine
from catalog.storage_migration import MigrationProgress, StorageMigration
from tests.catalog.fix_catalog import CatalogDatabase
from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database

ROWS = 5000


@pytest.fixture(params=["direct", "proxied"])
async def migration(request: pytest.FixtureRequest, database: Database) -> StorageMigration:
    dsn = getattr(database, request.param)
    return StorageMigration(lambda: asyncpg.connect(dsn, timeout=20), poll_interval=0.02)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Any]:
    """An ordinary client of the proxy, and two entities of its that a foreign key ties."""
    connection = await asyncpg.connect(database.proxied, timeout=20)
    await connection.execute("CREATE TABLE maker (id int PRIMARY KEY, name text)")
    await connection.execute("CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker)")
    await connection.execute(f"INSERT INTO maker SELECT n, 'maker ' || n FROM generate_series(1, {ROWS}) AS n")
    await connection.execute("INSERT INTO car SELECT n, n FROM generate_series(1, 10) AS n")
    yield connection
    await connection.close(timeout=20)


async def storage(client: Any) -> str:
    """Of maker, and a look at all rows. The other table stays in shared storage, and their foreign key holds."""
    assert await client.fetchval("SELECT count(*) FROM maker") == ROWS
    assert await client.fetchval("SELECT count(*) FROM car JOIN maker ON maker.id = maker") == 10
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute("DELETE FROM maker WHERE id = 10")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute(f"INSERT INTO car VALUES (0, {ROWS + 1})")
    modes = {row["entity_name"]: row["storage_mode"] for row in await client.fetch("SELECT * FROM kameleon.entities")}
    assert modes["car"] == "shared"
    return str(modes["maker"])


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.01)


class Held:
    """A move that rests, paused, in the middle of its rows."""

    def __init__(self, migration: StorageMigration, back: bool = False) -> None:
        self.migration = migration
        self.paused = asyncio.Event()
        move = migration.migrate_to_shared if back else migration.migrate_to_dedicated
        self.task = asyncio.create_task(move("maker", 1, on_progress=self._pause))

    async def _pause(self, progress: MigrationProgress) -> None:
        if progress.phase == "copying" and progress.rows_done and not self.paused.is_set():
            await self.migration.pause("maker")
            self.paused.set()

    async def rests(self) -> int:
        """When it has come to rest: how many rows are done."""
        waiting = asyncio.create_task(self.paused.wait())
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert self.paused.is_set(), self.task
        seen = -1

        async def no_more() -> bool:
            nonlocal seen
            before, seen = seen, (await self.migration.history("maker"))[0].rows_done
            await asyncio.sleep(0.5)
            return before == seen

        await until(no_more)
        return seen


async def test_there_and_back(migration: StorageMigration, client: Any) -> None:
    told: list[MigrationProgress] = []
    move = migration.migrate_to_dedicated("public.maker", 500, reason="read too often", on_progress=told.append)
    (moved,) = await move
    assert await storage(client) == "dedicated"
    assert (moved.entity, moved.phase, moved.rows_done, moved.direction) == ("maker", "done", ROWS, "dedicated")
    assert (moved.reason, moved.batch_size, moved.error) == ("read too often", 500, None)
    assert moved.finished_at is not None
    done = [progress.rows_done for progress in told]
    assert done == sorted(done)
    assert (told[-1].phase, told[-1].rows_done, told[-1].rows_total) == ("done", ROWS, ROWS)

    async def tell(progress: MigrationProgress) -> None:
        told.append(progress)

    told.clear()
    await migration.migrate_to_shared("maker", on_progress=tell)
    assert told[-1].phase == "done"
    assert await storage(client) == "shared"
    assert [each.direction for each in await migration.history()] == ["shared", "dedicated"]
    assert [each.direction for each in await migration.history("maker", limit=1)] == ["shared"]


GUARDED = """SELECT relname, relispopulated, (SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = pg_class.oid)
             FROM pg_class WHERE relname IN ('maker', 'car', 'alike') ORDER BY relname"""


@pytest.mark.parametrize("end", ["done", "cancelled", "interrupted"])
async def test_nobody_reads_a_table_that_is_being_filled(end: str, database: Database, client: Any) -> None:
    migration = StorageMigration(lambda: asyncpg.connect(database.direct, timeout=20), poll_interval=0.02)
    counted = "BEGIN RETURN (SELECT count(*) FROM ONLY maker); END"
    await client.execute(f"CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS '{counted}'")
    direct = await asyncpg.connect(database.direct, timeout=20)
    await direct.execute("SET plan_cache_mode = force_generic_plan")

    async def refused(message: str = "has not been populated") -> None:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match='"maker" is kept in shared storage'):
            await client.fetch("SELECT counted()")
        with pytest.raises(asyncpg.PostgresError, match=message):
            await direct.fetch("SELECT counted()")

    async def guards() -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await direct.fetch(GUARDED)]

    await refused()
    held = Held(migration)
    await held.rests()
    await refused("kept in shared storage")
    for statement in (
        "UPDATE maker SET name = 'new' WHERE id = 1",
        "CREATE TABLE alike (LIKE maker INCLUDING ALL)",
        "INSERT INTO alike VALUES (1)",
        "CREATE TEMPORARY TABLE alike_now (LIKE maker INCLUDING ALL)",
        "SELECT * FROM alike, alike_now",
        "ANALYZE maker",
        "VACUUM ANALYZE maker",
        "VACUUM maker",
        "REINDEX TABLE maker",
    ):
        await client.execute(statement)
    assert (await client.fetchval("SELECT count(*) FROM pg_stats_ext")) == 0
    assert await storage(client) == "shared"
    if end == "done":
        await migration.resume("maker")
        await held.task
        assert await direct.fetchval("SELECT counted()") == await client.fetchval("SELECT counted()") == ROWS
        assert await guards() == [("alike", False, 0), ("car", False, 0), ("maker", True, 0)]
        held = Held(migration, back=True)
        await held.rests()
        assert await direct.fetchval("SELECT counted()") == await client.fetchval("SELECT counted()") == ROWS
        await migration.resume("maker")
        await held.task
    elif end == "cancelled":
        await migration.cancel("maker")
        with pytest.raises(asyncpg.QueryCanceledError):
            await held.task
    else:
        (running,) = [each for each in await migration.history() if each.entity == "maker"]
        await direct.execute("SELECT pg_terminate_backend($1, 10000)", running.pid)
        with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)):
            await held.task
        await migration.cancel("maker")
    assert await guards() == [("alike", False, 0), ("car", False, 0), ("maker", False, 0)]
    await refused()
    assert await storage(client) == "shared"
    await direct.close(timeout=20)


async def test_pause_and_resume(migration: StorageMigration, client: Any) -> None:
    held = Held(migration)
    done = await held.rests()
    assert 0 < done < ROWS
    (running,) = await migration.history("maker")
    assert (running.requested, running.phase, running.finished_at) == ("pause", "copying", None)
    assert running.seconds_left is not None
    assert await storage(client) == "shared"
    await migration.resume("maker")
    await held.task
    assert await storage(client) == "dedicated"


async def test_only_the_move_that_runs_is_put_off(migration: StorageMigration, client: Any) -> None:
    """A transaction may know of an earlier one of the same table only, and be told so as often as it asks."""
    put_off = "SELECT kameleon.put_off_switches(ARRAY[$1::bigint], ARRAY[$2::int])"
    held = Held(migration)
    await held.rests()
    call, entity = await client.fetchrow("SELECT call_id, entity_id FROM kameleon.kdb_migrations")
    async with client.transaction():
        assert await client.fetchval(put_off, call, entity)
        assert not await client.fetchval(put_off, call - 1, entity)
    await migration.resume("maker")
    await held.task
    assert not await client.fetchval(put_off, call, entity)


async def test_cancel(migration: StorageMigration, client: Any) -> None:
    held = Held(migration)
    await held.rests()
    await migration.cancel("maker")
    with pytest.raises(asyncpg.QueryCanceledError, match="maker"):
        await held.task
    assert await storage(client) == "shared"
    assert {each.phase for each in await migration.history()} == {"cancelled"}
    await migration.migrate_to_dedicated("maker")
    assert await storage(client) == "dedicated"


async def test_a_cancelled_task_leaves_all_as_it_was(migration: StorageMigration, client: Any) -> None:
    held = Held(migration)
    await held.rests()
    held.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held.task
    # it is undone already
    assert {(each.phase, each.finished_at is None) for each in await migration.history()} == {("cancelled", False)}
    assert await storage(client) == "shared"
    await client.execute("UPDATE maker SET name = 'x' WHERE id = 1")
    await migration.migrate_to_dedicated("maker")
    assert await storage(client) == "dedicated"


async def test_what_on_progress_raises_cancels_it(migration: StorageMigration, client: Any) -> None:
    def explode(progress: MigrationProgress) -> None:
        if progress.rows_done:
            raise ZeroDivisionError(progress.phase)

    with pytest.raises(ZeroDivisionError, match="copying"):
        await migration.migrate_to_dedicated("maker", 1, on_progress=explode)
    assert await storage(client) == "shared"
    assert {each.phase for each in await migration.history()} == {"cancelled"}


async def test_refusals(migration: StorageMigration, client: Any) -> None:
    with pytest.raises(asyncpg.UndefinedTableError, match='relation "nope" does not exist'):
        await migration.migrate_to_dedicated("nope")
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="in shared storage already"):
        await migration.migrate_to_shared("maker")
    with pytest.raises(asyncpg.InvalidParameterValueError, match="batch_size must be positive"):
        await migration.migrate_to_dedicated("maker", 0)
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="is not being moved"):
        await migration.pause("maker")
    assert await migration.history() == []


async def test_nothing_else_while_it_moves(migration: StorageMigration, client: Any) -> None:
    held = Held(migration)
    await held.rests()
    for statement in (
        "CALL kameleon.materialize_entity('maker')",
        "ALTER TABLE car DROP CONSTRAINT car_maker_fkey",
        "CREATE TABLE bike (id int PRIMARY KEY, maker int REFERENCES maker)",
        "ALTER TABLE car ADD FOREIGN KEY (id) REFERENCES maker NOT VALID",
    ):
        with pytest.raises(asyncpg.ObjectInUseError, match='table "maker" is being moved'):
            await client.execute(statement)
    # the other end of a foreign key may move meanwhile
    await client.execute("CALL kameleon.materialize_entity('car')")
    await client.execute("CALL kameleon.dematerialize_entity('car')")
    await migration.resume("maker")
    await held.task
    held = Held(migration, back=True)
    await held.rests()
    with pytest.raises(asyncpg.ObjectInUseError, match="is being moved"):
        await client.execute("CALL kameleon.forget_entity('maker')")
    await migration.cancel("maker")
    with pytest.raises(asyncpg.QueryCanceledError):
        await held.task
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match='a foreign key ties it to table "car"'):
        await client.execute("CALL kameleon.forget_entity('maker')")
    await client.execute("CALL kameleon.materialize_entity('car')")
    await client.execute("CALL kameleon.forget_entity('maker')")


async def test_it_waits_for_others_as_long_as_it_is_told(migration: StorageMigration, client: Any) -> None:
    async with client.transaction():
        await client.execute("UPDATE maker SET name = 'held' WHERE id = 1")
        with pytest.raises(asyncpg.LockNotAvailableError, match='table "maker" was not moved'):
            await migration.migrate_to_dedicated("maker", timeout=timedelta(seconds=0.3))
    assert await storage(client) == "shared"


async def test_the_engine_tells_progress_with_a_pool(database: Database, client: Any) -> None:
    told: list[MigrationProgress] = []
    async with asyncpg.create_pool(database.proxied, min_size=0, max_size=2, timeout=20) as pool:
        change = await SchemaEngine(pool).materialize_entity("car", batch_size=100, on_progress=told.append)
    assert (change.command_tag, change.after and change.after["storage"]) == ("MATERIALIZE ENTITY", "dedicated")
    assert told[-1].phase == "done"
    with pytest.raises(ValueError, match="needs a second connection"):
        await SchemaEngine(client).dematerialize_entity("car", on_progress=told.append)


async def test_as_many_moves_as_a_pool_has_connections(database: Database, client: Any) -> None:
    await client.execute("CREATE TABLE other (id int PRIMARY KEY)")
    await client.execute("INSERT INTO other SELECT generate_series(1, 500)")
    told: list[MigrationProgress] = []
    async with asyncpg.create_pool(database.proxied, min_size=0, max_size=2, timeout=20) as pool:
        migration = StorageMigration(pool)
        async with asyncio.timeout(60):
            await asyncio.gather(
                migration.migrate_to_dedicated("maker", on_progress=told.append),
                migration.migrate_to_dedicated("other", on_progress=told.append),
            )
    assert [progress.phase for progress in told].count("done") == 2
    assert await storage(client) == "dedicated"


async def test_cancel_of_a_move_whose_session_is_gone(postgres: PostgresServer, catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE maker (id int PRIMARY KEY)")
    session.execute(f"INSERT INTO {catalog.views('maker')['insert']} SELECT generate_series(1, {ROWS})".encode())
    migration = StorageMigration(lambda: asyncpg.connect(postgres.dsn(catalog.name), timeout=20), poll_interval=0.02)
    held = Held(migration)
    await held.rests()
    (running,) = await migration.history()
    session.execute("SELECT pg_terminate_backend(%s, 10000)", (running.pid,))
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)):
        await held.task
    assert [(each.phase, each.finished_at) for each in await migration.history()] == [("interrupted", None)]
    await migration.cancel("maker")
    (undone,) = await migration.history()
    assert (undone.phase, undone.error, undone.finished_at is None) == ("cancelled", "it was interrupted", False)
    await migration.migrate_to_dedicated("maker")
    assert session.execute("SELECT count(*) FROM ONLY maker").fetchall() == [(ROWS,)]
