"""Views that users make over entities: what stands in the catalogs is their own, and a shadow of it is read."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows


def shadow(connection: psycopg.Connection[Any], view: str, kind: str = "read") -> str:
    """The name of a view's shadow."""
    ((number, temporary),) = rows(
        connection,
        f"SELECT view_id || CASE '{kind}' WHEN 'write' THEN '_' || generation ELSE '' END, relpersistence = 't'"
        f" FROM kameleon.kdb_view_definitions d JOIN pg_class c ON c.oid = d.relid WHERE c.oid = '{view}'::regclass",
    )
    return f"{'pg_temp' if temporary else 'kameleon'}.kdb_{kind}_{number}"


def shadows(connection: psycopg.Connection[Any]) -> int:
    """How many relations in kameleon belong to no entity."""
    ((count,),) = rows(
        connection,
        "SELECT count(*) FROM pg_class WHERE relname ~ '^kdb_(read|write)_[1-9][0-9]{0,8}(_|$)'"
        " AND split_part(relname, '_', 3)::int NOT IN (SELECT entity_id FROM kameleon.kdb_entity_definitions)",
    )
    return int(count)


@pytest.fixture
def session(catalog: CatalogDatabase) -> psycopg.Connection[Any]:
    session = catalog.session()
    session.execute('CREATE TABLE person (id int PRIMARY KEY, name text, born date, "key\'s" text)')
    insert = catalog.views("person")["insert"]
    session.execute(
        f"INSERT INTO {insert} VALUES (1, 'Ada', '1815-12-10', 'a'), (2, 'Grace', '1906-12-09', 'b')".encode()
    )
    return session


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM person",
        "SELECT p.id, person.name FROM person AS p, public.person WHERE p.id = person.id",
        "SELECT name, count(*) OVER () AS n, 'from person' AS \"public.person\" FROM person ORDER BY id DESC LIMIT 1",
        "SELECT id, name FROM person GROUP BY id",
        "SELECT person.*::text AS row, person AS whole FROM person",
        "WITH person AS (SELECT 7 AS id) SELECT person.id FROM person, public.person AS other",
        "SELECT (SELECT max(born) FROM person) AS born, EXISTS (SELECT FROM person WHERE \"key's\" = 'b') AS found",
        "SELECT * FROM person JOIN (SELECT id, born AS b FROM person) AS other (id, second) USING (id)",
        "SELECT * FROM (VALUES (1)) AS v (id) FULL JOIN person USING (id) WHERE name LIKE 'A%'",
        "SELECT coalesce(p, NULL) AS p, row_to_json(p) AS json FROM person p",
        "SELECT xmin IS NULL AS x, tableoid::regclass AS t FROM person",
    ],
)
def test_a_shadow_reads_what_the_view_would(
    catalog: CatalogDatabase, session: psycopg.Connection[Any], query: str
) -> None:
    native = catalog.session(storage="dedicated")
    native.execute("CREATE SCHEMA plain")
    native.execute("SET search_path = plain")
    native.execute('CREATE TABLE person (id int PRIMARY KEY, name text, born date, "key\'s" text)')
    native.execute("INSERT INTO person VALUES (1, 'Ada', '1815-12-10', 'a'), (2, 'Grace', '1906-12-09', 'b')")
    native.execute(f"CREATE VIEW v AS {query.replace(' public.', ' plain.')}".encode())
    session.execute(f"CREATE VIEW v AS {query}".encode())
    read = "SELECT * FROM {} AS v ORDER BY v.*::text"
    expected = [tuple(map(str, row)) for row in rows(native, read.format("v"))]
    found = [tuple(map(str, row)) for row in rows(session, read.format(shadow(session, "v")))]
    assert [tuple(value.replace("plain.", "") for value in row) for row in expected] == found
    definition = "SELECT replace(pg_get_viewdef('v'::regclass), 'plain.', 'public.')"
    assert rows(session, definition) == rows(native, definition)


