"""A name as written -> the entity it means to this session, as PostgreSQL would look it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from catalog.model import Entity, Names, Snapshot
from rewriter.errors import RewriteError

SERIALIZATION_FAILURE = "40001"
_NOTHING: dict[str, Entity] = {}


class Resolver:
    """Looks names up in one snapshot for one session's search_path."""

    def __init__(self, snapshot: Snapshot, names: Names, *, reads_catalogs: bool = False) -> None:
        self._snapshot = snapshot
        self._names = names
        self._reads_catalogs = reads_catalogs

    def entity(self, parts: Sequence[str]) -> Entity | None:
        """name, schema.name or database.schema.name -> the entity, shared or dedicated; None for anything else.

        A name of another database is not ours to judge: PostgreSQL has its own error for it.
        """
        by_schema = self._snapshot.by_name.get(parts[-1], _NOTHING)
        if not by_schema:
            return None
        entity = self._find(parts, by_schema)
        if entity is not None and entity.is_unseen:
            raise unseen(entity)
        return None if entity is not None and entity.is_catalog and not self._reads_catalogs else entity

    @property
    def catalog_comes_first(self) -> bool:
        """Whether a function of PostgreSQL's own is found before one of the same name in another schema."""
        schemas = [schema for schema in self._names.search_path if not schema.startswith("pg_temp")]
        return "pg_catalog" not in schemas[1:]

    def _find(self, parts: Sequence[str], by_schema: Mapping[str, Entity]) -> Entity | None:
        if len(parts) == 1:
            return self._search(parts[0])
        if len(parts) > 3 or (len(parts) == 3 and parts[0] != self._names.database):
            return None
        # a schema that the client may not use hides what is in it: PostgreSQL refuses it in its own words
        return None if (parts[-2], parts[-1]) in self._names.hiding else by_schema.get(parts[-2])

    def _search(self, name: str) -> Entity | None:
        by_schema = self._snapshot.by_name[name]
        hiding = self._names.hiding
        for schema in self._names.search_path:
            if (schema, name) in hiding:
                return None
            entity = by_schema.get(schema)
            if entity is not None:
                return entity
        return None

    def may_be_index(self, name: str) -> bool:
        """Whether a shared entity has an index of that name. (Indexes are not looked up by search_path here.)"""
        return any(entity.is_shared and entity.index(name) for entity in self._snapshot.entities.values())

    def shared(self, parts: Sequence[str]) -> Entity | None:
        """A shared table, or a view over one: what a query reads something else for."""
        entity = self.entity(parts)
        return entity if entity is not None and entity.is_shared else None

    def shared_table(self, parts: Sequence[str]) -> Entity | None:
        entity = self.shared(parts)
        return entity if entity is not None and entity.is_table else None


def unseen(entity: Entity) -> RewriteError:
    return RewriteError(
        "could not serialize access due to concurrent change of a table",
        sqlstate=SERIALIZATION_FAILURE,
        detail=f'The rows of table "{entity.name}" have been moved since the transaction began.',
        hint="The transaction might succeed if retried.",
    )
