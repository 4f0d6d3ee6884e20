"""A million rows to one client, by SELECT and by COPY TO STDOUT.

The client is a bare socket that reads a megabyte at a time and looks at the last bytes only: any real driver, psql
too, is slower than PostgreSQL sends, and would hide what the proxy costs. What is timed goes from the Query sent to
ReadyForQuery received.

A shared entity's rows are taken out of documents by PostgreSQL itself. What that costs is none of the proxy's, so
its rows have two lines: against the ordinary table, and against the entity's read view past the proxy.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from benchmarks.bare_client import BareClient
from benchmarks.data import read_view
from benchmarks.report import Row, Target
from benchmarks.servers import Servers
from proxy.dsn import Dsn


def measure(servers: Servers, rounds: int, rows: int) -> Iterator[Row]:
    view = read_view(servers, "events_shared")
    statements = {"SELECT": "SELECT * FROM {}", "COPY": "COPY (SELECT * FROM {}) TO STDOUT"}
    for name, statement in statements.items():
        plain = Row(f"{rows:,} rows, {name}", "rows/s", peer="direct", targets={"pass": Target(0.8)})
        documents = Row("  against the read view", "rows/s", peer="direct", targets={"shared": Target(0.8)})
        for _ in range(rounds):
            direct = rows / _seconds(servers.direct, statement.format("events_dedicated"), rows)
            passing = rows / _seconds(servers.proxied, statement.format("events_dedicated"), rows)
            bare = rows / _seconds(servers.direct, statement.format(view), rows)
            shared = rows / _seconds(servers.proxied, statement.format("events_shared"), rows)
            plain.add("direct", direct)
            plain.add("pass", passing)
            plain.add("shared", shared)
            documents.add("direct", bare)
            documents.add("shared", shared)
        yield plain
        yield documents


def _seconds(dsn: Dsn, sql: str, rows: int) -> float:
    with BareClient(dsn) as client:
        start = perf_counter()
        size = client.query(sql)
        seconds = perf_counter() - start
    if size < 20 * rows:
        raise AssertionError(f"{size} bytes are not {rows} rows")
    return seconds
