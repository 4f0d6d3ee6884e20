"""Routines in standard SQL that write to tables in shared storage: who rewrites their bodies, and where nobody does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from catalog.install import install
from proxy.bodies import rewritten
from proxy.cli import app
from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import Database, ProxyProcess

Session = psycopg.Connection[Any]
MODES = "SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1"
TWINS = "SELECT count(*) FROM pg_catalog.pg_proc WHERE proname LIKE 'kdb\\_body\\_%'"
RENAME = (
    "CREATE FUNCTION renamed(i int, w text) RETURNS text"
    " BEGIN ATOMIC UPDATE person SET name = w WHERE id = i RETURNING name; END"
)
OLDER = (
    "CREATE FUNCTION older(i int) RETURNS int"
    " BEGIN ATOMIC UPDATE person SET age = age + 1 WHERE id = i RETURNING age; END"
)


@pytest.fixture
def proxied(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.proxied, autocommit=True, prepare_threshold=None) as session:
        session.execute("CREATE TABLE person (id int PRIMARY KEY, name text, age int DEFAULT 0)")
        session.execute("INSERT INTO person VALUES (1, 'Ada'), (2, 'Grace')")
        session.execute(RENAME.encode())
        yield session


@pytest.fixture
def direct(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.direct, autocommit=True, prepare_threshold=None) as session:
        session.execute("SET kameleon.default_storage = shared")
        yield session


def rows(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return session.execute(sql.encode()).fetchall()


def notices(session: Session) -> list[str]:
    told: list[str] = []
    session.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    return told


def test_calls_past_the_proxy_write_documents(proxied: Session, direct: Session) -> None:
    assert rows(direct, "SELECT renamed(1, 'Eve'), renamed(3, 'nobody')") == [("Eve", None)]
    assert rows(proxied, "SELECT id, name FROM person ORDER BY 1") == [(1, "Eve"), (2, "Grace")]
    assert rows(proxied, MODES) == [("person", "shared")]
    assert rows(direct, TWINS) == [(1,)]


def test_nobody_is_told_what_the_database_asks(proxied: Session) -> None:
    told = notices(proxied)
    proxied.execute("CREATE PROCEDURE added(i int) BEGIN ATOMIC INSERT INTO person (id) VALUES (i); END")
    proxied.execute("ALTER TABLE person ADD COLUMN more int")
    assert told == []


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE person ADD COLUMN more int",
        "ALTER TABLE person RENAME COLUMN name TO called",
        RENAME.replace("CREATE", "CREATE OR REPLACE"),
        "CREATE FUNCTION removed(i int) RETURNS int BEGIN ATOMIC DELETE FROM person WHERE id = i RETURNING id; END",
    ],
)
def test_past_the_proxy_the_table_becomes_dedicated(proxied: Session, direct: Session, ddl: str) -> None:
    direct.execute("CREATE INDEX ON person (age)")
    assert rows(direct, MODES) == [("person", "shared")]
    told = notices(direct)
    direct.execute(ddl.encode())
    assert any(text.startswith('table "person" is now kept in dedicated storage: function public.') for text in told)
    assert rows(proxied, MODES) == [("person", "dedicated")]
    for session in (direct, proxied):
        assert rows(session, "SELECT renamed(1, 'Eve')") == [("Eve",)]
    with pytest.raises(psycopg.errors.FeatureNotSupported, match=r"function public\.\w+\(.*\) uses it"):
        direct.execute("CALL kameleon.dematerialize_entity('person')")
    proxied.execute("CALL kameleon.dematerialize_entity('person')")
    assert rows(proxied, MODES) == [("person", "shared")]
    for session in (direct, proxied):
        assert rows(session, "SELECT renamed(1, 'Ada')") == [("Ada",)]


def test_a_foreign_key_past_the_proxy(proxied: Session, direct: Session) -> None:
    """It makes the referenced table's documents anew."""
    told = notices(direct)
    direct.execute("CREATE TABLE pet (id int, owner int REFERENCES person)")
    assert 'table "person" is now kept in dedicated storage: function public.renamed(integer,text) uses it' in told
    assert rows(proxied, MODES) == [("person", "dedicated"), ("pet", "shared")]
    proxied.execute("INSERT INTO pet VALUES (1, 1)")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        proxied.execute("INSERT INTO pet VALUES (2, 7)")
    assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]


