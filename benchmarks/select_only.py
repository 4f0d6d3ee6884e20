"""pgbench's select-only script, on an ordinary table and on a shared entity, by the simple and by prepared protocol.

Latencies are of a tenth of the transactions, which pgbench logs one by one; those of all rounds count together.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.data import ACCOUNTS
from benchmarks.report import Row, Target
from benchmarks.servers import Servers
from proxy.dsn import Dsn

_SCRIPT = "\\set aid random(1, {accounts})\nSELECT abalance FROM {table} WHERE aid = :aid;\n"
_THROUGHPUT = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_TARGETS = {"pass": Target(0.75), "shared": Target(0.6)}
_LOGGED = 0.1


def measure(servers: Servers, rounds: int, seconds: float) -> Iterator[Row]:
    ways: dict[str, tuple[Dsn, str]] = {"direct": (servers.direct, "accounts_dedicated")}
    if servers.bounced is not None:
        ways["pgbouncer"] = (servers.bounced, "accounts_dedicated")
    ways["pass"] = (servers.proxied, "accounts_dedicated")
    ways["shared"] = (servers.proxied, "accounts_shared")
    program = servers.postgres.programs / "pgbench"
    for protocol in ("simple", "prepared"):
        for clients in (1, 8):
            title = f"select-only, {protocol}, {clients} client{'s' if clients > 1 else ''}"
            throughput = Row(title, "per s", peer="pgbouncer", targets=_TARGETS if clients == 8 else {})
            latencies: dict[str, list[int]] = defaultdict(list)
            for _ in range(rounds):
                for way, (dsn, table) in ways.items():
                    run = Pgbench(program, dsn, table, protocol, clients, seconds)
                    throughput.add(way, run.throughput)
                    latencies[way] += run.latencies
            yield throughput
            yield from _percentiles(latencies)


def _percentiles(latencies: dict[str, list[int]]) -> Iterator[Row]:
    for percent in (50, 99):
        row = Row(f"  latency p{percent}", "µs", peer="pgbouncer")
        for way, sample in latencies.items():
            ordered = sorted(sample)
            row.add(way, ordered[min(len(ordered) * percent // 100, len(ordered) - 1)])
        yield row


class Pgbench:
    """One run of pgbench, done when it is constructed."""

    def __init__(self, program: Path, dsn: Dsn, table: str, protocol: str, clients: int, seconds: float) -> None:
        with tempfile.TemporaryDirectory(prefix="kameleon-bench-") as folder:
            script = Path(folder, "select.sql")
            script.write_text(_SCRIPT.format(accounts=ACCOUNTS, table=table))
            command: list[str | Path] = [
                program,
                "--no-vacuum",
                "--file",
                script,
                "--protocol",
                protocol,
                "--client",
                str(clients),
            ]
            command += ["--time", str(max(1, round(seconds))), "--log", "--sampling-rate", str(_LOGGED)]
            command += ["--log-prefix", Path(folder, "log"), str(dsn)]
            # A session of its own: Linux shares the processors out by session first (autogroup), and PostgreSQL and
            # PgBouncer have theirs. Beside pgbench in ours the proxy would get half of what PgBouncer gets.
            done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
            found = _THROUGHPUT.search(done.stdout)
            if done.returncode != 0 or found is None:
                raise AssertionError(f"pgbench failed: {done.stdout}{done.stderr}")
            self.throughput = float(found[1])
            # Lines of: client, transaction, latency in microseconds, ...
            lines = [line for log in Path(folder).glob("log.*") for line in log.read_text().splitlines()]
            self.latencies = [int(line.split()[2]) for line in lines]
