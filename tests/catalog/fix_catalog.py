"""A database with Kameleon installed, used directly: the catalog's own SQL, without a proxy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import PostgresServer


class CatalogDatabase:
    """Sessions that make entities, and statements against the views that the rewriter would name."""

    def __init__(self, postgres: PostgresServer, name: str) -> None:
        self.postgres = postgres
        self.name = name
        self._stack = contextlib.ExitStack()

    def session(self, *settings: str, storage: str = "shared", user: str = "postgres") -> psycopg.Connection[Any]:
        connection = self._stack.enter_context(
            psycopg.connect(self.postgres.dsn(self.name, user), autocommit=True, prepare_threshold=None)
        )
        connection.execute(f"SET kameleon.default_storage = {storage}".encode())
        for setting in settings:
            connection.execute(setting.encode())
        return connection

    def views(self, table: str) -> dict[str, str]:
        """The names of an entity's views, for str.format: {read}, {write}, {insert}, {records}."""
        with self.postgres.connect(self.name) as connection:
            row = connection.execute(
                "SELECT entity_id, storage_generation, kameleon.child_name(e)"
                " FROM kameleon.kdb_entity_definitions e WHERE relid = %s::regclass",
                (table,),
            ).fetchone()
        assert row is not None, f"{table} is not an entity"
        entity, generation, child = row
        return {
            "read": f"kameleon.kdb_read_{entity}",
            "write": f"kameleon.kdb_write_{entity}_{generation}",
            "insert": f"kameleon.kdb_insert_{entity}_{generation}",
            "records": f"kameleon.{child}",
        }

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def catalog(postgres: PostgresServer, kameleon_template: str) -> Iterator[CatalogDatabase]:
    name = postgres.create_database(template=kameleon_template, prefix="catalog")
    database = CatalogDatabase(postgres, name)
    yield database
    database.close()
    postgres.drop_database(name)


def rows_in_shell(connection: psycopg.Connection[Any], table: str) -> int:
    """COPY of a table, which nothing refuses past the proxy, sees what is in the table itself."""
    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
        return sum(1 for _ in copy.rows())


def rows(connection: psycopg.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode()).fetchall()
