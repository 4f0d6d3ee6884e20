"""What is sent in the place of a refused statement, and how it fails."""

from proxy.wire.backend import Diagnostic
from proxy.wire.frontend import STATEMENT, SYNC, Close, Parse
from tests.playbook import CLOSE_COMPLETE, PARSE_COMPLETE, as_bytes, error

_STAND_IN = b'TABLE kameleon."refused by Kameleon"'


def refused_parse(sql: bytes) -> bytes:
    """Of a simple Query whose statement PostgreSQL analyzes when it is parsed."""
    return refused_in_pipeline(sql, b"") + SYNC


def refused_in_pipeline(sql: bytes, name: bytes = b"kameleon") -> bytes:
    close = Close(STATEMENT, name)
    return as_bytes((close, Parse(name, sql), close, Parse(name, _STAND_IN)))


def refused_unanalyzed(sql: bytes, name: bytes = b"kameleon") -> bytes:
    """Without a question about the client's text beyond its grammar."""
    return Parse(name, sql + b"\n; " + _STAND_IN).encode()


def stand_in_error() -> bytes:
    failed = error("42P01", 'relation "kameleon.refused by Kameleon" does not exist')
    return as_bytes((CLOSE_COMPLETE, PARSE_COMPLETE, CLOSE_COMPLETE, failed))


def several_error() -> Diagnostic:
    """What `refused_unanalyzed` gets."""
    return error("42601", "cannot insert multiple commands into a prepared statement")
