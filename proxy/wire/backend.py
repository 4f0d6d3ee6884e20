"""What a server sends.

Only messages that the proxy reads or makes have a value here; the rest are relayed as the bytes that came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from proxy.wire.fields import INT16, INT32, UINT16, UINT32, MalformedMessage, read, read_cstring, read_values
from proxy.wire.framing import frame


class Backend(IntEnum):
    """Type bytes of the server's messages."""

    AUTHENTICATION = ord("R")
    BACKEND_KEY_DATA = ord("K")
    BIND_COMPLETE = ord("2")
    CLOSE_COMPLETE = ord("3")
    COMMAND_COMPLETE = ord("C")
    COPY_BOTH_RESPONSE = ord("W")
    COPY_DATA = ord("d")
    COPY_DONE = ord("c")
    COPY_IN_RESPONSE = ord("G")
    COPY_OUT_RESPONSE = ord("H")
    DATA_ROW = ord("D")
    EMPTY_QUERY_RESPONSE = ord("I")
    ERROR_RESPONSE = ord("E")
    FUNCTION_CALL_RESPONSE = ord("V")
    NEGOTIATE_PROTOCOL_VERSION = ord("v")
    NO_DATA = ord("n")
    NOTICE_RESPONSE = ord("N")
    NOTIFICATION_RESPONSE = ord("A")
    PARAMETER_DESCRIPTION = ord("t")
    PARAMETER_STATUS = ord("S")
    PARSE_COMPLETE = ord("1")
    PORTAL_SUSPENDED = ord("s")
    READY_FOR_QUERY = ord("Z")
    ROW_DESCRIPTION = ord("T")


class Authentication(IntEnum):
    """What an AuthenticationXXX message asks for."""

    OK = 0
    CLEARTEXT_PASSWORD = 3
    MD5_PASSWORD = 5
    GSS = 7
    GSS_CONTINUE = 8
    SSPI = 9
    SASL = 10
    SASL_CONTINUE = 11
    SASL_FINAL = 12


#: Messages whose bodies are passed on piece by piece, whatever their size.
STREAMED = frozenset({Backend.DATA_ROW, Backend.COPY_DATA, Backend.FUNCTION_CALL_RESPONSE})

IDLE = ord("I")
IN_TRANSACTION = ord("T")
FAILED_TRANSACTION = ord("E")


@dataclass(frozen=True, slots=True)
class AuthenticationRequest:
    code: int
    payload: bytes = b""

    @classmethod
    def decode(cls, body: bytes) -> Self:
        code, position = read(INT32, body, 0)
        return cls(code, body[position:])

    def encode(self) -> bytes:
        return frame(Backend.AUTHENTICATION, INT32.pack(self.code) + self.payload)


@dataclass(frozen=True, slots=True)
class BackendKeyData:
    """The key is four bytes in protocol 3.0 and up to 256 in 3.2."""

    pid: int
    key: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        pid, position = read(INT32, body, 0)
        return cls(pid, body[position:])

    def encode(self) -> bytes:
        return frame(Backend.BACKEND_KEY_DATA, INT32.pack(self.pid) + self.key)


@dataclass(frozen=True, slots=True)
class ParameterStatus:
    name: bytes
    value: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        name, position = read_cstring(body, 0)
        value, _ = read_cstring(body, position)
        return cls(name, value)

    def encode(self) -> bytes:
        return frame(Backend.PARAMETER_STATUS, b"%b\0%b\0" % (self.name, self.value))


@dataclass(frozen=True, slots=True)
class CommandComplete:
    tag: bytes

    @classmethod
    def decode(cls, body: bytes) -> Self:
        return cls(read_cstring(body, 0)[0])

    def encode(self) -> bytes:
        return frame(Backend.COMMAND_COMPLETE, self.tag + b"\0")


