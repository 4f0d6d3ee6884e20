"""The only code that touches sockets: an `asyncio.Protocol` for either side of a session.

A `Channel` lives in two phases. During start-up and login somebody awaits its messages one by one (`read_exactly`,
`read_message`). Then `hand_over` binds it to a receiver, and from there on each chunk is one call, without a task.

TLS is a layer inside the channel (`tls.TlsLayer`), so that no byte is ever taken for one that came before it.

Backpressure: a channel that cannot be written to stops the reading of its `source`, the channel whose bytes it writes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

from proxy.tls import TlsLayer
from proxy.wire.framing import HEADER_SIZE, unpack_length

#: asyncio asks for a pause above this, and for more below a quarter of it. A megabyte row goes through in a few rounds.
WRITE_BUFFER = 256 * 1024


class ConnectionEnded(ConnectionError):
    """The peer closed its connection while something was awaited from it."""


class FrameTooLong(ValueError):
    """A message announces a length outside of what is allowed here."""


class Channel(asyncio.Protocol):
    def __init__(self, on_connected: Callable[[Channel], None] | None = None) -> None:
        self._on_connected = on_connected
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.tls: TlsLayer | None = None
        self.source: Channel | None = None
        self.ended = False
        self.tls_failure: ssl.SSLError | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._receive: Callable[[bytes], None] = self._collect
        self._on_ended: Callable[[], None] | None = None
        self._held_by_us = False
        self._held_by_peer = False

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._on_connected is not None:
            self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        if self.tls is None:
            self._receive(data)
            return
        try:
            clear = self.tls.receive(data)
        except ssl.SSLError as error:
            # OpenSSL has put an alert into the output: the peer should see it.
            self.tls_failure = error
            self._flush_tls()
            self.transport.close()
            return
        self._flush_tls()
        if clear:
            self._receive(clear)
        else:
            self._wake()  # the handshake may be what is awaited
        if self.tls.ended:
            self.close()

    def eof_received(self) -> bool:
        return False  # the transport closes itself, and connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if self.source is not None:
            # Whoever waits for this side to be writable would wait for ever.
            self.source.hold_for_peer(False)
        self._wake()
        if self._on_ended is not None:
            self._on_ended()

    def pause_writing(self) -> None:
        if self.source is not None:
            self.source.hold_for_peer(True)

    def resume_writing(self) -> None:
        if self.source is not None:
            self.source.hold_for_peer(False)

    # --- writing and closing ---

    def write(self, data: bytes) -> None:
        if self.ended:
            return  # uvloop's transport would raise
        if self.tls is None:
            self.transport.write(data)
        else:
            self.tls.send(data)
            self._flush_tls()

    def plain_writer(self) -> Callable[[bytes], None]:
        """The quickest way to write: the transport's own method where no TLS is between."""
        return self.transport.write if self.tls is None else self.write

    def close(self) -> None:
        """Write out what was written, then close."""
        if self.tls is not None and not self.ended:
            self.tls.close()
            self._flush_tls()
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def _flush_tls(self) -> None:
        assert self.tls is not None
        out = self.tls.take_output()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    # --- reading ---

    def hold(self, held: bool) -> None:
        """Stop or resume reading, for reasons of the session's own."""
        self._held_by_us = held
        self._apply_hold()

    def hold_for_peer(self, held: bool) -> None:
        self._held_by_peer = held
        self._apply_hold()

    def _apply_hold(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._held_by_us or self._held_by_peer:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    async def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._wait()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def peek(self) -> int:
        """The next byte, left where it is."""
        while not self._buffer:
            await self._wait()
        return self._buffer[0]

    async def read_message(self, limit: int) -> tuple[int, bytes]:
        """One message: its type byte and the whole frame."""
        while len(self._buffer) < HEADER_SIZE:
            await self._wait()
        length: int = unpack_length(self._buffer, 1)[0]
        if not 4 <= length <= limit:
            raise FrameTooLong(f"a message announces {length} bytes")
        frame = await self.read_exactly(length + 1)
        return frame[0], frame

    @property
    def unread(self) -> int:
        return len(self._buffer)

    async def wait_ended(self) -> None:
        while not self.ended:
            self._buffer.clear()
            await self._wait(ended_is_fine=True)

    def hand_over(self, receive: Callable[[bytes], None], on_ended: Callable[[], None]) -> None:
        """From now on chunks go to `receive`, first of all what has been read already."""
        self._receive = receive
        self._on_ended = on_ended
        rest = bytes(self._buffer)
        self._buffer = bytearray()
        if self.tls is None:
            self.data_received = receive  # type: ignore[assignment,method-assign]  # one call less per chunk
            # The transport looks the method up when it is given its protocol.
            self.transport.set_protocol(self)
        if rest:
            receive(rest)
        if self.ended:
            on_ended()

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None
    ) -> None:
        """Shake hands. What the buffer holds already is taken for the peer's first TLS bytes."""
        layer = TlsLayer(context, server_side=server_side, server_hostname=server_hostname)
        rest = bytes(self._buffer)
        self._buffer.clear()
        self.tls = layer
        layer.start()
        self._flush_tls()
        if rest:
            self._buffer += layer.receive(rest)
            self._flush_tls()
        while not layer.established:
            await self._wait(ended_is_fine=True)
            if self.tls_failure is not None:
                raise self.tls_failure
            if self.ended:
                raise ConnectionEnded("the connection ended during the TLS handshake")

    def _collect(self, data: bytes) -> None:
        self._buffer += data
        self._wake()

    async def _wait(self, *, ended_is_fine: bool = False) -> None:
        if self.ended:
            if ended_is_fine:
                return
            raise ConnectionEnded("the connection ended")
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