def test_a_routine_of_two_tables_of_which_one_moves(proxied: Session, direct: Session) -> None:
    proxied.execute("CREATE TABLE pet (id int PRIMARY KEY, name text)")
    proxied.execute(
        "CREATE FUNCTION both_renamed(w text) RETURNS bigint BEGIN ATOMIC UPDATE person SET name = w;"
        " INSERT INTO pet SELECT count(*), w FROM pet;"
        " SELECT count(*) FROM person, pet WHERE pet.name = person.name; END"
    )
    for number, (call, modes) in enumerate(
        [
            ("CALL kameleon.materialize_entity('pet')", [("person", "shared"), ("pet", "dedicated")]),
            ("CALL kameleon.materialize_entity('person')", [("person", "dedicated"), ("pet", "dedicated")]),
            ("CALL kameleon.dematerialize_entity('pet')", [("person", "dedicated"), ("pet", "shared")]),
            ("CALL kameleon.dematerialize_entity('person')", [("person", "shared"), ("pet", "shared")]),
        ]
    ):
        proxied.execute(call.encode())
        assert rows(proxied, MODES) == modes
        for session in (proxied, direct):
            assert rows(session, f"SELECT both_renamed('{number} {session is direct}')") == [(2,)]
    # past the proxy the other one follows, whose rows the body could not be rewritten for
    direct.execute("CALL kameleon.materialize_entity('pet')")
    assert rows(proxied, MODES) == [("person", "dedicated"), ("pet", "dedicated")]
    assert rows(proxied, "SELECT both_renamed('last')") == [(2,)]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_above_read_committed(proxied: Session, level: str) -> None:
    """The answer is out of sight of queries."""
    with proxied.transaction():
        proxied.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]
        proxied.execute("ALTER TABLE person ADD COLUMN more int")
        proxied.execute("CREATE PROCEDURE added(i int) BEGIN ATOMIC INSERT INTO person (id) VALUES (i); END")
        proxied.execute("CALL added(3)")
        assert rows(proxied, "SELECT renamed(2, 'Hopper')") == [("Hopper",)]
    assert rows(proxied, MODES) == [("person", "shared")]
    assert rows(proxied, "SELECT name FROM person ORDER BY id") == [("Eve",), ("Hopper",), (None,)]
    told = notices(proxied)
    proxied.execute("CREATE PROCEDURE wrong(i int) BEGIN ATOMIC INSERT INTO person (id, age) VALUES (i, i); END")
    with proxied.transaction(force_rollback=True):
        proxied.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        proxied.execute("UPDATE person SET age = 0")
        proxied.execute("ALTER TABLE person ALTER age DROP DEFAULT, ALTER age SET NOT NULL")
        proxied.execute("ALTER TABLE person ALTER age ADD GENERATED ALWAYS AS IDENTITY")
    assert [text for text in told if "cannot insert a non-DEFAULT value" in text] == told != []


def test_what_the_rewriter_refuses_makes_the_table_dedicated(proxied: Session) -> None:
    """As natively the function is told when it is called."""
    told = notices(proxied)
    proxied.execute("CREATE PROCEDURE added(i int) BEGIN ATOMIC INSERT INTO person (id, age) VALUES (i, i); END")
    proxied.execute("ALTER TABLE person ALTER age DROP DEFAULT, ALTER age SET NOT NULL")
    proxied.execute("ALTER TABLE person ALTER age ADD GENERATED ALWAYS AS IDENTITY")
    assert told == [
        'table "person" is now kept in dedicated storage: function public.added(integer) cannot write documents:'
        ' cannot insert a non-DEFAULT value into column "age"'
    ]
    with pytest.raises(psycopg.errors.GeneratedAlways):
        proxied.execute("CALL added(7)")
    assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]


def test_a_written_body_comes_back_with_the_rows(proxied: Session, direct: Session) -> None:
    body = "SELECT pg_catalog.md5(prosqlbody::text) FROM pg_catalog.pg_proc WHERE proname = 'renamed'"
    shown = rows(proxied, "SELECT pg_get_functiondef('renamed'::regproc)")
    runs = rows(direct, body)
    proxied.execute("CALL kameleon.materialize_entity('person')")
    assert rows(direct, TWINS) == [(0,)]
    assert rows(direct, body) != runs
    assert rows(direct, "SELECT pg_get_functiondef('renamed'::regproc)") == shown
    assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]


def test_an_upgrade_makes_bodies_anew(proxied: Session, direct: Session, database: Database) -> None:
    for number in range(3):
        direct.execute("UPDATE kameleon.kdb_installed_files SET checksum = 'older' WHERE file_name = '102_storage.sql'")
        direct.execute("DELETE FROM kameleon.kdb_rewritten")
        asyncio.run(install(database.direct, rewritten))
        assert rows(direct, MODES) == [("person", "shared")]
        assert rows(proxied, f"SELECT renamed(1, 'Ada {number}')") == [(f"Ada {number}",)]
    assert rows(proxied, "SELECT name FROM person WHERE id = 1") == [("Ada 2",)]


