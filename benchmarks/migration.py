"""Entities that move: how fast, how long their writers wait, and what they are like before, meanwhile and after.

By hand means one INSERT ... SELECT of the same rows: out of the read view into an ordinary table with the same key, and
out of an ordinary table into a shared entity. PostgreSQL may use its default number of parallel workers for either.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psycopg

from benchmarks.data import read_view
from benchmarks.report import Row, Target
from benchmarks.servers import Servers

_WORKERS = "-c max_parallel_workers_per_gather=2"
_COLUMNS = (
    "id bigint PRIMARY KEY, customer int, status text, amount numeric(12,2), quantity int, note text,"
    " created timestamptz, paid boolean, ratio float8, tags text"
)
_ROWS = (
    "SELECT n, n % 1000, 'status ' || n % 7, n % 10000 / 7.0, n % 100, 'a note about order ' || n,"
    " timestamptz '2026-01-01 00:00:00+00' + n * interval '1 min', n % 2 = 0, n / 3.0, 'tag ' || n % 50"
    " FROM generate_series(1, {count}) AS n"
)
_WRITE = "\\set id random(1, {count})\nUPDATE orders SET quantity = quantity + 1 WHERE id = :id;\n"
_WRITERS = 8
_BRANCHES = 5
_TABLES = ("pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history")


def measure(servers: Servers, rounds: int, count: int, seconds: float) -> Iterator[Row]:
    yield from _speed(servers, rounds, count)
    yield from _waiting(servers, rounds, count)
    yield from _tpc_b(servers, rounds, seconds)


def _speed(servers: Servers, rounds: int, count: int) -> Iterator[Row]:
    bound = {"shared": Target(0.5)}
    there = Row(f"materialize_entity, {count:,} rows of 10 columns", "rows/s", peer="direct", targets=bound)
    back = Row("dematerialize_entity, the same", "rows/s", peer="direct", targets=bound)
    with (
        psycopg.connect(str(servers.direct), autocommit=True, options=_WORKERS) as direct,
        psycopg.connect(str(servers.proxied), autocommit=True, options=_WORKERS) as proxied,
    ):
        proxied.execute(f"CREATE TABLE orders ({_COLUMNS})".encode())
        proxied.execute(f"INSERT INTO orders {_ROWS}".format(count=count).encode())
        proxied.execute("VACUUM ANALYZE orders")
        for _ in range(rounds):
            direct.execute(f"CREATE TABLE by_hand ({_COLUMNS})".encode())
            insert = f"INSERT INTO by_hand SELECT * FROM {read_view(servers, 'orders')}"
            there.add("direct", count / _seconds(direct, insert))
            direct.execute("DROP TABLE by_hand")
            there.add("shared", count / _seconds(proxied, "CALL kameleon.materialize_entity('orders')"))
            proxied.execute("VACUUM ANALYZE orders")
            proxied.execute(f"CREATE TABLE by_hand ({_COLUMNS})".encode())
            back.add("direct", count / _seconds(proxied, "INSERT INTO by_hand SELECT * FROM orders"))
            proxied.execute("DROP TABLE by_hand")
            back.add("shared", count / _seconds(proxied, "CALL kameleon.dematerialize_entity('orders')"))
            proxied.execute("VACUUM ANALYZE orders")
    yield there
    yield back


def _seconds(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> float:
    started = time.perf_counter()
    connection.execute(statement.encode())
    return time.perf_counter() - started


def _waiting(servers: Servers, rounds: int, count: int) -> Iterator[Row]:
    """The longest that one of the writers waited for an UPDATE of one row."""
    target = {"shared": Target(250, at_most=True, of_ratio=False)}
    calm = Row(f"longest wait of {_WRITERS} writers, nothing moves", "ms", digits=1)
    there = Row("  while materialize_entity runs", "ms", digits=1, targets=target)
    back = Row("  while dematerialize_entity runs", "ms", digits=1, targets=target)
    script = _WRITE.format(count=count)
    with psycopg.connect(str(servers.proxied), autocommit=True) as connection:
        for _ in range(rounds):
            with _Load(servers, script) as load:
                time.sleep(3)
            calm.add("shared", load.longest)
            for row, procedure in ((there, "materialize_entity"), (back, "dematerialize_entity")):
                with _Load(servers, script) as load:
                    connection.execute(f"CALL kameleon.{procedure}('orders')".encode())
                row.add("shared", load.longest)
                connection.execute("VACUUM ANALYZE orders")
    yield from (calm, there, back)


def _tpc_b(servers: Servers, rounds: int, seconds: float) -> Iterator[Row]:
    """pgbench's own script. The peer: ordinary tables, through the same proxy."""
    shared = Row(f"TPC-B, {_WRITERS} clients, shared storage", "per s", peer="pass")
    during = Row("  while the tables move", "per s", peer="pass")
    dedicated = Row("  dedicated storage", "per s", peer="pass", targets={"shared": Target(0.97)})
    options = {
        "pass": "-c search_path=tpcb_native -c kameleon.default_storage=dedicated",
        "shared": "-c search_path=tpcb_entity",
    }
    with psycopg.connect(str(servers.proxied), autocommit=True) as connection:
        for way, schema in (("pass", "tpcb_native"), ("shared", "tpcb_entity")):
            connection.execute(f"CREATE SCHEMA {schema}".encode())
            _pgbench(servers, options[way], "-i", "-s", str(_BRANCHES), "-q")
        for row in (shared, during, dedicated):
            for number in range(rounds):
                for way in ("pass", "shared") if number % 2 else ("shared", "pass"):
                    if row is during and way == "shared":
                        if number:
                            _move(connection, "dematerialize_entity")
                        mover = threading.Thread(target=_move, args=(connection, "materialize_entity"))
                        mover.start()
                        row.add(way, _throughput(servers, options[way], seconds))
                        mover.join()
                    else:
                        row.add(way, _throughput(servers, options[way], seconds))
            yield row


