"""The proxy for one process alone: on a Unix socket that only its owner reaches, and with a memory of what it timed."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import rewriter
from catalog.metrics import QueryMetrics
from catalog.quoting import quote_name
from proxy.notice_rules import NoticeRules
from proxy.notices import named
from proxy.server import ProxyServer
from proxy.tally import rows_of
from proxy.timing import Timings
from proxy.transport import Channel

if TYPE_CHECKING:
    from catalog.model import Entity, Snapshot
    from proxy.settings import Settings
    from proxy.timing import Sample
    from proxy.upstream import UpstreamAddress

#: A socket's name in its directory, as PostgreSQL's clients make it of the port.
PORT = 5432


class _Observed(Timings):
    """One session's samples: the last is kept, and all go on to where they went before."""

    def __init__(self, all_timings: Timings) -> None:
        super().__init__(0, is_precise=all_timings.is_precise)
        self._all = all_timings
        self.last: Sample | None = None

    def append(self, sample: Sample) -> None:
        self.last = sample
        self._all.append(sample)


class InProcessServer(ProxyServer):
    """Every session is told what would help, however often; who asks by Python asked for it."""

    def __init__(self, settings: Settings, upstream: UpstreamAddress) -> None:
        super().__init__(settings, upstream)
        self.stores.rules = NoticeRules(is_on=True, is_repeated=True)
        self._observed: dict[int, _Observed] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="kameleon-")

    @property
    def directory(self) -> str:
        return self._folder.name

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        path = Path(self.directory) / f".s.PGSQL.{PORT}"
        self._listener = await loop.create_unix_server(lambda: Channel(self._accept), str(path))

    async def close(self) -> None:
        await self.drain()
        self._folder.cleanup()

    def timings_of(self, pid: int) -> Timings:
        observed = self._observed[pid] = _Observed(self.tally.timings)
        return observed

    def begin(self, pid: int) -> None:
        """What was timed so far is not asked for any more."""
        if pid in self._observed:
            self._observed[pid].last = None

    def measured(self, pid: int, sql: str, snapshot: Snapshot | None) -> QueryMetrics:
        """The last statement that was complete since `begin`."""
        sample = self._observed[pid].last if pid in self._observed else None
        if sample is None:
            return QueryMetrics(0.0, 0, (), False, rewriter.classify(sql).value)
        subject, started, ended, tag, _ = sample
        text, entities = ("", ()) if snapshot is None else named(subject, snapshot)
        return QueryMetrics(
            execution_time_ms=(ended - started) * 1000,
            row_count=rows_of(tag or b""),
            entities_accessed=tuple(map(_written, entities)),
            has_join=rewriter.count_joins(text) > 0,
            query_type=rewriter.classify(sql).value,
        )


def _written(entity: Entity) -> str:
    """`orders`, `archive.orders`, `"Odd one"`: without its schema where that is public."""
    name = entity.name if entity.name.isidentifier() and entity.name.islower() else quote_name(entity.name)
    return name if entity.schema == "public" else f"{quote_name(entity.schema)}.{name}"
