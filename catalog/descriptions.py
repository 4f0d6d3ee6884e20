"""Entities described: what `kameleon entities` lists, and what the MCP server tells of one."""

from __future__ import annotations

from typing import Any

from catalog.connections import Connection

ENTITIES = """
SELECT e.schema_name::text AS schema, e.entity_name::text AS name, e.storage_mode AS storage, e.generation,
       e.field_count AS fields, e.row_estimate AS estimated_rows, e.total_bytes AS bytes, e.owner_name::text AS owner,
       e.reason, e.created_at::text AS created_at, e.changed_at::text AS changed_at
FROM kameleon.entities e WHERE $1::text IS NULL OR e.schema_name = $1 ORDER BY 1, 2
"""
NAME = """
SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::text::pg_catalog.regclass
"""
FIELDS = """
SELECT a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null,
       CASE a.attgenerated WHEN '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS default,
       CASE a.attgenerated WHEN '' THEN NULL ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS generated,
       CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::text::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
CONSTRAINTS = """
SELECT k.conname::text AS name, pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint k
WHERE k.conrelid = $1::text::pg_catalog.regclass AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    AND k.connamespace <> 'kameleon'::pg_catalog.regnamespace ORDER BY 1
"""
INDEXES = """
SELECT i.relname::text AS name, pg_catalog.pg_get_indexdef(i.oid) AS definition
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = $1::text::pg_catalog.regclass ORDER BY 1
"""
REFERRERS = """
SELECT k.conrelid::pg_catalog.regclass::text AS entity, k.conname::text AS name,
       pg_catalog.pg_get_constraintdef(k.oid) AS definition
FROM pg_catalog.pg_constraint k WHERE k.confrelid = $1::text::pg_catalog.regclass AND k.contype = 'f'
    AND k.connamespace <> 'kameleon'::pg_catalog.regnamespace ORDER BY 1, 2
"""
CHANGES = """
SELECT s.command_tag AS command, s.reason, s.changed_by::text AS by, s.changed_at::text AS at
FROM kameleon.schema_changes s WHERE s.schema_name = $1 AND s.entity_name = $2 ORDER BY s.change_id DESC LIMIT 10
"""


async def list_entities(connection: Connection, schema: str | None = None) -> list[dict[str, Any]]:
    """The entities that may be read or are owned: schema, name, storage, sizes (bytes), owner, why, since when."""
    return [dict(row) for row in await connection.fetch(ENTITIES, schema)]


async def describe_entity(connection: Connection, name: str) -> dict[str, Any] | None:
    """The same of one entity, named as in SQL, and its fields, constraints, indexes, referrers and latest changes.

    None for what is not an entity, or not one that may be read. Raises: asyncpg.UndefinedTableError.
    """
    schema, relation = await connection.fetchrow(NAME, name) or ("", "")
    known = next((each for each in await list_entities(connection, schema) if each["name"] == relation), None)
    if known is None:
        return None
    parts = {"fields": FIELDS, "constraints": CONSTRAINTS, "indexes": INDEXES, "referenced_by": REFERRERS}
    described = {part: [dict(row) for row in await connection.fetch(sql, name)] for part, sql in parts.items()}
    changes = [dict(row) for row in await connection.fetch(CHANGES, schema, relation)]
    return known | described | {"changes": changes}
