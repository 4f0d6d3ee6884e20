"""A blocking socket that sends any bytes and shows any answer: for start-up, and for what no driver would send."""

from __future__ import annotations

import socket
import ssl
import struct
from types import TracebackType
from typing import Self

from proxy.startup import SSL_REQUEST, StartupMessage
from proxy.wire.backend import Backend, Diagnostic
from proxy.wire.frontend import Query
from tests.playbook import Message, as_bytes

PROTOCOL_3_0 = 0x0003_0000
PROTOCOL_3_2 = 0x0003_0002

TIMEOUT = 20.0


def packet(*parts: int | bytes) -> bytes:
    """A packet of start-up: no type byte, a length that counts itself."""
    body = b"".join(part if isinstance(part, bytes) else struct.pack("!I", part) for part in parts)
    return struct.pack("!I", len(body) + 4) + body


def startup(database: str, user: str = "postgres", version: int = PROTOCOL_3_0, **more: str) -> bytes:
    parameters = {"user": user, "database": database, **more}
    return StartupMessage(
        version, tuple((name.encode(), value.encode()) for name, value in parameters.items())
    ).encode()


class Raw:
    def __init__(self, host: str, port: int) -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout=TIMEOUT)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.socket.close()

    def send(self, *messages: Message) -> Self:
        self.socket.sendall(as_bytes(messages))
        return self

    def ask_for_tls(self, context: ssl.SSLContext) -> Self:
        self.send(packet(SSL_REQUEST))
        assert self.read(1) == b"S"
        return self.start_tls(context)

    def start_tls(self, context: ssl.SSLContext) -> Self:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        return self

    def read(self, size: int) -> bytes:
        """Fewer bytes only when the connection has ended."""
        while len(self._unread) < size:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                break
            self._unread += data
        found, self._unread = self._unread[:size], self._unread[size:]
        return found

    def message(self) -> tuple[int, bytes]:
        """The next message; (0, b"") when the connection has ended."""
        header = self.read(5)
        if len(header) < 5:
            return 0, b""
        return header[0], self.read(struct.unpack("!I", header[1:])[0] - 4)

    def until(self, kind: int) -> list[tuple[int, bytes]]:
        """Messages up to and including one of this kind; an error before it is raised."""
        found = []
        while True:
            came, body = self.message()
            found.append((came, body))
            if came == kind:
                return found
            if came == 0 or (came == Backend.ERROR_RESPONSE and kind != Backend.READY_FOR_QUERY):
                raise AssertionError(f"expected {chr(kind)!r}: {found}")

    def log_in(self, database: str, **more: str) -> dict[int, bytes]:
        """With a user who needs no password; the last message of each kind."""
        self.send(startup(database, version=PROTOCOL_3_0, **more))
        return dict(self.until(Backend.READY_FOR_QUERY))

    def query(self, sql: str) -> list[tuple[int, bytes]]:
        self.send(Query(sql.encode()))
        return self.until(Backend.READY_FOR_QUERY)

    def error(self) -> dict[str, str]:
        """The error that comes next, after which the connection ends."""
        kind, body = self.message()
        assert kind == Backend.ERROR_RESPONSE, (kind, body)
        fields = {code: value.decode() for code, value in Diagnostic.decode(kind, body).fields.items()}
        assert self.message() == (0, b"")
        return fields

    def is_over(self) -> bool:
        return self.read(1) == b""
