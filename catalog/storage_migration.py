"""`StorageMigration`: an entity's rows moved between shared and dedicated storage, watched, paused and cancelled.

    migration = StorageMigration(connect)
    await migration.migrate_to_dedicated("orders", 5000, on_progress=lambda p: print(p.rows_done, p.rows_total))

The move itself is `CALL kameleon.materialize_entity(...)`, on a connection of its own; PostgreSQL does it, and others
read and write the entity meanwhile. A second connection reads `kameleon.migrations`, where any client can follow it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import asyncpg

from catalog.connections import Connect, Connection, Pool, borrow

Phase = Literal[
    "interrupted",  # whoever ran it is gone: the next call, or the next start, undoes it
    "undoing",
    "preparing",
    "copying",
    "waiting",
    "verifying",
    "switching",
    "done",
    "cancelled",
    "failed",
]
PATIENCE = 1.0  # seconds that a look at the progress waits for a connection of a busy pool


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """How far a move is, at one moment."""

    phase: Phase
    rows_done: int
    rows_total: int | None  # an estimate until they are counted; None where there is none yet
    rows_per_second: float | None
    seconds_left: float | None  # None where it cannot be told


@dataclass(frozen=True, slots=True)
class Migration:
    """One line of `kameleon.migrations`: one entity's move, running or finished."""

    migration_id: int
    schema: str
    entity: str
    direction: Literal["dedicated", "shared"]
    phase: Phase
    requested: Literal["pause", "cancel"] | None
    batch_size: int  # rows
    rows_done: int
    rows_total: int | None
    rows_per_second: float | None
    seconds_left: float | None
    reason: str | None
    error: str | None
    started_by: str
    pid: int  # of the server process that runs it
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


OnProgress: TypeAlias = Callable[[MigrationProgress], Awaitable[None] | None]


class StorageMigration:
    """Moves entities. `source`: a function that connects, or a pool, whose second connection tells the progress."""

    def __init__(self, source: Pool | Connect, *, poll_interval: float = 0.2) -> None:
        """`poll_interval`: seconds between two looks at the progress."""
        self._source = source
        self._poll_interval = poll_interval

    async def migrate_to_dedicated(
        self,
        entity: str,
        batch_size: int | None = None,
        *,
        reason: str | None = None,
        timeout: timedelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Migration]:
        """Moves the rows into the table itself; returns what `history` tells of it: nothing where it held a lock.

        `entity`: as SQL names it; `batch_size`: rows a step; `timeout`: how long it may wait for others.
        `on_progress`, a function or a coroutine function, is called whenever there is progress; what it raises cancels
        the move. When the awaiting task is cancelled, so is the move, and this returns only when it is rolled back:
        the entity is then as it was.

        Raises: asyncpg.PostgresError, in the server's words; asyncpg.QueryCanceledError when somebody cancelled it.
        """
        return await self._migrate("dedicated", entity, batch_size, reason, timeout, on_progress)

    async def migrate_to_shared(
        self,
        entity: str,
        batch_size: int | None = None,
        *,
        reason: str | None = None,
        timeout: timedelta | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Migration]:
        """Moves the rows into documents; as `migrate_to_dedicated`."""
        return await self._migrate("shared", entity, batch_size, reason, timeout, on_progress)

    async def pause(self, entity: str) -> None:
        """Lets the running move of an entity stop where it is, until `resume` or `cancel`."""
        await self._request("pause", entity)

    async def resume(self, entity: str) -> None:
        await self._request("resume", entity)

    async def cancel(self, entity: str) -> None:
        """Has the running move rolled back, whoever started it. It may take until the end of its present batch."""
        await self._request("cancel", entity)

    async def history(self, entity: str | None = None, *, limit: int = 100) -> list[Migration]:
        """Moves that run and have run, the latest first. `entity`: as SQL names it."""
        async with borrow(self._source) as connection:
            rows = await connection.fetch(
                "SELECT m.* FROM kameleon.migrations AS m WHERE $1::text IS NULL OR (m.schema_name, m.entity_name) ="
                " (SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass($1::text))"
                " ORDER BY m.migration_id DESC LIMIT $2",
                entity,
                limit,
            )
        return [_migration(row) for row in rows]

    async def _request(self, what: Literal["pause", "resume", "cancel"], entity: str) -> None:
        async with borrow(self._source) as connection:
            await connection.execute(f"CALL kameleon.{what}_migration($1::text)", entity)

    async def _migrate(
        self,
        storage: Literal["dedicated", "shared"],
        entity: str,
        batch_size: int | None,
        reason: str | None,
        timeout: timedelta | None,
        on_progress: OnProgress | None,
    ) -> list[Migration]:
        async with borrow(self._source) as mover, self._watching() as look:
            move = _Move(await mover.fetchval("SELECT pg_catalog.pg_backend_pid()"), await _latest_id(mover))
            tell = _Teller(on_progress).tell
            statement = call_statement(storage, entity, reason, batch_size, timeout)
            call = asyncio.create_task(mover.execute(*statement), name=f"migration of {entity}")
            try:
                while not call.done():
                    await tell(await look(move))
                    await asyncio.wait({call}, timeout=self._poll_interval)
                last = None
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # its connection may be lost
                    last = await _progress(mover, move)
                await tell(last)
                await call
            except BaseException:
                await asyncio.shield(_stop(call, mover, move, entity))
                raise
            rows = await mover.fetch(
                "SELECT m.* FROM kameleon.migrations AS m WHERE m.pid = $1 AND m.migration_id > $2"
                " ORDER BY m.migration_id",
                move.pid,
                move.after,
            )
        return [_migration(row) for row in rows]

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[Callable[[_Move], Awaitable[MigrationProgress | None]]]:
        """How to look at a move. Of a pool, a connection for each look: moves must not wait for each other's."""
        source = self._source
        if not isinstance(source, asyncpg.Pool):
            async with borrow(source) as watcher:
                yield lambda move: _progress(watcher, move)
            return

        async def look(move: _Move) -> MigrationProgress | None:
            try:
                async with source.acquire(timeout=PATIENCE) as watcher:
                    return await _progress(watcher, move)
            except TimeoutError:
                return None

        yield look


