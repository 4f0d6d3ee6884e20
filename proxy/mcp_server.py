"""`kameleon mcp`: entities and SQL as tools of the Model Context Protocol, over stdio or streamable HTTP.

The server is a client of the proxy, with the role and the rights of its connection string; each call of a tool has a
connection of a pool to itself, so nothing that it sets or leaves open reaches another one. What PostgreSQL refuses
comes back as a result that is marked as an error, with `error`: SQLSTATE, message, detail and hint.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Literal

import asyncpg
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from catalog.connections import Connect, Connection, Pool
from catalog.descriptions import describe_entity, list_entities
from catalog.storage_migration import MigrationProgress, StorageMigration
from proxy.commands.client import CONNECT_TIMEOUT, error_fields
from proxy.commands.shown import plain
from proxy.dsn import Dsn
from proxy.json_query import NotHere, prepare_connection, query

INSTRUCTIONS = """\
A PostgreSQL database behind Kameleon. Its tables are entities: in shared storage (rows are documents; columns come and
go at no cost) or dedicated storage (an ordinary table). SQL is PostgreSQL's either way. Names of entities are written
as in SQL: orders, archive.orders, "Odd one"."""

SETTINGS = {"application_name": "kameleon mcp"}
GRACE = 3  # seconds that open streams get at a stop

Name = Annotated[str, Field(description='The entity, as SQL names it: orders, archive.orders, "Odd one".')]
Reason = Annotated[str | None, Field(description="Why; it is logged.")]
BatchSize = Annotated[int | None, Field(description="Rows moved at a time.", ge=1)]
Patience = Annotated[
    float | None, Field(description="Seconds that the move may wait for others before it gives up.", gt=0)
]


class Tools:
    """The tools, as methods; their names and docstrings are what a model reads."""

    def __init__(self, pool: Pool, connect: Connect) -> None:
        self._pool = pool
        # moves take long: they have connections of their own
        self._migration = StorageMigration(connect, poll_interval=0.5)

    async def kameleondb_list_entities(
        self, schema: Annotated[str | None, Field(description="Only those of this schema.")] = None
    ) -> CallToolResult:
        """List the entities that may be read: schema, name, storage (shared or dedicated), estimated rows, bytes."""

        async def work(connection: Connection) -> dict[str, Any]:
            return {"entities": await list_entities(connection, schema)}

        return await self._answer(work)

    async def kameleondb_describe_entity(self, name: Name) -> CallToolResult:
        """Describe an entity: storage, fields with types and defaults, constraints, indexes, what references it, and
        its latest changes with their reasons."""

        async def work(connection: Connection) -> dict[str, Any]:
            described = await describe_entity(connection, name)
            if described is None:
                raise NotAnEntity(name)
            return described

        return await self._answer(work)

    async def kameleondb_execute_sql(
        self,
        sql: Annotated[str, Field(description="One statement, with $1, $2, ... for parameters.")],
        parameters: Annotated[
            list[Any] | None,
            Field(description="Values of $1, $2, ...: JSON's own, or the text that PostgreSQL reads for other types."),
        ] = None,
        row_limit: Annotated[int, Field(description="Rows that are returned at most.", ge=0, le=10_000)] = 100,
        timeout_seconds: Annotated[float, Field(description="After this it is cancelled.", gt=0, le=3600)] = 60,
    ) -> CallToolResult:
        """Run one SQL statement, queries and DDL alike, in a transaction of its own.

        Returns the columns with their types, the rows as lists, `truncated` where there were more than row_limit, the
        command's status, notices, and suggestions of what would make it faster. Settings and temporary tables do not
        last to the next call.
        """

        async def work(connection: Connection) -> dict[str, Any]:
            answer = await query(connection, sql, parameters or [], row_limit, timeout_seconds)
            return asdict(answer) | {"row_count": len(answer.rows)}

        return await self._answer(work)

    async def kameleondb_materialize_entity(
        self,
        name: Name,
        context: Context,
        reason: Reason = None,
        batch_size: BatchSize = None,
        timeout_seconds: Patience = None,
    ) -> CallToolResult:
        """Move an entity's rows from shared storage into a table of its own, while others go on reading and writing
        them. Reads and joins become faster, changes of columns slower."""
        return await self._move("dedicated", name, context, reason, batch_size, timeout_seconds)

    async def kameleondb_dematerialize_entity(
        self,
        name: Name,
        context: Context,
        reason: Reason = None,
        batch_size: BatchSize = None,
        timeout_seconds: Patience = None,
    ) -> CallToolResult:
        """Move a dedicated entity's rows back into shared storage, while others go on reading and writing them."""
        return await self._move("shared", name, context, reason, batch_size, timeout_seconds)

    async def _move(
        self,
        storage: Literal["dedicated", "shared"],
        name: str,
        context: Context,
        reason: str | None,
        batch_size: int | None,
        timeout_seconds: float | None,
    ) -> CallToolResult:
        async def tell(progress: MigrationProgress) -> None:
            await context.report_progress(progress.rows_done, progress.rows_total or None, progress.phase)

        migration = self._migration
        move = migration.migrate_to_dedicated if storage == "dedicated" else migration.migrate_to_shared
        patience = None if timeout_seconds is None else timedelta(seconds=timeout_seconds)

        async def work() -> dict[str, Any]:
            moved = await move(name, batch_size, reason=reason, timeout=patience, on_progress=tell)
            return {"storage": storage, "moved": [{key: plain(v) for key, v in asdict(each).items()} for each in moved]}

        # A task of its own: a cancelled call is over at once, while the server still undoes what was done.
        task = asyncio.create_task(_result(work()), name=f"move of {name}")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _answer(self, work: Callable[[Connection], Awaitable[dict[str, Any]]]) -> CallToolResult:
        async def borrowed() -> dict[str, Any]:
            async with self._pool.acquire() as connection:
                return await work(connection)

        return await _result(borrowed())


