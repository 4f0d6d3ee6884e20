"""Routines with bodies in standard SQL: what they run reads documents, what is shown is what was written."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows

TWINS = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'kdb\\_body\\_%'"
# by what names a body goes by is known to PostgreSQL alone
RUNS = "SELECT pg_get_function_sqlbody('{0}'::regproc), kameleon.pg_get_function_sqlbody('{0}'::regproc)"
MODES = "SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1"
ROUTINE = "SELECT xmin FROM pg_proc WHERE oid = '{}'::regproc"


@pytest.fixture
def session(catalog: CatalogDatabase) -> psycopg.Connection[Any]:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, name text, born date)")
    session.execute("CREATE TABLE pet (id int PRIMARY KEY, owner int REFERENCES person)")
    insert = catalog.views("person")["insert"]
    session.execute(f"INSERT INTO {insert} VALUES (1, 'Ada', '1815-12-10'), (2, 'Grace', '1906-12-09')".encode())
    session.execute("CREATE FUNCTION named(i int) RETURNS text RETURN (SELECT name FROM person WHERE id = i)")
    return session


def written(session: psycopg.Connection[Any], routine: str = "named") -> str:
    ((body,),) = rows(session, f"SELECT kameleon.pg_get_function_sqlbody('{routine}'::regproc)")
    return str(body)


def test_a_call_past_the_proxy_reads_documents(session: psycopg.Connection[Any]) -> None:
    assert rows(session, "SELECT named(1), named(2), named(3)") == [("Ada", "Grace", None)]
    runs, shown = rows(session, RUNS.format("named"))[0]
    assert "kdb_read_1" in runs
    assert shown == "RETURN (SELECT person.name FROM person WHERE (person.id = named.i))"
    definition = "SELECT kameleon.pg_get_functiondef('named'::regproc)"
    assert rows(session, definition)[0][0].endswith(f"\n LANGUAGE sql\n{shown}\n")
    with pytest.raises(psycopg.Error, match="cannot be used here"):
        session.execute("SELECT name FROM person")


def test_a_twin_comes_and_goes_with_its_routine(session: psycopg.Connection[Any]) -> None:
    assert rows(session, TWINS) == [(1,)]
    with session.transaction(force_rollback=True):
        session.execute("DROP FUNCTION named")
        assert rows(session, TWINS) == [(0,)]
    with session.transaction(force_rollback=True):
        session.execute("CREATE OR REPLACE FUNCTION named(i int) RETURNS text RETURN i")
        assert rows(session, TWINS) == [(0,)]
        assert written(session) == "RETURN i"
    with session.transaction(force_rollback=True):
        session.execute("DROP TABLE person CASCADE")
        assert rows(session, TWINS) == [(0,)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
        session.execute("DROP TABLE person")
    assert "named(integer) depends on" in str(refused.value.diag.message_detail)
    assert "kdb_" not in str(refused.value.diag.message_detail)
    assert rows(session, "SELECT named(1)") == [("Ada",)]


@pytest.mark.parametrize("move", ["CALL kameleon.{}_entity('person')", "SELECT kameleon.{}('person', 'why')"])
def test_a_routine_of_dedicated_tables_runs_what_was_written(session: psycopg.Connection[Any], move: str) -> None:
    body = written(session)
    session.execute("CREATE FUNCTION pets(i int) RETURNS bigint RETURN (SELECT count(*) FROM pet WHERE owner = i)")
    tree = rows(session, "SELECT md5(kameleon.written_body('named'::regproc)::text)")
    session.execute(move.format("materialize" if "CALL" in move else "dedicate").encode())
    assert rows(session, MODES) == [("person", "dedicated"), ("pet", "shared")]
    assert rows(session, TWINS) == [(1,)]
    assert rows(session, RUNS.format("named")) == [(body, body)]
    assert rows(session, "SELECT md5(prosqlbody::text) FROM pg_proc WHERE proname = 'named'") == tree
    assert rows(session, "SELECT named(1), pets(1)") == [("Ada", 0)]
    session.execute("CALL kameleon.dematerialize_entity('person')")
    assert rows(session, TWINS) == [(2,)]
    assert rows(session, "SELECT named(2), pets(1)") == [("Grace", 0)]
    assert written(session) == body


def test_a_body_is_made_anew_only_where_it_has_to_be(session: psycopg.Connection[Any]) -> None:
    before = rows(session, ROUTINE.format("named"))
    session.execute("ALTER TABLE person ADD COLUMN more int DEFAULT 1")
    session.execute("ALTER TABLE person RENAME COLUMN name TO called")
    session.execute("CREATE INDEX ON person (called)")
    assert rows(session, ROUTINE.format("named")) == before
    assert rows(session, "SELECT named(1)") == [("Ada",)]
    session.execute("ALTER TABLE person DROP COLUMN born")
    assert rows(session, ROUTINE.format("named")) != before
    assert rows(session, "SELECT named(1)") == [("Ada",)]
    assert written(session) == "RETURN (SELECT person.called AS name FROM person WHERE (person.id = named.i))"


def test_system_columns_and_whole_rows_are_read_through_the_write_view(session: psycopg.Connection[Any]) -> None:
    session.execute(
        "CREATE FUNCTION placed() RETURNS SETOF person"
        " BEGIN ATOMIC SELECT p FROM person p WHERE ctid IS NOT NULL ORDER BY id; END"
    )
    assert "kdb_write_1_1" in rows(session, RUNS.format("placed"))[0][0]
    for _ in range(2):
        assert rows(session, "SELECT id, name FROM placed()") == [(1, "Ada"), (2, "Grace")]
        session.execute("ALTER TABLE person RENAME COLUMN born TO since")
        session.execute("ALTER TABLE person RENAME COLUMN since TO born")


def test_through_views(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW v AS SELECT id, name FROM person; CREATE VIEW w AS SELECT * FROM v")
    session.execute("CREATE FUNCTION seen() RETURNS SETOF w BEGIN ATOMIC SELECT * FROM w ORDER BY id; END")
    assert rows(session, "SELECT * FROM seen()") == [(1, "Ada"), (2, "Grace")]
    session.execute("CREATE OR REPLACE VIEW v AS SELECT id, upper(name) AS name FROM person")
    assert rows(session, "SELECT * FROM seen()") == [(1, "ADA"), (2, "GRACE")]
    session.execute("CREATE OR REPLACE VIEW w AS SELECT 3 AS id, 'x' AS name")
    assert rows(session, TWINS) == [(1,)]
    assert rows(session, "SELECT * FROM seen()") == [(3, "x")]
    session.execute("CREATE OR REPLACE VIEW w AS SELECT * FROM v")
    assert rows(session, TWINS) == [(2,)]
    session.execute("DROP VIEW v CASCADE")
    assert rows(session, TWINS) == [(1,)]


def test_a_materialized_view_is_read_itself(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE MATERIALIZED VIEW m AS SELECT 1 AS id")
    session.execute(
        "CREATE FUNCTION few() RETURNS bigint RETURN (SELECT count(*) FROM m TABLESAMPLE SYSTEM (100), person)"
    )
    assert rows(session, "SELECT few()") == [(2,)]
    assert rows(session, MODES) == [("person", "shared"), ("pet", "shared")]


def test_temporary_routines_take_their_twins_along(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    other = catalog.session()
    other.execute("CREATE FUNCTION pg_temp.passing() RETURNS bigint RETURN (SELECT count(*) FROM person)")
    other.execute("CREATE TEMP VIEW v AS SELECT id FROM person")
    other.execute("CREATE FUNCTION over_temporary() RETURNS bigint RETURN (SELECT count(*) FROM v)")
    assert rows(other, "SELECT pg_temp.passing(), over_temporary()") == [(2, 2)]
    assert rows(session, TWINS) == [(3,)]
    other.execute("DISCARD TEMP")
    assert rows(session, TWINS) == [(1,)]
    session.execute("ALTER TABLE person DROP COLUMN born")
    assert rows(session, "SELECT named(1)") == [("Ada",)]


def test_a_move_waits_for_who_alters_a_routine(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    """It holds the table's locks by then, which whoever alters the routine may want next."""
    other = catalog.session()
    with other.transaction():
        other.execute("ALTER FUNCTION named(int) COST 5")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            session.execute("CALL kameleon.materialize_entity('person', timeout => '0.3 s')")
    session.execute("CALL kameleon.materialize_entity('person')")
    assert rows(session, "SELECT named(1)") == [("Ada",)]


