"""What the event triggers keep in step, as seen from SQL."""

from __future__ import annotations

import asyncio
import threading

import psycopg
import pytest

from catalog.install import install
from tests.catalog.fix_catalog import CatalogDatabase, rows, rows_in_shell

#: Of entities; the views of system catalogs have larger numbers.
STORAGE_LEFT = "SELECT count(*) FROM pg_class WHERE relname ~ '^kdb_(read|write|insert|guard|rec)_[1-9][0-9]{0,8}(_|$)'"


def test_rows_are_documents(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, name text, born date)")
    session.execute(
        "INSERT INTO {insert} VALUES (1, 'Ada', '1815-12-10'), (2, NULL, NULL)".format(**catalog.views("person"))
    )
    assert rows(session, "SELECT data FROM kameleon.kdb_records ORDER BY data ->> 'id'") == [
        ({"id": 1, "name": "Ada", "born": "1815-12-10"},),
        ({"id": 2},),
    ]
    assert rows(session, "SELECT entity_name, storage_mode, generation, field_count FROM kameleon.entities") == [
        ("person", "shared", 1, 3)
    ]


def test_nothing_of_ours_depends_on_a_tables_row_type(catalog: CatalogDatabase) -> None:
    # ALTER TABLE that rewrites refuses expressions over the row type, since PostgreSQL 15.20
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, name text)")
    session.execute("CREATE VIEW whole AS SELECT p::text AS row FROM person p")
    session.execute("CREATE FUNCTION whole(n int) RETURNS text RETURN (SELECT p::text FROM person p WHERE id = n)")
    found = rows(
        session,
        "SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d"
        " WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = 'person'::regtype AND d.deptype <> 'i'"
        " AND d.classid <> 'pg_cast'::regclass",
    )
    assert found == []


def test_a_rolled_back_create_leaves_nothing(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    with session.transaction(force_rollback=True):
        session.execute("CREATE TABLE person (id int)")
    assert rows(session, "SELECT * FROM kameleon.kdb_entity_definitions") == []
    assert rows(session, STORAGE_LEFT) == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM person",
        "SELECT count(*) FROM person p JOIN pg_class ON true",
        "UPDATE person SET id = 1",
        "DELETE FROM person",
        "INSERT INTO person VALUES (1)",
        "INSERT INTO person SELECT 1 WHERE false",
        "COPY person FROM STDIN",
    ],
)
def test_the_guard_refuses_the_shell(catalog: CatalogDatabase, statement: str) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    with pytest.raises(psycopg.Error) as caught:
        if statement.startswith("COPY"):
            with session.cursor().copy(statement.encode()) as copy:
                copy.write(b"1\n")
        else:
            session.execute(statement.encode())
    assert caught.value.sqlstate == "KDB02"
    assert 'table "person" is kept in shared storage' in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ONLY person",
        "TABLE ONLY person",
        "SELECT * FROM ONLY person WHERE id = 1",
        "SELECT * FROM ONLY person WHERE ctid = '(0,1)'",
        "SELECT * FROM ONLY person TABLESAMPLE SYSTEM (100)",
        "SELECT * FROM ONLY person FOR UPDATE",
        "SELECT 1 WHERE EXISTS (SELECT FROM pg_class JOIN ONLY person ON true)",
        "COPY (SELECT * FROM ONLY person) TO STDOUT",
        "DO 'BEGIN PERFORM FROM ONLY person; END'",
        "DO 'DECLARE one record; BEGIN FOR one IN SELECT * FROM ONLY person LOOP NULL; END LOOP; END'",
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM ONLY person",
        "EXPLAIN ANALYZE SELECT * FROM ONLY person",
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM ONLY person",
        "CREATE TABLE copied AS SELECT * FROM ONLY person",
        "UPDATE ONLY person SET id = 1",
        "DELETE FROM ONLY person",
        "SELECT count(*) FROM (SELECT FROM ONLY person UNION ALL SELECT FROM pg_am) AS r",
    ],
)
def test_only_does_not_pass_the_guard(catalog: CatalogDatabase, statement: str) -> None:
    session = catalog.session("SET plan_cache_mode = force_generic_plan")
    session.execute("CREATE TABLE person (id int PRIMARY KEY)")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match='"person" has not been populated'):
        session.execute(statement.encode())


def test_a_plan_that_was_made_before_does_not_pass_the_guard(catalog: CatalogDatabase) -> None:
    session, other = catalog.session("SET plan_cache_mode = force_generic_plan"), catalog.session(storage="dedicated")
    other.execute("CREATE TABLE person (id int PRIMARY KEY)")
    other.execute("INSERT INTO person VALUES (1)")
    counted = "BEGIN RETURN (SELECT count(*) FROM ONLY person); END"
    session.execute(f"CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS '{counted}'".encode())
    session.execute("PREPARE counted AS SELECT count(*) FROM ONLY person")
    for _ in range(2):
        for statement in ("SELECT counted()", "EXECUTE counted"):
            assert rows(session, statement) == [(1,)]
        other.execute("CALL kameleon.dematerialize_entity('person')")
        for statement in ("SELECT counted()", "EXECUTE counted"):
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                session.execute(statement.encode())
        other.execute("CALL kameleon.materialize_entity('person')")


