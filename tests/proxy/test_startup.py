"""How a conversation begins: over real sockets, with everything a client may do wrong."""

import struct
import time

import psycopg
import pytest

from proxy.startup import CANCEL_REQUEST, GSSENC_REQUEST, SSL_REQUEST, CancelRequest, StartupMessage
from proxy.wire.backend import Backend, DataRow, NegotiateProtocolVersion
from proxy.wire.fields import MalformedMessage
from tests.proxy.raw import PROTOCOL_3_0, PROTOCOL_3_2, Raw, packet, startup


@pytest.fixture(scope="module")
def database(module_database):
    return module_database


@pytest.fixture
def connect(proxy, database):
    connections = []

    def open_one():
        connections.append(Raw(proxy.host, proxy.port))
        return connections[-1]

    yield open_one
    for connection in connections:
        connection.socket.close()


def setting(raw, name):
    rows = [body for kind, body in raw.query(f"SHOW {name}") if kind == Backend.DATA_ROW]
    return DataRow.decode(rows[0]).values[0].decode()


# --- the packets ---


def test_startup_message_round_trip():
    message = StartupMessage(PROTOCOL_3_0, ((b"user", b"me"), (b"options", b"-c a=b\\ c")))
    encoded = message.encode()
    assert struct.unpack("!I", encoded[:4])[0] == len(encoded)
    assert StartupMessage.decode(encoded[4:]) == message


@pytest.mark.parametrize("body", [b"\0\3\0\0", b"\0\3\0\0user\0me", b"\0\3\0\0user\0me\0", b"\0\3\0\0user\0me\0\0x"])
def test_malformed_startup_messages(body):
    with pytest.raises(MalformedMessage):
        StartupMessage.decode(body)


def test_the_database_is_the_users_by_default():
    assert StartupMessage(PROTOCOL_3_0, ((b"user", b"me"),)).database == b"me"
    assert StartupMessage(PROTOCOL_3_0, ((b"user", b"me"), (b"database", b"d"))).database == b"d"
    assert StartupMessage(PROTOCOL_3_0, ((b"database", b"c"), (b"database", b"d"))).database == b"d"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"database", True), (b"true", True), (b"on", True), (b"1", True), (b"no", False), (b"off", False), (b"0", False)],
)
def test_replication(value, expected):
    assert StartupMessage(PROTOCOL_3_0, ((b"replication", value),)).is_replication is expected
    assert not StartupMessage(PROTOCOL_3_0, ()).is_replication


def test_default_storage_is_asked_for_unless_the_client_asks():
    plain = StartupMessage(PROTOCOL_3_0, ((b"user", b"me"),)).with_default_storage("shared")
    assert plain.get(b"kameleon.default_storage") == b"shared"
    for own in ((b"Kameleon.Default_Storage", b"dedicated"), (b"options", b"-c kameleon.default_storage=dedicated")):
        message = StartupMessage(PROTOCOL_3_0, (own,))
        assert message.with_default_storage("shared") is message


def test_cancel_request_round_trip():
    for key in (b"\1\2\3\4", b"k" * 32, b"k" * 256):
        request = CancelRequest(77, key)
        assert CancelRequest.decode(request.encode()[4:]) == request
    for body in (struct.pack("!II", CANCEL_REQUEST, 1), struct.pack("!II", CANCEL_REQUEST, 1) + b"k" * 257):
        with pytest.raises(MalformedMessage):
            CancelRequest.decode(body)


# --- over the wire ---


def test_encryption_is_refused_politely_and_the_client_goes_on(connect, database):
    raw = connect().send(packet(SSL_REQUEST))
    assert raw.read(1) == b"N"
    raw.send(packet(GSSENC_REQUEST))
    assert raw.read(1) == b"N"
    raw.log_in(database.name)


@pytest.mark.parametrize("request_code", [SSL_REQUEST, GSSENC_REQUEST])
def test_bytes_behind_an_encryption_request(connect, database, request_code):
    """CVE-2021-23214 of PostgreSQL, and PgBouncer's of the same kind."""
    fields = connect().send(packet(request_code) + startup(database.name)).error()
    assert fields["S"] == "FATAL"
    assert fields["C"] == "08P01"


def test_an_encryption_request_twice(connect):
    raw = connect().send(packet(SSL_REQUEST))
    assert raw.read(1) == b"N"
    assert raw.send(packet(SSL_REQUEST)).error()["C"] == "0A000"