class _Teller:
    """Tells progress where there is some."""

    def __init__(self, on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._last: MigrationProgress | None = None

    async def tell(self, progress: MigrationProgress | None) -> None:
        if self._on_progress is None or progress is None or progress == self._last:
            return
        self._last = progress
        told = self._on_progress(progress)
        if inspect.isawaitable(told):
            await told


@dataclass(frozen=True, slots=True)
class _Move:
    """What tells the lines of one call from others."""

    pid: int
    after: int  # the last migration_id before it


def call_statement(
    storage: Literal["dedicated", "shared"],
    entity: str,
    reason: str | None = None,
    batch_size: int | None = None,
    timeout: timedelta | None = None,
) -> tuple[Any, ...]:
    """The statement that moves an entity, and its arguments."""
    procedure = "materialize_entity" if storage == "dedicated" else "dematerialize_entity"
    options = {"reason": ("text", reason), "batch_size": ("int", batch_size), "timeout": ("interval", timeout)}
    given = {name: option for name, option in options.items() if option[1] is not None}
    named = [f", {name} => ${number}::{type_}" for number, (name, (type_, _)) in enumerate(given.items(), 2)]
    return f"CALL kameleon.{procedure}($1::text{''.join(named)})", entity, *(value for _, value in given.values())


async def _stop(call: asyncio.Task[str], mover: Connection, move: _Move, entity: str) -> None:
    """Ends the call on the server, which then has rolled back what it did."""
    call.cancel()  # asyncpg asks the server to cancel what runs
    with suppress(asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await call
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await mover.execute("SELECT 1")  # is answered when the call is over, or meets a cancel that came late
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        # one that met the cancel between two steps has ended at once
        if await mover.fetchval(
            "SELECT count(*) FROM kameleon.migrations AS m"
            " WHERE m.pid = $1 AND m.migration_id > $2 AND m.finished_at IS NULL",
            move.pid,
            move.after,
        ):
            await mover.execute("CALL kameleon.cancel_migration($1::text)", entity)


async def _latest_id(connection: Connection) -> int:
    latest: int = await connection.fetchval("SELECT coalesce(max(m.migration_id), 0) FROM kameleon.migrations AS m")
    return latest


async def _progress(connection: Connection, move: _Move) -> MigrationProgress | None:
    row = await connection.fetchrow(
        "SELECT m.phase, m.rows_done, m.rows_total, m.rows_per_second::float8, m.seconds_left::float8"
        " FROM kameleon.migrations AS m WHERE m.pid = $1 AND m.migration_id > $2",
        move.pid,
        move.after,
    )
    return None if row is None else MigrationProgress(**dict(row))


def _migration(row: Any) -> Migration:
    return Migration(
        migration_id=row["migration_id"],
        schema=row["schema_name"],
        entity=row["entity_name"],
        direction=row["direction"],
        phase=row["phase"],
        requested=row["requested"],
        batch_size=row["batch_size"],
        rows_done=row["rows_done"],
        rows_total=row["rows_total"],
        rows_per_second=_float(row["rows_per_second"]),
        seconds_left=_float(row["seconds_left"]),
        reason=row["reason"],
        error=row["error"],
        started_by=row["started_by"],
        pid=row["pid"],
        started_at=row["started_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
