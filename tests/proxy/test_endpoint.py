"""/metrics, /healthz and /readyz of a real proxy."""

from __future__ import annotations

import http.client
import socket
import threading

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fix_postgres import SUPERUSER, free_port


class Watched:
    """A proxy with the port for its watchers."""

    def __init__(self, postgres, new_proxy, **settings):
        self.port = free_port()
        self.dbname = postgres.create_database()
        listen = f"127.0.0.1:{self.port}"
        self.proxy = new_proxy(upstream=postgres.dsn(self.dbname), metrics_listen=listen, **settings)

    def connect(self):
        return psycopg.connect(self.proxy.url(user=SUPERUSER), autocommit=True)

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def numbers(self):
        status, text = self.ask("/metrics")
        assert status == 200
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def test_numbers(postgres, new_proxy):
    watched = Watched(postgres, new_proxy)
    with watched.connect() as connection:
        connection.execute("CREATE TABLE t (id int)")
        for number in range(5):
            connection.execute(f"INSERT INTO t VALUES ({number})")
        connection.execute("SELECT pg_sleep(0.1)")
        connection.execute("CALL kameleon.materialize_entity('t')")
        connection.execute("SELECT * FROM t")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1/0")
        connection.execute("CREATE TABLE u (id int)")
        connection.execute("INSERT INTO u VALUES (1)")
        with watched.connect() as older:
            older.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            older.execute("SELECT 1")
            connection.execute("ALTER TABLE u ALTER id SET NOT NULL")
            with pytest.raises(psycopg.errors.SerializationFailure):
                older.execute("SELECT * FROM u")
        for _ in range(200):
            found = watched.numbers()
            if found["kameleon_connections",] == 1:
                break
            threading.Event().wait(0.05)
        assert found["kameleon_connections",] == 1
    assert found["kameleon_connections_total",] == 2
    assert found["kameleon_statements_total", "INSERT", "rewritten"] == 6
    # pg_sleep(), the dedicated table, 1/0, and 1
    assert found["kameleon_statements_total", "SELECT", "passed"] == 4
    assert found["kameleon_statements_total", "", "refused"] == 1
    assert found["kameleon_statement_errors_total", "SELECT", "passed"] == 1
    assert found["kameleon_rewrites_total", "yes"] >= 3
    assert found["kameleon_rewrites_total", "no"] >= 1
    statements = sum(value for key, value in found.items() if key[0] == "kameleon_statements_total")
    assert found["kameleon_upstream_seconds_count",] == statements - 1
    assert 0.1 < found["kameleon_upstream_seconds_sum",] < 10
    assert found["kameleon_upstream_seconds_bucket", "0.08192"] < found["kameleon_upstream_seconds_count",]
    assert found["kameleon_added_seconds_count", "client"] >= 10
    assert 0 < found["kameleon_added_seconds_sum", "upstream"] < 10
    assert found["kameleon_metrics_dropped_total",] == 0
    assert found["kameleon_migrations", watched.dbname, "dedicated", "done"] == 1


def test_counters_outlive_their_database_connection(postgres, new_proxy):
    watched = Watched(postgres, new_proxy)
    with watched.connect() as connection:
        connection.execute("CREATE TABLE t (id int)")
        connection.execute("SELECT * FROM t")
    name = ("kameleon_metrics_recorded_total",)
    deadline = threading.Event()
    for _ in range(200):
        found = watched.numbers()
        if found[name] >= 1 and not any(key[0] == "kameleon_migrations" for key in found):
            break
        deadline.wait(0.05)
    recorded = found[name]
    assert recorded >= 1
    with watched.connect() as connection:
        connection.execute("SELECT 1")
        assert watched.numbers()[name] >= recorded


def test_health_and_readiness(new_postgres, new_proxy):
    postgres = new_postgres()
    watched = Watched(postgres, new_proxy)
    assert watched.ask("/healthz") == (200, "ok\n")
    assert watched.ask("/readyz?verbose=1") == (200, "ready\n")
    postgres.stop()
    assert watched.ask("/healthz") == (200, "ok\n")
    status, text = watched.ask("/readyz")
    assert status == 503
    assert text.startswith("not ready: could not connect to the PostgreSQL server")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/metrics/x", "GET", 404), ("/metrics", "POST", 405), ("/metrics", "HEAD", 200)],
)
def test_what_else_is_asked(postgres, new_proxy, path, method, status):
    assert Watched(postgres, new_proxy).ask(path, method)[0] == status


def test_what_is_not_http_is_answered_or_cut_off(postgres, new_proxy):
    watched = Watched(postgres, new_proxy)
    for sent, expected in ((b"nonsense\r\n\r\n", b"HTTP/1.1 400 Bad Request"), (b"x" * 100_000, b"")):
        with socket.create_connection(("127.0.0.1", watched.port), timeout=10) as connection:
            connection.sendall(sent)
            try:
                assert connection.recv(1000).startswith(expected)
            except ConnectionError:
                assert not expected
    assert watched.ask("/healthz")[0] == 200
