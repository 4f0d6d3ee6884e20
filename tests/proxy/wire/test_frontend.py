import pytest

from proxy.wire.fields import MalformedMessage
from proxy.wire.frontend import PORTAL, STATEMENT, Bind, Close, CopyFail, Describe, Execute, Parse, Query

ROUND_TRIPS = [
    (Query(b"SELECT 1"), b"Q\0\0\0\x0dSELECT 1\0"),
    (Query(b""), b"Q\0\0\0\x05\0"),
    (Parse(b"s", b"SELECT $1", (23, 0xFFFF_FFFF)), b"P\0\0\0\x1as\0SELECT $1\0\0\2\0\0\0\x17\xff\xff\xff\xff"),
    (Parse(b"", b""), b"P\0\0\0\x08\0\0\0\0"),
    (Describe(STATEMENT, b"s"), b"D\0\0\0\x07Ss\0"),
    (Describe(PORTAL, b""), b"D\0\0\0\x06P\0"),
    (Execute(b"p", 100), b"E\0\0\0\x0ap\0\0\0\0\x64"),
    (Close(STATEMENT, b"s"), b"C\0\0\0\x07Ss\0"),
    (CopyFail(b"no more"), b"f\0\0\0\x0cno more\0"),
]


@pytest.mark.parametrize(("message", "encoded"), ROUND_TRIPS, ids=lambda value: repr(value)[:30])
def test_round_trip(message, encoded):
    assert message.encode() == encoded
    assert type(message).decode(encoded[5:]) == message


def test_bind_without_parameters():
    assert Bind(b"p", b"s").encode() == b"B\0\0\0\x0ep\0s\0\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Query, b"SELECT 1"),
        (Query, b"SELECT 1\0more"),
        (Parse, b"s\0SELECT 1\0"),
        (Parse, b"s\0SELECT 1\0\0\2\0\0\0\x17"),
        (Parse, b"s\0SELECT 1\0\0\0more"),
        (Describe, b""),
        (Describe, b"Xs\0"),
        (Describe, b"Ss"),
        (Execute, b"p\0\0\0"),
        (Close, b"S"),
        (CopyFail, b"x"),
    ],
)
def test_malformed(kind, body):
    with pytest.raises(MalformedMessage):
        kind.decode(body)