@pytest.mark.parametrize("way", ["direct", "proxied"])
def test_the_command_line_answers_for_itself(proxied: Session, direct: Session, database: Database, way: str) -> None:
    for command in ("materialize", "dematerialize"):
        direct.execute("DELETE FROM kameleon.kdb_rewritten")
        done = CliRunner().invoke(app, [command, "person", "--dsn", getattr(database, way)])
        assert done.exit_code == 0, done.output
        assert rows(proxied, f"SELECT renamed(1, '{command}')") == [(command,)]
    assert rows(proxied, MODES) == [("person", "shared")]


def test_a_role_that_may_not_answer(proxied: Session, direct: Session, database: Database) -> None:
    """On the command line, past the proxy: as for any client there."""
    role = f"mover_{database.name}"
    direct.execute(f"CREATE ROLE {role} LOGIN".encode())
    try:
        proxied.execute(f"ALTER TABLE person OWNER TO {role}".encode())
        assert rows(direct, MODES) == [("person", "shared")]
        proxied.execute("CALL kameleon.materialize_entity('person')")
        dsn = database.direct.replace(f"//{SUPERUSER}", f"//{role}").replace(f"user={SUPERUSER}", f"user={role}")
        done = CliRunner().invoke(app, ["dematerialize", "person", "--dsn", dsn])
        assert done.exit_code == 1
        assert "function public.renamed(integer,text) uses it" in done.output + done.stderr
    finally:
        direct.execute(f"REASSIGN OWNED BY {role} TO {SUPERUSER}; DROP ROLE {role}".encode())


def test_nobody_can_answer_for_another(proxied: Session, direct: Session) -> None:
    """Whoever sends such a message gets an answer to what he asks, and for nothing else."""
    proxied.execute("DO $$ BEGIN RAISE INFO USING MESSAGE = 'rewrite bm9uc2Vuc2U=', ERRCODE = 'KDB01'; END $$")
    question = '{"database": "x", "body": "RETURN 1; ALTER ROLE x SUPERUSER", "entities": null}'
    proxied.execute(
        "DO $$ BEGIN RAISE INFO USING ERRCODE = 'KDB01', MESSAGE = 'rewrite '"
        f" || pg_catalog.encode('{question}', 'base64'); END $$".encode()
    )
    for _ in range(250):
        time.sleep(0.02)
        found = rows(direct, "SELECT question FROM kameleon.kdb_rewritten WHERE body LIKE '%SUPERUSER%'")
        if found:
            break
    assert found == rows(direct, f"SELECT pg_catalog.encode(pg_catalog.sha256('{question}'), 'hex')")
    proxied.execute("ALTER TABLE person ADD COLUMN more int")
    assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]


def test_without_an_answer_the_table_becomes_dedicated(
    proxied: Session, direct: Session, database: Database, postgres: PostgresServer
) -> None:
    """A session that says that it is heard, and is not."""
    direct.execute("SET kameleon.proxied = 'on'")
    told = notices(direct)
    direct.execute("ALTER TABLE person ADD COLUMN more int")
    assert told[-1] == 'table "person" is now kept in dedicated storage: function public.renamed(integer,text) uses it'
    assert rows(proxied, "SELECT renamed(1, 'Eve')") == [("Eve",)]


def test_through_another_proxy(
    proxied: Session, database: Database, postgres: PostgresServer, new_proxy: Callable[..., ProxyProcess]
) -> None:
    other = new_proxy(upstream=postgres.dsn(database.name))
    with psycopg.connect(other.url(database.name, user=SUPERUSER), autocommit=True) as two:
        for number in range(5):
            proxied.execute(f"ALTER TABLE person ADD COLUMN c{number} int DEFAULT {number}".encode())
            assert rows(two, f"SELECT renamed(1, 'two {number}')") == [(f"two {number}",)]
            two.execute(f"ALTER TABLE person RENAME COLUMN c{number} TO d{number}".encode())
            assert rows(proxied, f"SELECT renamed(2, 'one {number}')") == [(f"one {number}",)]
        assert rows(two, "SELECT name, d4 FROM person ORDER BY id") == [("two 4", 4), ("one 4", 4)]
        assert rows(two, MODES) == [("person", "shared")]


