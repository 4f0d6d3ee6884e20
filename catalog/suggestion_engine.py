"""What would make statements faster, worked out from what was measured. Pure: facts in, suggestions out.

A slow statement gets advice only where it helps. The parts of its time that could be saved are estimated:

    a missing index         the reading of all rows, where only few of them meet the statement's conditions
    dedicated storage       what reading a row's columns from its document costs more than reading them from a table
    nothing of the two      then there is no suggestion

How long reading takes is measured on a sample, on the same server and a moment later (`kameleon.entity_facts`), so the
estimate holds for this machine and its load. `kameleon.simulate` measures the gain of dedicated storage itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

from catalog.metrics import EntityStats, MaterializationPolicy, MaterializationSuggestion, Priority, QueryMetrics
from catalog.quoting import quote_name, quote_value
from catalog.uses import EntityUse

#: Advice that saves less than this part of the time is not worth a change of the schema.
MINIMUM_GAIN = 0.3
#: Nothing saves more: the round trip and the result stay.
_MOST_GAIN = 0.95
#: An index that leads to more than this part of the rows is not used.
_SELECTIVE = 0.05
#: The part of the rows that meets a condition of which nothing is known, as PostgreSQL guesses it.
_UNKNOWN_PART = 1 / 3
#: Columns of an index.
_MOST_KEYS = 3
#: An entity grows if it has got this part of its rows more since it was first looked at.
_GROWN = 0.5
#: What takes no more than this part of a slow statement's time is not looked at for growth.
_FAR_FROM_SLOW = 0.1
#: Reading by an index costs a row this many times as much as reading all of them in order.
_INDEX_COST = 4
_ADVISED = frozenset(("SELECT", "UPDATE", "DELETE", "MERGE", "EXECUTE", "DECLARE", "COPY"))

SLOW = "reading documents takes much of this statement's time"
NO_INDEX = "no index fits the conditions of this statement"
MANY_JOINS = "it is joined often, and kept in shared storage"
MANY_CALLS = "it is used often, and kept in shared storage"
GROWS = "it grows, and is kept in shared storage"
UNUSED = "nobody uses it, and it is kept in dedicated storage"


@dataclass(frozen=True, slots=True)
class EntityState:
    """An entity as it is now."""

    entity_id: int
    name: str
    """As SQL writes it, with a schema where it needs one."""
    storage_mode: str
    rows: float
    """Estimated."""
    row_us: float = 0.0
    """Measured on a sample: microseconds for one row, of which nothing is read but that it is there."""
    document_us: float = 0.0
    """Likewise, and the fields of the use in question are read. As `row_us` in dedicated storage."""
    tested_us: float | None = None
    """Likewise, of the fields in conditions; None where these are all."""
    sampled: int = 0
    """Rows of that sample."""
    distinct: Mapping[str, float] | None = None
    """Different values of a column, estimated; columns of which nothing is known are missing."""
    frequent: Mapping[str, float] | None = None
    """Of a column, how likely it is that two rows have the same value."""
    unfit: frozenset[str] = frozenset()
    """Columns that an index does not take: their values have no order, or are too long."""
    indexes: tuple[tuple[str, ...], ...] = ()
    """Key columns of each index that any statement may use: valid, and not partial."""
    partial: tuple[tuple[str, ...], ...] = ()
    """Of each partial index the first of its keys, and all columns that it is about."""
    can_be_shared: bool = False
    moved_at: datetime | None = None
    """When it last changed, or its storage did."""
    quoted: Mapping[str, str] | None = None
    """Its columns as SQL writes them."""
    rows_before: float | None = None
    """Estimated on the earliest day of which its size is known, before today."""
    days_before: int = 0
    """How many days ago that was."""

    def column(self, name: str) -> str:
        return quote_name(name) if self.quoted is None or name not in self.quoted else self.quoted[name]

    def different(self, column: str) -> float | None:
        return None if self.distinct is None else self.distinct.get(column)

    def has_index(self, column: str) -> bool:
        return any(columns[:1] == (column,) for columns in self.indexes)

    @property
    def test_us(self) -> float:
        return self.document_us if self.tested_us is None else min(self.tested_us, self.document_us)


@dataclass(frozen=True, slots=True)
class Advice:
    """A suggestion, with what the proxy needs to keep count of it."""

    entity_id: int
    kind: Literal["index", "materialize", "dematerialize"]
    gain: float
    """The part of the time that it is estimated to save, 0 to 1; 0 where it does not save time."""
    spent_ms: float
    """What the statement took, or all statements of the window."""
    suggestion: MaterializationSuggestion
    columns: tuple[str, ...] = ()
    """Of the index."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a statement comes to an entity's rows."""

    state: EntityState
    use: EntityUse
    selected: float
    """Rows that meet its own conditions."""
    is_counted: bool
    """Not estimated: each of them was returned or changed."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An index that might help."""

    columns: tuple[str, ...]
    found: float
    """Rows that it leads to."""
    why: str
    """What of them, behind their number."""
    times: float = 1.0
    """How often the rows are looked for in one statement."""


