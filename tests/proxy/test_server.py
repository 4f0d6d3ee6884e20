"""Sessions over real sockets: cancel, loss of either side, drain, large values, slow readers, strangers."""

import os
import signal
import threading
import time

import psycopg
import pytest

from proxy.startup import CancelRequest
from proxy.wire.backend import Backend, BackendKeyData, Diagnostic
from proxy.wire.framing import frame
from proxy.wire.frontend import TERMINATE, Frontend, Query
from tests.proxy.raw import Raw, startup


@pytest.fixture(scope="module")
def database(module_database):
    return module_database


@pytest.fixture
def raw(proxy, database):
    with Raw(proxy.host, proxy.port) as connection:
        connection.log_in(database.name)
        yield connection


def running(postgres, what):
    """How many backends run a statement with these words in it."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE "
    return postgres.execute(f"{sql} '%{what}%'")[0][0]


def wait_until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def resident(pid):
    """Bytes of memory that a process has."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def errors(messages):
    found = [Diagnostic.decode(kind, body) for kind, body in messages if kind == Backend.ERROR_RESPONSE]
    return [each.sqlstate.decode() for each in found]


# --- cancel ---


def test_cancel(database):
    with psycopg.connect(database.proxied, autocommit=True) as connection:
        threading.Timer(0.2, connection.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(20)")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_cancel_with_a_key_of_another_connection(proxy, database):
    with Raw(proxy.host, proxy.port) as victim, Raw(proxy.host, proxy.port) as canceller:
        key = BackendKeyData.decode(victim.log_in(database.name)[Backend.BACKEND_KEY_DATA])
        victim.send(Query(b"SELECT pg_sleep(0.5), 'kept'"))
        canceller.send(CancelRequest(key.pid, bytes(len(key.key))))
        assert canceller.is_over()
        assert errors(victim.until(Backend.READY_FOR_QUERY)) == []


def test_cancel_while_idle(proxy, database, raw):
    with Raw(proxy.host, proxy.port) as other, Raw(proxy.host, proxy.port) as canceller:
        key = BackendKeyData.decode(other.log_in(database.name)[Backend.BACKEND_KEY_DATA])
        assert canceller.send(CancelRequest(key.pid, key.key)).is_over()
        time.sleep(0.1)
        assert errors(other.query("SELECT 1")) == []


# --- one side is lost ---


def test_a_lost_client_cancels_its_statement(proxy, database, postgres):
    connection = Raw(proxy.host, proxy.port)
    connection.log_in(database.name)
    connection.send(Query(b"SELECT pg_sleep(60), 'lost client'"))
    wait_until(lambda: running(postgres, "lost client"))
    connection.socket.close()
    wait_until(lambda: not running(postgres, "lost client"), 5)


def test_a_client_that_terminates_leaves_no_backend_behind(proxy, database, postgres):
    with Raw(proxy.host, proxy.port) as connection:
        pid = BackendKeyData.decode(connection.log_in(database.name)[Backend.BACKEND_KEY_DATA]).pid
        connection.send(TERMINATE)
        assert connection.is_over()
    wait_until(lambda: not postgres.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"))


def test_clients_that_leave_while_they_are_logged_in(proxy, plain_database, postgres):
    for _ in range(20):
        with Raw(proxy.host, proxy.port) as connection:
            connection.send(startup(plain_database.name))
    with Raw(proxy.host, proxy.port) as connection:
        connection.log_in(plain_database.name)
        backends = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{plain_database.name}'"
        wait_until(lambda: postgres.execute(backends) == [(1,)])
    assert "task failed" not in proxy.log


def test_a_terminated_backend(database, postgres):
    with psycopg.connect(database.proxied, autocommit=True) as connection:
        pid = connection.info.backend_pid
        threading.Timer(0.2, postgres.execute, [f"SELECT pg_terminate_backend({pid})"]).start()
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT pg_sleep(20)")
    with psycopg.connect(database.proxied, autocommit=True) as connection:
        postgres.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
        time.sleep(0.1)
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT 1")


def test_a_backend_that_vanishes(new_postgres, new_proxy):
    server = new_postgres()
    proxy = new_proxy(upstream=server.dsn())
    with Raw(proxy.host, proxy.port) as raw:
        pid = BackendKeyData.decode(raw.log_in("postgres")[Backend.BACKEND_KEY_DATA]).pid
        raw.send(Query(b"SELECT pg_sleep(20)"))
        wait_until(lambda: running(server, "pg_sleep"))
        os.kill(pid, signal.SIGKILL)
        assert raw.error()["C"] == "08006"


def test_an_upstream_that_is_not_there_and_comes_back(new_postgres, new_proxy):
    server = new_postgres()
    proxy = new_proxy(upstream=server.dsn())
    with psycopg.connect(proxy.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="could not connect to the PostgreSQL server"):
        psycopg.connect(proxy.url())
    server.start()
    with psycopg.connect(proxy.url(), autocommit=True) as connection:
        assert connection.execute("INSERT INTO t VALUES (1) RETURNING a").fetchone() == (1,)


# --- drain ---


def test_drain(postgres, new_proxy):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name), drain_timeout=10)
    with Raw(proxy.host, proxy.port) as idle, Raw(proxy.host, proxy.port) as busy, Raw(proxy.host, proxy.port) as open_:
        for raw in (idle, busy, open_):
            raw.log_in(name)
        open_.query("BEGIN")
        busy.send(Query(b"SELECT pg_sleep(1), 'finished'"))
        proxy.process.send_signal(signal.SIGTERM)
        assert idle.error()["C"] == "57P01"
        with pytest.raises(OSError, match="refused"):
            Raw(proxy.host, proxy.port)
        assert errors(busy.until(Backend.READY_FOR_QUERY)) == []
        assert busy.error()["C"] == "57P01"
        assert errors(open_.query("SELECT 1")) == []
        assert errors(open_.query("COMMIT")) == []
        assert open_.error()["C"] == "57P01"
        assert proxy.process.wait(10) == 0


