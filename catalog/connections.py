"""Where the Python interfaces of the catalog get a connection from: one that is lent to them, a pool, or a function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import asyncpg

# In quotation marks: asyncpg's stubs make these generic, at run time they are not.
Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"
Connect: TypeAlias = "Callable[[], Awaitable[asyncpg.Connection[Any]]]"
Source: TypeAlias = "asyncpg.Connection[Any] | Pool | Connect"


@asynccontextmanager
async def borrow(source: Source) -> AsyncIterator[Connection]:
    """A connection for as long as the block runs. One that was lent stays open; one of a function's is closed."""
    if isinstance(source, asyncpg.Pool):
        async with source.acquire() as pooled:
            yield pooled
    elif isinstance(source, asyncpg.Connection):
        yield source
    else:
        made = await source()
        try:
            yield made
        finally:
            with suppress(asyncpg.InterfaceError, OSError, TimeoutError):  # one that is lost need not be closed
                await made.close(timeout=10)
