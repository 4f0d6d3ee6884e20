"""The current snapshot of one database, and the connection that keeps it current.

`snapshot` is replaced whole and never changed in place: whoever holds one keeps a consistent view. A session
that commits a change of the catalog awaits `refresh` before its client learns of the commit, so that no other
session of this proxy works from an older snapshot than its client can know of; other proxies' changes arrive by
NOTIFY.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from catalog.loader import CATALOG_SQL, ENTITIES_SQL, MOVES_SQL, parse_entities, parse_moves, parse_snapshot
from catalog.model import Move, Snapshot
from catalog.recovery import MIGRATION, recover_migrations, watch_migrations

log = structlog.get_logger(__name__)

CHANNEL = "kameleon"
# The payload that says that kameleon.settings was changed; any other is the number of an entity, or of none.
SETTINGS_CHANGED = "settings"
MIGRATIONS_SQL = "SELECT m.direction, m.phase, count(*) FROM kameleon.kdb_migrations AS m GROUP BY m.direction, m.phase"
SETTINGS_SQL = "SELECT json_object_agg(s.name, s.value) FROM kameleon.settings AS s"
# Of the INFO message by which the event triggers tell a session what its DDL changed.
CHANGE_SQLSTATE = "KDB01"
# Of the error that any use of a guarded shell table meets.
STALE_SQLSTATE = "KDB02"

#: Seconds between two attempts to get the lost connection back.
RECONNECT_INTERVAL = 1.0

#: How often the catalog is read where what it tells of is being dropped or built anew just then.
MOST_READS = 5

if TYPE_CHECKING:
    # asyncpg's stubs make the class generic; at run time it is not
    Connect = Callable[[], Awaitable[asyncpg.Connection[Any]]]


class CatalogStore:
    """One per database; shared by all its sessions."""

    def __init__(self, connect: Connect) -> None:
        self.snapshot = Snapshot(0, {})
        #: The rows of kameleon.settings: name -> value.
        self.settings: Mapping[str, str] = {}
        #: Those that are under way.
        self.moves: tuple[Move, ...] = ()
        #: Makes one more connection to the same database.
        self.connect = connect
        self._connection: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()
        # in which order refreshes are asked for and reads begin; the number of the last whole read
        self._clock = itertools.count()
        self._read_whole = -1
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._watch: asyncio.Task[None] | None = None
        self._reconnection: asyncio.Task[None] | None = None

    async def refresh(self, touched: Collection[int] | None = None) -> Snapshot:
        """Reads the catalog again, or only the entities `touched`.

        Where many ask at once, as when an entity's storage was switched under its writers, those that wait for the
        first read have the next one in common.
        Raises: asyncpg.PostgresError, OSError when upstream cannot be reached, also not by a new connection.
        """
        asked = next(self._clock)
        async with self._lock:
            if asked > self._read_whole:
                await self._read_connected(touched)
        return self.snapshot

    async def _read_connected(self, touched: Collection[int] | None) -> None:
        began = next(self._clock)
        try:
            await self._read_settled(touched)
        except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError):
            # the control connection was lost: what was missed meanwhile is unknown, so read everything
            self._connection = None
            touched = None
            await self._read_settled(None)
        if touched is None:
            self._read_whole = began

    async def _read_settled(self, touched: Collection[int] | None) -> None:
        """PostgreSQL describes indexes, types and defaults as they are now, not as of the query's snapshot: what is in
        that, and has been dropped since, is an internal error. REINDEX SYSTEM, which takes locks on catalogs in another
        order than queries do, may make this one the victim of a deadlock."""
        for reads in range(1, MOST_READS + 1):
            try:
                await self._read(touched)
                break
            except (asyncpg.InternalServerError, asyncpg.DeadlockDetectedError):
                if reads == MOST_READS:
                    raise
                await asyncio.sleep(0.01)

    async def catch_up(self) -> None:
        """Returns when what other proxies committed before this call has been taken up.

        Upstream delivers a notification that is due before it answers a later statement of the same connection.
        Raises: as refresh.
        """
        async with self._lock:
            try:
                await (await self._connected()).fetchval("SELECT 1")
            except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError):
                self._connection = None
                await self._read(None)
                return
        # the notifications' callbacks come first in the event loop's queue; they start the refreshes
        await asyncio.sleep(0)
        refreshes = self._tasks - {self._watch, self._reconnection}
        if refreshes:
            await asyncio.wait(refreshes)

    async def count_migrations(self) -> dict[tuple[str, str], int]:
        """(direction, phase) -> how many moves of entities the catalog knows. Raises: as refresh."""
        async with self._lock:
            rows = await (await self._connected()).fetch(MIGRATIONS_SQL)
        return {(row["direction"], row["phase"]): row["count"] for row in rows}

    async def _read(self, touched: Collection[int] | None) -> None:
        connection = await self._connected()
        version = self.snapshot.version + 1
        if touched is None:
            moves = parse_moves(await connection.fetchval(MOVES_SQL))
            self.snapshot = parse_snapshot(await connection.fetchval(CATALOG_SQL), version)
            self.moves = moves
            self.settings = await _read_settings(connection)
        elif touched:
            changes = parse_entities(_json(await connection.fetchval(ENTITIES_SQL, list(touched))))
            # of temporary views only their own session knows
            changes = {id_: None if each is None or each.is_temporary else each for id_, each in changes.items()}
            # a session's own refresh is mostly followed by the notification of the same change
            if any(self.snapshot.entities.get(id_) != each for id_, each in changes.items()):
                self.snapshot = self.snapshot.with_changes(changes, version)

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            connection = await self.connect()
            await connection.add_listener(CHANNEL, self._on_notify)
            connection.add_termination_listener(self._on_lost)
            self._connection = connection
            if self.snapshot.version:
                # the one before was lost, and with it perhaps whoever was moving an entity
                self._watch_migrations()
        return self._connection

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == MIGRATION:
            self._watch_migrations()
            self._spawn(self._read_quietly(self._read_moves))
            return
        if payload == SETTINGS_CHANGED:
            self._spawn(self._read_quietly(self._read_settings))
            return
        touched = [int(payload)] if isinstance(payload, str) and payload.isdecimal() else None
        self._spawn(self._refresh_quietly(touched))

    def _watch_migrations(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(watch_migrations(self.connect), name="watch migrations")
            self._tasks.add(self._watch)
            self._watch.add_done_callback(self._tasks.discard)

    def _on_lost(self, _connection: object) -> None:
        if not self._closing:
            self._reconnection = asyncio.create_task(self._reconnect(), name="catalog reconnect")
            self._tasks.add(self._reconnection)
            self._reconnection.add_done_callback(self._tasks.discard)

    async def _reconnect(self) -> None:
        """Without the connection nothing is heard of other proxies; `_connected` may have been called meanwhile."""
        connected = await self._refresh_quietly(None)
        while not connected:
            await asyncio.sleep(RECONNECT_INTERVAL)
            connected = await self._refresh_quietly(None)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work, name="catalog refresh")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refresh_quietly(self, touched: Collection[int] | None) -> bool:
        try:
            await self.refresh(touched)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("catalog refresh failed", error=str(error))
            return False
        return True

    async def _read_settings(self) -> None:
        self.settings = await _read_settings(await self._connected())

    async def _read_moves(self) -> None:
        moves = parse_moves(await (await self._connected()).fetchval(MOVES_SQL))
        # while a move is known, so are transactions that would meet its switch: what it led to is known first
        ended = {move.entity_id for move in self.moves} - {move.entity_id for move in moves}
        await self._read(ended)
        self.moves = moves

    async def _read_quietly(self, read: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._lock:
                await read()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("news of the database not read", error=str(error))

    async def close(self) -> None:
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=5)


async def _read_settings(connection: asyncpg.Connection[Any]) -> Mapping[str, str]:
    return _json(await connection.fetchval(SETTINGS_SQL)) or {}


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


async def open_store(connect: Connect) -> CatalogStore | None:
    """The store of a database; None where Kameleon is not installed, and statements pass untouched.

    Raises: asyncpg.PostgresError, OSError when the database cannot be reached.
    """
    connection = await connect()
    try:
        installed = await connection.fetchval("SELECT to_regprocedure('kameleon.session_state(int[])') IS NOT NULL")
        if installed:
            await recover_migrations(connection)
    finally:
        await connection.close()
    if not installed:
        return None
    store = CatalogStore(connect)
    await store.refresh()
    return store