class SuggestionEngine:
    def __init__(self, policy: MaterializationPolicy) -> None:
        self._policy = policy

    # --- one statement ---

    def evaluate_query(
        self, metrics: QueryMetrics, states: Sequence[EntityState], uses: Sequence[EntityUse]
    ) -> tuple[Advice, ...]:
        """What would make this statement faster; the most promising first, and nothing that does not help."""
        policy = self._policy
        is_slow = metrics.execution_time_ms > policy.execution_time_threshold_ms
        if not policy.enabled or not (is_slow or metrics.row_count > policy.row_count_threshold):
            return ()
        if metrics.query_type not in _ADVISED or metrics.execution_time_ms <= 0:
            return ()
        # of a table without rows of its own, such as a partitioned one, nothing could be measured
        by_id = {state.entity_id: state for state in states if state.sampled}
        looks = {use.number: self._look(by_id[use.entity_id], use, metrics) for use in uses if use.entity_id in by_id}
        index = self._index(metrics, looks)
        dedicated = self._dedicated(metrics, looks)
        if index is not None and (dedicated is None or index.gain >= 0.8 * dedicated.gain):
            return (index,)
        return () if dedicated is None else (dedicated,)

    def _look(self, state: EntityState, use: EntityUse, metrics: QueryMetrics) -> _Look:
        if use.is_plain and not use.is_limited:
            return _Look(state, use, float(metrics.row_count), True)
        selected = state.rows * _fraction(state, use.equal) * _UNKNOWN_PART ** (len(use.ranges) + use.has_more)
        return _Look(state, use, selected, False)

    def _index(self, metrics: QueryMetrics, looks: Mapping[int, _Look]) -> Advice | None:
        best: Advice | None = None
        for look in looks.values():
            state = look.state
            if _reads_few(look, looks) or state.rows < 1:
                continue
            for candidate in _candidates(look, looks, metrics):
                columns, found = candidate.columns, candidate.found
                if not state.unfit.isdisjoint(columns):
                    continue
                if found > _SELECTIVE * state.rows or any(each[: len(columns)] == columns for each in state.indexes):
                    continue
                read_ms = candidate.times * state.rows * state.test_us / 1000
                part = min(_MOST_GAIN, 1.5 * read_ms / metrics.execution_time_ms)
                gain = part * (1 - min(1.0, _INDEX_COST * found / state.rows))
                if gain < MINIMUM_GAIN or (best is not None and best.gain >= gain):
                    continue
                keys = ", ".join(map(state.column, columns))
                times = "" if candidate.times < 1.5 else f", about {_count(candidate.times)} times"
                evidence = (
                    f"It took {_ms(metrics.execution_time_ms)} and reads all of about {_count(state.rows)} rows of"
                    f" {state.name}{times}; about {candidate.why}."
                    f" Expected gain: about {_percent(gain)} of the time, estimated from {_us(state.test_us)} that"
                    f" reading a row took in a sample of {state.sampled:,}."
                )
                suggestion = MaterializationSuggestion(
                    entity_name=state.name,
                    reason=f"{state.name}: {NO_INDEX}",
                    evidence=evidence,
                    action=f"CREATE INDEX ON {state.name} ({keys})",
                    priority=self._priority(gain * metrics.execution_time_ms),
                )
                best = Advice(state.entity_id, "index", gain, metrics.execution_time_ms, suggestion, columns)
        return best

    def _dedicated(self, metrics: QueryMetrics, looks: Mapping[int, _Look]) -> Advice | None:
        costs: list[tuple[float, float, _Look, float]] = []
        for look in looks.values():
            state = look.state
            if state.storage_mode != "shared":
                continue
            read = _found_by_index(look, looks) if _reads_few(look, looks) else state.rows
            if _stops_early(look):
                read = min(read, metrics.row_count)
            # what is not in the conditions is read of those rows only that meet them
            kept = min(read, look.selected if not look.use.is_limited else min(look.selected, metrics.row_count))
            cost = (read * state.test_us + kept * (state.document_us - state.test_us)) / 1000
            costs.append((max(0.0, cost - read * state.row_us / 1000), cost, look, read))
        if not costs:
            return None
        costs.sort(key=lambda each: each[0], reverse=True)
        saved, spent, look, read = costs[0]
        state = look.state
        # a statement may use it several times
        for more, cost, other, _ in costs[1:]:
            if other.state.name == state.name:
                saved, spent = saved + more, spent + cost
        # No more is saved than the share that documents have in reading them, though several processes may have read.
        gain = min(_MOST_GAIN, saved / metrics.execution_time_ms, saved / spent if spent else 0.0)
        if gain < MINIMUM_GAIN:
            return None
        evidence = (
            f"It took {_ms(metrics.execution_time_ms)} and reads about {_count(read)} rows of {state.name}. Their"
            f" columns are in documents, which costs about {_us(state.document_us - state.row_us)} a row more, as"
            f" measured in a sample of {state.sampled:,}. Expected gain: about {_percent(gain)} of the time;"
            f" SELECT * FROM kameleon.simulate({quote_value(state.name)}) measures it."
        )
        suggestion = MaterializationSuggestion(
            entity_name=state.name,
            reason=f"{state.name}: {SLOW}",
            evidence=evidence,
            action=_materialize(state),
            priority=self._priority(saved),
        )
        return Advice(state.entity_id, "materialize", gain, metrics.execution_time_ms, suggestion)

    # --- history ---

    def evaluate_entity(self, state: EntityState, stats: EntityStats, now: datetime) -> tuple[Advice, ...]:
        """What the use of an entity over the policy's windows suggests."""
        if not self._policy.enabled:
            return ()
        if state.storage_mode == "shared":
            found = self._often_used(state, stats) or self._growing(state, stats)
        else:
            found = self._unused(state, stats, now)
        return () if found is None else (found,)

    def is_worth_a_look(self, storage_mode: str, stats: EntityStats) -> bool:
        """Whether there may be something to suggest, as far as can be told without the entity's state."""
        if storage_mode != "shared":
            return not stats.calls
        return self._is_used_often(stats) or self._may_become_slow(stats)

    def _is_used_often(self, stats: EntityStats) -> bool:
        policy = self._policy
        often = stats.joins >= policy.join_frequency_threshold or stats.calls >= policy.access_frequency_threshold
        return bool(stats.calls) and often

    def _may_become_slow(self, stats: EntityStats) -> bool:
        slow = self._policy.execution_time_threshold_ms
        return bool(stats.calls) and stats.total_ms / stats.calls > _FAR_FROM_SLOW * slow

    def _often_used(self, state: EntityState, stats: EntityStats) -> Advice | None:
        policy = self._policy
        joined = stats.joins >= policy.join_frequency_threshold
        if not self._is_used_often(stats):
            return None
        mean = stats.total_ms / stats.calls
        # more than the rows that it has are not read at a time, and of those no more than the time allows
        saved = min(state.rows * max(0.0, state.document_us - state.row_us) / 1000, mean)
        gain = min(_MOST_GAIN, saved / mean) if mean else 0.0
        if gain < MINIMUM_GAIN or saved * stats.calls < policy.execution_time_threshold_ms:
            return None
        hours = policy.access_frequency_window_hours
        evidence = (
            f"{stats.calls:,} statements in {_hours(hours)} took {_ms(stats.total_ms)} together, {_ms(mean)} each;"
            f" {stats.joins:,} joined it in {_hours(policy.join_frequency_window_hours)}. It has about"
            f" {_count(state.rows)} rows, and reading one costs about {_us(state.document_us - state.row_us)} more"
            f" from a document, as measured in a sample of {state.sampled:,}. Expected gain: up to {_percent(gain)} of"
            f" the time; SELECT * FROM kameleon.simulate({quote_value(state.name)}) measures it."
        )
        reason = f"{state.name}: {MANY_JOINS if joined else MANY_CALLS}"
        priority = self._priority(saved * stats.calls / 10)
        suggestion = MaterializationSuggestion(state.name, reason, evidence, _materialize(state), priority)
        return Advice(state.entity_id, "materialize", gain, stats.total_ms, suggestion)

    def _growing(self, state: EntityState, stats: EntityStats) -> Advice | None:
        """Its statements will be slow when as many rows again have come, and not for their results."""
        policy = self._policy
        if state.rows_before is None or not state.days_before or not self._may_become_slow(stats):
            return None
        more = state.rows - state.rows_before
        if state.rows < policy.row_count_threshold or more < _GROWN * state.rows_before:
            return None
        mean = stats.total_ms / stats.calls
        reading = min(state.rows * max(0.0, state.document_us - state.row_us) / 1000, mean)
        saved = reading * (1 + more / state.rows)
        later = mean - reading + saved
        gain = min(_MOST_GAIN, saved / later)
        if gain < MINIMUM_GAIN or later < policy.execution_time_threshold_ms:
            return None
        days = f"{state.days_before} days" if state.days_before > 1 else "a day"
        evidence = (
            f"It has about {_count(state.rows)} rows, and had about {_count(state.rows_before)} {days} ago."
            f" {stats.calls:,} statements in {_hours(policy.access_frequency_window_hours)} took {_ms(mean)} each; when"
            f" it has grown as much again, they will take about {_ms(later)}, since reading a row costs about"
            f" {_us(state.document_us - state.row_us)} more from a document, as measured in a sample of"
            f" {state.sampled:,}. Expected gain then: up to {_percent(gain)} of the time;"
            f" SELECT * FROM kameleon.simulate({quote_value(state.name)}) measures it as it is now."
        )
        reason = f"{state.name}: {GROWS}"
        suggestion = MaterializationSuggestion(state.name, reason, evidence, _materialize(state), self._priority(saved))
        return Advice(state.entity_id, "materialize", gain, stats.total_ms, suggestion)

    def _unused(self, state: EntityState, stats: EntityStats, now: datetime) -> Advice | None:
        window = timedelta(
            hours=max(self._policy.join_frequency_window_hours, self._policy.access_frequency_window_hours)
        )
        latest = max((each for each in (stats.last_used, state.moved_at) if each is not None), default=None)
        if not state.can_be_shared or latest is None or now - latest < window:
            return None
        evidence = (
            f"No statement through Kameleon has named it for {_hours(window.total_seconds() / 3600)}."
            " Expected gain: none in time; its columns can then be added and dropped without touching a row."
        )
        action = f"CALL kameleon.dematerialize_entity({quote_value(state.name)})"
        suggestion = MaterializationSuggestion(state.name, f"{state.name}: {UNUSED}", evidence, action, "low")
        return Advice(state.entity_id, "dematerialize", 0.0, 0.0, suggestion)

    def _priority(self, saved_ms: float) -> Priority:
        """By the time saved, against what the policy calls slow."""
        slow = self._policy.execution_time_threshold_ms
        return "high" if saved_ms >= 5 * slow else "medium" if saved_ms >= slow else "low"