def test_a_dedicated_table_is_like_any_other(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    populated = "SELECT relispopulated FROM pg_class WHERE oid = 'person'::regclass"
    session.execute("CREATE TABLE person (id int PRIMARY KEY)")
    assert rows(session, populated) == [(False,)]
    for made, undone in (
        ("CREATE POLICY p ON person", "DROP POLICY p ON person"),
        ("CREATE STATISTICS s ON (id + 1) FROM person", "DROP STATISTICS s"),
        ("CREATE VIEW v AS SELECT * FROM person", "DROP VIEW v"),
    ):
        session.execute(made.encode())
        session.execute(undone.encode())
        if "VIEW" in made:
            session.execute("CALL kameleon.materialize_entity('person')")
        assert rows(session, populated) == [(True,)]
        assert rows(session, "SELECT count(*) FROM pg_statistic_ext WHERE stxrelid = 'person'::regclass") == [(0,)]
        session.execute("CALL kameleon.dematerialize_entity('person')")
        assert rows(session, populated) == [(False,)]
    session.execute("CALL kameleon.materialize_entity('person')")
    session.execute("CALL kameleon.forget_entity('person')")
    assert rows(session, populated) == [(True,)]


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "DO $$ BEGIN {}; END $$",
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE '{}'; END$$",
        "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE sql AS '{}'",
    ],
)
def test_foreign_keys_are_made_past_the_guard(catalog: CatalogDatabase, body: str) -> None:
    """To validate them PostgreSQL scans both tables."""
    session = catalog.session()
    session.execute('CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE "The child" (id int, parent_id int)')
    session.execute("CREATE TABLE loose (parent_id int)")
    child, parent = catalog.views('"The child"'), catalog.views("parent")
    session.execute("INSERT INTO {insert} VALUES (1, 7)".format(**child))
    key = 'ALTER TABLE public."The child" ADD CONSTRAINT k FOREIGN KEY (parent_id) REFERENCES PARENT'

    def run(statement: str) -> None:
        session.execute(body.format(statement).encode())
        if "f()" in body:
            session.execute("SELECT f()")

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(key)
    run(f"{key} NOT VALID")
    session.execute("INSERT INTO {insert} VALUES (7)".format(**parent))
    run('ALTER TABLE "The child" VALIDATE CONSTRAINT k')
    run('ALTER TABLE "The child" DROP CONSTRAINT k')
    run(key)
    run('ALTER TABLE "The child" ADD other int DEFAULT 7 REFERENCES parent')
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("DELETE FROM {write}".format(**parent))
    flags = "SELECT bool_or(relispopulated) FROM pg_class WHERE relname IN ('The child', 'parent')"
    assert rows(session, flags) == [(False,)]
    run("ALTER TABLE loose ADD FOREIGN KEY (parent_id) REFERENCES parent")
    assert rows(session, flags) == [(False,)]


