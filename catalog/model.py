"""Entities, as the catalog knows them at one moment: frozen values and lookups, no I/O.

A `Snapshot` holds every entity of one database. It is never changed; a change of the catalog makes a new one.
`Names` is the other half of what a name means: how one session resolves it right now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

#: The steps to a part of a column's value: ".name" to a field, "[]" to an element.
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What there is to know of a column for assignments to parts of it."""

    field: str | None = None  # what stands for it in the write view's records, where that is not of its name
    json: frozenset[Path] = frozenset()  # where jsonb is
    whole: frozenset[Path] = frozenset()  # where something is that documents take as a whole only


@dataclass(frozen=True, slots=True)
class Field:
    """A column of an entity's shell table."""

    name: str
    attnum: int
    key: str  # in the document; survives a rename of the column
    type_oid: int
    type_name: str  # as format_type() writes it
    not_null: bool = False
    default: str | None = None  # SQL text; an identity's is its nextval(...)
    identity: str = ""  # '' | 'a' ALWAYS | 'd' BY DEFAULT
    generated: str = ""  # '' | 's' stored | 'v' virtual
    base_modifier: int = -1  # of the type behind a domain that has a default
    is_referenced: bool = False  # by a foreign key
    is_view_default: bool = False  # the default is that of a view, or of one behind it
    is_own_default: bool = True  # and not of what a view is over: an UPDATE knows only those
    target: str | None = ""  # of a view's column, the table's column that it writes; None where it cannot be written
    parts: Parts = Parts()

    @property
    def written(self) -> str:
        """The column of the table that an assignment to it changes."""
        return self.target or self.name


@dataclass(frozen=True, slots=True)
class Index:
    name: str  # on the shell
    is_unique: bool
    is_primary: bool
    is_constraint: bool
    columns: tuple[str, ...]  # of its key, as SQL; empty when expressions could not be read
    child_name: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str  # on the shell
    child_name: str  # between the documents


@dataclass(frozen=True, slots=True)
class Move:
    """An entity that is being moved to the other storage."""

    call_id: int
    entity_id: int
    names: frozenset[str]  # of the table, and of the views and routines that read it


@dataclass(frozen=True, slots=True)
class Entity:
    """A table that the catalog manages, or a view over one: that has a read view, and often a write view, too."""

    entity_id: int
    schema: str
    name: str
    relid: int  # of the shell, or the client's view
    storage_mode: str  # 'shared' | 'dedicated'
    generation: int  # of its present storage; a change of shape keeps it, and so the names of its views
    fields: tuple[Field, ...]
    moved_by: str = ""  # the transaction that last moved its rows between documents and table
    is_unseen: bool = False  # a session's snapshot is, or may be, too old to see them there
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    child_table: str = ""  # in schema kameleon; its name ends in the generation that it was made in
    child_oid: int = 0
    read_oid: int = 0
    write_oid: int = 0
    insert_oid: int = 0
    row_type: int = 0  # of the shell
    view_row_types: tuple[int, ...] = ()  # of child and views: what a whole-row reference has there
    row_array: int = 0  # the type of an array of row_type
    view_row_arrays: tuple[int, ...] = ()
    kind: str = (
        "table"  # 'table' | 'view' | 'materialized view' | 'catalog': a system catalog read through a view of ours
    )
    view_defaults: tuple[tuple[str, str], ...] = ()  # of views behind a view, for columns that it does not show
    merges: bool = True  # MERGE into documents: into a view, that is, as PostgreSQL can since 17
    is_temporary: bool = False
    has_namesake: bool = False  # a materialized view, in whatever schema
    routines: frozenset[str] = frozenset()  # the names of those whose bodies, in standard SQL, name it
    writes_documents: bool = True  # and not, as some views that read documents, a table that keeps its own rows

    @property
    def is_table(self) -> bool:
        return self.kind == "table"

    @property
    def is_view(self) -> bool:
        return self.kind == "view"

    @property
    def is_catalog(self) -> bool:
        return self.kind == "catalog"

    @property
    def is_shared(self) -> bool:
        return self.storage_mode == "shared"

    @property
    def read_view(self) -> str:
        return f"{self._home}.kdb_read_{self.entity_id}"

    @property
    def write_view(self) -> str:
        return f"{self._home}.kdb_write_{self.entity_id}_{self.generation}"

    @property
    def _home(self) -> str:
        return "pg_temp" if self.is_temporary else "kameleon"

    @property
    def insert_view(self) -> str:
        return f"kameleon.kdb_insert_{self.entity_id}_{self.generation}"

    @property
    def child_name(self) -> str:
        return f"kameleon.{self.child_table}"

    def field(self, name: str) -> Field | None:
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        return None

    def index(self, name: str) -> Index | None:
        for candidate in self.indexes:
            if candidate.name == name:
                return candidate
        return None


@dataclass(frozen=True)
class Snapshot:
    """Every entity of one database; `by_name` maps relation name -> schema -> entity, shared and dedicated alike;
    `by_routine` a routine's name -> the entities that one of that name may come to."""

    version: int
    entities: Mapping[int, Entity]
    by_name: Mapping[str, Mapping[str, Entity]] = field(init=False, repr=False, compare=False)
    _by_oid: Mapping[int, Entity] = field(init=False, repr=False, compare=False)
    catalogs: frozenset[str] = field(init=False, repr=False, compare=False)
    by_routine: Mapping[str, tuple[Entity, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name: dict[str, dict[str, Entity]] = {}
        by_oid: dict[int, Entity] = {}
        for entity in self.entities.values():
            by_name.setdefault(entity.name, {})[entity.schema] = entity
            for oid in (entity.relid, entity.child_oid, entity.read_oid, entity.write_oid, entity.insert_oid):
                if oid:
                    by_oid[oid] = entity
        object.__setattr__(self, "entities", MappingProxyType(dict(self.entities)))
        object.__setattr__(self, "by_name", MappingProxyType(by_name))
        object.__setattr__(self, "_by_oid", MappingProxyType(by_oid))
        catalogs = frozenset(entity.name for entity in self.entities.values() if entity.is_catalog)
        object.__setattr__(self, "catalogs", catalogs)
        by_routine: dict[str, tuple[Entity, ...]] = {}
        for entity in self.entities.values():
            for name in entity.routines:
                by_routine[name] = (*by_routine.get(name, ()), entity)
        object.__setattr__(self, "by_routine", MappingProxyType(by_routine))

    def with_changes(self, changes: Mapping[int, Entity | None], version: int | None = None) -> Snapshot:
        """This snapshot as one session sees it: None for an entity that is gone."""
        if not changes:
            return self
        entities = dict(self.entities)
        for entity_id, entity in changes.items():
            if entity is None:
                entities.pop(entity_id, None)
            else:
                entities[entity_id] = entity
        return Snapshot(self.version if version is None else version, entities)

    def relation(self, oid: int) -> Entity | None:
        """The entity that one of its relations belongs to: shell, child or view."""
        return self._by_oid.get(oid)


@dataclass(frozen=True)
class Names:
    """How a session resolves names, now."""

    search_path: tuple[str, ...]  # effective, as current_schemas(true) gives it
    hiding: frozenset[tuple[str, str]]  # (schema, name) of other relations that share an entity's name
    database: str
