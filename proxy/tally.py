"""What the relay's samples add up to: by caller and shape for the databases' collectors, by kind and route for all.

    relay --sample--> Timings --every 20 ms--> groups of a caller --every second--> MetricsCollector, totals

A sample costs about half a microsecond; what is known of a shape (its entities, joins, hash) is worked
out when it is first seen.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import rewriter
from catalog.metrics import LATENCY_BOUNDS, QueryMetric, StatementShape
from proxy.timing import Passed, Subject, Timings
from rewriter import Rewritten

if TYPE_CHECKING:
    from catalog.model import Snapshot
    from proxy.stores import Database
    from proxy.texts import Facts
    from proxy.timing import Sample

#: Seconds that samples wait, so that they are looked at many at a time, but not so many that a client had to wait.
_LOOK_EVERY = 0.02
_SETTLE_EVERY = 0.5
#: A shape whose statements take less than this (seconds) on average is quick.
_QUICK = 0.001
#: Calls from which on an average is trusted before it is settled.
_ENOUGH = 10
_REMEMBERED_TAGS = 10_000
_REMEMBERED_SHAPES = 10_000
_BOUNDS = tuple(bound / 1000 for bound in LATENCY_BOUNDS)
_BUCKETS = len(_BOUNDS) + 1


class Group:
    """Statements of one shape by one caller."""

    __slots__ = (
        "calls",
        "ended",
        "errors",
        "known",
        "latencies",
        "most_rows",
        "route",
        "rows",
        "seconds",
        "shape",
        "slowest",
    )

    def __init__(self, shape: StatementShape, route: str, ended: float, known: Facts | Rewritten | None = None) -> None:
        self.shape = shape
        #: What remembers whether the shape is quick.
        self.known = known
        self.route = route
        #: perf_counter when the first of them was complete.
        self.ended = ended
        self.calls = 0
        self.errors = 0
        self.seconds = 0.0
        self.slowest = 0.0
        self.rows = 0
        self.most_rows = 0
        self.latencies = [0] * _BUCKETS


class Caller:
    """Who sends statements: one object for all sessions that are alike in this."""

    __slots__ = ("__weakref__", "_callers", "application", "database", "groups", "user")

    def __init__(self, callers: Callers, database: Database | None, user: str, application: str) -> None:
        self._callers = callers
        self.database = database
        self.user = user
        self.application = application
        #: By what knows the shape: the rewriter's script, facts, a shape's text, or a kind.
        self.groups: dict[object, Group] = {}

    def changed(self, name: bytes, value: bytes) -> Caller:
        """Who it is after a ParameterStatus."""
        text = value.decode("utf-8", "replace")
        if name == b"application_name":
            return self._callers.get(self.database, self.user, text)
        if name == b"session_authorization":
            return self._callers.get(self.database, text, self.application)
        return self


class Callers:
    """The callers there are; those of sessions that have ended are forgotten when their groups are settled."""

    def __init__(self) -> None:
        self._callers: WeakValueDictionary[tuple[int, str, str], Caller] = WeakValueDictionary()

    def get(self, database: Database | None, user: str, application: str) -> Caller:
        key = (id(database), user, application)
        caller = self._callers.get(key)
        if caller is None:
            caller = self._callers[key] = Caller(self, database, user, application)
        return caller


class Tally:
    def __init__(self, limit: int, *, is_precise: bool = True) -> None:
        """At most `limit` samples wait to be looked at."""
        self.timings = Timings(limit, self._wake, is_precise=is_precise)
        self.callers = Callers()
        #: Statements by (kind, route), and of these the ones that failed.
        self.statements: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()
        #: Of all statements, how many took how long (`LATENCY_BOUNDS`), and the seconds of all of them.
        self.latencies = [0] * _BUCKETS
        self.seconds = 0.0
        self._active: set[Caller] = set()
        self._tags: dict[bytes, tuple[str, int, int]] = {}
        self._shapes: dict[object, StatementShape] = {}
        self._settling: asyncio.TimerHandle | None = None

    def _wake(self) -> None:
        asyncio.get_running_loop().call_later(_LOOK_EVERY, self.look)

    # --- samples ---

    def look(self) -> None:
        """Add up the samples that wait."""
        self.add(self.timings.take())
        for caller in self._active:
            for group in caller.groups.values():
                # A batch of them is under way: it need not be held up any longer.
                if group.known is not None and group.calls >= _ENOUGH and group.seconds < group.calls * _QUICK:
                    group.known.is_quick = True
        if self._settling is None and self._active:
            self._settling = asyncio.get_running_loop().call_later(_SETTLE_EVERY, self.settle)

    def add(self, samples: list[Sample]) -> None:
        """`samples`: in order."""
        count = self._count
        # Statements whose answers came in one chunk: all but the first of them seem to have taken no time.
        run: list[Sample] = []
        for sample in reversed(samples):
            subject, started, ended, tag, caller = sample
            if ended <= started:
                run.append(sample)
            elif run:
                run.append(sample)
                self._share(ended - started, run)
                run = []
            else:
                count(subject, ended - started, ended, tag, caller, 1)
        if run:
            self._share(0.0, run)

    def _share(self, seconds: float, run: list[Sample]) -> None:
        """Nobody knows which of them took how long, but that each is of a quick shape, or came in one Query."""
        share = seconds / len(run)
        alike: dict[tuple[int, bytes | None], list[Sample]] = {}
        for sample in run:
            alike.setdefault((id(sample[0]), sample[3]), []).append(sample)
        for samples in alike.values():
            subject, _, ended, tag, caller = samples[0]
            self._count(subject, share, ended, tag, caller, len(samples))

    def _count(
        self, subject: Subject, seconds: float, ended: float, tag: bytes | None, caller: Caller, times: int
    ) -> None:
        """`times` statements that took so long each. Written for speed."""
        kind, rows, calls = (self._tags.get(tag) or self._read_tag(tag)) if tag is not None else ("", 0, 1)
        of = subject.__class__
        key: object
        if of is Rewritten:
            key = subject.key  # type: ignore[union-attr]
        elif of is bytes:
            key = kind
        elif subject.executed is not None:  # type: ignore[union-attr]
            self._count(subject.executed, seconds, ended, tag, caller, times)  # type: ignore[union-attr]
            return
        else:
            key = subject.facts if subject.facts.is_shape else subject.sql  # type: ignore[union-attr]
        group = caller.groups.get(key) or self._group(subject, key, ended, caller)
        group.calls += calls * times
        group.seconds += seconds * times
        group.latencies[bisect_left(_BOUNDS, seconds)] += calls * times
        if seconds > group.slowest:
            group.slowest = seconds
        if rows:
            group.rows += rows * times
            if rows > group.most_rows:
                group.most_rows = rows
        elif tag is None:
            group.errors += times

    def _read_tag(self, tag: bytes) -> tuple[str, int, int]:
        """The kind that a command tag tells, its rows, and whether that is all of a statement (1) or a part (0)."""
        if len(self._tags) >= _REMEMBERED_TAGS:
            self._tags.clear()
        text = tag.decode("ascii", "replace")
        read = (rewriter.classify(text).value, rows_of(tag), 1 if tag else 0)
        self._tags[tag] = read
        return read

    # --- groups ---

    def _group(self, subject: Subject, key: object, ended: float, caller: Caller) -> Group:
        if isinstance(subject, bytes):
            if not key:
                key = rewriter.classify(subject.decode("utf-8", "replace")).value
            group = caller.groups.get(key)
            if group is None:
                group = Group(StatementShape(str(key)), "passed", ended)
        else:
            shape = self._shape(subject, caller)
            # Several texts may turn out to be of one shape.
            same = (shape.shape_id, shape.storage_modes)
            group = caller.groups.get(same) if shape.entity_ids else None
            if group is None:
                route = "rewritten" if isinstance(subject, Rewritten) and subject.touched else "passed"
                group = Group(shape, route, ended, subject.facts if isinstance(subject, Passed) else subject)
                if shape.entity_ids:
                    caller.groups[same] = group
        caller.groups[key] = group
        self._active.add(caller)
        return group

    def _shape(self, subject: Passed | Rewritten, caller: Caller) -> StatementShape:
        if isinstance(subject, Rewritten):
            kind, text, entities = subject.kind.value, subject.shape, subject.entities
        else:
            sql = subject.sql.decode("utf-8", "replace")
            kind, text = subject.facts.kind.value, ""
            entities = subject.texts.entities_named(sql) if subject.facts.dedicated else ()
            if entities:
                text = subject.texts.shown_shape(sql)
        snapshot = None if caller.database is None else caller.database.store.snapshot
        known = {} if snapshot is None else _storage_modes(snapshot, entities)
        if not known:
            return StatementShape(kind)
        memo = (text, tuple(known.items()))
        shape = self._shapes.get(memo)
        if shape is None:
            if len(self._shapes) >= _REMEMBERED_SHAPES:
                self._shapes.clear()
            shape = StatementShape.of(kind, text, known, rewriter.count_joins(text))
            self._shapes[memo] = shape
        return shape

    def settle(self) -> None:
        """What was added up goes to the totals, and where it concerns entities to the collectors of their databases."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        for caller in self._active:
            groups, caller.groups = caller.groups, {}
            for group in {id(each): each for each in groups.values()}.values():
                if group.known is not None:
                    group.known.is_quick = group.seconds < group.calls * _QUICK
                self._settle(caller, group)
        self._active.clear()

    def _settle(self, caller: Caller, group: Group) -> None:
        what = (group.shape.query_type, group.route)
        self.statements[what] += group.calls
        if group.errors:
            self.errors[what] += group.errors
        self.seconds += group.seconds
        self.latencies = [mine + its for mine, its in zip(self.latencies, group.latencies, strict=True)]
        if group.shape.entity_ids and caller.database is not None:
            caller.database.collector.record_query(
                QueryMetric(
                    shape=group.shape,
                    calls=group.calls,
                    errors=group.errors,
                    execution_time_ms=group.seconds * 1000,
                    slowest_ms=group.slowest * 1000,
                    row_count=group.rows,
                    most_rows=group.most_rows,
                    latencies=tuple(group.latencies),
                    user_name=caller.user,
                    application_name=caller.application,
                    completed=group.ended,
                )
            )


def _storage_modes(snapshot: Snapshot, entities: tuple[int, ...]) -> dict[int, str]:
    """System catalogs, which are read through views of ours, are no entities."""
    found = {each: snapshot.entities.get(each) for each in entities}
    return {each: entity.storage_mode for each, entity in found.items() if entity is not None and not entity.is_catalog}


def rows_of(tag: bytes) -> int:
    """`INSERT 0 5`, `SELECT 3`, `COPY 12` -> the last number; 0 where the tag has none."""
    last = tag.rpartition(b" ")[2]
    return int(last) if last.isdigit() else 0
