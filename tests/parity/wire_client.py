"""A small blocking client for the PostgreSQL protocol that shows everything the server sends.

Drivers hide what parity is about: table OIDs, notices, parameter types, the order of messages. This one hides
nothing and shares no code with the proxy, so that a mistake there cannot be made here too. `exchange` sends frames
and returns the replies as a list of events, up to and including the last ReadyForQuery.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

TIMEOUT = 10.0
PROTOCOL_3_0 = 196608


class ConnectionLost(Exception):
    """The server went away, or did not answer in time."""


class Column(NamedTuple):
    name: str
    table: int
    attnum: int
    type: int
    size: int
    typmod: int
    format: int


@dataclass
class Event:
    """One reply. `kind` is its name in the protocol's documentation."""

    kind: str
    columns: list[Column] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    types: list[int] = field(default_factory=list)
    text: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class CopyInput:
    """What to send when the server asks for COPY data; `failure` gives it up at the end with this message."""

    data: bytes
    failure: str | None = None
    chunk: int = 8192

    def frames(self) -> bytes:
        parts = [self.data[i : i + self.chunk] for i in range(0, len(self.data), self.chunk)]
        end = frame(b"c") if self.failure is None else frame(b"f", cstring(self.failure))
        return b"".join(frame(b"d", part) for part in parts) + end


