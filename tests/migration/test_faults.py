"""A move that is interrupted at any moment loses nothing, leaves its entity in one storage, and the next succeeds."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import ProxyProcess
from tests.migration.conftest import until

ROWS = 20_000


class Counter:
    """Counts one row up, again and again, through whatever comes; it knows what was acknowledged."""

    def __init__(self, dsn: Callable[[], str], row: int) -> None:
        self.dsn = dsn
        self.row = row
        self.acknowledged = 0
        #: Sent, and the connection was lost before the answer: it may have been done.
        self.unknown = 0
        self.surprises: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self.dsn(), autocommit=True, connect_timeout=5) as session:
                    while not self._over.is_set():
                        self._count(session)
            except psycopg.OperationalError:
                time.sleep(0.02)

    def _count(self, session: psycopg.Connection[object]) -> None:
        self.unknown += 1
        try:
            done = session.execute("UPDATE t SET n = n + 1 WHERE id = %s", (self.row,)).rowcount
        except psycopg.OperationalError as error:
            # told by the server before it did anything
            if isinstance(error, psycopg.errors.AdminShutdown | psycopg.errors.CannotConnectNow):
                self.unknown -= 1
            elif error.sqlstate is not None and not error.sqlstate.startswith(("57P", "08")):
                self.surprises.append(str(error))
            raise
        except psycopg.Error as error:
            self.surprises.append(str(error))
            raise
        if done != 1:
            self.surprises.append(f"{done} rows")
        self.unknown -= 1
        self.acknowledged += 1


def kill_proxy(proxy: ProxyProcess, postgres: PostgresServer, caller: psycopg.Connection[object]) -> None:
    proxy.kill()


def close_socket(proxy: ProxyProcess, postgres: PostgresServer, caller: psycopg.Connection[object]) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(caller.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def terminate_backend(proxy: ProxyProcess, postgres: PostgresServer, caller: psycopg.Connection[object]) -> None:
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL kameleon.%'")


def kill_backend(proxy: ProxyProcess, postgres: PostgresServer, caller: psycopg.Connection[object]) -> None:
    """PostgreSQL then restarts as after a crash."""
    for (pid,) in postgres.execute("SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL kameleon.%'"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def crash_postgres(proxy: ProxyProcess, postgres: PostgresServer, caller: psycopg.Connection[object]) -> None:
    postgres.stop(signal.SIGQUIT)
    postgres.start()


FAULTS = (kill_proxy, close_socket, terminate_backend, kill_backend, crash_postgres)


def connected(dsn: Callable[[], str]) -> tuple[psycopg.Connection[Any], bool]:
    """A session, and whether the rows are in shared storage. A killed backend may take the server down only now."""
    deadline = time.monotonic() + 60
    while True:
        try:
            session = psycopg.connect(dsn(), autocommit=True)
            return session, session.execute("SELECT storage_mode FROM kameleon.entities").fetchall() == [("shared",)]
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def call(caller: psycopg.Connection[object], sql: bytes, ended: list[BaseException | None]) -> None:
    try:
        caller.execute(sql)
        ended.append(None)
    except psycopg.Error as error:
        ended.append(error)


@pytest.mark.parametrize("moments", [pytest.param(3, id="few"), pytest.param(20, id="many", marks=pytest.mark.slow)])
def test_nothing_is_lost(
    moments: int,
    new_postgres: Callable[..., PostgresServer],
    new_proxy: Callable[..., ProxyProcess],
) -> None:
    seed = int(os.environ.get("KAMELEON_TEST_SEED", "0")) or random.randrange(1 << 31)
    print(f"KAMELEON_TEST_SEED={seed}")
    chance = random.Random(seed)
    # what it acknowledges must survive it
    postgres = new_postgres({"synchronous_commit": "on", "full_page_writes": "on"})
    name = postgres.create_database()
    proxies = [new_proxy(upstream=postgres.dsn(name))]

    def dsn() -> str:
        return proxies[-1].url(name, user=SUPERUSER)

    with psycopg.connect(dsn(), autocommit=True) as session:
        session.execute("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, words text)")
        session.execute(f"INSERT INTO t SELECT i, 0, repeat('w', i % 90) FROM generate_series(1, {ROWS}) AS i".encode())
    counters = [Counter(dsn, row) for row in (1, ROWS // 2, ROWS)]
    interrupted = 0
    try:
        for moment in range(moments):
            fault = FAULTS[moment % len(FAULTS)] if moments > 3 else chance.choice(FAULTS)
            caller, shared = connected(dsn)
            with caller:
                sql = f"CALL kameleon.{'' if shared else 'de'}materialize_entity('t', batch_size => 2000)".encode()
                ended: list[BaseException | None] = []
                thread = threading.Thread(target=call, args=(caller, sql, ended))
                thread.start()
                time.sleep(chance.uniform(0, 0.5))
                fault(proxies[-1], postgres, caller)
                if fault is kill_proxy:
                    proxies.append(new_proxy(upstream=postgres.dsn(name)))
                thread.join(60)
                assert not thread.is_alive(), fault.__name__
            interrupted += ended[0] is not None
            print(f"{fault.__name__}: {ended[0]}")
            deadline = time.monotonic() + 60
            while True:
                try:
                    with psycopg.connect(dsn(), autocommit=True) as session:
                        # the proxies undo by themselves what was interrupted
                        until(session, "SELECT NOT EXISTS (SELECT FROM kameleon.migrations WHERE finished_at IS NULL)")
                        assert session.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall() == [
                            (ROWS, ROWS)
                        ]
                        break
                except psycopg.OperationalError:
                    # PostgreSQL is coming up again
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            for counter in counters:
                assert counter.surprises == [], fault.__name__
    finally:
        for counter in counters:
            counter.stop()
    session, shared = connected(dsn)
    with session:
        for counter in counters:
            ((found,),) = session.execute("SELECT n FROM t WHERE id = %s", (counter.row,)).fetchall()
            assert counter.acknowledged <= found <= counter.acknowledged + counter.unknown
        assert session.execute("SELECT sum(length(words)) FROM t").fetchall() == [
            (sum(i % 90 for i in range(1, ROWS + 1)),)
        ]
        # and the next attempts succeed, there and back
        for procedure in ("materialize_entity", "dematerialize_entity")[:: 1 if shared else -1]:
            session.execute(f"CALL kameleon.{procedure}('t')".encode())
            assert session.execute("SELECT count(*), count(DISTINCT id) FROM t").fetchall() == [(ROWS, ROWS)]
    print(f"{interrupted} of {moments} were interrupted, {[c.acknowledged for c in counters]} updates")