def test_nobody_calls_a_twin(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    ((twin,),) = rows(session, "SELECT kameleon.twin('named'::regproc)::regproc::text")
    session.execute("CREATE ROLE twin_caller; GRANT SELECT ON person TO twin_caller; SET ROLE twin_caller")
    try:
        assert rows(session, "SELECT named(1)") == [("Ada",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT {twin}(1)".encode())
        session.execute("RESET ROLE; REVOKE SELECT ON person FROM twin_caller; SET ROLE twin_caller")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT named(1)")
    finally:
        session.execute("RESET ROLE; DROP OWNED BY twin_caller; DROP ROLE twin_caller")


def test_rows_are_locked_where_they_are(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute(
        "CREATE FUNCTION held(i int) RETURNS text BEGIN ATOMIC SELECT name FROM person WHERE id = i FOR UPDATE; END"
    )
    assert rows(session, MODES) == [("person", "shared"), ("pet", "shared")]
    other = catalog.session("SET lock_timeout = '50ms'")
    update = "UPDATE {write} SET kdb_rec.name = 'Eve', kdb_keys = '{{name}}' WHERE id = 1".format(
        **catalog.views("person")
    )
    with session.transaction():
        assert rows(session, "SELECT held(1)") == [("Ada",)]
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(update.encode())
    other.execute(update.encode())
    assert rows(session, "SELECT held(1)") == [("Eve",)]