def test_the_guard_lets_maintenance_pass(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    session.execute("INSERT INTO {insert} VALUES (1)".format(**catalog.views("person")))
    for statement in (
        "ANALYZE",
        "VACUUM ANALYZE person",
        "VACUUM FULL person",
        "ALTER TABLE person ADD extra text",
        "ANALYZE",
        "CREATE INDEX person_id ON person (id)",
        "CLUSTER person USING person_id",
        "REINDEX TABLE person",
        "REINDEX TABLE CONCURRENTLY person",
        "CREATE TABLE alike (LIKE person INCLUDING ALL)",
        "ALTER TABLE person SET (fillfactor = 80), ALTER extra SET STORAGE external",
        "EXPLAIN SELECT FROM ONLY person",
    ):
        session.execute(statement.encode())
    session.execute("TRUNCATE person")
    assert rows(session, "SELECT count(*) FROM kameleon.kdb_records") == [(0,)]


def test_a_dropped_and_added_name_sees_no_old_values(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int, note text)")
    session.execute("INSERT INTO {insert} VALUES (1, 'old')".format(**catalog.views("person")))
    session.execute("ALTER TABLE person DROP COLUMN note")
    session.execute("ALTER TABLE person ADD COLUMN note text")
    assert rows(session, "SELECT id, note FROM {read}".format(**catalog.views("person"))) == [(1, None)]


def test_a_rename_touches_no_document(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int, note text)")
    session.execute("INSERT INTO {insert} VALUES (1, 'kept')".format(**catalog.views("person")))
    before = rows(session, "SELECT ctid, xmin, data FROM {records}".format(**catalog.views("person")))
    session.execute("ALTER TABLE person RENAME COLUMN note TO remark")
    session.execute("ALTER TABLE person ADD COLUMN status text NOT NULL DEFAULT 'new'")
    views = catalog.views("person")
    assert rows(session, "SELECT ctid, xmin, data FROM {records}".format(**views)) == before
    assert rows(session, "SELECT id, remark, status FROM {read}".format(**views)) == [(1, "kept", "new")]


def test_null_is_not_the_default_of_an_added_column(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    session.execute("INSERT INTO {insert} VALUES (1)".format(**catalog.views("person")))
    session.execute("ALTER TABLE person ADD COLUMN status text DEFAULT 'new'")
    views = catalog.views("person")
    session.execute("INSERT INTO {insert} VALUES (2, NULL), (3, DEFAULT), (4, 'x')".format(**views))
    session.execute("UPDATE {write} SET kdb_rec.status = NULL, kdb_keys = '{{status}}' WHERE id = 4".format(**views))
    session.execute("UPDATE {write} SET kdb_rec.id = 5, kdb_keys = '{{id}}' WHERE id = 1".format(**views))
    found = rows(session, "SELECT id, status FROM {read} ORDER BY id".format(**views))
    assert found == [(2, None), (3, "new"), (4, None), (5, "new")]


def test_an_update_of_one_field_keeps_a_concurrent_update_of_another(catalog: CatalogDatabase) -> None:
    one, two = catalog.session(), catalog.session()
    one.execute("CREATE TABLE person (id int PRIMARY KEY, a int, b int)")
    views = catalog.views("person")
    one.execute("INSERT INTO {insert} VALUES (1, 0, 0)".format(**views))
    with one.transaction():
        one.execute("UPDATE {write} SET kdb_rec.a = a + 1, kdb_keys = '{{a}}' WHERE id = 1".format(**views))
        # a session that waits for the row, in a thread of its own inside the server
        two.execute("SET lock_timeout = '10s'")
        waiting = two.pgconn
        waiting.send_query(
            "UPDATE {write} SET kdb_rec.b = b + 1, kdb_keys = '{{b}}' WHERE id = 1".format(**views).encode()
        )
        waited_for = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while catalog.session().execute(waited_for, (waiting.backend_pid,)).fetchone() != (1,):
            pass
    while waiting.get_result() is not None:
        pass
    assert rows(one, "SELECT id, a, b FROM {read}".format(**views)) == [(1, 1, 1)]


def test_open_transactions_create_tables_side_by_side(catalog: CatalogDatabase) -> None:
    sessions = [catalog.session("SET lock_timeout = '5s'") for _ in range(8)]
    for number, session in enumerate(sessions):
        session.execute("BEGIN")
        session.execute(f"CREATE TABLE t{number} (id serial PRIMARY KEY)".encode())
    for session in sessions:
        session.execute("COMMIT")
    assert rows(sessions[0], "SELECT count(*) FROM kameleon.entities") == [(8,)]


def test_violations_are_worded_as_native(catalog: CatalogDatabase) -> None:
    session, native = catalog.session(), catalog.session("SET search_path = native", storage="''")
    native.execute("CREATE SCHEMA native")
    definition = "CREATE TABLE person (id int PRIMARY KEY, name varchar(5) NOT NULL, age int CHECK (age > 0), b bool)"
    for connection in (session, native):
        connection.execute(definition.encode())
    insert = catalog.views("person")["insert"]
    long = "x" * 200
    for values in (
        "(1, NULL, 1)",
        "(NULL, 'a', 1)",
        "(1, 'a', -1, true)",
        "(1, 'toolong')",
        "('x', 'a')",
        f"(1, NULL, length('{long}'))",
    ):
        diagnostics = []
        for connection, table in ((session, insert), (native, "person")):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(f"INSERT INTO {table} VALUES {values}".encode())
            diag = caught.value.diag
            diagnostics.append(
                (
                    diag.sqlstate,
                    diag.message_primary,
                    diag.message_detail,
                    diag.table_name,
                    diag.column_name,
                    diag.constraint_name,
                )
            )
        assert diagnostics[0] == diagnostics[1]


def test_privileges_follow_the_table(catalog: CatalogDatabase) -> None:
    role = f"reader_{catalog.name}"
    owner = catalog.session()
    owner.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        owner.execute("CREATE TABLE person (id int)")
        reader = catalog.session(user=role)
        read = "SELECT * FROM {read}".format(**catalog.views("person"))
        insert = "INSERT INTO {insert} VALUES (1)".format(**catalog.views("person"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(read.encode())
        owner.execute(f"GRANT SELECT ON person TO {role}".encode())
        assert rows(reader, read) == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(insert.encode())
        owner.execute("GRANT INSERT ON person TO PUBLIC")
        reader.execute(insert.encode())
        owner.execute(f"REVOKE SELECT ON person FROM {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(read.encode())
        for table in ("kdb_records", "kdb_entity_definitions", "kdb_field_definitions", "kdb_schema_changelog"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"SELECT * FROM kameleon.{table}".encode())
        for call in ("build_storage(1)", "drop_storage(1)", "lift_guard(1)", "create_entity(1, 'shared', '')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"SELECT kameleon.{call}".encode())
        reader.execute("SELECT kameleon.fill_shell('person')")
        assert rows_in_shell(owner, "person") == 0
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_a_filled_shell_is_drained_by_the_ddl_that_follows(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, age text, twice int GENERATED ALWAYS AS (id * 2) STORED)")
    session.execute("INSERT INTO {insert} (id, age) VALUES (1, '40'), (2, '50')".format(**catalog.views("person")))
    with session.transaction():
        session.execute("SELECT kameleon.fill_shell('person')")
        session.execute("ALTER TABLE person ALTER age TYPE int USING age::int + 1, ALTER age SET NOT NULL")
    read = "SELECT id, age, twice FROM {read} ORDER BY id".format(**catalog.views("person"))
    assert rows(session, read) == [(1, 41, 2), (2, 51, 4)]
    assert rows_in_shell(session, "person") == 0
    with pytest.raises(psycopg.errors.CheckViolation), session.transaction():
        session.execute("SELECT kameleon.fill_shell('person')")
        session.execute("ALTER TABLE person ADD CHECK (age < 45)")
    assert rows(session, read) == [(1, 41, 2), (2, 51, 4)]
    with pytest.raises(psycopg.Error, match="kept in shared storage"):
        session.execute("SELECT * FROM person")


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ("person (id int) PARTITION BY RANGE (id)", "it is partitioned"),
        ("person (id int UNIQUE DEFERRABLE)", "deferrable unique"),
        ("person (r int4range, EXCLUDE USING gist (r WITH &&))", "exclusion constraint"),
        ("person (kdb_data int)", "kdb_data"),
    ],
)
def test_what_documents_cannot_honour_is_dedicated_at_once(catalog: CatalogDatabase, definition: str, why: str) -> None:
    session = catalog.session()
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(f"{notice.severity}: {notice.message_primary}"))
    session.execute(f"CREATE TABLE {definition}".encode())
    assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("dedicated",)]
    assert any(notice.startswith("NOTICE: ") and why in notice for notice in notices)


def test_a_type_whose_input_function_is_not_written_in_c_is_kept_in_a_table(catalog: CatalogDatabase) -> None:
    """Read views call immutable aliases of input functions; there is none of one that is not written in C."""
    session = catalog.session("SET client_min_messages = warning")
    for statement in (
        # PostgreSQL's own languages validate that no function takes a cstring; one without a validator does not
        "CREATE LANGUAGE unchecked HANDLER plpgsql_call_handler",
        "CREATE TYPE shout",
        "CREATE FUNCTION shout_in(cstring) RETURNS shout LANGUAGE unchecked AS 'BEGIN RETURN $1; END'",
        "CREATE FUNCTION shout_out(shout) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
        "CREATE TYPE shout (INPUT = shout_in, OUTPUT = shout_out, LIKE = text)",
        "CREATE DOMAIN loud AS shout",
    ):
        session.execute(statement.encode())
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
    session.execute("RESET client_min_messages")
    for column in ("shout", "loud"):
        session.execute(f"CREATE TABLE person (id int, said {column})".encode())
        assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("dedicated",)], column
        assert any("is not written in C" in notice for notice in notices)
        notices.clear()
        session.execute("DROP TABLE person")


def test_an_index_whose_option_may_name_a_column_is_kept_over_a_table(catalog: CatalogDatabase) -> None:
    """As RUM's, which reads that column of the row: a document has none."""
    session = catalog.session("SET client_min_messages = error")
    session.execute("CREATE EXTENSION bloom")
    session.execute('CREATE TABLE plain (id int, other int); CREATE TABLE named (id int, "80" int)')
    for table in ("plain", "named"):
        session.execute(f"CREATE INDEX ON {table} USING bloom (id) WITH (length = 80)".encode())
    modes = "SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1"
    assert rows(session, modes) == [("named", "dedicated"), ("plain", "shared")]


def test_a_type_in_c_that_is_not_known_to_print_exactly_is_kept_in_a_table(catalog: CatalogDatabase) -> None:
    session = catalog.session("SET client_min_messages = warning")
    for statement in (
        "CREATE EXTENSION cube",
        "CREATE TYPE rounded",
        "CREATE FUNCTION rounded_in(cstring) RETURNS rounded IMMUTABLE STRICT LANGUAGE c AS '$libdir/cube', 'cube_in'",
        "CREATE FUNCTION rounded_out(rounded) RETURNS cstring IMMUTABLE LANGUAGE c AS '$libdir/cube', 'cube_out'",
        "CREATE TYPE rounded (INPUT = rounded_in, OUTPUT = rounded_out, ALIGNMENT = double)",
        "CREATE DOMAIN exact AS cube",
        "CREATE DOMAIN inexact AS rounded",
        "CREATE TYPE pair AS (one int, other inexact)",
    ):
        session.execute(statement.encode())
    for type_name, storage in {
        "cube": "shared", "cube[]": "shared", "exact": "shared", "rounded": "dedicated", "rounded[]": "dedicated",
        "inexact": "dedicated", "pair": "dedicated",
    }.items():  # fmt: skip
        session.execute(f"CREATE TABLE place (id int, at {type_name})".encode())
        assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [(storage,)], type_name
        session.execute("DROP TABLE place")


def test_past_the_proxy_alter_table_sees_the_rows(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int, name text)")
    session.execute("INSERT INTO {insert} VALUES (1, NULL)".format(**catalog.views("person")))
    session.execute("ALTER TABLE person ALTER id TYPE text USING 'no. ' || id")
    session.execute("ALTER TABLE person ADD size int DEFAULT length(current_user)")
    with pytest.raises(psycopg.errors.NotNullViolation):
        session.execute("ALTER TABLE person ALTER name SET NOT NULL")
    with pytest.raises(psycopg.errors.CheckViolation):
        session.execute("ALTER TABLE person ADD CHECK (id = '')")
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("person"))) == [("no. 1", None, 8)]


