"""A client that is nothing but a socket: it costs next to nothing, so what is measured is the other side."""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Self

from proxy.dsn import Dsn

_BUFFER = bytearray(1 << 20)
_READY = b"Z\x00\x00\x00\x05I"


class BareClient:
    """Logged in by trust when it is constructed."""

    def __init__(self, dsn: Dsn) -> None:
        self._socket = socket.create_connection((dsn.host, dsn.port))
        parameters = b"user\0%b\0database\0%b\0\0" % (dsn.user.encode(), dsn.dbname.encode())
        self._socket.sendall(struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters)
        self._read_to_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def query(self, sql: str) -> int:
        """Run a simple Query outside of a transaction; the size of the answer, of which nothing is kept."""
        message = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!I", len(message) + 4) + message)
        return self._read_to_ready()

    def _read_to_ready(self) -> int:
        """Only the last bytes of each chunk are looked at: values in text hold no such bytes."""
        total = 0
        last = b""
        while last != _READY:
            size = self._socket.recv_into(_BUFFER)
            if not size:
                raise AssertionError("the server closed the connection")
            if not total and _BUFFER[0] == ord("E"):
                raise AssertionError(bytes(_BUFFER[:size]).decode(errors="replace"))
            total += size
            last = (last + _BUFFER[max(0, size - len(_READY)) : size])[-len(_READY) :]
        return total
