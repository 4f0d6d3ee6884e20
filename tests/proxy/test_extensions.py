"""Extensions whose scripts make tables, views and routines: those stay the extension's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database

Session = psycopg.Connection[Any]

CONTROL = "default_version = '1.0'\nrelocatable = false\n"
#: As PostGIS does: a table that the script fills, and a view that tells of the client's tables.
SCRIPT = """
    CREATE TABLE systems (id int PRIMARY KEY, name text);
    SELECT pg_extension_config_dump('systems', '');
    INSERT INTO systems VALUES (1, 'plain'), (2, 'round');
    CREATE VIEW mapped AS SELECT relname FROM pg_class WHERE relname ~ '^(kdb_|systems$)';
    CREATE VIEW named AS SELECT name FROM systems;
    CREATE FUNCTION make_map(map name) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE places bigint;
    BEGIN
        EXECUTE format('CREATE TABLE %1$I (id int); INSERT INTO %1$I VALUES (0)', map);
        EXECUTE format('SELECT count(*) FROM %I', map) INTO places;
        RETURN places;
    END $$;
    CREATE FUNCTION hidden() RETURNS bigint RETURN (SELECT count(*) FROM pg_class WHERE relname ~ '^kdb_');
"""
UPDATE = """
    ALTER TABLE systems ADD note text DEFAULT 'none';
    CREATE OR REPLACE VIEW mapped AS SELECT relname FROM pg_class WHERE relname ~ '^(kdb_|systems)';
    CREATE TABLE systems_too (id int);
    INSERT INTO systems_too SELECT id FROM systems;
"""
FILES = {"mapping.control": CONTROL, "mapping--1.0.sql": SCRIPT, "mapping--1.0--1.1.sql": UPDATE}
MEMBERS = (
    "SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid"
    " WHERE e.extname = 'mapping' AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass ORDER BY 1"
)
MODES = "SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1"


@pytest.fixture
def session(postgres: PostgresServer, database: Database) -> Iterator[Session]:
    if postgres.version < 18:
        pytest.skip("extension_control_path came with PostgreSQL 18: before, extensions are in the server's own folder")
    with TemporaryDirectory() as path, psycopg.connect(database.proxied, autocommit=True) as proxied:
        folder = Path(path) / "extension"
        folder.mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text)
        # the server may run as somebody else
        Path(path).chmod(0o755)
        proxied.execute(f"SET extension_control_path = '{path}:$system'".encode())
        yield proxied


def rows(session: Session, sql: str) -> list[Any]:
    found = session.execute(sql.encode()).fetchall()
    return [row[0] for row in found] if found and len(found[0]) == 1 else found


def test_what_a_script_makes(session: Session) -> None:
    told: list[str | None] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary))
    session.execute("CREATE EXTENSION mapping")
    assert rows(session, "SELECT name FROM systems ORDER BY id") == ["plain", "round"]
    assert rows(session, "TABLE named") == ["plain", "round"]
    assert rows(session, "TABLE mapped") == ["systems"]
    assert rows(session, "SELECT hidden()") == [0]
    assert rows(session, MODES) == [("systems", "dedicated")]
    expected = ["function hidden()", "function make_map(name)", "table systems", "view mapped", "view named"]
    assert rows(session, MEMBERS) == expected
    session.execute("ALTER EXTENSION mapping UPDATE TO '1.1'")
    assert rows(session, "SELECT note FROM systems") == ["none", "none"]
    assert sorted(rows(session, "TABLE mapped")) == ["systems", "systems_pkey", "systems_too"]
    assert rows(session, "TABLE systems_too") == [1, 2]
    assert rows(session, MEMBERS) == sorted([*expected, "table systems_too"])
    session.execute("DROP EXTENSION mapping")
    assert rows(session, MODES) == []
    assert told == []


def test_a_table_of_the_clients_that_refers_to_one(session: Session) -> None:
    session.execute("CREATE EXTENSION mapping")
    session.execute("CREATE TABLE place (id int, system int REFERENCES systems)")
    session.execute("INSERT INTO place VALUES (1, 2)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("INSERT INTO place VALUES (2, 3)")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        session.execute("DROP EXTENSION mapping")


def test_a_table_of_the_clients_that_becomes_one(session: Session) -> None:
    session.execute("CREATE EXTENSION mapping")
    session.execute("CREATE TABLE place (id int)")
    session.execute("INSERT INTO place VALUES (1)")
    session.execute("ALTER EXTENSION mapping ADD TABLE place")
    assert rows(session, MODES) == [("place", "dedicated"), ("systems", "dedicated")]
    assert rows(session, "TABLE place") == [1]
    with pytest.raises(psycopg.errors.Error, match="it belongs to an extension"):
        session.execute("CALL kameleon.dematerialize_entity('systems')")
    session.execute("DROP EXTENSION mapping")
    assert rows(session, MODES) == []


def test_what_its_functions_make(session: Session) -> None:
    session.execute("CREATE EXTENSION mapping")
    assert rows(session, "SELECT make_map('town')") == [1]
    session.execute("DO $$BEGIN CREATE TABLE own (id int); PERFORM make_map('village'); END$$")
    expected = [("own", "shared"), ("systems", "dedicated"), ("town", "dedicated"), ("village", "dedicated")]
    assert rows(session, MODES) == expected
    assert rows(session, "TABLE town") == [0]
