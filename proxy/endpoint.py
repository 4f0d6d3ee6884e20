"""The port for those who watch the proxy: /metrics, /healthz, /readyz over HTTP.

Three GET requests without a body need no web framework: one would be the proxy's largest dependency. What is read is
bounded in size and time, and every answer ends the connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from proxy.errors import ProxyError
from proxy.exposition import exposition

if TYPE_CHECKING:
    from proxy.server import ProxyServer

log = structlog.get_logger(__name__)

_TIMEOUT = 5.0
_LONGEST_REQUEST = 16 * 1024
_TEXT = "text/plain; charset=utf-8"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Endpoint:
    def __init__(self, server: ProxyServer) -> None:
        self._server = server
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Returns the port. Raises OSError when it cannot be had."""
        self._listener = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_REQUEST)
        got: int = self._listener.sockets[0].getsockname()[1]
        return got

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                status, content_type, body = await self._answer(await reader.readuntil(b"\r\n\r\n"))
                allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
                head = (
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\n"
                    f"Content-Length: {len(body)}\r\n{allow}Connection: close\r\n\r\n"
                )
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or does not speak HTTP
        finally:
            writer.close()

    async def _answer(self, request: bytes) -> tuple[int, str, bytes]:
        parts = request.split(b"\r\n", 1)[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return 400, _TEXT, b"expected an HTTP request\n"
        method, path = parts[0], parts[1].split(b"?", 1)[0]
        if path not in (b"/metrics", b"/healthz", b"/readyz"):
            return 404, _TEXT, b"expected /metrics, /healthz or /readyz\n"
        if method not in (b"GET", b"HEAD"):
            return 405, _TEXT, b"expected GET\n"
        status, content_type, body = await self._page(path)
        return status, content_type, body if method == b"GET" else b""

    async def _page(self, path: bytes) -> tuple[int, str, bytes]:
        if path == b"/metrics":
            return 200, CONTENT_TYPE_LATEST, await exposition(self._server)
        if path == b"/healthz":
            return 200, _TEXT, b"ok\n"
        why_not = await self._why_not_ready()
        return (200, _TEXT, b"ready\n") if why_not is None else (503, _TEXT, f"not ready: {why_not}\n".encode())

    async def _why_not_ready(self) -> str | None:
        """A client that connects now is served: the proxy is not about to stop, and upstream takes connections."""
        if self._server.draining:
            return "the proxy is about to stop"
        try:
            channel = await self._server.upstream.connect()
        except (ProxyError, OSError) as error:
            return str(error)
        channel.close()
        return None
