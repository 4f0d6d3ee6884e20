"""What foreign keys make of the documents' tables, and what nobody sees of it."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from catalog.install import install
from tests.catalog.fix_catalog import CatalogDatabase, rows


def key_columns(session: psycopg.Connection[Any], table: str) -> list[str]:
    """The fields that have a column of their own."""
    found = session.execute(
        "SELECT f.field_name FROM kameleon.kdb_entity_definitions e"
        " JOIN kameleon.key_columns(e.entity_id) AS k ON true"
        " JOIN kameleon.kdb_field_definitions f ON f.entity_id = e.entity_id AND f.attnum = k.attnum"
        " WHERE e.relid = %s::regclass ORDER BY k.attnum",
        (table,),
    )
    return [name for (name,) in found]


def between_documents(session: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return rows(
        session,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'kameleon'::regnamespace AND conparentid <> 0 ORDER BY oid",
    )


def linked(session: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """The foreign keys between documents, and those that they stand for."""
    return rows(
        session,
        "SELECT d.oid, s.oid, s.conrelid::regclass::text, s.conname FROM pg_constraint d"
        " JOIN pg_constraint s ON s.oid = d.conparentid WHERE d.connamespace = 'kameleon'::regnamespace ORDER BY d.oid",
    )


def insert(session: psycopg.Connection[Any], catalog: CatalogDatabase, table: str, values: str) -> None:
    session.execute(f"INSERT INTO {catalog.views(table)['insert']} VALUES {values}".encode())


def test_tables_without_foreign_keys_pay_nothing(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, name text UNIQUE)")
    assert key_columns(session, "person") == []
    assert rows(session, "SELECT tgname FROM pg_trigger WHERE tgname ~ '^kdb_[04]_'") == []


def test_only_the_fields_of_keys_have_columns(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, note text)")
    session.execute("CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent, note text)")
    assert key_columns(session, "parent") == ["id"]
    assert key_columns(session, "child") == ["parent_id"]
    session.execute("ALTER TABLE child ADD COLUMN code text REFERENCES parent (code)")
    assert key_columns(session, "parent") == ["id", "code"]
    assert key_columns(session, "child") == ["parent_id", "code"]
    assert len(between_documents(session)) == 2
    session.execute("DROP TABLE parent CASCADE")
    assert between_documents(session) == []
    session.execute("ALTER TABLE child DROP COLUMN code")
    assert key_columns(session, "child") == ["parent_id"]


def test_a_referenced_key_has_one_unique_index(catalog: CatalogDatabase) -> None:
    """With two, a concurrent upsert could fail on the one that does not arbitrate."""
    session = catalog.session()
    session.execute("CREATE DOMAIN code AS text CHECK (value <> '')")
    session.execute("CREATE TABLE parent (id int PRIMARY KEY, code code UNIQUE)")
    insert(session, catalog, "parent", "(1, 'a')")
    session.execute("CREATE TABLE child (parent_id int REFERENCES parent, code code REFERENCES parent (code))")
    records = catalog.views("parent")["records"]
    indexes = rows(
        session, f"SELECT indisunique, indexprs FROM pg_index WHERE indrelid = '{records}'::regclass ORDER BY 1"
    )
    assert indexes == [(True, None), (True, None)]
    write = catalog.views("parent")["write"]
    upsert = f"INSERT INTO {write} (kdb_rec.id, kdb_rec.code, kdb_keys) VALUES (9, 'a', '{{id,code}}')"
    assert session.execute(f"{upsert} ON CONFLICT (code) DO NOTHING".encode()).rowcount == 0


def test_actions_change_the_documents(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute(
        "CREATE TABLE child (id int, a int REFERENCES parent ON UPDATE CASCADE ON DELETE SET NULL,"
        " b int DEFAULT 2 REFERENCES parent ON UPDATE CASCADE ON DELETE SET DEFAULT, later int)"
    )
    insert(session, catalog, "parent", "(1), (2)")
    insert(session, catalog, "child", "(10, 1, 1, 5)")
    session.execute("ALTER TABLE child ADD COLUMN c int DEFAULT 1 REFERENCES parent ON DELETE SET NULL")
    write = catalog.views("parent")["write"]
    records = catalog.views("child")["records"]
    session.execute(f"UPDATE {write} SET kdb_rec.id = 3, kdb_keys = '{{id}}' WHERE id = 2".encode())
    session.execute(f"UPDATE {write} SET kdb_rec.id = 2, kdb_keys = '{{id}}' WHERE id = 3".encode())
    assert rows(session, f"SELECT data FROM {records}") == [({"id": 10, "a": 1, "b": 1, "later": 5},)]
    session.execute(f"DELETE FROM {write} WHERE id = 1".encode())
    # a field that has a default for documents without its key keeps the null that it was set to
    assert rows(session, f"SELECT data FROM {records}") == [({"id": 10, "b": 2, "c": None, "later": 5},)]
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("child"))) == [(10, None, 2, 5, None)]


def test_the_definition_follows_the_shell(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (a int, b int, PRIMARY KEY (a, b))")
    session.execute(
        "CREATE TABLE child (a int, b int, CONSTRAINT fk FOREIGN KEY (b, a) REFERENCES parent (a, b) MATCH FULL"
        " ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED)"
    )
    ((definition,),) = between_documents(session)
    assert definition.endswith(" MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED")
    kept = linked(session)
    triggers = (
        "SELECT tgname, tgtype, tgfoid, tgdeferrable, tginitdeferred FROM pg_trigger WHERE tgconstraint IN"
        " (SELECT {} FROM pg_constraint WHERE conparentid <> 0) ORDER BY tgname"
    )
    session.execute("ALTER TABLE child ALTER CONSTRAINT fk NOT DEFERRABLE")
    ((definition,),) = between_documents(session)
    assert definition.endswith(" ON DELETE SET NULL")
    assert linked(session) == kept
    ours = rows(session, triggers.format("oid"))
    assert len(ours) == 4 and ours == rows(session, triggers.format("conparentid"))
    session.execute("ALTER TABLE child DROP CONSTRAINT fk")
    assert between_documents(session) == []


def test_a_rebuilt_catalog_keeps_them(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute("CREATE TABLE child (parent_id int REFERENCES parent)")
    insert(session, catalog, "parent", "(1)")
    insert(session, catalog, "child", "(1)")
    before = between_documents(session)
    session.execute(
        "SELECT set_config('kameleon.internal', 'on', false), kameleon.build_storage(entity_id)"
        " FROM kameleon.kdb_entity_definitions"
    )
    session.execute("SELECT kameleon.sync_foreign_keys(array_agg(entity_id)) FROM kameleon.kdb_entity_definitions")
    assert between_documents(session) == before
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(session, catalog, "child", "(2)")


def test_an_upgrade_links_them(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute("CREATE TABLE child (parent_id int CONSTRAINT fk REFERENCES parent DEFERRABLE)")
    before = linked(session)
    assert [key[2:] for key in before] == [("child", "fk")]
    session.execute("UPDATE pg_constraint SET conparentid = 0 WHERE connamespace = 'kameleon'::regnamespace")
    session.execute("UPDATE kameleon.kdb_installed_files SET checksum = 'older'")
    asyncio.run(install(catalog.postgres.dsn(catalog.name)))
    assert linked(session) == before


def test_set_constraints_reaches_them(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute("CREATE TABLE child (parent_id int CONSTRAINT fk REFERENCES parent DEFERRABLE)")
    session.execute("CREATE FUNCTION later() RETURNS void LANGUAGE sql AS 'SET CONSTRAINTS fk DEFERRED'")
    in_block = "DO 'BEGIN SET CONSTRAINTS public.fk DEFERRED; END'"
    for statement in ("SET CONSTRAINTS fk DEFERRED", "SELECT later()", in_block):
        with session.transaction(force_rollback=True):
            session.execute(statement.encode())
            insert(session, catalog, "child", "(1)")
            insert(session, catalog, "parent", "(1)")
            session.execute("SET CONSTRAINTS fk IMMEDIATE")
        with pytest.raises(psycopg.errors.ForeignKeyViolation), session.transaction():
            session.execute(statement.encode())
            insert(session, catalog, "child", "(1)")
            session.execute("SET CONSTRAINTS fk IMMEDIATE")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(session, catalog, "child", "(1)")


def test_their_owner_is_not_the_installer(catalog: CatalogDatabase) -> None:
    """Filling the columns evaluates what is the owner's: the checks of a domain."""
    admin = catalog.session()
    admin.execute("CREATE ROLE fk_owner LOGIN")
    try:
        admin.execute("GRANT CREATE ON SCHEMA public TO fk_owner")
        session = catalog.session(user="fk_owner")
        session.execute(
            "CREATE FUNCTION told(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS"
            " $$BEGIN IF current_user <> 'fk_owner' THEN RAISE 'run as %', current_user; END IF; RETURN true; END$$"
        )
        session.execute("CREATE DOMAIN checked AS int CHECK (told(value))")
        session.execute("CREATE TABLE parent (id checked PRIMARY KEY)")
        insert(session, catalog, "parent", "(1)")
        session.execute("CREATE TABLE child (parent_id checked REFERENCES parent ON UPDATE CASCADE)")
        insert(session, catalog, "child", "(1)")
        write = catalog.views("parent")["write"]
        session.execute(f"UPDATE {write} SET kdb_rec.id = 2, kdb_keys = '{{id}}'".encode())
        assert rows(session, "SELECT * FROM {read}".format(**catalog.views("child"))) == [(2,)]
        session.close()
    finally:
        admin.execute("DROP OWNED BY fk_owner")
        admin.execute("DROP ROLE fk_owner")