def test_drain_is_bounded(postgres, new_proxy):
    name = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(name), drain_timeout=0.5)
    with Raw(proxy.host, proxy.port) as busy:
        busy.log_in(name)
        busy.send(Query(b"SELECT pg_sleep(60), 'never finished'"))
        wait_until(lambda: running(postgres, "never finished"))
        started = time.monotonic()
        assert proxy.stop() == 0
        assert time.monotonic() - started < 5
        assert busy.error()["C"] == "57P01"
    wait_until(lambda: not running(postgres, "never finished"), 5)


# --- large values, slow readers ---


@pytest.mark.parametrize("megabytes", [64, pytest.param(900, marks=pytest.mark.slow)])
def test_a_large_value_in_constant_memory(proxy, database, megabytes):
    size = megabytes * 1024 * 1024
    with psycopg.connect(database.proxied, autocommit=True) as connection:
        connection.execute("SELECT 1")
        before = resident(proxy.pid)
        value = b"x" * size
        cursor = connection.execute("SELECT length(v), v FROM (SELECT %b::bytea AS v)", (value,), binary=True)
        length, came = cursor.fetchone()
        assert length == size
        assert came == value
        with connection.cursor().copy(
            f"COPY (SELECT repeat('x', {size // 4}) FROM generate_series(1, 4)) TO STDOUT"
        ) as copy:
            assert sum(len(each) for each in copy) == size + 4
    assert resident(proxy.pid) - before < 24 * 1024 * 1024