class NotAnEntity(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f'"{name}" is not an entity, or not one that may be read')


async def _result(work: Awaitable[dict[str, Any]]) -> CallToolResult:
    """What a tool found out, or why it could not, as text and as data."""
    try:
        return _content(await work)
    except asyncpg.PostgresError as error:
        fields = error_fields(error)
    except NotAnEntity as error:
        fields = {"sqlstate": "42809", "message": str(error), "hint": "kameleondb_list_entities lists them."}
    except NotHere as error:
        fields = {"sqlstate": "0A000", "message": str(error)}
    except TimeoutError:
        fields = {"sqlstate": "57014", "message": "the statement was cancelled: it took longer than timeout_seconds"}
    except (asyncpg.InterfaceError, OSError) as error:
        fields = {"message": str(error) or type(error).__name__}
    return _content({"error": fields}, is_error=True)


def _content(data: dict[str, Any], is_error: bool = False) -> CallToolResult:
    text = json.dumps(data, ensure_ascii=False)
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=json.loads(text), is_error=is_error
    )


def make_server(pool: Pool, dsn: Dsn) -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer(
        "kameleon",
        title="Kameleon",
        instructions=INSTRUCTIONS,
        version=importlib.metadata.version("kameleon"),
        log_level="WARNING",
    )
    tools = Tools(pool, lambda: asyncpg.connect(str(dsn), timeout=CONNECT_TIMEOUT, server_settings=SETTINGS))
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    moves = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    runs = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
    server.add_tool(tools.kameleondb_list_entities, annotations=looks)
    server.add_tool(tools.kameleondb_describe_entity, annotations=looks)
    server.add_tool(tools.kameleondb_execute_sql, annotations=runs)
    server.add_tool(tools.kameleondb_materialize_entity, annotations=moves)
    server.add_tool(tools.kameleondb_dematerialize_entity, annotations=moves)
    return server


async def open_pool(dsn: Dsn) -> Pool:
    """Raises: asyncpg.PostgresError, OSError, TimeoutError where there is no database to serve."""
    pool: Pool = await asyncpg.create_pool(
        str(dsn),
        min_size=1,
        max_size=8,
        timeout=CONNECT_TIMEOUT,
        init=prepare_connection,
        server_settings=SETTINGS,
    )
    return pool


async def serve_stdio(dsn: Dsn) -> None:
    """Until stdin ends. stdout is the protocol's; logs go to stderr."""
    async with await open_pool(dsn) as pool:
        await make_server(pool, dsn).run_stdio_async()


async def serve_http(dsn: Dsn, listening: socket.socket, announce: Callable[[str], None]) -> None:
    """Until the task is cancelled. `announce` is told the URL when it can be used."""
    host, port = listening.getsockname()[:2]
    async with await open_pool(dsn) as pool:
        # the host decides whether requests for other hosts, which a web page could make, are refused
        app = make_server(pool, dsn).streamable_http_app(host=host)
        config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=GRACE)
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"
        server = _Server(config, lambda: announce(url))
        serving = asyncio.create_task(server.serve([listening]), name="mcp over http")
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """Tells when it serves, and leaves signals to the command."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