def test_the_changelog_tells_who_what_and_why(catalog: CatalogDatabase) -> None:
    session = catalog.session("SET kameleon.reason = 'ticket 7'")
    session.execute("CREATE TABLE person (id int)")
    session.execute("ALTER TABLE person ADD name text")
    session.execute("DROP TABLE person")
    logged = rows(
        session,
        "SELECT command_tag, entity_name, reason, changed_by, statement"
        " FROM kameleon.kdb_schema_changelog ORDER BY change_id",
    )
    assert [row[:4] for row in logged] == [
        ("CREATE TABLE", "person", "ticket 7", "postgres"),
        ("ALTER TABLE", "person", "ticket 7", "postgres"),
        ("DROP TABLE", "person", "ticket 7", "postgres"),
    ]
    assert logged[1][4] == "ALTER TABLE person ADD name text"


def test_a_dropped_type_or_sequence_is_not_held(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    session.execute("CREATE TABLE person (id serial, mood mood DEFAULT 'ok')")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as caught:
        session.execute("DROP TYPE mood")
    assert "kdb_" not in str(caught.value)
    session.execute("DROP TYPE mood CASCADE")
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("person"))) == []
    session.execute("DROP TABLE person")
    assert rows(session, STORAGE_LEFT) == [(0,)]


