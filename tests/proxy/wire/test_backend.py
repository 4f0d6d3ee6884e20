import pytest

from proxy.wire.backend import (
    AuthenticationRequest,
    Backend,
    BackendKeyData,
    Column,
    CommandComplete,
    DataRow,
    Diagnostic,
    NegotiateProtocolVersion,
    ParameterDescription,
    ParameterStatus,
    ReadyForQuery,
    RowDescription,
)
from proxy.wire.fields import MalformedMessage

COLUMN = Column(b"id", 16_000, 1, 23, 4, -1, 0)

ROUND_TRIPS = [
    (AuthenticationRequest(10, b"SCRAM-SHA-256\0\0"), b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
    (AuthenticationRequest(0), b"R\0\0\0\x08\0\0\0\0"),
    (BackendKeyData(77, b"\1\2\3\4"), b"K\0\0\0\x0c\0\0\0\x4d\1\2\3\4"),
    (BackendKeyData(77, b"k" * 256), b"K\0\0\1\x08\0\0\0\x4d" + b"k" * 256),
    (ParameterStatus(b"TimeZone", b"UTC"), b"S\0\0\0\x11TimeZone\0UTC\0"),
    (CommandComplete(b"INSERT 0 1"), b"C\0\0\0\x0fINSERT 0 1\0"),
    (ReadyForQuery(ord("T")), b"Z\0\0\0\5T"),
    (RowDescription(()), b"T\0\0\0\6\0\0"),
    (
        RowDescription((COLUMN,)),
        b"T\0\0\0\x1b\0\1id\0\0\0\x3e\x80\0\1\0\0\0\x17\0\4\xff\xff\xff\xff\0\0",
    ),
    (ParameterDescription((23, 25)), b"t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19"),
    # A NULL has no bytes, and is not an empty value.
    (DataRow((b"x", None, b"")), b"D\0\0\0\x13\0\3\0\0\0\1x\xff\xff\xff\xff\0\0\0\0"),
    (NegotiateProtocolVersion(2, (b"_pq_.x",)), b"v\0\0\0\x13\0\0\0\2\0\0\0\1_pq_.x\0"),
]


@pytest.mark.parametrize(("message", "encoded"), ROUND_TRIPS, ids=lambda value: repr(value)[:30])
def test_round_trip(message, encoded):
    assert message.encode() == encoded
    assert type(message).decode(encoded[5:]) == message


def test_diagnostic_keeps_the_order_of_its_fields():
    encoded = b"N\0\0\0\x1cSNOTICE\0VNOTICE\0C00000\0Mx\0\0"
    message = Diagnostic.decode(Backend.NOTICE_RESPONSE, encoded[5:])
    assert list(message.fields) == ["S", "V", "C", "M"]
    assert message.encode()[5:] == encoded[5:]


def test_diagnostic_without_sqlstate():
    """PgBouncer's CVE-2026-6666: a server's error may lack any field."""
    message = Diagnostic.decode(Backend.ERROR_RESPONSE, b"Mno memory left\0\0")
    assert message.sqlstate == b""
    assert Diagnostic.decode(Backend.ERROR_RESPONSE, b"\0").fields == {}
    assert Diagnostic.decode(Backend.ERROR_RESPONSE, b"").fields == {}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (AuthenticationRequest, b"\0\0"),
        (ParameterStatus, b"TimeZone\0UTC"),
        (CommandComplete, b"SELECT 1"),
        (ReadyForQuery, b""),
        (RowDescription, b"\0\1id\0\0\0"),
        (ParameterDescription, b"\0\2\0\0\0\x17"),
        (DataRow, b"\0\1\0\0\0\x09x"),
        (DataRow, b"\0\1\xff\xff\xff\xfe"),
        (NegotiateProtocolVersion, b"\0\0\0\2\0\0\0\1_pq_"),
    ],
)
def test_malformed(kind, body):
    with pytest.raises(MalformedMessage):
        kind.decode(body)


def test_malformed_diagnostic():
    with pytest.raises(MalformedMessage):
        Diagnostic.decode(Backend.ERROR_RESPONSE, b"Mnot terminated")
