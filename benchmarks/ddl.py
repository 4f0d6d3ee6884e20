"""DDL: what an ORM's tests and migrations send, one statement after the other in one session.

Natively it runs in a database without Kameleon. Each statement is measured beside few other tables and beside many:
what it costs may not grow with them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg

from benchmarks.report import Row, Target
from benchmarks.servers import Servers
from proxy.dsn import Dsn

_NATIVE = "bench_native"
_MANY = 200
#: In milliseconds.
_TARGETS = {"CREATE TABLE": 25.0, "ALTER TABLE": 25.0}

#: {n} is the number of the repetition. The foreign key and the view stay for what comes behind them.
_STATEMENTS = {
    # The first of a session adds a schema to its search_path, after which PostgreSQL looks all names up again.
    "CREATE TEMPORARY TABLE": "CREATE TEMPORARY TABLE bench_temporary_{n} (id int PRIMARY KEY, name text)",
    "CREATE TABLE": "CREATE TABLE bench_{n} (id bigint PRIMARY KEY, name text NOT NULL, amount numeric(10,2),"
    " at timestamptz DEFAULT now(), done boolean NOT NULL DEFAULT false)",
    "CREATE TABLE, referring": "CREATE TABLE bench_line_{n} (id int PRIMARY KEY, of bigint REFERENCES bench_{n})",
    "ALTER TABLE: add a column": "ALTER TABLE bench_{n} ADD COLUMN note text",
    "ALTER TABLE: add one with a default": "ALTER TABLE bench_{n} ADD COLUMN rank int NOT NULL DEFAULT 0",
    "ALTER TABLE: rename a column": "ALTER TABLE bench_{n} RENAME COLUMN note TO remark",
    "ALTER TABLE: set a default": "ALTER TABLE bench_{n} ALTER COLUMN remark SET DEFAULT 'none'",
    "ALTER TABLE: drop a column": "ALTER TABLE bench_{n} DROP COLUMN remark",
    "ALTER TABLE: add a CHECK": "ALTER TABLE bench_{n} ADD CONSTRAINT bench_rank_{n} CHECK (rank >= 0)",
    "ALTER TABLE: add a foreign key": "ALTER TABLE bench_line_{n} ADD FOREIGN KEY (of) REFERENCES bench_{n}",
    "CREATE INDEX": "CREATE INDEX bench_name_{n} ON bench_{n} (name, at)",
    "CREATE VIEW": "CREATE VIEW bench_view_{n} AS SELECT id, name, amount FROM bench_{n} WHERE done",
    "ALTER TABLE: add a column behind a view": "ALTER TABLE bench_{n} ADD COLUMN late int",
    "DROP VIEW": "DROP VIEW bench_view_{n}",
    "DROP INDEX": "DROP INDEX bench_name_{n}",
    "DROP TABLE, referring": "DROP TABLE bench_line_{n}",
    "DROP TABLE": "DROP TABLE bench_{n}",
}


def measure(servers: Servers, rounds: int) -> Iterator[Row]:
    servers.postgres.execute(f"CREATE DATABASE {_NATIVE}")
    ways = {"direct": servers.direct.with_database(_NATIVE), "shared": servers.proxied}
    yield from _rows("", ways, rounds)
    for dsn in ways.values():
        with _connected(dsn) as connection:
            for number in range(_MANY):
                statement = f"CREATE TABLE other_{number} (id int PRIMARY KEY, name text, at timestamptz)"
                connection.execute(statement.encode())
    yield from _rows(f", beside {_MANY} tables", ways, rounds)


def _rows(beside: str, ways: dict[str, Dsn], rounds: int) -> Iterator[Row]:
    rows = {title: Row(title + beside, "ms", digits=1, peer="direct", targets=_targets(title)) for title in _STATEMENTS}
    first = Row(f"CREATE TABLE, first of a session{beside}", "ms", digits=1, peer="direct")
    for number in range(rounds):
        for way, dsn in ways.items():
            with _connected(dsn) as connection:
                statement = f"CREATE TABLE bench_first_{number} (id int PRIMARY KEY, name text)"
                first.add(way, _milliseconds(connection, statement))
                connection.execute(f"DROP TABLE bench_first_{number}".encode())
                # what a session learns at its first use of a statement is not measured: of a migration it is little
                for warm in (True, False):
                    for title, statement in _STATEMENTS.items():
                        took = _milliseconds(connection, statement.format(n=f"{number}_{warm:d}"))
                        if not warm:
                            rows[title].add(way, took)
    yield from rows.values()
    yield first


def _targets(title: str) -> dict[str, Target]:
    bound = _TARGETS.get(title.partition(":")[0])
    return {} if bound is None else {"shared": Target(bound, at_most=True, of_ratio=False)}


def _connected(dsn: Dsn) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(str(dsn), autocommit=True)
    connection.execute("SET kameleon.default_storage = shared")
    return connection


def _milliseconds(connection: psycopg.Connection[tuple[object, ...]], statement: str) -> float:
    began = time.perf_counter()
    connection.execute(statement.encode())
    return (time.perf_counter() - began) * 1000