def test_a_second_install_changes_nothing(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    before = rows(session, "SELECT oid, relname FROM pg_class WHERE relnamespace = 'kameleon'::regnamespace ORDER BY 1")
    asyncio.run(install(catalog.postgres.dsn(catalog.name)))
    assert (
        rows(session, "SELECT oid, relname FROM pg_class WHERE relnamespace = 'kameleon'::regnamespace ORDER BY 1")
        == before
    )


def test_an_upgrade_keeps_the_documents(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    session.execute("INSERT INTO {insert} VALUES (1)".format(**catalog.views("person")))
    session.execute("UPDATE kameleon.kdb_installed_files SET checksum = 'older' WHERE file_name = '102_storage.sql'")
    # as earlier versions left it
    session.execute("UPDATE pg_class SET relispopulated = true WHERE oid = 'person'::regclass")
    asyncio.run(install(catalog.postgres.dsn(catalog.name)))
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("person"))) == [(1,)]
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        session.execute("SELECT * FROM ONLY person")


def test_an_ordinary_role_owns_its_entities(catalog: CatalogDatabase) -> None:
    role = f"owner_{catalog.name}"
    catalog.session().execute(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}".encode())
    try:
        session = catalog.session(user=role)
        session.execute("CREATE TABLE person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n text CHECK (n <> ''))")
        session.execute("INSERT INTO {insert} (n) VALUES ('x')".format(**catalog.views("person")))
        session.execute("ALTER TABLE person ADD k int DEFAULT 3")
        session.execute("CREATE INDEX ON person (n)")
        with session.transaction():
            session.execute("SELECT kameleon.fill_shell('person')")
            session.execute("ALTER TABLE person ALTER n SET NOT NULL")
        assert rows(session, "SELECT * FROM {read}".format(**catalog.views("person"))) == [(1, "x", 3)]
        session.execute("DROP TABLE person")
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_a_row_that_is_refused_is_told_to_those_who_may_read_it(catalog: CatalogDatabase) -> None:
    role = f"writer_{catalog.name}"
    owner = catalog.session()
    owner.execute("CREATE TABLE person (id int, secret text DEFAULT 'hidden', n text NOT NULL, m int CHECK (m > 0))")
    owner.execute(f"CREATE ROLE {role} LOGIN; GRANT INSERT, UPDATE ON person TO {role}".encode())
    try:
        session = catalog.session(user=role)
        insert = "INSERT INTO {insert} (id, n, m) VALUES (1, %s, %s)".format(**catalog.views("person"))
        refused = (psycopg.errors.NotNullViolation, (None, 1)), (psycopg.errors.CheckViolation, ("n", 0))
        for error, values in refused:
            with pytest.raises(error) as caught:
                session.execute(insert.encode(), values)
            assert caught.value.diag.message_detail is None
        owner.execute(f"GRANT SELECT ON person TO {role}".encode())
        for error, values in refused:
            with pytest.raises(error, match=r"Failing row contains \(1, hidden, "):
                session.execute(insert.encode(), values)
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_locking_rows_asks_for_the_privilege_that_it_asks_for_natively(catalog: CatalogDatabase) -> None:
    role = f"locker_{catalog.name}"
    owner = catalog.session()
    owner.execute(f"CREATE ROLE {role} LOGIN; CREATE TABLE person (id int); GRANT SELECT ON person TO {role}".encode())
    try:
        session = catalog.session(user=role)
        lock = "SELECT * FROM {read} FOR UPDATE".format(**catalog.views("person"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(lock.encode())
        owner.execute(f"GRANT UPDATE ON person TO {role}".encode())
        assert rows(session, lock) == []
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_a_change_of_type_checks_foreign_keys_over_the_rows_of_both_tables(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE parent (id int PRIMARY KEY)")
    session.execute("CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent)")
    session.execute("INSERT INTO {insert} VALUES (1)".format(**catalog.views("parent")))
    session.execute("INSERT INTO {insert} VALUES (1, 1)".format(**catalog.views("child")))
    for table, column in (("child", "parent_id"), ("parent", "id")):
        with session.transaction():
            session.execute(f"SELECT kameleon.fill_shell('{table}', related => true)".encode())
            session.execute(f"ALTER TABLE {table} ALTER {column} TYPE bigint".encode())
    assert rows(session, "SELECT id, parent_id FROM {read}".format(**catalog.views("child"))) == [(1, 1)]
    assert rows(session, "SELECT id FROM {read}".format(**catalog.views("parent"))) == [(1,)]
    assert rows_in_shell(session, "child") == rows_in_shell(session, "parent") == 0


def test_grouping_by_the_primary_key_frees_the_other_columns(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (extra int, id int PRIMARY KEY, name text, document json)")
    query = "SELECT name, document, count(*) FROM {read} GROUP BY id"
    session.execute("INSERT INTO {insert} VALUES (0, 1, 'Ada', '[]')".format(**catalog.views("person")))
    session.execute("CREATE VIEW grouped AS {}".format(query.format(read="person")))
    session.execute("ALTER TABLE person DROP COLUMN extra")
    assert rows(session, query.format(**catalog.views("person"))) == [("Ada", [], 1)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        session.execute("ALTER TABLE person DROP CONSTRAINT person_pkey")
    session.execute("DROP VIEW grouped")
    session.execute("ALTER TABLE person DROP CONSTRAINT person_pkey")
    with pytest.raises(psycopg.errors.GroupingError):
        session.execute(query.format(**catalog.views("person")).encode())
    session.execute("DROP TABLE person")
    assert rows(session, "SELECT count(*) FROM pg_constraint WHERE conname ~ '^kdb_key_[0-9]{1,9}$'") == [(1,)]


def test_columns_that_swapped_names_keep_their_values_apart(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY, a text, b text)")
    session.execute("INSERT INTO {insert} VALUES (1, 'was a', 'was b')".format(**catalog.views("person")))
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        session.execute(f"ALTER TABLE person RENAME COLUMN {old} TO {new}".encode())
    views = catalog.views("person")
    assert rows(session, "SELECT id, a, b FROM {read}".format(**views)) == [(1, "was b", "was a")]
    session.execute("UPDATE {write} SET kdb_rec.a = 'new a', kdb_keys = '{{a}}' WHERE id = 1".format(**views))
    assert rows(session, "SELECT id, a, b FROM {read}".format(**views)) == [(1, "new a", "was a")]


def test_a_write_that_waited_for_ddl_goes_on(catalog: CatalogDatabase) -> None:
    one, two = catalog.session(), catalog.session()
    one.execute("CREATE TABLE person (id int PRIMARY KEY, a int)")
    views = catalog.views("person")
    with one.transaction():
        one.execute("ALTER TABLE person ADD COLUMN b int DEFAULT 7")
        waiting = two.pgconn
        waiting.send_query("INSERT INTO {insert} VALUES (1, 2) RETURNING *".format(**views).encode())
        waited_for = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while catalog.session().execute(waited_for, (waiting.backend_pid,)).fetchone() != (1,):
            pass
    result = waiting.get_result()
    assert result is not None
    assert [result.get_value(0, column) for column in range(result.nfields)] == [b"1", b"2", b"7"]
    while waiting.get_result() is not None:
        pass


@pytest.mark.parametrize("view", ["read", "write", "insert"])
def test_a_view_is_locked_without_what_statements_lock_behind_it(catalog: CatalogDatabase, view: str) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (name text)")
    name = catalog.views("person")[view]
    with session.transaction():
        session.execute("SELECT kameleon.lock_alone(%s::regclass, 'ACCESS EXCLUSIVE')", [name])
        held = (
            "SELECT relation::regclass::text FROM pg_locks"
            " WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'"
        )
        assert rows(session, held) == [(name,)]


def test_ddl_and_writers_do_not_deadlock(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id serial PRIMARY KEY, a int)")
    views = catalog.views("person")
    failures: list[BaseException] = []
    stop = threading.Event()

    def write() -> None:
        connection = catalog.session()
        while not stop.is_set():
            try:
                with connection.transaction():
                    connection.execute("SELECT count(*) FROM {read}".format(**views))
                    connection.execute("INSERT INTO {insert} (a) VALUES (1)".format(**views))
                    connection.execute(
                        "UPDATE {write} SET kdb_rec.a = 2, kdb_keys = '{{a}}' WHERE id = 1".format(**views)
                    )
            except psycopg.Error as error:
                failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        for number in range(10):
            session.execute(f"ALTER TABLE person ADD COLUMN c{number} int".encode())
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []


def test_the_key_of_a_violation_is_shown_to_whom_it_is_shown_natively(catalog: CatalogDatabase) -> None:
    role = f"writer_{catalog.name}"
    owner = catalog.session()
    owner.execute(f"CREATE ROLE {role} LOGIN; CREATE TABLE person (id int PRIMARY KEY, secret text)".encode())
    owner.execute(f"GRANT INSERT ON person TO {role}".encode())
    try:
        session = catalog.session(user=role)
        insert = "INSERT INTO {insert} VALUES (1)".format(**catalog.views("person"))
        session.execute(insert.encode())

        def detail() -> str | None:
            with pytest.raises(psycopg.errors.UniqueViolation) as caught:
                session.execute(insert.encode())
            return caught.value.diag.message_detail

        assert detail() is None
        owner.execute(f"GRANT SELECT ON person TO {role}".encode())
        assert "=(1) already exists." in str(detail())
        # the documents still hold what the column held: nobody may look at them then
        owner.execute("ALTER TABLE person DROP COLUMN secret")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT * FROM {records}".format(**catalog.views("person")))
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_drop_cascade_tells_what_went(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int)")
    session.execute("CREATE VIEW everybody AS SELECT * FROM person")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        session.execute("DROP TABLE person")
    notices: list[str] = []
    session.add_notice_handler(lambda notice: notices.append(f"{notice.severity}: {notice.message_primary}"))
    session.execute("DROP TABLE person CASCADE")
    assert [notice for notice in notices if notice.startswith("NOTICE")] == ["NOTICE: drop cascades to view everybody"]


def test_a_row_of_the_view_is_a_row_of_the_table(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE pet (id int, name text)")
    session.execute("CREATE FUNCTION label(pet) RETURNS text LANGUAGE sql AS 'SELECT $1.id || $1.name'")
    session.execute("INSERT INTO {insert} VALUES (1, 'Rex')".format(**catalog.views("pet")))
    query = (
        "SELECT label(p), p.label, coalesce(p, ROW(0, '')::pet)::text, label(q)"
        " FROM {read} p LEFT JOIN {read} q ON false"
    )
    assert rows(session, query.format(**catalog.views("pet"))) == [("1Rex", "1Rex", "(1,Rex)", None)]
    session.execute("ALTER TABLE pet DROP COLUMN name")
    session.execute("ALTER TABLE pet ADD COLUMN name text DEFAULT 'Tom'")
    assert rows(session, query.format(**catalog.views("pet"))) == [("1Tom", "1Tom", "(1,Tom)", None)]
    session.execute("DROP FUNCTION label; DROP TABLE pet")
    assert rows(session, "SELECT count(*) FROM pg_proc WHERE proname ~ '^kdb_row_[1-9][0-9]{0,8}$'") == [(0,)]


def test_what_a_session_sets_does_not_reach_the_catalog(catalog: CatalogDatabase) -> None:
    session = catalog.session("SET quote_all_identifiers = on", "SET TimeZone = 'UTC-3'")
    session.execute("CREATE TABLE person (id int PRIMARY KEY, at timestamptz, CHECK (id > 0))")
    session.execute("CREATE INDEX ON person ((id + 1)) WHERE id > 5")
    session.execute("INSERT INTO {insert} VALUES (1, '2024-07-01 12:00:00+00')".format(**catalog.views("person")))
    assert rows(session, "SELECT at::text FROM {read}".format(**catalog.views("person"))) == [
        ("2024-07-01 15:00:00+03",)
    ]


def test_a_duplicate_found_by_a_new_index_is_named_by_its_columns(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int, name text)")
    session.execute("INSERT INTO {insert} VALUES (1, 'a'), (1, 'a')".format(**catalog.views("person")))
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        session.execute("CREATE UNIQUE INDEX once ON person (id, lower(name))")
    diag = caught.value.diag
    assert diag.message_primary == 'could not create unique index "once"'
    assert diag.message_detail == "Key (id, lower(name))=(1, a) is duplicated."
    assert (diag.schema_name, diag.table_name, diag.constraint_name) == ("public", "person", "once")


def test_a_renamed_constraint_is_the_one_that_is_violated(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE person (id int PRIMARY KEY)")
    session.execute("ALTER TABLE person RENAME CONSTRAINT person_pkey TO only_one")
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        session.execute("INSERT INTO {insert} VALUES (1), (1)".format(**catalog.views("person")))
    assert caught.value.diag.constraint_name == "only_one"


def test_virtual_generated_columns(catalog: CatalogDatabase) -> None:
    if catalog.postgres.version < 18:
        pytest.skip("PostgreSQL before 18 has no virtual generated columns")
    session = catalog.session()
    session.execute("CREATE TABLE box (w int, double int GENERATED ALWAYS AS (w * 2) VIRTUAL CHECK (double < 100))")
    session.execute("INSERT INTO {insert} (w) VALUES (4)".format(**catalog.views("box")))
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("box"))) == [(4, 8)]
    with pytest.raises(psycopg.errors.CheckViolation):
        session.execute("INSERT INTO {insert} (w) VALUES (60)".format(**catalog.views("box")))


def test_a_session_that_replays_as_a_replica_makes_documents_all_the_same(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute(
        "CREATE TABLE person"
        " (id int PRIMARY KEY, age int CHECK (age > 0), twice int GENERATED ALWAYS AS (age * 2) STORED)"
    )
    views = catalog.views("person")
    replica = catalog.session("SET session_replication_role = replica")
    replica.execute("INSERT INTO {insert} (id, age) VALUES (1, 10)".format(**views))
    replica.execute("UPDATE {write} SET kdb_rec.age = 20, kdb_keys = '{{age}}'".format(**views))
    with replica.cursor().copy("COPY {insert} (id, age) FROM STDIN".format(**views).encode()) as copy:
        copy.write(b"2\t30\n")
    with pytest.raises(psycopg.errors.CheckViolation):
        replica.execute("INSERT INTO {insert} (id, age) VALUES (3, -1)".format(**views))
    with pytest.raises(psycopg.Error, match="kept in shared storage"):
        replica.execute("INSERT INTO person VALUES (4, 1)")
    assert rows(session, "SELECT * FROM {read} ORDER BY id".format(**views)) == [(1, 20, 40), (2, 30, 60)]


def test_functions_on_a_hostile_search_path_are_not_called(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute(
        "CREATE TABLE person (id int PRIMARY KEY, f float8, i interval, j jsonb, t text NOT NULL DEFAULT 'x')"
    )
    views = catalog.views("person")
    session.execute("""
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.jsonb_build_object(VARIADIC "any") RETURNS jsonb
            LANGUAGE internal AS 'jsonb_build_array';
        CREATE FUNCTION evil.to_jsonb(float8) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
        CREATE FUNCTION evil.concat(jsonb, jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
        CREATE OPERATOR evil.|| (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = evil.concat);
        SET search_path = evil, public, pg_catalog;
    """)
    session.execute("INSERT INTO {insert} VALUES (1, 1.5, '1 day', '[]')".format(**views))
    session.execute(
        "INSERT INTO {write} (kdb_rec.id, kdb_rec.f, kdb_keys) VALUES (1, 2.5, '{{id,f}}')"
        " ON CONFLICT (id) DO UPDATE SET kdb_rec.f = excluded.f, kdb_keys = '{{f}}'".format(**views)
    )
    assert rows(session, "SELECT id, f, i::text, j, t FROM {read}".format(**views)) == [(1, 2.5, "1 day", [], "x")]


def test_defaults_of_an_upsert_see_the_search_path_of_the_session(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("""
        CREATE SCHEMA app; SET search_path = app;
        CREATE SEQUENCE counter;
        CREATE FUNCTION tick() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('counter'); END $$;
    """)
    session.execute(
        "CREATE TABLE t (id int PRIMARY KEY, c int DEFAULT tick(), d int GENERATED ALWAYS AS (id * 2) STORED,"
        " s varchar(3) DEFAULT 'abcdef')"
    )
    upsert = (
        "INSERT INTO {write} (kdb_rec.id, kdb_rec.s, kdb_keys) VALUES (1, 'x', '{{id,s}}') ON CONFLICT (id) DO NOTHING"
    )
    session.execute(upsert.format(**catalog.views("app.t")))
    assert rows(session, "SELECT * FROM {read}".format(**catalog.views("app.t"))) == [(1, 1, 2, "x")]
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        session.execute(
            "INSERT INTO {write} (kdb_rec.id, kdb_keys) VALUES (2, '{{id}}')".format(**catalog.views("app.t"))
        )


def test_an_owners_functions_never_run_as_the_installer(catalog: CatalogDatabase) -> None:
    role = f"sly_{catalog.name}"
    installer = catalog.session()
    installer.execute(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}".encode())
    try:
        session = catalog.session(user=role)
        seen: list[str] = []
        session.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
        session.execute(
            "CREATE FUNCTION who(int) RETURNS int LANGUAGE plpgsql IMMUTABLE"
            " AS $$ BEGIN RAISE NOTICE 'as %', current_user; RETURN $1; END $$"
        )
        session.execute("CREATE TABLE mine (id int PRIMARY KEY, a int CHECK (who(a) > 0), g int, CHECK (who(1) = 1))")
        session.execute("INSERT INTO {insert} VALUES (1, 1), (2, 2)".format(**catalog.views("mine")))
        session.execute("CREATE INDEX ON mine (who(id))")
        with session.transaction():
            session.execute("SELECT kameleon.fill_shell('mine')")
            session.execute("ALTER TABLE mine ALTER g TYPE bigint, ALTER a SET NOT NULL, ADD CHECK (who(id) < 10)")
        session.execute("ALTER TABLE mine ADD COLUMN b int DEFAULT 1 CHECK (who(b) > 0)")
        installer.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
        installer.execute("VACUUM ANALYZE {records}".format(**catalog.views("mine")))
        assert f"as {role}" in seen
        assert {notice for notice in seen if notice.startswith("as ")} == {f"as {role}"}
        assert rows(session, "SELECT * FROM {read} ORDER BY id".format(**catalog.views("mine"))) == [
            (1, 1, None, 1),
            (2, 2, None, 1),
        ]
    finally:
        catalog.close()
        catalog.postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", catalog.name)


def test_nobody_makes_tables_in_the_schema_of_the_catalog(catalog: CatalogDatabase) -> None:
    session = catalog.session("SET search_path = kameleon, public")
    for statement in ("CREATE TABLE person (id int)", "CREATE TABLE person AS SELECT 1", "SELECT 1 AS id INTO person"):
        with pytest.raises(psycopg.errors.ReservedName, match="reserved"):
            session.execute(statement.encode())


def test_a_superuser_alters_what_its_owner_cannot_name(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE ROLE kept_out; CREATE SCHEMA closed; CREATE TABLE closed.t (id int)")
    try:
        session.execute("ALTER TABLE closed.t OWNER TO kept_out")
        session.execute(f"INSERT INTO {catalog.views('closed.t')['insert']} VALUES (1)".encode())
        with session.transaction():
            session.execute("SELECT kameleon.fill_shell('closed.t')")
            session.execute("ALTER TABLE closed.t ALTER id TYPE bigint, ADD CHECK (id > 0)")
        assert rows(session, f"SELECT * FROM {catalog.views('closed.t')['read']}") == [(1,)]
        assert rows(session, "SELECT nspacl FROM pg_namespace WHERE nspname = 'closed'") == [(None,)]
    finally:
        session.execute("DROP SCHEMA closed CASCADE; DROP ROLE kept_out")