def test_a_view_used_past_the_proxy_meets_the_guard(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW v AS SELECT id FROM person")
    with pytest.raises(psycopg.Error) as caught:
        session.execute("SELECT * FROM v")
    assert caught.value.sqlstate == "KDB02"


def test_views_follow_their_table(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW a AS SELECT id, name FROM person")
    session.execute("CREATE VIEW b AS SELECT a.name, length(a.name) AS size FROM a JOIN person USING (id)")
    session.execute("ALTER TABLE person RENAME COLUMN name TO called")
    session.execute("ALTER TABLE person DROP COLUMN born")
    session.execute("ALTER TABLE person ADD COLUMN more int DEFAULT 1")
    session.execute("ALTER TABLE person RENAME TO people")
    session.execute("CREATE SCHEMA elsewhere")
    session.execute("ALTER TABLE people SET SCHEMA elsewhere")
    assert rows(session, f"SELECT * FROM {shadow(session, 'b')} ORDER BY 1") == [("Ada", 3), ("Grace", 5)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as caught:
        session.execute("ALTER TABLE elsewhere.people DROP COLUMN called")
    assert "view a depends on column called of table elsewhere.people" in (caught.value.diag.message_detail or "")
    session.execute("ALTER TABLE elsewhere.people DROP COLUMN called CASCADE")
    assert shadows(session) == 0
    assert rows(session, "SELECT * FROM {read} ORDER BY id".format(**catalog.views("elsewhere.people"))) == [
        (1, "a", 1),
        (2, "b", 1),
    ]


def test_a_rolled_back_view_leaves_nothing(session: psycopg.Connection[Any]) -> None:
    with session.transaction(force_rollback=True):
        session.execute("CREATE VIEW v AS SELECT id FROM person")
        session.execute("ALTER TABLE person DROP COLUMN name")
    assert shadows(session) == 0
    assert rows(session, "SELECT * FROM kameleon.kdb_view_definitions") == []


def test_dropped_views_leave_nothing(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW a AS SELECT id, name FROM person")
    session.execute("CREATE VIEW b AS SELECT * FROM a")
    session.execute("CREATE MATERIALIZED VIEW m AS SELECT * FROM b WITH NO DATA")
    session.execute("CREATE VIEW over_m AS SELECT * FROM m")
    assert shadows(session) == 5  # over_m reads rows of the materialized view
    session.execute("DROP VIEW b CASCADE")
    assert shadows(session) == 2
    session.execute("DROP TABLE person CASCADE")
    assert shadows(session) == 0
    assert rows(session, "SELECT * FROM kameleon.kdb_view_definitions") == []


def test_a_replaced_view(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW a AS SELECT id FROM person")
    session.execute("CREATE VIEW b AS SELECT * FROM a")
    session.execute("CREATE OR REPLACE VIEW a AS SELECT id + 1 AS id, name FROM person")
    assert rows(session, f"SELECT * FROM {shadow(session, 'b')} ORDER BY 1") == [(2,), (3,)]
    session.execute("CREATE OR REPLACE VIEW a AS SELECT 5 AS id, 'none' AS name")
    assert shadows(session) == 0
    assert rows(session, "SELECT * FROM b") == [(5,)]


def test_a_shadow_is_its_owners(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE ROLE view_owner; CREATE ROLE view_reader; GRANT SELECT ON person TO view_owner")
    try:
        session.execute("CREATE VIEW v WITH (security_barrier) AS SELECT id, name FROM person")
        session.execute("ALTER VIEW v OWNER TO view_owner; GRANT SELECT (id) ON v TO view_reader")
        session.execute("SET ROLE view_reader")
        assert rows(session, f"SELECT id FROM {shadow_of_reset(catalog, 'v')} ORDER BY 1") == [(1,), (2,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT name FROM {shadow_of_reset(catalog, 'v')}".encode())
        session.execute("RESET ROLE; REVOKE SELECT ON person FROM view_owner; SET ROLE view_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT id FROM {shadow_of_reset(catalog, 'v')}".encode())
        session.execute("RESET ROLE; REVOKE ALL ON v FROM view_reader; DROP ROLE view_reader")
        assert rows(session, f"SELECT reloptions FROM pg_class WHERE oid = '{shadow(session, 'v')}'::regclass") == [
            (["security_barrier=true"],)
        ]
        session.execute("ALTER VIEW v OWNER TO postgres; DROP ROLE view_owner")
        assert rows(session, f"SELECT count(*) FROM {shadow(session, 'v')}") == [(2,)]
    finally:
        session.close()
        catalog.postgres.execute("DROP VIEW IF EXISTS v", catalog.name)
        for role in ("view_owner", "view_reader"):
            if catalog.postgres.execute(f"SELECT FROM pg_roles WHERE rolname = '{role}'", catalog.name):
                catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def shadow_of_reset(catalog: CatalogDatabase, view: str) -> str:
    """As `shadow`, for a session whose role may not look at the catalog."""
    with catalog.postgres.connect(catalog.name) as connection:
        return shadow(connection, view)


def test_what_is_written_through_a_view(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW a AS SELECT name AS called, id, born IS NULL AS unborn FROM person WHERE id < 10")
    session.execute("CREATE VIEW b AS SELECT id AS number, unborn, called FROM a WITH CASCADED CHECK OPTION")
    assert rows(
        session,
        "SELECT relid::regclass::text, base_relid::regclass::text, base_columns"
        " FROM kameleon.kdb_view_definitions ORDER BY 1",
    ) == [("a", "person", [2, 1, 0]), ("b", "person", [1, 0, 2])]
    write = shadow(session, "b", "write")
    session.execute(f"UPDATE {write} SET kdb_rec.name = 'Augusta', kdb_keys = '{{name}}' WHERE number = 1".encode())
    session.execute(f"INSERT INTO {write} (kdb_rec.id, kdb_keys) VALUES (3, '{{id}}')".encode())
    with pytest.raises(psycopg.errors.WithCheckOptionViolation):
        session.execute(f"INSERT INTO {write} (kdb_rec.id, kdb_keys) VALUES (10, '{{id}}')".encode())
    with pytest.raises(psycopg.errors.WithCheckOptionViolation):
        session.execute(f"UPDATE {write} SET kdb_rec.id = 10, kdb_keys = '{{id}}' WHERE number = 3".encode())
    session.execute(f"DELETE FROM {write} WHERE number = 2".encode())
    assert rows(session, "SELECT id, name FROM {read} ORDER BY id".format(**catalog.views("person"))) == [
        (1, "Augusta"),
        (3, None),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM person",
        "SELECT DISTINCT id FROM person",
        "SELECT id FROM person LIMIT 1",
        "SELECT p.id FROM person p, person",
        "VALUES (1)",
    ],
)
def test_views_that_are_only_read(session: psycopg.Connection[Any], query: str) -> None:
    session.execute(f"CREATE VIEW v AS {query}".encode())
    assert rows(
        session, "SELECT count(*) FROM pg_class WHERE relname ~ '^kdb_write_[1-9][0-9]{0,8}_' AND relname !~ '_1_1$'"
    ) == [(0,)]


def test_materialized_views_are_refreshed_through_their_shadow(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE MATERIALIZED VIEW m AS SELECT id, name FROM person WITH NO DATA")
    definition = rows(session, "SELECT pg_get_viewdef('m'::regclass)")
    with session.transaction():
        session.execute("DO $$ BEGIN PERFORM kameleon.read_shadow('m'::regclass); END $$")
        session.execute("REFRESH MATERIALIZED VIEW m")
    assert rows(session, "SELECT * FROM m ORDER BY id") == [(1, "Ada"), (2, "Grace")]
    assert rows(session, "SELECT pg_get_viewdef('m'::regclass)") == definition
    with pytest.raises(psycopg.Error) as caught:
        session.execute("REFRESH MATERIALIZED VIEW m")
    assert caught.value.sqlstate == "KDB02"


def test_only_who_may_refresh_a_view_gets_its_rule_changed(
    catalog: CatalogDatabase, session: psycopg.Connection[Any]
) -> None:
    session.execute("CREATE MATERIALIZED VIEW m AS SELECT id FROM person WITH NO DATA")
    session.execute("CREATE ROLE nobody_much; SET ROLE nobody_much")
    try:
        with session.transaction():
            session.execute("DO $$ BEGIN PERFORM kameleon.read_shadow('m'::regclass); END $$")
            session.execute("RESET ROLE")
            assert rows(session, "SELECT swapped FROM kameleon.kdb_view_definitions") == [(False,)]
    finally:
        catalog.postgres.execute("DROP ROLE nobody_much", catalog.name)


def test_temporary_views(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE TEMP VIEW v AS SELECT id FROM person")
    assert rows(session, f"SELECT * FROM {shadow(session, 'v')} ORDER BY 1") == [(1,), (2,)]
    assert '"temporary" : true' not in str(rows(catalog.session(), "SELECT kameleon.catalog_json()::text"))
    session.execute("ALTER TABLE person DROP COLUMN born")
    assert rows(session, f"SELECT * FROM {shadow(session, 'v')} ORDER BY 1") == [(1,), (2,)]
    session.execute("DISCARD TEMP")
    session.execute("CREATE VIEW other AS SELECT id FROM person")
    assert rows(session, "SELECT count(*) FROM kameleon.kdb_view_definitions") == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO person (id) VALUES (NEW.id)",
        "CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION add_person()",
    ],
)
def test_rules_and_triggers_of_a_view(session: psycopg.Connection[Any], statement: str) -> None:
    session.execute(
        "CREATE VIEW below AS SELECT id FROM person; CREATE VIEW v AS SELECT count(*)::int AS id FROM below"
    )
    session.execute(
        "CREATE FUNCTION add_person() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO person (id) VALUES (NEW.id); RETURN NEW; END'"
    )
    session.execute(statement.encode())
    assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("dedicated",)]
    session.execute("INSERT INTO v VALUES (3)")
    assert rows(session, "SELECT id FROM v") == [(3,)]
    assert shadows(session) == 0


def test_what_a_shadow_cannot_do_makes_the_table_dedicated(session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW v AS SELECT id FROM person TABLESAMPLE system (100)")
    assert rows(session, "SELECT id FROM v ORDER BY 1") == [(1,), (2,)]
    assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("dedicated",)]
    assert shadows(session) == 0


def test_ddl_and_users_of_views_do_not_deadlock(catalog: CatalogDatabase, session: psycopg.Connection[Any]) -> None:
    session.execute("CREATE VIEW a AS SELECT id, name FROM person; CREATE VIEW b AS SELECT * FROM a")
    read, write = shadow(session, "b"), shadow(session, "a", "write")
    failures: list[BaseException] = []
    stop = threading.Event()

    def use() -> None:
        connection = catalog.session()
        while not stop.is_set():
            try:
                with connection.transaction():
                    connection.execute(f"SELECT count(*) FROM {read}".encode())
                    connection.execute(
                        f"UPDATE {write} SET kdb_rec.name = 'x', kdb_keys = '{{name}}' WHERE id = 1".encode()
                    )
            except psycopg.Error as error:
                failures.append(error)

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    try:
        for number in range(5):
            session.execute(f"ALTER TABLE person ADD COLUMN c{number} int".encode())
            session.execute(f"ALTER TABLE person DROP COLUMN c{number}".encode())
            session.execute("CREATE OR REPLACE VIEW a AS SELECT id, name FROM person WHERE id > 0")
    finally:
        stop.set()
        for user in users:
            user.join()
    assert failures == []