def test_a_large_statement(database):
    """Statements are held whole, to be rewritten."""
    with psycopg.connect(database.proxied, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS large (a text)")
        value = "x" * 8_000_000
        assert connection.execute(f"INSERT INTO large VALUES ('{value}') RETURNING length(a)").fetchone() == (
            8_000_000,
        )


def test_a_slow_client_stops_the_reading_from_upstream(proxy, database, postgres):
    with Raw(proxy.host, proxy.port) as slow:
        slow.log_in(database.name)
        before = resident(proxy.pid)
        slow.send(Query(b"SELECT repeat('x', 1000000), 'slow client' FROM generate_series(1, 300)"))
        time.sleep(1.5)
        assert resident(proxy.pid) - before < 24 * 1024 * 1024
        assert running(postgres, "slow client")
        rows = [kind for kind, _ in slow.until(Backend.READY_FOR_QUERY) if kind == Backend.DATA_ROW]
        assert len(rows) == 300


def test_a_slow_upstream_stops_the_reading_from_the_client(proxy, database):
    with Raw(proxy.host, proxy.port) as raw, Raw(proxy.host, proxy.port) as locker:
        raw.log_in(database.name)
        locker.log_in(database.name)
        locker.query("CREATE TABLE IF NOT EXISTS slow (a text); SELECT 1")
        locker.query("BEGIN; SELECT pg_advisory_lock(4711)")
        raw.query(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END'"
        )
        raw.query(
            "CREATE TEMP TABLE slow_copy (a text); CREATE TRIGGER w BEFORE INSERT ON slow_copy "
            "FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        raw.send(Query(b"COPY slow_copy FROM STDIN"))
        assert raw.message()[0] == Backend.COPY_IN_RESPONSE
        before = resident(proxy.pid)
        data = frame(Frontend.COPY_DATA, b"x" * 60_000 + b"\n")

        def send():
            for _ in range(1000):
                raw.send(data)
            raw.send(frame(Frontend.COPY_DONE, b""))

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(1.5)
        assert sender.is_alive()
        assert resident(proxy.pid) - before < 24 * 1024 * 1024
        locker.query("SELECT pg_advisory_unlock(4711); COMMIT")
        sender.join(30)
        assert errors(raw.until(Backend.READY_FOR_QUERY)) == []


# --- strangers, and their neighbours ---


@pytest.mark.parametrize(
    "garbage",
    [
        b"!\0\0\0\4",
        b"Q\0\0\0\0",
        b"Q\xff\xff\xff\xff",
        b"D\0\0\0\7Xs\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"p\0\0\0\5\0",
        b"\0\1\2" + b"\xff" * 100,
    ],
)
def test_garbage_ends_its_own_session_only(proxy, database, raw, garbage):
    with Raw(proxy.host, proxy.port) as stranger:
        stranger.log_in(database.name)
        stranger.send(garbage)
        fields = stranger.error()
        assert (fields["S"], fields["C"]) == ("FATAL", "08P01")
    assert errors(raw.query("SELECT 1")) == []


def test_notifications_while_idle(proxy, database):
    with Raw(proxy.host, proxy.port) as listener, Raw(proxy.host, proxy.port) as notifier:
        listener.log_in(database.name)
        notifier.log_in(database.name)
        listener.query("LISTEN news")
        notifier.query("NOTIFY news, 'hello'")
        kind, body = listener.message()
        assert kind == Backend.NOTIFICATION_RESPONSE
        assert body.endswith(b"news\0hello\0")


def test_many_sessions_at_once(proxy, database):
    sessions = [Raw(proxy.host, proxy.port) for _ in range(100)]
    for session in sessions:
        session.send(startup(database.name))
    for session in sessions:
        session.until(Backend.READY_FOR_QUERY)
        session.send(Query(b"SELECT 1"))
    for session in sessions:
        assert errors(session.until(Backend.READY_FOR_QUERY)) == []
        session.socket.close()


def test_a_database_without_kameleon_is_relayed(plain_database):
    with psycopg.connect(plain_database.proxied, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int)")
        with connection.pipeline():
            connection.execute("INSERT INTO t VALUES (%s)", (1,))
            assert connection.execute("SELECT a FROM t").fetchall() == [(1,)]
        with connection.cursor().copy("COPY t FROM STDIN") as copy:
            copy.write("2\n3\n")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM kameleon.kdb_records")
