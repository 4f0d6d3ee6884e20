"""Documents follow the types of their fields, without a proxy; what a client sees is in parity's ddl/types.sql."""

from __future__ import annotations

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows, rows_in_shell


def test_documents_are_written_with_the_new_label(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE person (id int, mood mood)")
    session.execute("INSERT INTO {insert} VALUES (1, 'sad')".format(**catalog.views("person")))
    session.execute("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
    assert rows(session, "SELECT data FROM kameleon.kdb_records") == [({"id": 1, "mood": "blue"},)]
    assert rows_in_shell(session, "person") == 0
    with pytest.raises(psycopg.Error) as caught:
        session.execute("SELECT * FROM person")
    assert caught.value.sqlstate == "KDB02"


def test_more_labels_touch_no_document(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE person (id int, mood mood)")
    session.execute("INSERT INTO {insert} VALUES (1, 'sad')".format(**catalog.views("person")))
    before = rows(session, "SELECT ctid, xmin FROM kameleon.kdb_records")
    session.execute("ALTER TYPE mood ADD VALUE 'ok'")
    assert rows(session, "SELECT ctid, xmin FROM kameleon.kdb_records") == before


def test_an_attribute_cannot_go_with_its_type(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TYPE inner_type AS (n int); CREATE TYPE outer_type AS (i inner_type, v text)")
    session.execute("CREATE TABLE person (o outer_type)")
    session.execute("INSERT INTO {insert} VALUES ('(\"(1)\",x)')".format(**catalog.views("person")))
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        session.execute("DROP TYPE inner_type CASCADE")
    assert "outer_type" in str(caught.value)
    assert caught.value.diag.message_hint == "Drop the attribute first."
    session.execute("ALTER TYPE outer_type DROP ATTRIBUTE i; DROP TYPE inner_type")
    assert rows(session, "SELECT o::text FROM {read}".format(**catalog.views("person"))) == [("(x)",)]


def test_a_domains_check_runs_as_the_owner_of_the_table(catalog: CatalogDatabase) -> None:
    role = f"owner_{catalog.name}"
    session = catalog.session()
    session.execute(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}".encode())
    try:
        session.execute(f"SET ROLE {role}".encode())
        session.execute("CREATE DOMAIN positive AS int; CREATE TABLE person (id positive)")
        session.execute("INSERT INTO {insert} VALUES (1)".format(**catalog.views("person")))
        session.execute(
            "CREATE FUNCTION looks(int) RETURNS boolean LANGUAGE plpgsql AS"
            " $$BEGIN RAISE NOTICE 'as %', current_user; RETURN $1 > 0; END$$"
        )
        notices: list[str] = []
        session.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        session.execute("ALTER DOMAIN positive ADD CHECK (looks(VALUE))")
        assert f"as {role}" in notices
        assert "as postgres" not in notices
    finally:
        session.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}".encode())
