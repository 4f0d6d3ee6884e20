"""One database, opened: every statement goes through the proxy's own conversation, which runs in this process.

So names, types, errors, settings and the catalog behave as they do for any client of the proxy. Nothing listens on a
port: the proxy's socket is a Unix socket in a directory of its own, which only this user may enter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import asyncpg

from catalog.install import install
from catalog.metrics import MaterializationSuggestion, QueryExecutionResult
from catalog.suggestion_notices import suggestion_in
from proxy.bodies import rewritten
from proxy.in_process import PORT, InProcessServer
from proxy.logs import configure_quietly
from proxy.service import upstream_dsn
from proxy.settings import Settings
from proxy.upstream import UpstreamAddress


async def open(
    dsn: str, *, user: str | None = None, password: str | None = None, max_connections: int = 8, **settings: Any
) -> Database:
    """Opens the database that `dsn` names, and installs Kameleon in it where it is not yet.

    `dsn` is what `kameleon serve` takes as its upstream: its role is a superuser. Statements run as `user`, or as that
    role. `settings` are those of the proxy, such as execution_time_threshold_ms or default_storage.

    Raises: catalog.install.InstallError; asyncpg.PostgresError, OSError for a role that cannot log in.
    """
    configure_quietly()
    chosen = Settings(upstream=dsn, **settings)
    upstream = upstream_dsn(chosen)
    await install(str(upstream), rewritten)
    server = InProcessServer(chosen, UpstreamAddress.from_dsn(upstream))
    await server.start()
    try:
        pool = await asyncpg.create_pool(
            host=server.directory,
            port=PORT,
            user=user or upstream.user,
            password=password if user else upstream.password,
            database=upstream.dbname,
            min_size=1,
            max_size=max_connections,
            server_settings={"application_name": "kameleon"},
        )
    except BaseException:
        await server.close()
        raise
    return Database(server, pool, upstream.dbname)


class Database:
    """Made by `open`. Statements may run at the same time, each on a connection of a pool."""

    def __init__(self, server: InProcessServer, pool: asyncpg.Pool[Any], name: str) -> None:
        self._server = server
        self._pool = pool
        self._name = name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._pool.close()
        await self._server.close()

    @property
    def pool(self) -> asyncpg.Pool[Any]:
        """For SchemaEngine, StorageMigration and DedicatedTableManager, and for what asyncpg does better by itself."""
        return self._pool

    async def execute_sql(self, sql: str, *args: Any, timeout: float | None = None) -> QueryExecutionResult:
        """Runs one statement, in a transaction of its own, with `args` for $1, $2, ...; tells its rows, what it
        cost, and what would make it faster.

        Raises: asyncpg.PostgresError as PostgreSQL words it, asyncpg.InterfaceError, TimeoutError after `timeout` s.
        """
        async with self._pool.acquire() as connection:
            return await self._execute(connection, sql, args, timeout)

    execute_sql_with_metrics = execute_sql

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Statements on one connection: transactions, settings and temporary tables last from one to the next."""
        async with self._pool.acquire() as connection:
            yield Session(self, connection)

    async def _execute(
        self, connection: Any, sql: str, args: tuple[Any, ...], timeout: float | None
    ) -> QueryExecutionResult:
        suggestions: list[MaterializationSuggestion] = []
        warnings: list[str] = []

        def note(_: Any, message: Any) -> None:
            suggestion = suggestion_in(message)
            if suggestion is not None:
                suggestions.append(suggestion)
            elif message.severity_en in ("NOTICE", "WARNING"):
                warnings.append(message.message)

        pid = connection.get_server_pid()
        connection.add_log_listener(note)
        try:
            statement = await connection.prepare(sql, timeout=timeout)
            self._server.begin(pid)
            rows = await statement.fetch(*args, timeout=timeout)
            metrics = self._server.measured(pid, sql, self._server.stores.snapshot(self._name))
            named = Counter(column.name for column in statement.get_attributes())
            warnings += (
                f'several columns are called "{name}", and rows have the last of them: name them otherwise, with AS'
                for name, count in named.items()
                if count > 1
            )
        finally:
            connection.remove_log_listener(note)
        return QueryExecutionResult(tuple(dict(row) for row in rows), metrics, tuple(suggestions), tuple(warnings))


class Session:
    """Made by `Database.session`."""

    def __init__(self, database: Database, connection: Any) -> None:
        self._database = database
        self.connection = connection
        """asyncpg's, for `connection.transaction()` and the like."""

    async def execute_sql(self, sql: str, *args: Any, timeout: float | None = None) -> QueryExecutionResult:
        """As Database.execute_sql, on this connection. Inside a transaction block suggestions come with its end."""
        return await self._database._execute(self.connection, sql, args, timeout)
