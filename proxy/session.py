"""One client's life: it starts up, logs in, is served, and leaves. `run` reads in that order.

Up to ReadyForQuery it is a coroutine. Then it ends, and the connection lives on in the callbacks of its two
channels, without a task of its own: an idle client costs memory only.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from catalog.bodies import answer
from proxy.bodies import rewritten
from proxy.errors import LoginTimeout, ProxyError, ShuttingDown, UpstreamLost, UpstreamUnreachable, as_response
from proxy.knowledge import Knowledge
from proxy.login import Login, relay_login
from proxy.relay import Relay
from proxy.startup import CancelRequest, StartupMessage, receive_startup
from proxy.stores import Database, StoreUnavailable
from proxy.transport import Channel, ConnectionEnded
from proxy.wire.frontend import TERMINATE

if TYPE_CHECKING:
    from proxy.server import ProxyServer

log = structlog.get_logger(__name__)


class Session:
    def __init__(self, client: Channel, server: ProxyServer) -> None:
        self._client = client
        self._server = server
        self._upstream: Channel | None = None
        self._relay: Relay | None = None
        self._cancel: CancelRequest | None = None
        self._ended = False
        #: Set while the session holds a store.
        self._database_name: str | None = None

    async def run(self) -> None:
        """Until the client is being served, or has been turned away."""
        try:
            async with asyncio.timeout(self._server.settings.client_login_timeout):
                await self._begin()
        except TimeoutError:
            self._turn_away(LoginTimeout("canceling authentication due to timeout"))
        except ProxyError as error:
            self._turn_away(error)
        except ConnectionEnded:
            if self._client.ended:
                self._end()
            else:
                self._turn_away(UpstreamLost("server closed the connection unexpectedly"))
        except (ssl.SSLError, OSError) as error:
            log.info("client turned away", error=str(error))
            self._end()
        except asyncio.CancelledError:
            self._turn_away(ShuttingDown("terminating connection due to administrator command"))
            raise

    async def _begin(self) -> None:
        server = self._server
        startup = await receive_startup(self._client, server.tls, server.settings.max_startup_packet)
        if isinstance(startup, CancelRequest):
            await server.cancel(startup)
            self._client.close()
            return
        self._upstream = upstream = await server.upstream.connect()
        if startup.is_replication:
            upstream.write(startup.encode())
            self._pass_everything(upstream)
            return
        upstream.write(startup.with_default_storage(server.settings.default_storage).proxied().encode())
        login = await relay_login(self._client, upstream)
        if login is None:
            self._client.close()
            upstream.close()
            return
        if login.key is not None:
            self._cancel = CancelRequest(login.key.pid, login.key.key)
        try:
            name = startup.database.decode("utf-8", "replace")
            database = await server.stores.acquire(name)
        except StoreUnavailable as error:
            raise UpstreamUnreachable(str(error)) from error
        if self._ended:
            server.stores.release(name)
            return
        self._database_name = name
        self._serve(upstream, startup, login, database)

    def _serve(self, upstream: Channel, startup: StartupMessage, login: Login, database: Database | None) -> None:
        client = self._client
        knowledge = None if database is None else Knowledge(database)
        if knowledge is not None:
            for name, value in login.parameters.items():
                knowledge.parameter_changed(name, value)
        client.source, upstream.source = upstream, client
        server = self._server
        tally = server.tally
        pid = 0 if login.key is None else login.key.pid
        told = {name: value.decode("utf-8", "replace") for name, value in login.parameters.items()}
        user = told.get(b"session_authorization") or startup.user.decode("utf-8", "replace")
        caller = tally.callers.get(database, user, told.get(b"application_name", ""))
        self._relay = relay = Relay(
            client.plain_writer(), upstream.plain_writer(), self, server.timings_of(pid), knowledge, caller
        )
        client.write(login.ready)
        timed = self._server.timed
        upstream.hand_over(timed("upstream", relay.receive_upstream), self._upstream_ended)
        client.hand_over(timed("client", relay.receive_client), self._client_ended)
        log.debug("client logged in", user=startup.user.decode("utf-8", "replace"), kameleon=database is not None)
        if self._server.draining:
            self.drain()

    def _pass_everything(self, upstream: Channel) -> None:
        """Replication: from the login on nothing of it is ours to look at."""
        client = self._client
        client.source, upstream.source = upstream, client
        upstream.hand_over(client.plain_writer(), self._end)
        client.hand_over(upstream.plain_writer(), self._end)

    # --- what the relay asks for (relay.Shell) ---

    def refresh(self, whole: bool = True) -> None:
        self._server.tasks.start(self._refresh(whole), name="refresh for a session")

    def work(self, work: Coroutine[Any, Any, None]) -> None:
        self._server.tasks.start(self._work(work), name="work for a session")

    def answer(self, question: str) -> None:
        assert self._relay is not None and self._relay.knowledge is not None
        connect = self._relay.knowledge.database.store.connect
        self._server.tasks.start(answer(connect, question, rewritten), name="rewrite a body")

    async def _work(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            if self._relay is not None:
                self._relay.worked()

    async def _refresh(self, whole: bool) -> None:
        relay = self._relay
        assert relay is not None and relay.knowledge is not None
        database = relay.knowledge.database
        try:
            touched = () if relay.knowledge.is_behind else relay.knowledge.touched
            await (database.refresh(touched) if whole else database.catch_up())
        except StoreUnavailable as error:
            # What committed is committed; but with an old catalog this session would read and write the wrong storage.
            log.warning("session ended", error=str(error))
            relay.fail(UpstreamLost("the proxy lost its connection to the catalog"))
            return
        relay.refreshed()

    def hold_upstream(self, held: bool) -> None:
        if self._upstream is not None:
            self._upstream.hold(held)

    def hold_client(self, held: bool) -> None:
        self._client.hold(held)

    def close(self) -> None:
        if self._relay is not None and self._relay.pipeline.queue:
            self._cancel_statement()
        self._client.close()
        if self._upstream is not None:
            self._upstream.write(TERMINATE)
            self._upstream.close()

    def idle(self) -> None:
        """Told only while the server drains."""
        if self._relay is not None:
            self._relay.fail(ShuttingDown("terminating connection due to administrator command"))

    # --- the end ---

    def drain(self) -> None:
        """Leave when the running statement and its transaction are over; at once if there is none."""
        if self._relay is None:
            self._end()
        elif self._relay.is_idle:
            self.idle()
        else:
            self._relay.tell_when_idle = True

    def cut(self) -> None:
        """The time for draining is over."""
        if self._relay is not None and not self._ended:
            self.idle()
        else:
            self._end()

    def _client_ended(self) -> None:
        relay = self._relay
        if relay is not None and not relay.terminated and relay.pipeline.queue and not relay.closing:
            self._cancel_statement()
        if relay is not None:
            relay.closing = True
        if self._upstream is not None and not self._upstream.ended:
            if relay is not None and not relay.terminated:
                self._upstream.write(TERMINATE)
            self._upstream.close()
        self._ended_once()

    def _upstream_ended(self) -> None:
        relay = self._relay
        if relay is not None and not relay.closing:
            if relay.upstream_said_why or relay.terminated:
                relay.closing = True
                self._client.close()
            else:
                relay.fail(UpstreamLost("server closed the connection unexpectedly"))
        self._ended_once()

    def _cancel_statement(self) -> None:
        if self._cancel is not None:
            self._server.tasks.start(self._server.cancel(self._cancel), name="cancel for a lost client")

    def _turn_away(self, error: ProxyError) -> None:
        log.info("client turned away", sqlstate=error.sqlstate, error=error.message)
        if not self._client.ended:
            self._client.write(as_response(error))
        self._end()

    def _end(self) -> None:
        self._client.close()
        if self._upstream is not None:
            self._upstream.close()
        self._ended_once()

    def _ended_once(self) -> None:
        if not self._ended:
            self._ended = True
            if self._database_name is not None:
                self._server.stores.release(self._database_name)
            self._server.session_ended(self)
