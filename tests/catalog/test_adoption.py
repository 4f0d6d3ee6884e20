"""CALL kameleon.adopt_entity and forget_entity: what an ordinary table is to Kameleon changes, its rows do not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows

ENTITIES = "SELECT entity_name, storage_mode, reason FROM kameleon.entities ORDER BY 1"


def _plain(catalog: CatalogDatabase) -> psycopg.Connection[Any]:
    """A session past the proxy, and a table that it made there."""
    session = catalog.session("RESET kameleon.default_storage")
    session.execute("CREATE TABLE maker (id int PRIMARY KEY, name text)")
    session.execute("INSERT INTO maker VALUES (1, 'Ada'), (2, NULL)")
    assert rows(session, ENTITIES) == []
    return session


def _refusal(session: psycopg.Connection[Any], statement: str) -> tuple[str | None, str | None, str | None]:
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement.encode())
    return caught.value.sqlstate, caught.value.diag.message_primary, caught.value.diag.message_hint


def test_an_adopted_table_can_be_moved_into_shared_storage(catalog: CatalogDatabase) -> None:
    session = _plain(catalog)
    session.execute("CALL kameleon.adopt_entity('maker', 'it was there before')")
    assert rows(session, ENTITIES) == [("maker", "dedicated", "it was there before")]
    assert rows(session, "SELECT * FROM maker ORDER BY 1") == [(1, "Ada"), (2, None)]
    session.execute("CALL kameleon.dematerialize_entity('maker')")
    assert rows(session, "SELECT * FROM {read} ORDER BY 1".format(**catalog.views("maker"))) == [(1, "Ada"), (2, None)]


def test_a_forgotten_entity_is_an_ordinary_table(catalog: CatalogDatabase) -> None:
    session = _plain(catalog)
    session.execute("CALL kameleon.adopt_entity('public.maker')")
    session.execute("CALL kameleon.dematerialize_entity('maker')")
    session.execute("CALL kameleon.materialize_entity('maker')")
    session.execute("CALL kameleon.forget_entity('maker', 'it was an experiment')")
    assert rows(session, ENTITIES) == []
    session.execute("ALTER TABLE maker ADD COLUMN born date DEFAULT now(), ADD CHECK (id > 0)")
    session.execute("CREATE INDEX ON maker (name)")
    assert rows(session, "SELECT id, name FROM maker ORDER BY 1") == [(1, "Ada"), (2, None)]
    session.execute("DROP TABLE maker")
    assert rows(session, "SELECT count(*) FROM kameleon.kdb_field_definitions") == [(0,)]


def test_both_are_logged(catalog: CatalogDatabase) -> None:
    session = _plain(catalog)
    session.execute("CALL kameleon.adopt_entity('maker', 'why not')")
    session.execute("CALL kameleon.forget_entity('maker', 'never mind')")
    assert rows(
        session,
        "SELECT command_tag, reason, changed_by, before ->> 'storage', after ->> 'storage' FROM kameleon.schema_changes"
        " ORDER BY change_id",
    ) == [
        ("ADOPT ENTITY", "why not", "postgres", None, "dedicated"),
        ("FORGET ENTITY", "never mind", "postgres", "dedicated", None),
    ]


@pytest.mark.parametrize(
    ("make", "name", "sqlstate", "message", "hint"),
    [
        (None, "nope", "42P01", 'relation "nope" does not exist', None),
        ("CREATE VIEW v AS SELECT 1", "v", "42809", 'cannot adopt "v": it is a view', "the tables that it reads"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT 1",
            "v",
            "42809",
            'cannot adopt "v": it is a materialized view',
            "the tables",
        ),
        (
            "CREATE TABLE t (a int) PARTITION BY LIST (a)",
            "t",
            "42809",
            'cannot adopt "t": it is partitioned',
            "ordinary",
        ),
        (
            "CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t1 PARTITION OF t DEFAULT",
            "t1",
            "42809",
            'cannot adopt "t1": it is a partition of another table',
            "DETACH PARTITION",
        ),
        (
            "CREATE TEMPORARY TABLE t (a int)",
            "t",
            "42809",
            'cannot adopt "t": it is a temporary table',
            "a copy that lasts",
        ),
        ("CREATE SEQUENCE s", "s", "42809", 'cannot adopt "s": it is not a table', "ordinary table"),
        (None, "pg_class", "42809", 'cannot adopt "pg_class": it is one of PostgreSQL\'s own', "a table of yours"),
        (
            None,
            "kameleon.kdb_records",
            "42809",
            'cannot adopt "kdb_records": it is one of Kameleon\'s own',
            "a table of yours",
        ),
    ],
)
def test_what_cannot_be_adopted(
    catalog: CatalogDatabase, make: str | None, name: str, sqlstate: str, message: str, hint: str | None
) -> None:
    session = _plain(catalog)
    if make is not None:
        session.execute(make.encode())
    state, said, hinted = _refusal(session, f"CALL kameleon.adopt_entity('{name}')")
    assert (state, said) == (sqlstate, message)
    assert (hint or "") in (hinted or "")
    assert rows(session, ENTITIES) == []


def test_only_once(catalog: CatalogDatabase) -> None:
    session = _plain(catalog)
    session.execute("CALL kameleon.adopt_entity('maker')")
    assert _refusal(session, "CALL kameleon.adopt_entity('maker')")[:2] == (
        "42710",
        'table "maker" is an entity already',
    )
    session.execute("CALL kameleon.forget_entity('maker')")
    assert _refusal(session, "CALL kameleon.forget_entity('maker')")[:2] == ("42809", '"maker" is not an entity')


def test_a_shared_entity_is_not_forgotten(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute('CREATE TABLE "Odd one" (id int)')
    state, message, hint = _refusal(session, "CALL kameleon.forget_entity('\"Odd one\"')")
    assert (state, message) == ("55000", 'cannot forget table "Odd one": its rows are kept in shared storage')
    assert hint == "CALL kameleon.materialize_entity('public.\"Odd one\"') first."
    session.execute(hint.removesuffix(" first.").encode())
    session.execute("CALL kameleon.forget_entity('\"Odd one\"')")
    assert rows(session, ENTITIES) == []


def test_only_by_its_owner(catalog: CatalogDatabase) -> None:
    session = _plain(catalog)
    session.execute("CREATE ROLE adoption_reader")
    try:
        session.execute("GRANT ALL ON maker TO PUBLIC")
        for name in ("adopt", "forget"):
            session.execute("SET ROLE adoption_reader")
            assert _refusal(session, f"CALL kameleon.{name}_entity('maker')")[:2] == (
                "42501",
                "must be owner of table maker",
            )
            session.execute("RESET ROLE")
            session.execute("CALL kameleon.adopt_entity('maker')" if name == "adopt" else "SELECT 1")
        session.execute("ALTER TABLE maker OWNER TO adoption_reader")
        session.execute("SET ROLE adoption_reader")
        session.execute("CALL kameleon.forget_entity('maker')")
        session.execute("CALL kameleon.adopt_entity('maker')")
    finally:
        session.execute("RESET ROLE")
        session.execute("DROP OWNED BY adoption_reader")
        session.execute("DROP ROLE adoption_reader")


def test_a_foreign_key_of_a_table_that_is_no_entity_keeps_what_it_references_dedicated(
    catalog: CatalogDatabase,
) -> None:
    session = _plain(catalog)
    session.execute("CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker)")
    session.execute("INSERT INTO car VALUES (7, 1)")
    session.execute("CALL kameleon.adopt_entity('maker')")
    state, message, _ = _refusal(session, "CALL kameleon.dematerialize_entity('maker')")
    assert state == "0A000"
    assert (
        message == 'table "maker" cannot be kept in shared storage: table "car", which is not an entity, references it'
    )
    session.execute("CALL kameleon.adopt_entity('car')")
    session.execute("CALL kameleon.dematerialize_entity('maker')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("DELETE FROM {write}".format(**catalog.views("maker")))
