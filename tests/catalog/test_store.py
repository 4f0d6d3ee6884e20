"""The store keeps its snapshot current whatever else goes on in the database."""

from __future__ import annotations

from typing import Any

import asyncpg

from catalog.loader import ENTITIES_SQL
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
