"""TLS with clients: asked for, begun at once, with certificates on either side. Upstream's is in `test_login`."""

import ssl
import threading

import psycopg
import pytest

from proxy.startup import SSL_REQUEST
from proxy.tls import ALPN, TlsLayer, client_context, server_context
from tests.fix_proxy import ProxyProcess
from tests.proxy.certificates import Authority
from tests.proxy.raw import Raw, packet, startup


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "stranger")


def trusting(authority, alpn=ALPN):
    context = ssl.create_default_context(cafile=str(authority.ca))
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


# --- the layer, in memory ---


def shake_hands(server, client):
    client.start()
    for _ in range(4):
        server.receive(client.take_output())
        client.receive(server.take_output())
    assert server.established
    assert client.established


@pytest.fixture
def layers(authority):
    cert, key = authority.issue("localhost")
    server = TlsLayer(server_context(cert, key, None, "TLSv1.2"), server_side=True)
    client = TlsLayer(
        client_context("verify-full", authority.ca, "TLSv1.2"), server_side=False, server_hostname="localhost"
    )
    return server, client


def test_both_directions(layers):
    server, client = layers
    shake_hands(server, client)
    for size in (1, 16_384, 1_000_000):
        client.send(b"x" * size)
        assert server.receive(client.take_output()) == b"x" * size
        server.send(b"y" * size)
        assert client.receive(server.take_output()) == b"y" * size


def test_a_handshake_byte_by_byte(layers):
    server, client = layers
    client.start()
    for _ in range(4):
        for byte in client.take_output():
            server.receive(bytes((byte,)))
        client.receive(server.take_output())
    client.send(b"hello")
    assert server.receive(client.take_output()) == b"hello"


def test_close_notify(layers):
    server, client = layers
    shake_hands(server, client)
    client.send(b"bye")
    client.close()
    assert server.receive(client.take_output()) == b"bye"
    assert server.ended


def test_garbage(layers):
    server, _ = layers
    with pytest.raises(ssl.SSLError):
        server.receive(b"\x16\x03\x01" + b"\xff" * 100)


# --- clients ---


@pytest.fixture(scope="module")
def tls_proxy(authority, postgres):
    cert, key = authority.issue("localhost")
    process = ProxyProcess(upstream=postgres.dsn(), tls_cert=cert, tls_key=key)
    yield process
    process.close()


def test_a_client_that_asks(tls_proxy, authority):
    for sslmode in ("prefer", "require", "verify-full"):
        with psycopg.connect(
            tls_proxy.url(), host="localhost", sslmode=sslmode, sslrootcert=str(authority.ca), hostaddr="127.0.0.1"
        ) as connection:
            assert connection.pgconn.ssl_in_use
            assert connection.execute("SELECT repeat('x', 1000000)").fetchone() == ("x" * 1_000_000,)


def test_a_client_that_does_not(tls_proxy):
    with psycopg.connect(tls_proxy.url(), sslmode="disable") as connection:
        assert not connection.pgconn.ssl_in_use


def test_a_client_that_does_not_trust_us(tls_proxy, stranger):
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(tls_proxy.url(), sslmode="verify-ca", sslrootcert=str(stranger.ca))
    with psycopg.connect(tls_proxy.url(), sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_client_that_begins_with_tls(tls_proxy, authority):
    with Raw(tls_proxy.host, tls_proxy.port) as raw:
        raw.start_tls(trusting(authority)).log_in("postgres")
        assert raw.query("SELECT 1")
    with psycopg.connect(tls_proxy.url(), sslmode="require", sslnegotiation="direct") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("alpn", [None, "http/1.1"])
def test_direct_tls_needs_alpn(tls_proxy, authority, alpn):
    """Else one port could be mistaken for another protocol's (ALPACA)."""
    with Raw(tls_proxy.host, tls_proxy.port) as raw:
        raw.start_tls(trusting(authority, alpn)).send(startup("postgres"))
        assert raw.error()["C"] == "08P01"


def test_direct_tls_without_a_certificate(proxy):
    with Raw(proxy.host, proxy.port) as raw:
        raw.send(b"\x16\x03\x01\x00\x05hello")
        assert raw.error()["C"] == "08P01"


def test_a_second_layer_is_not_offered(tls_proxy, authority):
    with Raw(tls_proxy.host, tls_proxy.port) as raw:
        raw.ask_for_tls(trusting(authority)).send(packet(SSL_REQUEST))
        assert raw.error()["C"] == "0A000"


def test_clear_text_glued_to_the_request(tls_proxy):
    with Raw(tls_proxy.host, tls_proxy.port) as raw:
        raw.send(packet(SSL_REQUEST) + startup("postgres"))
        assert raw.error()["C"] == "08P01"


def test_a_handshake_that_is_no_handshake(tls_proxy):
    with Raw(tls_proxy.host, tls_proxy.port) as raw:
        raw.send(packet(SSL_REQUEST))
        assert raw.read(1) == b"S"
        raw.send(startup("postgres"))
        raw.read(1000)
        assert raw.is_over()
    with psycopg.connect(tls_proxy.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_minimum_version(authority, postgres, new_proxy):
    cert, key = authority.issue("localhost")
    proxy = new_proxy(upstream=postgres.dsn(), tls_cert=cert, tls_key=key, tls_min_version="TLSv1.3")
    with pytest.raises(psycopg.OperationalError, match="SSL error"):
        psycopg.connect(proxy.url(), sslmode="require", ssl_max_protocol_version="TLSv1.2")
    with psycopg.connect(proxy.url(), sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_client_certificates(authority, stranger, postgres, new_proxy):
    cert, key = authority.issue("localhost")
    proxy = new_proxy(upstream=postgres.dsn(), tls_cert=cert, tls_key=key, tls_ca=authority.ca)
    cert, key = authority.issue("somebody")
    with psycopg.connect(proxy.url(), sslmode="require", sslcert=str(cert), sslkey=str(key)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.url(), sslmode="require")
    cert, key = stranger.issue("somebody else")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.url(), sslmode="require", sslcert=str(cert), sslkey=str(key))


def test_a_cancel_request_over_tls(tls_proxy, authority):
    with psycopg.connect(tls_proxy.url(), sslmode="require", autocommit=True) as connection:
        timer = threading.Timer(0.3, connection.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(20)")
        timer.join()
