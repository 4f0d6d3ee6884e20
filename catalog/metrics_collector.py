"""Metrics on their way into the database: recorded without waiting, written in batches.

`record_query` adds to what is pending and returns. A task of the collector's own writes what is pending about once a
second, over a connection of its own, so that a database which does not take it holds nobody up. Calls that are alike
(shape, user, application) share a row as long as they are pending: under load the database is told of each shape once
a second, however many statements there were, and while it cannot be told nothing is lost but the time of each. What is
pending is bounded; what does not fit is counted in `dropped`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from catalog.metrics import EntityStats, MaterializationPolicy, QueryMetric, StatementShape

if TYPE_CHECKING:
    Connect = Callable[[], Awaitable[asyncpg.Connection[Any]]]

log = structlog.get_logger(__name__)

_SLOT = timedelta(minutes=10)
_CLEANED_EVERY = timedelta(hours=1)
#: More shapes than this on one day: what comes on top is counted as one for each kind and entities, as "...".
_SHAPES_PER_DAY = 5000
_SETTINGS_SQL = "SET synchronous_commit = off; SET timezone = 'UTC'; SET application_name = 'kameleon metrics'"
_COLUMNS = [
    *("recorded_at", "entity_id", "query_type", "storage_mode", "shape_id", "joins", "calls", "errors"),
    *("execution_time_ms", "slowest_ms", "row_count", "user_name", "application_name"),
]
_WRITES = frozenset(("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"))

_Failures = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class _Pending:
    """Calls that are written as one row for each entity."""

    __slots__ = ("calls", "completed", "errors", "latencies", "milliseconds", "most_rows", "rows", "shape", "slowest",
                 "source")  # fmt: skip

    def __init__(self, metric: QueryMetric) -> None:
        self.shape = metric.shape
        self.source = (metric.user_name, metric.application_name)
        self.completed = metric.completed
        self.calls = metric.calls
        self.errors = metric.errors
        self.milliseconds = metric.execution_time_ms
        self.slowest = metric.slowest_ms
        self.rows = metric.row_count
        self.most_rows = metric.most_rows
        self.latencies = list(metric.latencies)

    def add(self, other: QueryMetric | _Pending) -> None:
        if isinstance(other, QueryMetric):
            other = _Pending(other)
        self.completed = min(self.completed, other.completed)
        self.calls += other.calls
        self.errors += other.errors
        self.milliseconds += other.milliseconds
        self.slowest = max(self.slowest, other.slowest)
        self.rows += other.rows
        self.most_rows = max(self.most_rows, other.most_rows)
        self.latencies = [mine + its for mine, its in zip(self.latencies, other.latencies, strict=True)]


class MetricsCollector:
    """One per database."""

    def __init__(
        self,
        connect: Connect,
        policy: Callable[[], MaterializationPolicy],
        *,
        max_pending: int = 10_000,
        interval: float = 1.0,
        stalled_after: float = 5.0,
    ) -> None:
        """`policy` is asked whenever it matters. `interval`: seconds between batches. `stalled_after`: seconds that a
        batch may take before it is reported."""
        self.recorded = 0
        """Calls written."""
        self.dropped = 0
        """Calls that were not, because too much was pending or the collector was closed."""
        self.stalls = 0
        """How often the database did not take a batch in time, or refused it."""
        self._connect = connect
        self._policy = policy
        self._max_pending = max_pending
        self._interval = interval
        self._stalled_after = stalled_after
        self._pending: dict[tuple[object, ...], _Pending] = {}
        self._connection: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False
        self._in_trouble = False
        # By the server's clock: the time at perf_counter() == 0, and the days that have partitions.
        self._epoch = datetime.fromtimestamp(0, UTC)
        self._days: set[date] = set()
        # Of that day, with whether their text was to be kept.
        self._shapes: set[tuple[int, bool]] = set()
        self._shapes_of: date | None = None
        self._cleaned_at: datetime | None = None

    @property
    def pending(self) -> int:
        """Rows that wait to be written."""
        return len(self._pending)

    # --- recording ---

    def record_query(self, metric: QueryMetric) -> None:
        """Takes up one or more calls of a shape. Never waits, never raises."""
        if not self._policy().enabled or not metric.shape.entity_ids:
            return
        # Rows are not drawn out over more than ten minutes, however long they wait.
        slot = int(metric.completed // _SLOT.total_seconds())
        shape = metric.shape
        key = (shape.shape_id, shape.storage_modes, metric.user_name, metric.application_name, slot)
        known = self._pending.get(key)
        if known is not None:
            known.add(metric)
        elif len(self._pending) >= self._max_pending or self._closing:
            self.dropped += metric.calls
        else:
            self._pending[key] = _Pending(metric)
        if self._writer is None and not self._closing:
            self._writer = asyncio.get_running_loop().create_task(self._write_soon(), name="metrics writer")

    async def _write_soon(self) -> None:
        wait = self._interval
        try:
            while self._pending:
                await asyncio.sleep(wait)
                # After a failure ever less often, up to half a minute.
                wait = self._interval if await self._try_to_flush() else min(wait * 2, 30.0)
        finally:
            self._writer = None

    async def _try_to_flush(self) -> bool:
        try:
            await self.flush()
        except _Failures as error:
            self.stalls += 1
            self._report("metrics are not written", error=str(error) or type(error).__name__)
            return False
        except Exception as error:
            # A fault of our own: what is pending would meet it again.
            log.error("metrics lost", exc_info=error)
            self.dropped += sum(each.calls for each in self._pending.values())
            self._pending.clear()
        return True

    def _report(self, message: str, **more: object) -> None:
        """Once, until it is over."""
        if not self._in_trouble:
            self._in_trouble = True
            log.warning(message, pending=self.pending, dropped=self.dropped, **more)

    def _stalled(self) -> None:
        self.stalls += 1
        self._report("metrics are not written: the database takes its time", seconds=self._stalled_after)

    # --- writing ---

    async def flush(self) -> None:
        """Writes what is pending.

        Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError; then it is still pending.
        """
        watch = asyncio.get_running_loop().call_later(self._stalled_after, self._stalled)
        batch: dict[tuple[object, ...], _Pending] = {}
        try:
            async with self._lock:
                connection = await self._connected()
                # Taken no earlier than it can be sent: what stays pending goes on being added up.
                batch, self._pending = self._pending, {}
                if batch:
                    await self._write(connection, batch.values())
        except BaseException:
            self._take_back(batch)
            # What was made may be gone: days and shapes are looked at anew.
            self._days.clear()
            self._shapes_of = None
            raise
        finally:
            watch.cancel()
        self.recorded += sum(each.calls for each in batch.values())
        if self._in_trouble:
            self._in_trouble = False
            log.info("metrics are written again", recorded=self.recorded, dropped=self.dropped)

    def _take_back(self, batch: dict[tuple[object, ...], _Pending]) -> None:
        for key, each in batch.items():
            newer = self._pending.get(key)
            if newer is not None:
                newer.add(each)
            elif len(self._pending) < self._max_pending:
                self._pending[key] = each
            else:
                self.dropped += each.calls

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            connection = await self._connect()
            try:
                await connection.execute(_SETTINGS_SQL)
                # The server's clock decides on what day a row falls, also where ours is wrong.
                now: datetime = await connection.fetchval("SELECT clock_timestamp()")
            except BaseException:
                connection.terminate()
                raise
            self._epoch = now - timedelta(seconds=perf_counter())
            self._connection = connection
            self._days.clear()
            self._shapes_of = None
        return self._connection

    async def _write(self, connection: asyncpg.Connection[Any], batch: Collection[_Pending]) -> None:
        policy = self._policy()
        rows = [(self._epoch + timedelta(seconds=each.completed), each) for each in batch]
        await self._make_days(connection, {when.date() for when, _ in rows})
        latest = max(when for when, _ in rows)
        if self._cleaned_at is None or latest - self._cleaned_at > _CLEANED_EVERY:
            self._cleaned_at = latest
            await _cleanup(connection, policy.retention_days)
        if self._shapes_of != latest.date():
            self._shapes_of = latest.date()
            self._shapes.clear()
        new = self._new_shapes(batch, policy.store_sql_text)
        async with connection.transaction():
            if new:
                await connection.execute(
                    "SELECT kameleon.add_statement_shapes($1, $2, $3, $4, $5)",
                    [shape.shape_id for shape in new.values()],
                    [shape.query_type for shape in new.values()],
                    [_array(sorted(shape.entity_ids)) for shape in new.values()],
                    [shape.joins for shape in new.values()],
                    [shape.text if policy.store_sql_text else None for shape in new.values()],
                )
            await connection.copy_records_to_table(
                "kdb_query_metrics",
                schema_name="kameleon",
                columns=_COLUMNS,
                records=[record for when, each in rows for record in _records(when, each)],
            )
            await connection.execute(
                "SELECT kameleon.add_statement_days($1, $2, $3, $4, $5, $6, $7, $8, $9)", *_statement_days(rows)
            )
            await connection.execute(
                "SELECT kameleon.add_entity_activity($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", *_activity(rows)
            )
        self._shapes.update(new)

    def _new_shapes(self, batch: Collection[_Pending], with_text: bool) -> dict[tuple[int, bool], StatementShape]:
        """Those that are not written down yet today."""
        new: dict[tuple[int, bool], StatementShape] = {}
        for each in batch:
            key = (each.shape.shape_id, with_text)
            if key in self._shapes or key in new:
                continue
            if len(self._shapes) + len(new) >= _SHAPES_PER_DAY:
                modes = dict(zip(each.shape.entity_ids, each.shape.storage_modes, strict=True))
                each.shape = StatementShape.of(each.shape.query_type, "...", modes, each.shape.joins)
                key = (each.shape.shape_id, with_text)
            if key not in self._shapes:
                new[key] = each.shape
        return new

    async def _make_days(self, connection: asyncpg.Connection[Any], days: set[date]) -> None:
        if days <= self._days:
            return
        # Tomorrow's, too: at midnight nobody has to wait.
        first, last = min(days), max(days) + timedelta(days=1)
        await connection.execute("SELECT kameleon.make_metric_days($1, $2)", first, last)
        self._days.update(first + timedelta(days=number) for number in range((last - first).days + 1))

    # --- reading, keeping house ---

    async def get_entity_stats(self, entity_id: int) -> EntityStats:
        """How an entity was used within the policy's windows; all zero where nothing is known of it.

        Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError.
        """
        policy = self._policy()
        async with self._lock:
            row = await (await self._connected()).fetchrow(
                "SELECT * FROM kameleon.entity_activity($1, $2, $3)",
                entity_id,
                timedelta(hours=policy.access_frequency_window_hours),
                timedelta(hours=policy.join_frequency_window_hours),
            )
        assert row is not None
        return EntityStats(entity_id, **dict(row))

    async def cleanup_old_metrics(self) -> int:
        """Drops the days that the policy does not keep any longer; how many tables these were.

        It is done by itself every hour. Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError.
        """
        async with self._lock:
            return await _cleanup(await self._connected(), self._policy().retention_days)

    async def close(self, timeout: float = 2.0) -> None:
        """Writes what is pending, if that is done in time (seconds); what is not is dropped, and said so."""
        self._closing = True
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            async with asyncio.timeout(timeout):
                if self._pending:
                    await self.flush()
        except _Failures as error:
            log.warning("metrics are not written at the end", error=str(error) or type(error).__name__)
        lost = sum(each.calls for each in self._pending.values())
        if lost:
            self.dropped += lost
            log.warning("metrics dropped", calls=lost)
            self._pending.clear()
        if self._connection is not None:
            self._connection.terminate()


async def _cleanup(connection: asyncpg.Connection[Any], retention_days: int) -> int:
    dropped: int = await connection.fetchval(
        "SELECT kameleon.drop_metric_days((now() AT TIME ZONE 'UTC')::date - $1::int + 1)", retention_days
    )
    return dropped


def _records(when: datetime, each: _Pending) -> list[tuple[Any, ...]]:
    shape = each.shape
    measured = (shape.shape_id, shape.joins, each.calls, each.errors, each.milliseconds, each.slowest, each.rows)
    return [
        (when, entity, shape.query_type, mode, *measured, *each.source)
        for entity, mode in zip(shape.entity_ids, shape.storage_modes, strict=True)
    ]


def _statement_days(rows: list[tuple[datetime, _Pending]]) -> list[list[Any]]:
    sums: dict[tuple[date, int, str], _Pending] = {}
    for when, each in rows:
        _add(sums, (when.date(), each.shape.shape_id, each.shape.storage_mode), each)
    table = [
        (*key, each.calls, each.errors, each.milliseconds, each.slowest, each.rows, _array(_trimmed(each.latencies)))
        for key, each in sums.items()
    ]
    return [list(column) for column in zip(*table, strict=True)]


def _activity(rows: list[tuple[datetime, _Pending]]) -> list[list[Any]]:
    sums: dict[tuple[datetime, int, str], list[Any]] = {}
    for when, each in rows:
        since = when - (when - datetime.min.replace(tzinfo=UTC)) % _SLOT
        writes = each.calls if each.shape.query_type in _WRITES else 0
        joins = each.calls if each.shape.joins else 0
        for entity, mode in zip(each.shape.entity_ids, each.shape.storage_modes, strict=True):
            total = sums.setdefault((since, entity, mode), [0, 0, 0, 0.0, 0.0, 0, 0])
            total[0] += each.calls
            total[1] += writes
            total[2] += joins
            total[3] += each.milliseconds
            total[4] = max(total[4], each.slowest)
            total[5] += each.rows
            total[6] = max(total[6], each.most_rows)
    table = [(*key, *total) for key, total in sums.items()]
    return [list(column) for column in zip(*table, strict=True)]


def _add(sums: dict[tuple[date, int, str], _Pending], key: tuple[date, int, str], each: _Pending) -> None:
    known = sums.get(key)
    if known is None:
        # A copy: the row itself is written as it is.
        known = sums[key] = object.__new__(_Pending)
        for name in _Pending.__slots__:
            setattr(known, name, getattr(each, name))
    else:
        known.add(each)


def _trimmed(latencies: list[int]) -> list[int]:
    end = len(latencies)
    while end and not latencies[end - 1]:
        end -= 1
    return latencies[:end]


def _array(numbers: Collection[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"
