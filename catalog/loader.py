"""From the JSON that the catalog's SQL functions give to the frozen values of `catalog.model`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from catalog.model import Entity, Field, ForeignKey, Index, Move, Names, Parts, Snapshot

CATALOG_SQL = "SELECT kameleon.catalog_json()"
MOVES_SQL = "SELECT kameleon.moves_json()"
ENTITIES_SQL = "SELECT json_object_agg(t.entity, kameleon.entity_json(t.entity)) FROM unnest($1::int[]) AS t (entity)"


def session_state_sql(touched: set[int], moved: Mapping[int, str] | None = None) -> str:
    """Run on a client's own upstream connection: how that session resolves names, and its own changes.

    `moved`: entities whose rows others have moved, and by which transactions; `unseen_entities` reads the answer.
    """
    ids = ",".join(str(entity_id) for entity_id in sorted(touched))
    more = f", '{json.dumps(dict(moved))}'" if moved else ""
    return f"SELECT kameleon.session_state('{{{ids}}}'{more})"


def unseen_entities(text: str) -> set[int]:
    """Those that moved in a transaction that the session's snapshot is too old to see."""
    return set(json.loads(text).get("unseen", ()))


def parse_session_state(text: str) -> tuple[Names, dict[int, Entity | None]]:
    state = json.loads(text)
    names = Names(
        search_path=tuple(state["search_path"]),
        hiding=frozenset((schema, name) for schema, name in state["hiding"]),
        database=state["database"],
    )
    return names, parse_entities(state["entities"])


def parse_moves(text: str | None) -> tuple[Move, ...]:
    return tuple(Move(call, entity, frozenset(names)) for call, entity, names in json.loads(text or "[]"))


def parse_snapshot(text: str, version: int) -> Snapshot:
    entities = parse_entities(json.loads(text))
    return Snapshot(version, {entity_id: entity for entity_id, entity in entities.items() if entity is not None})


def parse_entities(raw: dict[str, Any] | None) -> dict[int, Entity | None]:
    return {int(key): None if value is None else _entity(value) for key, value in (raw or {}).items()}


def _entity(raw: dict[str, Any]) -> Entity:
    views: dict[str, list[int]] = raw["views"] or {}
    oid = {kind: oids[0] for kind, oids in views.items()}
    return Entity(
        entity_id=raw["entity_id"],
        schema=raw["schema"],
        name=raw["name"],
        relid=raw["relid"],
        storage_mode=raw["storage_mode"],
        generation=raw["generation"],
        moved_by=raw.get("moved_by") or "",
        fields=tuple(_field(column) for column in raw["fields"] or ()),
        indexes=tuple(_index(index) for index in raw["indexes"] or ()),
        foreign_keys=tuple(ForeignKey(**key) for key in raw["foreign_keys"] or ()),
        child_table=raw["child_name"] or "",
        child_oid=oid.get("records", 0),
        read_oid=oid.get("read", 0),
        write_oid=oid.get("write", 0),
        insert_oid=oid.get("insert", 0),
        row_type=raw["row_type"],
        view_row_types=tuple(oids[1] for oids in views.values()),
        row_array=raw["row_array"],
        view_row_arrays=tuple(oids[2] for oids in views.values()),
        kind=raw.get("kind", "table"),
        view_defaults=tuple((raw.get("defaults") or {}).items()),
        merges=raw.get("merges", True),
        is_temporary=raw.get("temporary", False),
        has_namesake=raw.get("has_namesake", False),
        routines=frozenset(raw.get("routines") or ()),
        writes_documents=raw.get("writes_documents", True),
    )


def _field(raw: dict[str, Any]) -> Field:
    parts = raw.get("parts")
    return Field(**raw | {"parts": Parts() if parts is None else _parts(parts)})


def _parts(raw: dict[str, Any]) -> Parts:
    return Parts(raw["field"], *(frozenset(map(tuple, raw[paths])) for paths in ("json", "whole")))


def _index(raw: dict[str, Any]) -> Index:
    return Index(
        name=raw["name"],
        is_unique=raw["is_unique"],
        is_primary=raw["is_primary"],
        is_constraint=raw["is_constraint"],
        columns=tuple(raw["columns"]),
        child_name=raw["child_name"],
    )