def _fraction(state: EntityState, columns: frozenset[str]) -> float:
    """The part of the rows in which these columns have given values, more likely frequent ones than rare ones; 1 where
    nothing is known."""
    fraction = 1.0
    for column in columns:
        different = state.different(column)
        if different:
            fraction *= max(1 / different, (state.frequent or {}).get(column, 0.0))
    return max(fraction, 1 / state.rows) if state.rows >= 1 else 1.0


def _reads_few(look: _Look, looks: Mapping[int, _Look]) -> bool:
    """An index leads to the rows, as far as can be told."""
    state, use = look.state, look.use
    if any(_leads_to_few(look, index) for index in state.indexes):
        return True
    if any(first in use.equal | use.ranges and {*about} <= use.fields for first, *about in state.partial):
        return True
    if use.is_limited and use.order and state.has_index(use.order[0]):
        return True
    return any(
        state.has_index(join.column) and (join.is_repeated or _is_driver(looks.get(join.other), look, join.column))
        for join in use.joins
    )


def _stops_early(look: _Look) -> bool:
    """LIMIT of the first rows that come."""
    state, use = look.state, look.use
    in_order = not use.is_sorted or (bool(use.order) and state.has_index(use.order[0]))
    conditions = use.has_more or use.equal or use.ranges or use.joins
    return use.is_plain and use.is_limited and in_order and not conditions