def _move(connection: psycopg.Connection[tuple[object, ...]], procedure: str) -> None:
    for table in _TABLES:
        connection.execute(f"CALL kameleon.{procedure}('tpcb_entity.{table}')".encode())


def _throughput(servers: Servers, options: str, seconds: float) -> float:
    arguments = ("-c", str(_WRITERS), "-j", "2", "-n", "-M", "prepared", "-T", f"{seconds:.0f}")
    done = _pgbench(servers, options, *arguments)
    if "\nnumber of failed transactions: 0 " not in done:
        raise AssertionError(f"transactions failed: {done}")
    return float(done.partition("\ntps = ")[2].split()[0])


def _pgbench(servers: Servers, options: str, *arguments: str) -> str:
    command: list[str | Path] = [servers.postgres.programs / "pgbench", *arguments, str(servers.proxied)]
    environment = os.environ | {"PGOPTIONS": options}
    # in a session of its own, as in select_only
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True, env=environment)
    if done.returncode != 0 or "aborted" in done.stderr:
        raise AssertionError(f"pgbench failed: {done.stdout}{done.stderr}")
    return done.stdout


class _Load:
    """pgbench's writers, from entering to leaving; then `longest` is the longest latency of all, in milliseconds."""

    def __init__(self, servers: Servers, script: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kameleon-bench-")
        path = Path(self._folder.name, "write.sql")
        path.write_text(script)
        options = ("-c", str(_WRITERS), "-j", "2", "-n", "-M", "prepared", "-T", "600", "--log", "-f", path)
        prefix = ("--log-prefix", Path(self._folder.name, "log"))
        program = servers.postgres.programs / "pgbench"
        self._command: list[str | Path] = [program, *options, *prefix, str(servers.proxied)]
        self.longest = 0.0

    def __enter__(self) -> Self:
        self._process: subprocess.Popen[str] = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        time.sleep(1)
        return self

    def __exit__(self, *exception: object) -> None:
        early = self._process.poll()
        self._process.terminate()
        _, errors = self._process.communicate()
        if early is not None or "aborted" in errors:
            raise AssertionError(f"pgbench failed: {errors}")
        # Lines of: client, transaction, latency in microseconds, ...; the last of a file may be cut
        logs = Path(self._folder.name).glob("log.*")
        fields = [line.split() for log in logs for line in log.read_text().splitlines()[:-1]]
        self.longest = max(int(each[2]) for each in fields) / 1000
        self._folder.cleanup()