def frame(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def cstring(text: str) -> bytes:
    return text.encode() + b"\0"


# Frontend messages.


def query(sql: str) -> bytes:
    return frame(b"Q", cstring(sql))


def parse(sql: str, name: str = "", types: Sequence[int] = ()) -> bytes:
    return frame(b"P", cstring(name) + cstring(sql) + struct.pack(f"!h{len(types)}I", len(types), *types))


def bind(
    portal: str = "",
    statement: str = "",
    params: Sequence[bytes | None] = (),
    param_formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    body = [cstring(portal), cstring(statement)]
    body.append(struct.pack(f"!h{len(param_formats)}h", len(param_formats), *param_formats))
    body.append(struct.pack("!h", len(params)))
    for value in params:
        body.append(struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value)
    body.append(struct.pack(f"!h{len(result_formats)}h", len(result_formats), *result_formats))
    return frame(b"B", b"".join(body))


def describe(kind: str, name: str = "") -> bytes:
    return frame(b"D", kind.encode() + cstring(name))


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    return frame(b"E", cstring(portal) + struct.pack("!i", max_rows))


def close(kind: str, name: str = "") -> bytes:
    return frame(b"C", kind.encode() + cstring(name))


def flush() -> bytes:
    return frame(b"H")


def sync() -> bytes:
    return frame(b"S")


# Backend messages.

SIMPLE_KINDS = {
    b"1": "ParseComplete",
    b"2": "BindComplete",
    b"3": "CloseComplete",
    b"I": "EmptyQueryResponse",
    b"n": "NoData",
    b"s": "PortalSuspended",
    b"c": "CopyDone",
}


class Reader:
    """Takes the body of a message apart, and insists that nothing is left over."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def numbers(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from(layout, self._body, self._at)
        self._at += struct.calcsize(layout)
        return found

    def text(self) -> str:
        end = self._body.index(b"\0", self._at)
        found = self._body[self._at : end].decode()
        self._at = end + 1
        return found

    def take(self, size: int) -> bytes:
        found = self._body[self._at : self._at + size]
        assert len(found) == size, "a message is shorter than it says"
        self._at += size
        return found

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    def end(self) -> None:
        assert self._at == len(self._body), f"{len(self._body) - self._at} bytes too many in a message"


def decode(kind: bytes, body: bytes) -> Event:
    reader = Reader(body)
    event = _decode(kind, reader)
    reader.end()
    return event


def _decode(kind: bytes, reader: Reader) -> Event:
    if kind in SIMPLE_KINDS:
        return Event(SIMPLE_KINDS[kind])
    match kind:
        case b"T":
            (count,) = reader.numbers("!h")
            return Event(
                "RowDescription", columns=[Column(reader.text(), *reader.numbers("!IhIhih")) for _ in range(count)]
            )
        case b"D":
            (count,) = reader.numbers("!h")
            values: list[bytes | None] = []
            for _ in range(count):
                (size,) = reader.numbers("!i")
                values.append(None if size < 0 else reader.take(size))
            return Event("DataRow", values=values)
        case b"C":
            return Event("CommandComplete", text=reader.text())
        case b"E" | b"N":
            fields: dict[str, str] = {}
            while (code := reader.take(1)) != b"\0":
                fields[code.decode()] = reader.text()
            return Event("ErrorResponse" if kind == b"E" else "NoticeResponse", fields=fields)
        case b"t":
            (count,) = reader.numbers("!h")
            return Event("ParameterDescription", types=list(reader.numbers(f"!{count}I")))
        case b"S":
            return Event("ParameterStatus", text=f"{reader.text()}={reader.text()}")
        case b"G" | b"H" | b"W":
            name = {b"G": "CopyInResponse", b"H": "CopyOutResponse", b"W": "CopyBothResponse"}[kind]
            overall, count = reader.numbers("!bh")
            return Event(name, types=[overall, *reader.numbers(f"!{count}h")])
        case b"d":
            return Event("CopyData", data=reader.rest())
        case b"A":
            reader.numbers("!i")  # the notifying process, another one on each side
            return Event("NotificationResponse", text=f"{reader.text()}: {reader.text()}")
        case b"Z":
            return Event("ReadyForQuery", text=reader.take(1).decode())
    raise AssertionError(f"unexpected message {kind!r}")


class Connection:
    """One session. Authentication is left to `trust`."""

    def __init__(
        self, host: str, port: int, user: str, database: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self._socket = socket.create_connection((host, port), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        self.status = "I"
        startup = {"user": user, "database": database, "client_encoding": "UTF8"} | dict(settings or {})
        pairs = b"".join(cstring(name) + cstring(value) for name, value in startup.items())
        body = struct.pack("!i", PROTOCOL_3_0) + pairs + b"\0"
        try:
            self._log_in(struct.pack("!i", len(body) + 4) + body)
        except BaseException:
            self._socket.close()
            raise

    def _log_in(self, startup: bytes) -> None:
        self._send(startup)
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise ConnectionLost(f"refused: {decode(kind, body).fields}")
            if kind == b"R" and body != struct.pack("!i", 0):
                raise ConnectionLost("the server wants a password")
            if kind == b"Z":
                return

    def exchange(
        self, frames: bytes, syncs: int = 1, copy: CopyInput | None = None, extended: bool = False
    ) -> list[Event]:
        """Send the frames; return the replies, up to the ReadyForQuery that answers the last of `syncs`."""
        self.start(frames)
        return self.finish(syncs, copy, extended)

    def start(self, frames: bytes) -> None:
        self._send(frames)

    def finish(self, syncs: int = 1, copy: CopyInput | None = None, extended: bool = False) -> list[Event]:
        events: list[Event] = []
        while syncs:
            event = decode(*self._receive())
            events.append(event)
            if event.kind == "ReadyForQuery":
                self.status = event.text
                syncs -= 1
            elif event.kind == "CopyInResponse":
                # The server skips a Sync that comes in the middle of COPY, so an extended COPY needs another one.
                self._send((copy or CopyInput(b"")).frames() + (sync() if extended else b""))
        return events

    def rows(self, sql: str) -> list[list[str | None]]:
        """The rows of a query of the tests themselves, as text."""
        events = self.exchange(query(sql))
        errors = [event.fields for event in events if event.kind == "ErrorResponse"]
        assert not errors, f"{errors} in {sql}"
        return [[_text(v) for v in event.values] for event in events if event.kind == "DataRow"]

    def close(self) -> None:
        try:
            self._socket.sendall(frame(b"X"))
        except OSError:
            pass  # it was gone already
        finally:
            self._socket.close()

    def _send(self, frames: bytes) -> None:
        try:
            self._socket.sendall(frames)
        except OSError as error:
            raise ConnectionLost(str(error)) from error

    def _receive(self) -> tuple[bytes, bytes]:
        self._fill(5)
        (size,) = struct.unpack_from("!i", self._buffer, 1)
        self._fill(size + 1)
        kind, body = bytes(self._buffer[:1]), bytes(self._buffer[5 : size + 1])
        del self._buffer[: size + 1]
        return kind, body

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                received = self._socket.recv(65536)
            except OSError as error:
                raise ConnectionLost(str(error)) from error
            if not received:
                raise ConnectionLost("the server closed the connection")
            self._buffer += received


def only(events: Iterable[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