@pytest.mark.parametrize("length", [0, 3, 7, 10_001, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_length_that_lies(connect, length):
    fields = connect().send(struct.pack("!I", length)).error()
    assert (fields["S"], fields["C"]) == ("FATAL", "08P01")
    assert fields["M"] == "invalid length of startup packet"


def test_the_longest_startup_packet(connect, database):
    raw = connect()
    raw.log_in(database.name, application_name="x" * 9_000)
    assert raw.query("SELECT 1")


@pytest.mark.parametrize("version", [0x0002_0000, 0x0004_0000, 0, 0x1234_0000])
def test_an_unsupported_protocol(connect, version):
    assert connect().send(packet(version, b"user\0me\0\0")).error()["C"] == "0A000"


@pytest.mark.parametrize("body", [b"user\0me", b"user\0me\0", b"user", b"\0\0"])
def test_a_malformed_startup_message(connect, body):
    assert connect().send(packet(PROTOCOL_3_0, body)).error()["C"] == "08P01"


def test_protocol_3_2(connect, database, postgres):
    raw = connect().send(startup(database.name, version=PROTOCOL_3_2))
    messages = dict(raw.until(Backend.READY_FOR_QUERY))
    key = messages[Backend.BACKEND_KEY_DATA][4:]
    if postgres.version >= 18:
        assert Backend.NEGOTIATE_PROTOCOL_VERSION not in messages
        assert len(key) == 32
    else:
        assert NegotiateProtocolVersion.decode(messages[Backend.NEGOTIATE_PROTOCOL_VERSION]).newest == PROTOCOL_3_0
        assert len(key) == 4


def test_a_protocol_of_the_future(connect, database, postgres):
    """PostgreSQL 19's libpq asks for 3.9999, to keep servers honest."""
    raw = connect().send(startup(database.name, version=0x0003_270F, **{"_pq_.frobnicate": "1"}))
    negotiated = NegotiateProtocolVersion.decode(dict(raw.until(Backend.READY_FOR_QUERY))[ord("v")])
    assert negotiated.newest == (PROTOCOL_3_2 if postgres.version >= 18 else PROTOCOL_3_0)
    assert negotiated.options == (b"_pq_.frobnicate",)


def test_a_database_that_does_not_exist(connect):
    raw = connect().send(startup("no such database"))
    assert raw.message() == (Backend.AUTHENTICATION, b"\0\0\0\0")
    assert raw.error()["C"] == "3D000"


def test_no_user(connect):
    assert connect().send(packet(PROTOCOL_3_0, b"\0")).error()["C"] == "28000"


def test_new_tables_are_shared_unless_the_client_says_otherwise(connect, database):
    raw = connect()
    raw.log_in(database.name)
    assert setting(raw, "kameleon.default_storage") == "shared"
    raw = connect()
    raw.log_in(database.name, options="-c kameleon.default_storage=dedicated")
    assert setting(raw, "kameleon.default_storage") == "dedicated"


def test_a_hostile_search_path(connect, database):
    """PgBouncer's CVE-2025-12819: what the startup packet sets must not reach the proxy's own statements."""
    with psycopg.connect(database.direct, autocommit=True) as direct:
        direct.execute("CREATE SCHEMA evil")
        direct.execute("CREATE FUNCTION evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS 'SELECT 1/0'")
        direct.execute(
            "CREATE FUNCTION evil.current_schemas(bool) RETURNS name[] LANGUAGE sql AS 'SELECT NULL::name[]'"
        )
    raw = connect()
    raw.log_in(database.name, search_path="evil, pg_catalog, public")
    for sql in ("CREATE TABLE public.t (a int)", "INSERT INTO public.t VALUES (1)", "SELECT * FROM public.t"):
        answer = raw.query(sql)
        assert Backend.ERROR_RESPONSE not in dict(answer), answer


def test_replication_is_relayed_untouched(new_postgres, new_proxy):
    server = new_postgres({"wal_level": "logical"})
    proxy = new_proxy(upstream=server.dsn())
    with Raw(proxy.host, proxy.port) as raw:
        raw.log_in("postgres", replication="database")
        answer = dict(raw.query("IDENTIFY_SYSTEM"))
        assert DataRow.decode(answer[Backend.DATA_ROW]).values[3] == b"postgres"


def test_a_client_that_never_logs_in_and_its_neighbour(postgres, new_proxy):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name), client_login_timeout=1)
    with (
        Raw(proxy.host, proxy.port) as silent,
        Raw(proxy.host, proxy.port) as slow,
        Raw(proxy.host, proxy.port) as good,
    ):
        good.log_in(name)
        slow.send(b"\0")
        started = time.monotonic()
        fields = silent.error()
        assert (fields["S"], fields["C"]) == ("FATAL", "57014")
        assert time.monotonic() - started < 5
        assert slow.error()["C"] == "57014"
        assert good.query("SELECT 1")


def test_a_client_that_says_nothing_and_leaves(connect, database):
    for part in (b"", b"\0", packet(SSL_REQUEST), startup(database.name)[:20]):
        raw = connect()
        raw.send(part)
        raw.socket.close()
    raw = connect()
    raw.log_in(database.name)
