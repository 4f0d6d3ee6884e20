"""`DedicatedTableManager`: the tables of dedicated entities, and the foreign keys between them.

A dedicated entity is an ordinary PostgreSQL table. A foreign key is PostgreSQL's own in every case: between two
tables, between the documents of two shared entities, or between a table and documents. `\\d` and the like show it as it
was declared.
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.connections import Source, borrow
from catalog.schema_engine import NewField, Relationship, SchemaChange, SchemaEngine, run, storage_of, table_named


class NotDedicated(ValueError):
    """The entity's rows are kept in shared storage, so there is no dedicated table of it."""


class DedicatedTableManager:
    """Over a connection, a pool, or a function that connects. PostgreSQL's refusals are asyncpg.PostgresError."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._engine = SchemaEngine(source)

    async def create_dedicated_table(
        self, entity: str, fields: Sequence[NewField] | None = None, *, reason: str | None = None
    ) -> SchemaChange:
        """The table of an entity, holding its rows.

        With `fields`, a new entity of the name `entity` is made, dedicated from its first row on. Without, `entity` is
        a shared one, as SQL names it, whose rows move into its table.
        """
        if fields is None:
            return await self._engine.materialize_entity(entity, reason=reason)
        return await self._engine.create_entity(entity, fields, storage="dedicated", reason=reason)

    async def drop_dedicated_table(self, entity: str, *, cascade: bool = False) -> None:
        """DROP TABLE, rows and all; with `cascade` also the foreign keys and views that depend on it.

        Raises: NotDedicated for a shared entity, or a table that is none: those are not this class's to drop.
        """
        async with borrow(self._source) as connection, connection.transaction():
            table = await table_named(connection, entity)
            # no change of storage between the question and the answer
            await run(connection, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            if await storage_of(connection, table) != "dedicated":
                raise NotDedicated(f"{entity} is not a dedicated entity")
            await run(connection, f"DROP TABLE {table}{' CASCADE' if cascade else ''}")

    async def add_foreign_key(self, relationship: Relationship, *, reason: str | None = None) -> SchemaChange:
        """Ties two entities, wherever their rows are kept."""
        return await self._engine.add_relationship(relationship, reason=reason)

    async def remove_foreign_key(self, relationship: Relationship, *, reason: str | None = None) -> SchemaChange:
        """Drops the constraint of the relationship's name."""
        return await self._engine.remove_relationship(relationship.entity, relationship.name, reason=reason)
