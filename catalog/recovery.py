"""Moves of entities that were interrupted are undone: when a proxy comes to their database, and while one is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

if TYPE_CHECKING:
    # asyncpg's stubs make the class generic; at run time it is not
    Connect = Callable[[], Awaitable[asyncpg.Connection[Any]]]

ANY_RUNNING = "SELECT EXISTS (SELECT FROM kameleon.kdb_migrations WHERE finished_at IS NULL)"

log = structlog.get_logger(__name__)

#: The notification that a migration begins or has ended.
MIGRATION = "migration"
#: Somebody else's long transaction must not keep a proxy from starting; the next attempt may have more luck.
LOCK_TIMEOUT = "2s"
#: Seconds between two looks at the running migrations.
WATCH_INTERVAL = 1.0
#: A server that crashed is given so many intervals to come up again.
RECONNECT_ATTEMPTS = 60


async def recover_migrations(connection: asyncpg.Connection[Any]) -> int:
    """Undoes what interrupted migrations left; returns how many there were.

    One that cannot be undone now stays as it is, which is harmless: both storages are kept equal until then.
    Raises: asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError when the connection is lost.
    """
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            recovered: int = await connection.fetchval("SELECT kameleon.recover_migrations()")
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        log.warning("interrupted migrations are left for later", error=str(error))
        return 0
    if recovered:
        log.info("interrupted migrations undone", count=recovered)
    return recovered


async def watch_migrations(connect: Connect) -> None:
    """Until no migration is running any more, undoes those that have died; also when PostgreSQL itself has."""
    patience = RECONNECT_ATTEMPTS
    while patience:
        try:
            connection = await connect()
            try:
                while await connection.fetchval(ANY_RUNNING):
                    patience = RECONNECT_ATTEMPTS
                    await asyncio.sleep(WATCH_INTERVAL)
                    await recover_migrations(connection)
                return
            finally:
                await connection.close(timeout=5)
        except asyncpg.InvalidCatalogNameError:
            return
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            patience -= 1
            if not patience:
                # the next proxy that starts, or the next move of the table, undoes it
                log.warning("migrations are not watched any more", error=str(error))
            await asyncio.sleep(WATCH_INTERVAL)
