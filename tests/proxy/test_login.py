"""Authentication relayed: every method of PostgreSQL, with TLS on neither, either and both sides."""

from pathlib import Path

import psycopg
import pytest

from proxy.login import without_channel_binding
from proxy.wire.backend import Authentication, AuthenticationRequest
from tests.fix_postgres import TRUST, PostgresServer
from tests.proxy.certificates import Authority

PASSWORD = "p:ss wörd"


def test_channel_binding_is_not_offered():
    offered = AuthenticationRequest(Authentication.SASL, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
    assert without_channel_binding(offered).payload == b"SCRAM-SHA-256\0\0"
    other = AuthenticationRequest(Authentication.SASL, b"OAUTHBEARER\0SCRAM-SHA-256\0\0")
    assert without_channel_binding(other) == other


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def roles(postgres):
    """One role per way to keep a password."""
    postgres.execute(
        f"SET password_encryption = 'md5'; CREATE ROLE with_md5 LOGIN PASSWORD '{PASSWORD}';"
        f"SET password_encryption = 'scram-sha-256'; CREATE ROLE with_scram LOGIN PASSWORD '{PASSWORD}'"
    )


@pytest.fixture
def ask(postgres):
    """Make PostgreSQL ask everybody who comes over TCP for a password in this way."""
    yield lambda method: postgres.set_hba([f"host all with_md5,with_scram 127.0.0.1/32 {method}", *TRUST])
    postgres.set_hba(TRUST)


def log_in(proxy, user, password=PASSWORD, **more):
    arguments = {"host": proxy.host, "port": proxy.port, "dbname": "postgres", "user": user, "password": password}
    with psycopg.connect(**arguments | more) as connection:
        return connection.execute("SELECT current_user").fetchone()[0]


@pytest.mark.parametrize(
    ("method", "user"),
    [
        ("trust", "with_scram"),
        ("password", "with_scram"),
        ("md5", "with_md5"),
        ("md5", "with_scram"),
        ("scram-sha-256", "with_scram"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_every_method(proxy, roles, ask, method, user):
    ask(method)
    assert log_in(proxy, user) == user
    if method != "trust":
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            log_in(proxy, user, "wrong")


def test_reject(proxy, roles, ask):
    ask("reject")
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        log_in(proxy, "with_scram")


def test_scram_with_a_client_that_speaks_tls(postgres, roles, ask, authority, new_proxy):
    cert, key = authority.issue("localhost")
    proxy = new_proxy(upstream=postgres.dsn(), tls_cert=cert, tls_key=key)
    ask("scram-sha-256")
    assert log_in(proxy, "with_scram", sslmode="require") == "with_scram"
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        log_in(proxy, "with_scram", sslmode="require", channel_binding="require")


@pytest.fixture(scope="module")
def tls_server(authority):
    """PostgreSQL that speaks TLS: Debian's, since the wheel's is built without it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        pytest.skip("no PostgreSQL with TLS on this machine")
    server = PostgresServer(programs[-1].parent, {"ssl": "on"})
    for name, path in zip(("server.crt", "server.key"), authority.issue("localhost"), strict=True):
        target = server.data / name
        target.write_bytes(path.read_bytes())
        target.chmod(0o600)
        server.user.own(target)
    try:
        server.start()
        server.execute(f"CREATE ROLE with_scram LOGIN PASSWORD '{PASSWORD}'")
        server.set_hba(["hostssl all with_scram 127.0.0.1/32 scram-sha-256", *TRUST])
        yield server
    finally:
        server.remove()


def test_scram_with_an_upstream_that_speaks_tls(tls_server, new_proxy):
    proxy = new_proxy(upstream=tls_server.dsn(), upstream_sslmode="require")
    assert log_in(proxy, "with_scram") == "with_scram"


def test_scram_with_tls_on_both_sides(tls_server, authority, new_proxy):
    """The client could bind its channel and says so, the server could bind its own: no proxy can satisfy both."""
    cert, key = authority.issue("localhost")
    proxy = new_proxy(upstream=tls_server.dsn(), upstream_sslmode="require", tls_cert=cert, tls_key=key)
    assert log_in(proxy, "with_scram", sslmode="require", channel_binding="disable") == "with_scram"
    with pytest.raises(psycopg.OperationalError, match="Connect with channel_binding=disable"):
        log_in(proxy, "with_scram", sslmode="require")


@pytest.mark.parametrize("sslmode", ["prefer", "require", "verify-ca"])
def test_upstream_over_tls(tls_server, authority, new_proxy, sslmode):
    proxy = new_proxy(upstream=tls_server.dsn(), upstream_sslmode=sslmode, upstream_tls_ca=authority.ca)
    with psycopg.connect(proxy.url(), autocommit=True) as connection:
        used = connection.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert used == (True, "TLSv1.3")


def test_upstream_without_tls(postgres, new_proxy):
    for sslmode in ("disable", "prefer"):
        proxy = new_proxy(upstream=postgres.dsn(), upstream_sslmode=sslmode)
        with psycopg.connect(proxy.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
