"""kameleon.schema_changes: who changed an entity, when and why, and what it was before and after."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.catalog.fix_catalog import CatalogDatabase, rows


def _changes(session: psycopg.Connection[Any], columns: str) -> list[tuple[Any, ...]]:
    return rows(session, f"SELECT {columns} FROM kameleon.schema_changes ORDER BY change_id")


def test_before_and_after(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, name varchar(40) DEFAULT 'nobody' NOT NULL)")
    session.execute("SET kameleon.reason = 'people have birthdays'")
    session.execute("ALTER TABLE person ADD COLUMN born date")
    session.execute("RESET kameleon.reason")
    session.execute("ALTER TABLE person RENAME COLUMN born TO birthday")
    session.execute("CREATE INDEX by_day ON person (birthday)")
    session.execute("CALL kameleon.materialize_entity('person', 'read too often')")
    session.execute("DROP TABLE person")
    assert _changes(session, "command_tag, reason, before ->> 'storage', after ->> 'storage'") == [
        ("CREATE TABLE", None, None, "shared"),
        ("ALTER TABLE", "people have birthdays", "shared", "shared"),
        ("ALTER TABLE", None, "shared", "shared"),
        ("CREATE INDEX", None, "shared", "shared"),
        ("MATERIALIZE ENTITY", "read too often", "shared", "dedicated"),
        ("DROP TABLE", None, "dedicated", None),
    ]
    names = "ARRAY(SELECT f ->> 'name' FROM jsonb_array_elements({0} -> 'fields') AS f)"
    assert _changes(session, f"{names.format('before')}, {names.format('after')}")[1:3] == [
        (["id", "name"], ["id", "name", "born"]),
        (["id", "name", "born"], ["id", "name", "birthday"]),
    ]
    ((first,), *_) = _changes(session, "after")
    assert first == {
        "schema": "public",
        "name": "person",
        "storage": "shared",
        "fields": [
            {"name": "id", "type": "integer", "not_null": True},
            {
                "name": "name",
                "type": "character varying(40)",
                "not_null": True,
                "default": "'nobody'::character varying",
            },
        ],
        "constraints": {"person_pkey": "PRIMARY KEY (id)"},
        "indexes": {},
    }
    assert _changes(session, "before -> 'indexes', after -> 'indexes'")[3] == (
        {},
        {"by_day": "CREATE INDEX by_day ON public.person USING btree (birthday)"},
    )


def test_each_sees_the_changes_of_what_is_theirs(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE ROLE changelog_one; CREATE ROLE changelog_two; GRANT CREATE ON SCHEMA public TO PUBLIC")
    try:
        session.execute("SET ROLE changelog_one")
        session.execute("CREATE TABLE mine (id int)")
        session.execute("RESET ROLE")
        session.execute("ALTER TABLE mine ADD COLUMN secret text DEFAULT 'of the superuser'")
        session.execute("SET ROLE changelog_one")
        assert _changes(session, "entity_name, changed_by, statement") == [
            ("mine", "changelog_one", "CREATE TABLE mine (id int)"),
            ("mine", "postgres", None),
        ]
        session.execute("SET ROLE changelog_two")
        assert _changes(session, "entity_name") == []
    finally:
        session.execute("RESET ROLE")
        session.execute("DROP OWNED BY changelog_one, changelog_two")
        session.execute("DROP ROLE changelog_one, changelog_two")
