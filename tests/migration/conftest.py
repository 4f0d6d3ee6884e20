"""Entities with rows, and their moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import Database
from tests.migration.deaf import DeafProxy

Session = psycopg.Connection[Any]


@pytest.fixture
def session_of() -> Iterator[Callable[[str], Session]]:
    """Connections in autocommit, closed at the end."""
    sessions: list[Session] = []

    def connect(dsn: str) -> Session:
        sessions.append(psycopg.connect(dsn, autocommit=True))
        return sessions[-1]

    yield connect
    for each in sessions:
        each.close()


@pytest.fixture(scope="session")
def deaf_proxy(postgres: PostgresServer, kameleon_template: str) -> Iterator[DeafProxy]:
    proxy = DeafProxy(upstream=postgres.dsn(kameleon_template))
    yield proxy
    proxy.close()


@pytest.fixture
def deaf(database: Database, deaf_proxy: DeafProxy) -> str:
    """The database through a proxy that hears of nothing."""
    return deaf_proxy.url(database.name, user=SUPERUSER)


@pytest.fixture
def session(database: Database, session_of: Callable[[str], Session]) -> Session:
    return session_of(database.proxied)


def until(session: Session, question: str) -> None:
    """Asks until the answer is yes."""
    deadline = time.monotonic() + 30
    while session.execute(question.encode()).fetchall() not in ([(True,)], [("t",)]):
        assert time.monotonic() < deadline, question
        time.sleep(0.01)
