"""The store keeps its snapshot current whatever else goes on in the database."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from catalog.loader import CATALOG_SQL, ENTITIES_SQL
from catalog.store import open_store
from tests.catalog.fix_catalog import CatalogDatabase, rows


async def test_a_table_that_is_dropped_while_the_catalog_is_read(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE t (x int, y int)")
    session.execute("CREATE INDEX i ON t (x)")
    ((entity,),) = rows(session, "SELECT entity_id FROM kameleon.kdb_entity_definitions")

    class Overtaken(asyncpg.Connection):
        """Fails as PostgreSQL does when an index is still there for its description, and its table is not.

        That is a matter of microseconds: to have the server do it takes luck.
        """

        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            if query == ENTITIES_SQL and rows(session, "SELECT WHERE to_regclass('t') IS NOT NULL"):
                session.execute("DROP TABLE t")
                raise asyncpg.InternalServerError("could not open relation with OID 16384")
            return await super().fetchval(query, *args, **options)

    async def connect() -> Any:
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name), connection_class=Overtaken)

    store = await open_store(connect)
    assert store is not None
    try:
        assert entity in store.snapshot.entities
        assert entity not in (await store.refresh([entity])).entities
    finally:
        await store.close()


async def test_a_deadlock_with_who_builds_indexes_of_catalogs_anew(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    chosen: list[str] = []

    class Victim(asyncpg.Connection):
        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            if query == CATALOG_SQL and len(chosen) == 1:
                chosen.append(query)
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            return await super().fetchval(query, *args, **options)

    async def connect() -> Any:
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name), connection_class=Victim)

    store = await open_store(connect)
    assert store is not None
    try:
        session.execute("CREATE TABLE t (x int)")
        chosen.append("from now on")
        assert [each.name for each in (await store.refresh()).entities.values() if each.name == "t"] == ["t"]
        assert len(chosen) == 2
    finally:
        await store.close()


async def test_many_refreshes_at_once_share_a_read_that_begins_after_them(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    read = asyncio.Event()
    counted: list[str] = []

    class Counted(asyncpg.Connection):
        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            answer = await super().fetchval(query, *args, **options)
            if query == CATALOG_SQL:
                counted.append(query)
                read.set()
            return answer

    async def connect() -> Any:
        return await asyncpg.connect(catalog.postgres.dsn(catalog.name), connection_class=Counted)

    store = await open_store(connect)
    assert store is not None
    try:
        counted.clear()
        read.clear()
        first = asyncio.create_task(store.refresh())
        await read.wait()
        # the first read is over, and was too early for those that come now
        session.execute("CREATE TABLE t (x int)")
        snapshots = await asyncio.gather(*(store.refresh() for _ in range(8)))
        await first
        assert all("t" in {each.name for each in snapshot.entities.values()} for snapshot in snapshots)
        assert len(counted) == 2
    finally:
        await store.close()
