"""PREPARE TRANSACTION, and what comes of it in other sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import ProxyProcess


@pytest.fixture
def address(new_postgres: Callable[..., PostgresServer], new_proxy: Callable[..., ProxyProcess]) -> str:
    server = new_postgres({"max_prepared_transactions": "10"})
    return new_proxy(upstream=server.dsn()).url(user=SUPERUSER)


@pytest.fixture
def session(address: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address, autocommit=True) as session:
        session.execute("CREATE TABLE person (id int PRIMARY KEY, name text)")
        session.execute("INSERT INTO person VALUES (1, 'Ada')")
        yield session


def names(session: psycopg.Connection) -> list[str]:
    return [name for (name,) in session.execute("SELECT name FROM person ORDER BY id").fetchall()]


def test_what_is_prepared_is_seen_when_another_session_commits_it(address: str, session: psycopg.Connection):
    session.execute("BEGIN")
    session.execute("INSERT INTO person VALUES (2, 'Grace')")
    session.execute("UPDATE person SET name = 'Ada Lovelace' WHERE id = 1")
    session.execute("PREPARE TRANSACTION 'two'")
    assert names(session) == ["Ada"]
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("COMMIT PREPARED 'two'")
        assert names(other) == ["Ada Lovelace", "Grace"]
    assert names(session) == ["Ada Lovelace", "Grace"]


def test_what_is_prepared_can_be_undone(session: psycopg.Connection):
    session.execute("BEGIN")
    session.execute("DELETE FROM person")
    session.execute("PREPARE TRANSACTION 'undone'")
    session.execute("ROLLBACK PREPARED 'undone'")
    assert names(session) == ["Ada"]


def test_ddl_stands_in_the_way(session: psycopg.Connection):
    session.execute("BEGIN")
    session.execute("ALTER TABLE person ADD COLUMN born date")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        session.execute("PREPARE TRANSACTION 'changed'")
    assert "changed tables" in str(refused.value.diag.message_primary)
    assert refused.value.diag.message_hint == "Make the change in a transaction of its own."
    assert names(session) == ["Ada"]
    columns = session.execute("SELECT * FROM person").description
    assert columns is not None and [column.name for column in columns] == ["id", "name"]