@dataclass(frozen=True, slots=True)
class ReadyForQuery:
    status: int

    @classmethod
    def decode(cls, body: bytes) -> Self:
        if len(body) != 1:
            raise MalformedMessage("ReadyForQuery has one byte")
        return cls(body[0])

    def encode(self) -> bytes:
        return frame(Backend.READY_FOR_QUERY, bytes((self.status,)))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """The fields of an ErrorResponse or NoticeResponse, in the order in which they came.

    A field that is missing, the SQLSTATE too, is just missing: servers and poolers have sent such messages.
    """

    kind: int
    fields: Mapping[str, bytes]

    @classmethod
    def decode(cls, kind: int, body: bytes) -> Self:
        fields: dict[str, bytes] = {}
        position = 0
        while position < len(body) and body[position]:
            code = chr(body[position])
            fields[code], position = read_cstring(body, position + 1)
        return cls(kind, fields)

    def encode(self) -> bytes:
        body = b"".join(b"%c%b\0" % (ord(code), value) for code, value in self.fields.items())
        return frame(self.kind, body + b"\0")

    @property
    def sqlstate(self) -> bytes:
        return self.fields.get("C", b"")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a RowDescription. `table` and `attnum` are 0 for anything but a plain column."""

    name: bytes
    table: int
    attnum: int
    type_oid: int
    type_size: int
    type_modifier: int
    format: int


@dataclass(frozen=True, slots=True)
class RowDescription:
    columns: tuple[Column, ...]

    @classmethod
    def decode(cls, body: bytes) -> Self:
        count, position = read(UINT16, body, 0)
        columns = []
        for _ in range(count):
            name, position = read_cstring(body, position)
            table, position = read(UINT32, body, position)
            attnum, position = read(INT16, body, position)
            type_oid, position = read(UINT32, body, position)
            type_size, position = read(INT16, body, position)
            modifier, position = read(INT32, body, position)
            column_format, position = read(INT16, body, position)
            columns.append(Column(name, table, attnum, type_oid, type_size, modifier, column_format))
        return cls(tuple(columns))

    def encode(self) -> bytes:
        parts = [UINT16.pack(len(self.columns))]
        for column in self.columns:
            parts += (
                column.name,
                b"\0",
                UINT32.pack(column.table),
                INT16.pack(column.attnum),
                UINT32.pack(column.type_oid),
                INT16.pack(column.type_size),
                INT32.pack(column.type_modifier),
                INT16.pack(column.format),
            )
        return frame(Backend.ROW_DESCRIPTION, b"".join(parts))


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    types: tuple[int, ...]

    @classmethod
    def decode(cls, body: bytes) -> Self:
        count, position = read(UINT16, body, 0)
        types = []
        for _ in range(count):
            oid, position = read(UINT32, body, position)
            types.append(oid)
        return cls(tuple(types))

    def encode(self) -> bytes:
        body = UINT16.pack(len(self.types)) + b"".join(map(UINT32.pack, self.types))
        return frame(Backend.PARAMETER_DESCRIPTION, body)


@dataclass(frozen=True, slots=True)
class DataRow:
    values: tuple[bytes | None, ...]

    @classmethod
    def decode(cls, body: bytes) -> Self:
        count, position = read(UINT16, body, 0)
        return cls(tuple(read_values(body, position, count)))

    def encode(self) -> bytes:
        parts = [UINT16.pack(len(self.values))]
        for value in self.values:
            parts += (INT32.pack(-1),) if value is None else (INT32.pack(len(value)), value)
        return frame(Backend.DATA_ROW, b"".join(parts))


@dataclass(frozen=True, slots=True)
class NegotiateProtocolVersion:
    #: The newest protocol that the server speaks, major version included, whatever the documentation calls it.
    newest: int
    options: tuple[bytes, ...] = ()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        newest, position = read(INT32, body, 0)
        count, position = read(INT32, body, position)
        options = []
        for _ in range(count):
            option, position = read_cstring(body, position)
            options.append(option)
        return cls(newest, tuple(options))

    def encode(self) -> bytes:
        options = b"".join(option + b"\0" for option in self.options)
        return frame(
            Backend.NEGOTIATE_PROTOCOL_VERSION, INT32.pack(self.newest) + INT32.pack(len(self.options)) + options
        )