def test_no_update_is_lost(proxied: Session, database: Database) -> None:
    proxied.execute(OLDER.encode())
    proxied.execute(
        "CREATE FUNCTION counted(i int) RETURNS int BEGIN ATOMIC INSERT INTO person (id, age) VALUES (i, 1)"
        " ON CONFLICT (id) DO UPDATE SET age = person.age + excluded.age RETURNING age; END"
    )
    failures: list[BaseException] = []

    def work(way: str) -> None:
        try:
            with psycopg.connect(way, autocommit=True) as session:
                for _ in range(50):
                    session.execute("SELECT older(1), counted(9)")
                    session.execute("UPDATE person SET age = age + 1 WHERE id = 1")
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(way,)) for way in (database.proxied, database.proxied)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []
    assert rows(proxied, "SELECT id, age FROM person WHERE id IN (1, 9) ORDER BY id") == [(1, 200), (9, 100)]


def test_callers_go_on_while_the_table_is_altered_and_moved(proxied: Session, database: Database) -> None:
    """A call that has begun when its body is replaced is sent again."""
    proxied.execute(OLDER.encode())
    failures: list[BaseException] = []
    done = threading.Event()
    counts = [0, 0]

    def work(number: int) -> None:
        try:
            with psycopg.connect(database.proxied, autocommit=True) as session:
                while not done.is_set():
                    session.execute(f"SELECT older({number + 1})".encode())
                    counts[number] += 1
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    try:
        for number in range(4):
            proxied.execute(f"ALTER TABLE person ADD COLUMN c{number} int".encode())
            proxied.execute("CALL kameleon.materialize_entity('person')")
            proxied.execute(f"ALTER TABLE person RENAME COLUMN c{number} TO d{number}".encode())
            proxied.execute("CALL kameleon.dematerialize_entity('person')")
            proxied.execute(f"ALTER TABLE person DROP COLUMN d{number}".encode())
    finally:
        done.set()
        for worker in workers:
            worker.join(60)
    assert failures == []
    assert rows(proxied, MODES) == [("person", "shared")]
    assert [row[0] for row in rows(proxied, "SELECT age FROM person ORDER BY id")] == counts


@pytest.mark.parametrize(
    "call", ["SELECT renamed(1, 'Eve')", "SELECT renamed_in_view(1, 'Eve')", "CALL renaming(1, 'Eve')"]
)
def test_a_caller_does_not_stop_who_alters_the_table(
    proxied: Session, direct: Session, database: Database, call: str
) -> None:
    """A statement that is seen for the first time is told to PostgreSQL as it was written, which locks its table."""
    proxied.execute("CREATE VIEW in_view AS TABLE person")
    proxied.execute(RENAME.replace("person", "in_view").replace("renamed", "renamed_in_view").encode())
    body = "BEGIN ATOMIC UPDATE person SET name = w WHERE id = i; END"
    proxied.execute(f"CREATE PROCEDURE renaming(i int, w text) {body}".encode())
    failures: list[BaseException] = []

    def alter() -> None:
        try:
            with psycopg.connect(database.proxied, autocommit=True) as session:
                session.execute("ALTER TABLE person ADD COLUMN more int")
        except BaseException as error:
            failures.append(error)

    altering = threading.Thread(target=alter)
    with psycopg.connect(database.proxied) as caller:
        caller.execute(call.encode())
        altering.start()
        while not rows(direct, "SELECT FROM pg_locks WHERE NOT granted"):
            assert altering.is_alive()
            time.sleep(0.01)
        assert rows(caller, "SELECT id, name FROM person WHERE name = 'Eve' ORDER BY id") == [(1, "Eve")]
        caller.commit()
    altering.join(60)
    assert failures == []
    assert rows(proxied, "SELECT id, name, more FROM person ORDER BY id") == [(1, "Eve", None), (2, "Grace", None)]


def test_past_the_proxy_only_the_owner_can_move_the_rows(proxied: Session, database: Database) -> None:
    role = f"maker_{database.name}"
    proxied.execute(f"CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}".encode())
    create = "CREATE FUNCTION theirs() RETURNS void BEGIN ATOMIC DELETE FROM person; END; DROP FUNCTION theirs"
    try:
        with (
            psycopg.connect(database.direct, user=role, autocommit=True) as session,
            pytest.raises(psycopg.errors.FeatureNotSupported, match='cannot be bound to "person"'),
        ):
            session.execute(create.encode())
        with psycopg.connect(database.proxied, user=role, autocommit=True) as session:
            session.execute(create.encode())
        assert rows(proxied, MODES) == [("person", "shared")]
    finally:
        proxied.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
