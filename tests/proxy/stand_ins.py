"""What is sent in the place of a refused statement, and how it fails."""

from proxy.wire.backend import Diagnostic
from proxy.wire.frontend import SYNC, Parse
from tests.playbook import error

_SECOND = b'\n; TABLE kameleon."refused by Kameleon"'


def refused_parse(sql: bytes) -> bytes:
    """Of a simple Query."""
    return Parse(b"", sql + _SECOND).encode() + SYNC


def refused_in_pipeline(sql: bytes, name: bytes = b"kameleon") -> bytes:
    return Parse(name, sql + _SECOND).encode()


def stand_in_error() -> Diagnostic:
    return error("42601", "cannot insert multiple commands into a prepared statement")
