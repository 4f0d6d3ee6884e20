"""The proxy's port: it listens, gives each client a session, and drains."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
import structlog

from catalog.store import CatalogStore, open_store
from proxy.endpoint import Endpoint
from proxy.errors import UpstreamUnreachable
from proxy.exposition import AddedTime
from proxy.session import Session
from proxy.settings import Settings
from proxy.startup import CancelRequest
from proxy.stores import StoreRegistry
from proxy.tally import Tally
from proxy.tasks import Tasks
from proxy.timing import Timings
from proxy.tls import server_context
from proxy.transport import Channel
from proxy.upstream import UpstreamAddress

log = structlog.get_logger(__name__)

#: PostgreSQL queues as many connection attempts as it has connections; a pool that starts up opens many at once.
_BACKLOG = 1024


#: For cancel requests on their way, once the last client is gone.
_LAST_GRACE = 2.0


class ProxyServer:
    def __init__(self, settings: Settings, upstream: UpstreamAddress) -> None:
        self.settings = settings
        self.upstream = upstream
        self.tls: ssl.SSLContext | None = None
        if settings.tls_cert is not None:
            self.tls = server_context(settings.tls_cert, settings.tls_key, settings.tls_ca, settings.tls_min_version)
        self.tally = Tally(settings.statement_queue, is_precise=settings.metrics_enabled)
        self.tasks = Tasks()
        self.stores = StoreRegistry(
            self._open_store, settings.rewrite_cache_size, self.tasks, settings.policy, settings.notice_rules
        )
        #: Measured only where somebody may ask for it.
        self.added = AddedTime() if settings.metrics_listen is not None else None
        self.endpoint = Endpoint(self)
        self.sessions_begun = 0
        self.draining = False
        self._sessions: set[Session] = set()
        self._nobody_left = asyncio.Event()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Channel(self._accept), self.settings.listen_host, self.settings.listen_port, backlog=_BACKLOG
        )

    @property
    def port(self) -> int:
        assert self._listener is not None
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def timings_of(self, pid: int) -> Timings:
        """Where the samples of a session go, by the process that serves it upstream."""
        return self.tally.timings

    @property
    def session_count(self) -> int:
        return len(self._sessions)

    def timed(self, source: str, receive: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """What is done with the bytes of a client or of upstream, timed where somebody may ask for it."""
        return receive if self.added is None else self.added.timed(source, receive)

    async def drain(self) -> None:
        """No new clients; those that are idle leave, and running statements get `drain_timeout` seconds to finish."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for session in list(self._sessions):
            session.drain()
        try:
            async with asyncio.timeout(self.settings.drain_timeout):
                await self._everybody_left()
        except TimeoutError:
            log.warning("statements cut off", sessions=len(self._sessions))
            for session in list(self._sessions):
                session.cut()
        await self.tasks.stop(_LAST_GRACE)
        self.tally.look()
        self.tally.settle()
        await self.stores.close()

    async def cancel(self, request: CancelRequest) -> None:
        try:
            await self.upstream.cancel(request)
        except (UpstreamUnreachable, OSError, TimeoutError) as error:
            log.warning("cancel request not delivered", error=str(error))

    def session_ended(self, session: Session) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._nobody_left.set()

    def _accept(self, client: Channel) -> None:
        self.sessions_begun += 1
        session = Session(client, self)
        self._sessions.add(session)
        self._nobody_left.clear()
        self.tasks.start(session.run(), name="client login")

    async def _everybody_left(self) -> None:
        while self._sessions:
            self._nobody_left.clear()
            await self._nobody_left.wait()

    async def _open_store(self, database: str) -> CatalogStore | None:
        dsn = str(replace(self.upstream.dsn, dbname=database))

        async def connect() -> asyncpg.Connection[Any]:
            return await asyncpg.connect(dsn)

        return await open_store(connect)
