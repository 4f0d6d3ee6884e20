"""Frames: one type byte, a four byte length that counts itself, a body."""

import struct

HEADER_SIZE = 5

_LENGTH = struct.Struct("!I")
_HEADER = struct.Struct("!BI")
#: `unpack_length(data, position)[0]` reads a length; bound once because the relay calls it per frame.
unpack_length = _LENGTH.unpack_from
pack_length = _LENGTH.pack
#: `unpack_header(data, position)` reads the type and the length.
unpack_header = _HEADER.unpack_from

# PostgreSQL's own limits (pqcomm: PQ_SMALL_MESSAGE_LIMIT, PQ_LARGE_MESSAGE_LIMIT). A message that the
# server would refuse is refused here, before anything of it is sent on.
SMALL_MESSAGE_LIMIT = 10_000
LARGE_MESSAGE_LIMIT = 0x3FFF_FFFF - 1


def frame(kind: int, body: bytes) -> bytes:
    return b"%c%b%b" % (kind, pack_length(len(body) + 4), body)
