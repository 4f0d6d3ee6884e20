"""What measuring statements costs, and how large what was measured may grow.

On and off are two proxies before one server, in turns, and what counts is the ratio within a round. A stalled collector
is one whose table somebody has locked. Ten million metrics are made by SQL: a week of them, of two thousand shapes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.report import Row, Target
from benchmarks.select_only import Pgbench
from benchmarks.servers import DATABASE, Servers, over_socket
from proxy.dsn import Dsn
from tests.fix_postgres import SUPERUSER
from tests.fix_proxy import ProxyProcess

_CLIENTS = 8
_ON_TO_OFF = Target(0.97)
_TABLES = {"pass": "accounts_dedicated", "shared": "accounts_shared"}
_SHAPES = 2000
_DAYS = 7
_SECONDS_OF_TEN_MILLION = Target(1.0, at_most=True)

#: {days} and {rows}; the days end before those that the proxy itself is writing to.
_FILL = """
SELECT kameleon.make_metric_days(current_date - {days} - 3, current_date - 4);
INSERT INTO kameleon.kdb_query_metrics
SELECT (current_date - 4 - i % {days} + random() * interval '86399 s') AT TIME ZONE 'UTC', 1 + i % 100, 'SELECT',
       'shared', i % {shapes}, i % 3, 1, 0, random() * 10, random() * 10, i % 50, 'somebody', 'application'
FROM generate_series(1, {rows}) AS i;
INSERT INTO kameleon.kdb_statement_shapes (shape_id, query_type, entity_ids, joins)
SELECT i, 'SELECT', ARRAY[(SELECT min(entity_id) FROM kameleon.entities)], i % 3 FROM generate_series(1, {shapes}) AS i;
INSERT INTO kameleon.kdb_statement_days
SELECT current_date - 4 - d, i, 'shared', {rows} / {shapes} / {days}, 0, 1000, 50, 10000,
       ARRAY(SELECT (random() * 50)::bigint + d * 0 FROM generate_series(1, 45))
FROM generate_series(1, {shapes}) AS i, generate_series(0, {days} - 1) AS d;
"""


def measure(servers: Servers, rounds: int, seconds: float, stalled: float, recorded: int) -> Iterator[Row]:
    """`stalled`: seconds that the collector cannot write. `recorded`: how many metrics there are to be."""
    off = ProxyProcess(upstream=over_socket(servers.postgres), log_level="warning", metrics_enabled="off")
    try:
        yield from _on_and_off(servers, off, rounds, seconds)
    finally:
        off.close()
    yield from _stalled(servers, stalled)
    yield from _many(servers, recorded)


def _on_and_off(servers: Servers, off: ProxyProcess, rounds: int, seconds: float) -> Iterator[Row]:
    proxies = {"on": servers.proxy, "off": off}
    for protocol in ("simple", "prepared"):
        title = f"select-only, {protocol}, {_CLIENTS} clients"
        rows = {name: Row(f"{title}, metrics {name}", "per s") for name in proxies}
        used = {name: Row(f"  CPU of the proxy, metrics {name}", "µs", digits=1) for name in proxies}
        ratio = Row("  on : off", "ratio", digits=3, targets=dict.fromkeys(_TABLES, _ON_TO_OFF))
        used_ratio = Row("  CPU, off : on", "ratio", digits=3, targets=dict.fromkeys(_TABLES, _ON_TO_OFF))
        for number in range(2 * rounds):
            for way, table in _TABLES.items():
                turns = list(proxies.items())
                for name, proxy in turns if number % 2 else reversed(turns):
                    before = _cpu(proxy)
                    dsn = Dsn(SUPERUSER, None, proxy.host, proxy.port, DATABASE)
                    throughput = _throughput(servers, dsn, table, protocol, seconds)
                    rows[name].add(way, throughput)
                    used[name].add(way, (_cpu(proxy) - before) / (throughput * seconds) * 1e6)
                for row, one, other in ((ratio, rows["on"], rows["off"]), (used_ratio, used["off"], used["on"])):
                    row.add(way, one.figures[way][-1] / other.figures[way][-1])
        yield from (*rows.values(), ratio, *used.values(), used_ratio)


def _cpu(proxy: ProxyProcess) -> float:
    """Seconds of processor time that it has used. What else the machine does counts less in this than in throughput."""
    fields = Path(f"/proc/{proxy.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stalled(servers: Servers, seconds: float) -> Iterator[Row]:
    """Half of the time that it is stalled for it is not before, and half behind."""
    title = f"select-only, simple, {_CLIENTS} clients, metrics"
    rows = {"written": Row(f"{title} written", "per s"), "stalled": Row(f"  and stalled for {seconds:.0f} s", "per s")}
    used = {name: Row(f"  CPU of the proxy, metrics {name}", "µs", digits=1) for name in rows}

    def run(name: str, seconds: float) -> None:
        before = _cpu(servers.proxy)
        throughput = _throughput(servers, servers.proxied, _TABLES["shared"], "simple", seconds)
        rows[name].add("shared", throughput)
        used[name].add("shared", (_cpu(servers.proxy) - before) / (throughput * seconds) * 1e6)

    run("written", seconds / 2)
    with closing(servers.postgres.connect(DATABASE)) as locker, locker.transaction():
        locker.execute("LOCK TABLE kameleon.kdb_query_metrics")
        run("stalled", seconds)
    run("written", seconds / 2)
    ratio = Row("  stalled : written", "ratio", digits=3, targets={"shared": _ON_TO_OFF})
    ratio.add("shared", (rows["stalled"].value("shared") or 0) / (rows["written"].value("shared") or 1))
    used_ratio = Row("  CPU, written : stalled", "ratio", digits=3, targets={"shared": _ON_TO_OFF})
    used_ratio.add("shared", (used["written"].value("shared") or 0) / (used["stalled"].value("shared") or 1))
    yield from (*rows.values(), ratio, *used.values(), used_ratio)
    reported = Row("  stalls reported in the log", "", targets={"shared": Target(1)})
    reported.add("shared", servers.proxy.log.count("the database takes its time"))
    yield reported


def _many(servers: Servers, recorded: int) -> Iterator[Row]:
    postgres = servers.postgres
    parts = {"days": _DAYS, "rows": recorded, "shapes": _SHAPES}
    for statement in _FILL.format(**parts).split(";\n"):
        if statement.strip():
            postgres.execute(statement, DATABASE)
    postgres.execute("ANALYZE kameleon.kdb_statement_days, kameleon.kdb_statement_shapes", DATABASE)
    shown = Row(f"query_stats, of {recorded:,} metrics", "s", digits=2, targets={"direct": _SECONDS_OF_TEN_MILLION})
    for _ in range(3):
        shown.add("direct", _timed(servers, "SELECT count(*), sum(p95_ms) FROM kameleon.query_stats"))
    yield shown
    dropped = Row(f"retention, {_DAYS} of {_DAYS} days", "s", digits=2, targets={"direct": _SECONDS_OF_TEN_MILLION})
    dropped.add("direct", _timed(servers, "SELECT kameleon.drop_metric_days(current_date - 3)"))
    yield dropped


def _throughput(servers: Servers, dsn: Dsn, table: str, protocol: str, seconds: float) -> float:
    program = servers.postgres.programs / "pgbench"
    return Pgbench(program, dsn, table, protocol, _CLIENTS, seconds).throughput


def _timed(servers: Servers, sql: str) -> float:
    with closing(servers.postgres.connect(DATABASE)) as connection:
        started = time.perf_counter()
        connection.execute(sql.encode()).fetchall()
        return time.perf_counter() - started
