"""One face for the drivers that the clients of these tests use: statements with $1, rows as tuples, one SQLSTATE."""

from __future__ import annotations

from typing import Any, Protocol

import asyncpg
import psycopg

Row = tuple[Any, ...]


class Failed(Exception):
    """What PostgreSQL, or the proxy, answered instead."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.sqlstate: str | None = getattr(error, "sqlstate", None)


class Client(Protocol):
    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        """Raises Failed."""

    async def close(self) -> None: ...


class Asyncpg:
    """Named prepared statements, which it keeps; binary values."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        try:
            if not arguments and sql.split(maxsplit=1)[0] in ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"):
                await self.connection.execute(sql)
                return []
            return [tuple(record) for record in await self.connection.fetch(sql, *arguments)]
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise Failed(error) from error

    async def close(self) -> None:
        await self.connection.close(timeout=10)


class Psycopg:
    """`prepare_threshold`: None for unnamed statements only, 0 for named ones from the first run on."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection

    async def run(self, sql: str, *arguments: Any) -> list[Row]:
        try:
            cursor = psycopg.AsyncRawCursor(self.connection)
            # without arguments psycopg sends a simple Query
            await cursor.execute(sql.encode(), arguments or None)
            return await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise Failed(error) from error

    async def close(self) -> None:
        await self.connection.close()


async def connect(driver: str, dsn: str) -> Client:
    """`driver`: asyncpg, asyncpg-uncached, psycopg or psycopg-prepared."""
    if driver.startswith("asyncpg"):
        size = 0 if driver == "asyncpg-uncached" else 100
        return Asyncpg(await asyncpg.connect(dsn, timeout=30, statement_cache_size=size))
    threshold = 0 if driver == "psycopg-prepared" else None
    return Psycopg(await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=threshold))