def test_a_refused_foreign_key_is_told_in_the_tables_words(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (a int, b text, PRIMARY KEY (a, b))")
    session.execute("CREATE TABLE child (x int, y text)")
    insert(session, catalog, "child", "(1, 'q')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
        session.execute("ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (x, y) REFERENCES parent")
    shown = caught.value.diag
    assert shown.message_primary == 'insert or update on table "child" violates foreign key constraint "fk"'
    assert shown.message_detail == 'Key (x, y)=(1, q) is not present in table "parent".'
    assert (shown.schema_name, shown.table_name, shown.constraint_name) == ("public", "child", "fk")


def test_truncate_empties_what_foreign_keys_refer_to(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute("CREATE TABLE child (parent_id int REFERENCES parent)")
    insert(session, catalog, "parent", "(1)")
    insert(session, catalog, "child", "(1)")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        session.execute("TRUNCATE ONLY parent")
    session.execute("TRUNCATE ONLY parent, ONLY child")
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("parent"))) == []
    # and they are obeyed as before
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(session, catalog, "child", "(1)")
    insert(session, catalog, "parent", "(1)")
    insert(session, catalog, "child", "(1)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("DELETE FROM {write}".format(**catalog.views("parent")).encode())


def storage(session: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(rows(session, "SELECT entity_name, storage_mode FROM kameleon.kdb_entity_definitions"))


def test_tables_of_one_command_may_refer_to_each_other(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE SCHEMA s CREATE TABLE a (id int PRIMARY KEY) CREATE TABLE b (a_id int REFERENCES a)")
    assert storage(session) == {"a": "shared", "b": "shared"}
    assert len(between_documents(session)) == 1


def test_what_a_table_that_is_no_entity_refers_to_becomes_dedicated(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE top (id int PRIMARY KEY)")
    session.execute("CREATE TABLE middle (id int PRIMARY KEY REFERENCES top)")
    session.execute("CREATE TABLE apart (id int PRIMARY KEY)")
    insert(session, catalog, "top", "(1)")
    insert(session, catalog, "middle", "(1)")
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
    # past the proxy, by somebody who knows nothing of Kameleon
    other = catalog.session("RESET kameleon.default_storage")
    other.execute("CREATE TABLE plain (id int PRIMARY KEY REFERENCES middle)")
    assert storage(session) == {"top": "shared", "middle": "dedicated", "apart": "shared"}
    assert rows(session, "SELECT * FROM middle") == [(1,)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("INSERT INTO plain VALUES (2)")
    session.execute("CREATE TABLE refers (id int REFERENCES plain)")
    assert storage(session)["refers"] == "dedicated"
    assert any("refers" in notice and "partitioned, or no entity" in notice for notice in notices)
