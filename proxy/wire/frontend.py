"""What a client sends, after the startup packet.

Only messages that the proxy reads or makes have a value here; the rest are relayed as the bytes that came.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from proxy.wire.fields import INT32, UINT16, UINT32, MalformedMessage, read, read_cstring
from proxy.wire.framing import LARGE_MESSAGE_LIMIT, SMALL_MESSAGE_LIMIT, frame, pack_length


class Frontend(IntEnum):
    """Type bytes of the client's messages."""

    BIND = ord("B")
    CLOSE = ord("C")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_FAIL = ord("f")
    DESCRIBE = ord("D")
    EXECUTE = ord("E")
    FLUSH = ord("H")
    FUNCTION_CALL = ord("F")
    PARSE = ord("P")
    PASSWORD = ord("p")
    QUERY = ord("Q")
    SYNC = ord("S")
    TERMINATE = ord("X")


#: The longest length a client may announce per message, after login. What is missing here is unknown.
LENGTH_LIMITS: dict[int, int] = {
    Frontend.BIND: LARGE_MESSAGE_LIMIT,
    Frontend.CLOSE: SMALL_MESSAGE_LIMIT,
    Frontend.COPY_DATA: LARGE_MESSAGE_LIMIT,
    Frontend.COPY_DONE: SMALL_MESSAGE_LIMIT,
    Frontend.COPY_FAIL: SMALL_MESSAGE_LIMIT,
    Frontend.DESCRIBE: SMALL_MESSAGE_LIMIT,
    Frontend.EXECUTE: SMALL_MESSAGE_LIMIT,
    Frontend.FLUSH: SMALL_MESSAGE_LIMIT,
    Frontend.FUNCTION_CALL: LARGE_MESSAGE_LIMIT,
    Frontend.PARSE: LARGE_MESSAGE_LIMIT,
    Frontend.QUERY: LARGE_MESSAGE_LIMIT,
    Frontend.SYNC: SMALL_MESSAGE_LIMIT,
    Frontend.TERMINATE: SMALL_MESSAGE_LIMIT,
}

#: Messages whose bodies are passed on piece by piece, whatever their size.
STREAMED = frozenset({Frontend.COPY_DATA, Frontend.FUNCTION_CALL, Frontend.BIND})

STATEMENT = ord("S")
PORTAL = ord("P")

SYNC = frame(Frontend.SYNC, b"")
FLUSH = frame(Frontend.FLUSH, b"")
TERMINATE = frame(Frontend.TERMINATE, b"")
COPY_DONE = frame(Frontend.COPY_DONE, b"")


def query(sql: bytes) -> bytes:
    """The frame of a Query: what `Query(sql).encode()` gives, without the object."""
    return b"Q%b%b\0" % (pack_length(len(sql) + 5), sql)


@dataclass(frozen=True, slots=True)
class Query:
    sql: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        sql, end = read_cstring(body, 0)
        _expect_end(body, end)
        return cls(sql)

    def encode(self) -> bytes:
        return query(self.sql)


@dataclass(frozen=True, slots=True)
class Parse:
    name: bytes
    sql: bytes
    param_types: tuple[int, ...] = ()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        name, position = read_cstring(body, 0)
        sql, position = read_cstring(body, position)
        count, position = read(UINT16, body, position)
        types = []
        for _ in range(count):
            oid, position = read(UINT32, body, position)
            types.append(oid)
        _expect_end(body, position)
        return cls(name, sql, tuple(types))

    def encode(self) -> bytes:
        types = b"".join(map(UINT32.pack, self.param_types))
        return frame(Frontend.PARSE, b"%b\0%b\0%b%b" % (self.name, self.sql, UINT16.pack(len(self.param_types)), types))


@dataclass(frozen=True, slots=True)
class Bind:
    """A Bind without parameters, all results in text: the only kind the proxy makes of its own."""

    portal: bytes
    statement: bytes

    def encode(self) -> bytes:
        return frame(Frontend.BIND, b"%b\0%b\0\0\0\0\0\0\0" % (self.portal, self.statement))


@dataclass(frozen=True, slots=True)
class Describe:
    what: int
    name: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        return cls(*_read_target(body))

    def encode(self) -> bytes:
        return frame(Frontend.DESCRIBE, b"%c%b\0" % (self.what, self.name))


@dataclass(frozen=True, slots=True)
class Execute:
    portal: bytes
    max_rows: int = 0

    @classmethod
    def decode(cls, body: bytes) -> Self:
        portal, position = read_cstring(body, 0)
        max_rows, position = read(INT32, body, position)
        _expect_end(body, position)
        return cls(portal, max_rows)

    def encode(self) -> bytes:
        return frame(Frontend.EXECUTE, b"%b\0%b" % (self.portal, INT32.pack(self.max_rows)))


@dataclass(frozen=True, slots=True)
class Close:
    what: int
    name: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        return cls(*_read_target(body))

    def encode(self) -> bytes:
        return frame(Frontend.CLOSE, b"%c%b\0" % (self.what, self.name))


@dataclass(frozen=True, slots=True)
class CopyFail:
    reason: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        reason, end = read_cstring(body, 0)
        _expect_end(body, end)
        return cls(reason)

    def encode(self) -> bytes:
        return frame(Frontend.COPY_FAIL, self.reason + b"\0")


def _read_target(body: bytes) -> tuple[int, bytes]:
    if not body or body[0] not in (STATEMENT, PORTAL):
        raise MalformedMessage("neither a statement nor a portal is named")
    name, end = read_cstring(body, 1)
    _expect_end(body, end)
    return body[0], name


def _expect_end(body: bytes, position: int) -> None:
    if position != len(body):
        raise MalformedMessage("a message is longer than what it holds")