def _leads_to_few(look: _Look, index: tuple[str, ...]) -> bool:
    state, use = look.state, look.use
    given = frozenset(takewhile(use.equal.__contains__, index))
    if index[len(given) : len(given) + 1] and index[len(given)] in use.ranges:
        return True
    # where nothing is known of the values, it may well
    return bool(given) and (
        not any(map(state.different, given))
        or state.rows * _fraction(state, given) <= max(1.0, _SELECTIVE * state.rows)
    )


def _found_by_index(look: _Look, looks: Mapping[int, _Look]) -> float:
    joined = [_matched(looks[join.other], look, join.column) for join in look.use.joins if join.other in looks]
    return min([look.selected, *joined])


def _is_driver(other: _Look | None, look: _Look, column: str) -> bool:
    """The other side finds so few rows that they are looked up here one by one."""
    return other is not None and _matched(other, look, column) <= _SELECTIVE * look.state.rows


def _matched(other: _Look, look: _Look, column: str) -> float:
    """Rows here that join with the rows that the other side finds."""
    different = look.state.different(column) or max(1.0, other.state.rows)
    return other.selected * max(1.0, look.state.rows / different)


def _candidates(look: _Look, looks: Mapping[int, _Look], metrics: QueryMetrics) -> list[_Candidate]:
    state, use = look.state, look.use
    found: list[_Candidate] = []
    known = [column for column in use.equal if state.different(column)]
    known.sort(key=lambda column: (-(state.different(column) or 0), column))
    # rows that are returned, where just the conditions told here decide that
    counted = float(metrics.row_count) if use.is_plain and not use.has_more and not use.joins else None
    all_equal = len(known) == len(use.equal) <= _MOST_KEYS
    if counted is not None and use.is_limited:
        if use.order and all_equal and not use.ranges:
            why = f"{_rows(counted, 'is', 'are')} the first by {', '.join(map(state.column, use.order))}"
            why += f" of those that meet {_conditions(state, known)}" if known else ""
            found.append(_Candidate((*known, *use.order), counted, why))
    elif counted is not None and len(use.ranges) == 1 and all_equal:
        columns = (*known, *use.ranges)
        found.append(_Candidate(columns, counted, f"{_rows(counted)} {_conditions(state, columns)}"))
    if known:
        keys = _needed(known, lambda columns: state.rows * _fraction(state, frozenset(columns)))
        rows = state.rows * _fraction(state, frozenset(keys))
        if look.is_counted:
            exact = counted is not None and not use.ranges and len(keys) == len(use.equal)
            rows = look.selected if exact else max(rows, look.selected)
        why = f"{_rows(rows)} {_conditions(state, keys)}"
        if use.is_limited and use.order and not set(use.order) & set(keys):
            keys = [*keys, *use.order]
        found.append(_Candidate(tuple(keys), rows, why))
    for join in use.joins:
        other = looks.get(join.other)
        if other is None or state.has_index(join.column):
            continue
        matched = _matched(other, look, join.column)
        column = state.column(join.column)
        if join.is_repeated:
            each = matched / max(1.0, other.selected)
            why = f"{_rows(each)} the condition on {column} each time"
            found.append(_Candidate((join.column,), each, why, max(1.0, other.selected)))
        elif _is_driver(other, look, join.column):
            found.append(_Candidate((join.column,), matched, f"{_rows(matched)} the join on {column}"))
    return found


