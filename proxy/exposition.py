"""What /metrics tells, in Prometheus' format. Counters are the proxy's plain numbers, read when they are asked for.

prometheus_client writes the format and nothing else: its own counters take locks, which the relay's path has no time
for, and its own server runs in a thread of its own, which would read numbers while they change.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from time import perf_counter
from typing import TYPE_CHECKING

import asyncpg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from catalog.metrics import LATENCY_BOUNDS

if TYPE_CHECKING:
    from proxy.server import ProxyServer

#: Every fourth of the bounds that are counted by: 0.01 ms, and twice as much from one to the next.
_EVERY = 4
_MIGRATIONS_TIMEOUT = 1.0
_BOUNDS = tuple(bound / 1000 for bound in LATENCY_BOUNDS)


class AddedTime:
    """How long the relay has what it reads before it is written on, chunk by chunk."""

    def __init__(self) -> None:
        self.latencies: dict[str, list[int]] = {}
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, source: str, receive: Callable[[bytes], None]) -> Callable[[bytes], None]:
        latencies = self.latencies.setdefault(source, [0] * (len(_BOUNDS) + 1))
        totals = self.seconds

        def timed_receive(data: bytes) -> None:
            before = perf_counter()
            receive(data)
            seconds = perf_counter() - before
            latencies[bisect_left(_BOUNDS, seconds)] += 1
            totals[source] += seconds

        return timed_receive


class _Numbers(Collector):
    def __init__(self, server: ProxyServer, migrations: Counter[tuple[str, str, str]]) -> None:
        self._server = server
        self._migrations = migrations

    def collect(self) -> Iterable[Metric]:
        server, tally = self._server, self._server.tally
        tally.look()
        tally.settle()
        yield GaugeMetricFamily("kameleon_connections", "Clients connected.", server.session_count)
        yield CounterMetricFamily(
            "kameleon_connections", "Clients that have connected, with those turned away.", server.sessions_begun
        )
        statements = Counter(tally.statements)
        statements["", "refused"] = tally.timings.refused
        yield _by_kind_and_route("kameleon_statements", "Statements.", statements)
        yield _by_kind_and_route("kameleon_statement_errors", "Statements that failed.", tally.errors)
        cache = CounterMetricFamily(
            "kameleon_rewrites", "Rewriting of statements that name entities, from the cache or not.", labels=["cached"]
        )
        counted = self._server.stores.counted()
        cache.add_metric(["yes"], counted["rewrites_cached"])
        cache.add_metric(["no"], counted["rewrites_made"])
        yield cache
        upstream = HistogramMetricFamily("kameleon_upstream_seconds", "Time that upstream took for a statement.")
        upstream.add_metric([], _buckets(tally.latencies), tally.seconds)
        yield upstream
        added = HistogramMetricFamily(
            "kameleon_added_seconds",
            "Time from reading what a client or upstream sent to writing it on.",
            labels=["source"],
        )
        if server.added is not None:
            for source, latencies in server.added.latencies.items():
                added.add_metric([source], _buckets(latencies), server.added.seconds[source])
        yield added
        yield CounterMetricFamily("kameleon_metrics_recorded", "Calls of statements recorded.", counted["recorded"])
        yield CounterMetricFamily(
            "kameleon_metrics_dropped",
            "Calls of statements not recorded, because too much waited.",
            counted["dropped"] + tally.timings.dropped,
        )
        yield CounterMetricFamily(
            "kameleon_metrics_stalls", "How often a database did not take metrics in time.", counted["stalls"]
        )
        yield GaugeMetricFamily("kameleon_metrics_pending", "Rows of metrics that wait.", counted["pending"])
        moves = GaugeMetricFamily(
            "kameleon_migrations",
            "Moves of entities that the catalog of a connected database knows.",
            labels=["database", "direction", "phase"],
        )
        for labels, count in sorted(self._migrations.items()):
            moves.add_metric(labels, count)
        yield moves


async def exposition(server: ProxyServer) -> bytes:
    """All of it, as text."""
    migrations: Counter[tuple[str, str, str]] = Counter()
    for database in server.stores.open_databases():
        try:
            async with asyncio.timeout(_MIGRATIONS_TIMEOUT):
                found = await database.store.count_migrations()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            continue  # of a database that does not answer there is nothing to tell
        migrations.update({(database.name, *which): count for which, count in found.items()})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(server, migrations))
    return generate_latest(registry)


def _by_kind_and_route(name: str, meaning: str, counts: Counter[tuple[str, str]]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=["kind", "route"])
    for labels, count in sorted(counts.items()):
        family.add_metric(labels, count)
    return family


def _buckets(latencies: Sequence[int]) -> list[tuple[str, float]]:
    """(upper bound, how many took at most that long)."""
    so_far: list[float] = list(accumulate(latencies))
    shown = range(0, len(_BOUNDS), _EVERY)
    return [(f"{_BOUNDS[number]:g}", so_far[number]) for number in shown] + [("+Inf", so_far[-1])]
