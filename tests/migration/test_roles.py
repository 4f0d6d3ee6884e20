"""Moves of tables whose owners are no superusers, while other roles, with rights of their own, write."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database
from tests.migration.conftest import Session
from tests.migration.test_given_up import DIRECTIONS, ROWS, held_in

OWNER, WRITER = "move_owner", "move_writer"


@pytest.fixture
def roles(postgres: PostgresServer, database: Database, session: Session) -> Iterator[None]:
    postgres.execute(f"CREATE ROLE {OWNER} LOGIN")
    postgres.execute(f"CREATE ROLE {WRITER} LOGIN")
    session.execute(f"GRANT CREATE ON SCHEMA public TO {OWNER}".encode())
    yield
    postgres.drop_database(database.name)
    postgres.execute(f"DROP ROLE {OWNER}, {WRITER}")


def _as(role: str, dsn: str) -> str:
    return psycopg.conninfo.make_conninfo(dsn, user=role)


@pytest.fixture
def owner(roles: None, database: Database, session_of: Callable[[str], Session]) -> Session:
    """Has a table, with a constraint and an index over a function of its own."""
    owner = session_of(_as(OWNER, database.proxied))
    owner.execute(
        "CREATE FUNCTION who(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN current_user; END'"
    )
    owner.execute(f"CREATE TABLE t (id int PRIMARY KEY, n int CHECK (who(n) IN ('{OWNER}', '{WRITER}')))".encode())
    owner.execute("CREATE INDEX ON t (who(id))")
    owner.execute(f"INSERT INTO t SELECT i, 0 FROM generate_series(1, {ROWS}) AS i".encode())
    owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON t TO {WRITER}".encode())
    return owner


@pytest.mark.parametrize("phase", ["copying", "waiting"])
@pytest.mark.parametrize("key", ["key", "no key"])
def test_others_write_meanwhile(
    key: str, phase: str, owner: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    if key == "no key":
        owner.execute("ALTER TABLE t DROP CONSTRAINT t_pkey")
    holder, mover, writer = (session_of(_as(role, database.proxied)) for role in (WRITER, OWNER, WRITER))
    for number, procedure in enumerate(DIRECTIONS):
        with held_in(phase, owner, holder, procedure, mover) as call:
            with writer.transaction():
                writer.execute("SELECT 1")
                writer.execute("UPDATE t SET n = n + 1 WHERE id IN (1, 3000)")
            writer.execute("DELETE FROM t WHERE id IN (%s, %s)", [2 + number, 2999 - number])
            writer.execute("INSERT INTO t VALUES (%s, 0)", [4000 + number])
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of table t"):
                writer.execute("CALL kameleon.cancel_migration('t')")
        assert call.ended_with() is None
        assert owner.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS - 1 - number, 2 * (number + 1))]


def test_an_owner_without_rights_of_its_own(
    owner: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    owner.execute(f"REVOKE ALL ON t FROM {OWNER}".encode())
    writer = session_of(_as(WRITER, database.proxied))
    for procedure in DIRECTIONS:
        owner.execute(f"CALL kameleon.{procedure}('t')".encode())
        writer.execute("UPDATE t SET n = n + 1 WHERE id = 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            owner.execute("SELECT FROM t")
    assert writer.execute("SELECT count(*), sum(n) FROM t").fetchall() == [(ROWS, 2)]


def test_privileges_are_given_up_meanwhile(
    owner: Session, database: Database, session_of: Callable[[str], Session]
) -> None:
    holder, mover, writer = (session_of(_as(role, database.proxied)) for role in (WRITER, OWNER, WRITER))
    for procedure in DIRECTIONS:
        with held_in("waiting", owner, holder, procedure, mover) as call:
            with pytest.raises(psycopg.errors.ObjectInUse):
                owner.execute(f"REVOKE DELETE ON t FROM {OWNER}".encode())
            owner.execute(f"REVOKE DELETE ON t FROM {WRITER}".encode())
            writer.execute("UPDATE t SET n = n + 1 WHERE id = 1")
        assert call.ended_with() is None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute("DELETE FROM t")