def _rows(number: float, one: str = "meets", more: str = "meet") -> str:
    return f"one of them {one}" if number < 1.5 else f"{_count(number)} of them {more}"


def _conditions(state: EntityState, columns: Sequence[str]) -> str:
    return " and ".join(f"the condition on {state.column(column)}" for column in columns)


def _needed(columns: list[str], rows: Callable[[list[str]], float]) -> list[str]:
    """The first of them, and further ones as long as each at least halves what is found."""
    keys = columns[:1]
    for column in columns[1:_MOST_KEYS]:
        if rows([*keys, column]) > max(1.0, rows(keys) / 2):
            break
        keys.append(column)
    return keys


def _materialize(state: EntityState) -> str:
    return f"CALL kameleon.materialize_entity({quote_value(state.name)})"


def _count(number: float) -> str:
    """To two digits: it is an estimate."""
    whole = round(number)
    digits = len(str(whole))
    return f"{round(whole, 2 - digits) if digits > 2 else whole:,}"


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:,.0f} ms"


def _us(microseconds: float) -> str:
    return f"{microseconds:.2g} microseconds" if microseconds < 100 else f"{microseconds:,.0f} microseconds"


def _hours(hours: float) -> str:
    return "an hour" if hours == 1 else f"{hours:g} hours"


def _percent(part: float) -> str:
    return f"{part * 100:.0f} %"
