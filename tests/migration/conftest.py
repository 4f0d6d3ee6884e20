"""Entities with rows, and their moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_proxy import Database

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


@pytest.fixture
def session(database: Database, session_of: Callable[[str], Session]) -> Session:
    return session_of(database.proxied)
