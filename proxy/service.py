"""One run of the proxy, from its settings to its end.

It goes up in order (upstream, catalog, listening socket), says that it is ready, and waits for SIGTERM or
SIGINT; then it drains its clients and takes the embedded server down. A signal on the way up, or a second one
while clients are drained, cuts that step short.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from catalog.install import InstallError, install
from proxy.bodies import rewritten
from proxy.dsn import Dsn, parse_dsn
from proxy.embedded import EmbeddedError, EmbeddedPostgres
from proxy.server import ProxyServer
from proxy.settings import Settings, split_listen
from proxy.upstream import UpstreamAddress

T = TypeVar("T")
logger = structlog.get_logger()


class ServiceError(Exception):
    """What keeps the proxy from serving. The message is one line."""


class _Stopped(Exception):
    """A signal came before the step was done."""


async def run(settings: Settings, announce: Callable[[Dsn], None]) -> None:
    """Serve until told to stop. `announce` is called once, with what a client connects by, when it can."""
    signals = _Signals()
    embedded: EmbeddedPostgres | None = None
    try:
        if settings.upstream is None:
            embedded = await signals.interrupt(EmbeddedPostgres.start(settings.data_dir))
        dsn = upstream_dsn(settings) if embedded is None else embedded.dsn
        await signals.interrupt(install(str(dsn), rewritten))
        server = await _listen(settings, dsn)
        _settle_garbage()
        announce(dsn.at(reachable(settings.listen_host), server.port))
        logger.info("serving", listen=settings.listen_host, port=server.port, upstream=dsn.place)
        ended = await _wait(signals, embedded)
        logger.info("draining", timeout=settings.drain_timeout)
        await signals.interrupt(server.drain())
        server.endpoint.close()
        if ended is not None:
            raise ServiceError(f"the embedded PostgreSQL has ended: {ended}")
    except _Stopped:
        logger.info("stopped at once")
    except (EmbeddedError, InstallError) as error:
        raise ServiceError(str(error)) from error
    finally:
        if embedded is not None:
            await embedded.stop()


def upstream_dsn(settings: Settings) -> Dsn:
    """Where the upstream is, with the settings filling in what its connection string leaves open."""
    assert settings.upstream is not None
    dsn = parse_dsn(settings.upstream)
    if dsn.is_unix:
        return replace(dsn, sslmode="disable")
    authorities = None if settings.upstream_tls_ca is None else str(settings.upstream_tls_ca)
    return replace(
        dsn,
        sslmode=dsn.sslmode or settings.upstream_sslmode,
        sslrootcert=dsn.sslrootcert or authorities,
        ssl_min_protocol_version=dsn.ssl_min_protocol_version or settings.upstream_tls_min_version,
    )


def reachable(host: str) -> str:
    """Where a client on this machine connects to what listens on `host`, which may be every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _settle_garbage() -> None:
    """What is loaded by now stays for good: a full collection need not walk it, which takes 30 ms of everybody's time.

    Nearly nothing the relay makes is in cycles, so that collecting the young less often than Python does by default
    costs no memory worth mentioning.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _listen(settings: Settings, dsn: Dsn) -> ProxyServer:
    try:
        server = ProxyServer(settings, UpstreamAddress.from_dsn(dsn))
    except ssl.SSLError as error:
        raise ServiceError(f"tls_cert, tls_key, tls_ca or upstream_tls_ca: {error.reason or error}") from error
    try:
        await server.start()
    except OSError as error:
        raise ServiceError(f"cannot listen on {settings.listen}: {error.strerror or error}") from error
    if settings.metrics_listen is not None:
        try:
            port = await server.endpoint.start(*split_listen(settings.metrics_listen))
        except OSError as error:
            raise ServiceError(f"cannot listen on {settings.metrics_listen}: {error.strerror or error}") from error
        logger.info("serving metrics", listen=settings.metrics_listen, port=port)
    return server


async def _wait(signals: _Signals, embedded: EmbeddedPostgres | None) -> str | None:
    """Until a signal comes (None), or the embedded server is gone (its last words)."""
    try:
        await signals.interrupt(_forever() if embedded is None else embedded.stopped())
    except _Stopped:
        signals.forget()
        return None
    return None if embedded is None else embedded.last_words()


async def _forever() -> None:
    await asyncio.Event().wait()


class _Signals:
    """SIGTERM and SIGINT, as something to wait for and to be interrupted by."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._came.set)

    def forget(self) -> None:
        """From here on, wait for another one."""
        self._came.clear()

    async def interrupt(self, step: Coroutine[Any, Any, T]) -> T:
        """Do a step, unless a signal comes first: then it is cancelled, has cleaned up, and `_Stopped` is raised."""
        task = asyncio.create_task(step)
        came = asyncio.create_task(self._came.wait())
        await asyncio.wait({task, came}, return_when=asyncio.FIRST_COMPLETED)
        came.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise _Stopped
        return task.result()
