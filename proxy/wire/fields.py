"""The field types that message bodies are made of."""

import struct
from collections.abc import Iterator

INT16 = struct.Struct("!h")
UINT16 = struct.Struct("!H")
INT32 = struct.Struct("!i")
UINT32 = struct.Struct("!I")


class MalformedMessage(ValueError):
    """A body that does not hold what its type says. The peer that sent it is at fault."""


def read_cstring(data: bytes, position: int) -> tuple[bytes, int]:
    """The bytes up to the next NUL, and the position after it."""
    end = data.find(b"\0", position)
    if end < 0:
        raise MalformedMessage("a string is not terminated")
    return data[position:end], end + 1


def read(layout: struct.Struct, data: bytes, position: int) -> tuple[int, int]:
    """One integer, and the position after it."""
    try:
        value: int = layout.unpack_from(data, position)[0]
    except struct.error as error:
        raise MalformedMessage("a message ends in the middle of a number") from error
    return value, position + layout.size


def read_values(data: bytes, position: int, count: int) -> Iterator[bytes | None]:
    """Length-prefixed values, as DataRow has them. A length of -1 is NULL and has no bytes."""
    for _ in range(count):
        size, position = read(INT32, data, position)
        if size == -1:
            yield None
            continue
        if size < 0 or position + size > len(data):
            raise MalformedMessage("a value's length lies")
        yield data[position : position + size]
        position += size
