"""What is known of a statement once it has run, and what is made of it: frozen values, no I/O.

`QueryMetrics` tells of one statement, `QueryExecutionResult` goes to whoever ran it, `MaterializationPolicy` says from
when on a statement or an entity is worth a closer look. Times are in milliseconds throughout, as PostgreSQL logs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

#: How much would be gained: `high` is what a user should see first.
Priority = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class QueryMetrics:
    """One statement, measured."""

    execution_time_ms: float
    """From its first byte sent upstream to the message that completed it."""
    row_count: int
    """Rows returned or changed, as its command tag tells; 0 where that tells none."""
    entities_accessed: tuple[str, ...]
    """Names of the entities in it, as SQL writes them, with a schema where they need one; each once, in order."""
    has_join: bool
    """Whether it joins relations: by JOIN, a comma in FROM, USING of DELETE and MERGE, or FROM of UPDATE."""
    query_type: str
    """Its kind, by its first keyword or that of the statement behind WITH: SELECT, INSERT, COPY, DDL, ..."""


@dataclass(frozen=True, slots=True)
class MaterializationSuggestion:
    """What would make statements on an entity faster."""

    entity_name: str
    """As SQL writes it, with a schema where it needs one."""
    reason: str
    """One sentence, without figures: what the matter is."""
    evidence: str
    """The figures behind it: what was measured, and the gain expected with how it was estimated."""
    action: str
    """The exact statement to run, such as CALL kameleon.materialize_entity('orders')."""
    priority: Priority


@dataclass(frozen=True, slots=True)
class QueryExecutionResult:
    """What a statement gave, what it cost, and what there is to say about it."""

    rows: tuple[Mapping[str, Any], ...]
    """In order; column name -> value, the last of several columns with one name (`warnings` tells). Empty for a
    statement that returns none."""
    metrics: QueryMetrics
    suggestions: tuple[MaterializationSuggestion, ...] = ()
    """The most promising first."""
    warnings: tuple[str, ...] = ()
    """Messages of the notices and warnings that PostgreSQL sent with the result, in order; then, what `rows` lack."""


#: Upper bounds (ms) of a histogram of durations; a last element counts what took longer. The functions that read
#: histograms in SQL go by them (catalog/sql/113_metrics.sql).
LATENCY_BOUNDS = tuple(0.01 * 2 ** (number / 4) for number in range(103))

_LITERALS = re.compile(r"(?:\?|\$[0-9]+)(?:\s*,\s*(?:\?|\$[0-9]+))+")
_ROWS = re.compile(r"(\([^()]*\))(?:\s*,\s*\1)+")


@dataclass(frozen=True, slots=True)
class StatementShape:
    """What statements have in common that differ in their literals only, and in how many of them stand in a list."""

    query_type: str
    shape_id: int = 0
    """A hash of the text and the entities, 64 bits with a sign; 0 where there are none."""
    entity_ids: tuple[int, ...] = ()
    storage_modes: tuple[str, ...] = ()
    """Of each entity, in the same order: 'shared' or 'dedicated'."""
    joins: int = 0
    text: str = ""

    @classmethod
    def of(cls, query_type: str, text: str, storage_modes: Mapping[int, str], joins: int) -> StatementShape:
        """`text`: the statement, its literals replaced by question marks."""
        text = _ROWS.sub(r"\1, ...", _LITERALS.sub("?, ...", text))
        entities = tuple(storage_modes)
        hashed = blake2b(repr((text, entities)).encode(), digest_size=8).digest()
        shape_id = int.from_bytes(hashed, "big", signed=True) or 1
        return cls(query_type, shape_id, entities, tuple(storage_modes.values()), joins, text)

    @property
    def storage_mode(self) -> str:
        return self.storage_modes[0] if len(set(self.storage_modes)) == 1 else "mixed"


@dataclass(frozen=True, slots=True)
class QueryMetric:
    """Calls of one shape by one user and application, one or many, as they are recorded."""

    shape: StatementShape
    calls: int
    errors: int
    """Of the calls, the ones that failed."""
    execution_time_ms: float
    """Of all calls together."""
    slowest_ms: float
    row_count: int
    """Of all calls together."""
    most_rows: int
    latencies: tuple[int, ...]
    """How many calls took how long: an element for each of LATENCY_BOUNDS, and one more."""
    user_name: str
    application_name: str
    completed: float
    """time.perf_counter() when the first of them was complete."""


class InvalidPolicy(ValueError):
    """A setting of the policy is unknown or out of bounds. The message is one line, fit for a user."""


#: The settings whose names are not those of their fields.
_SETTING_NAMES = {"enabled": "metrics_enabled"}


@dataclass(frozen=True, slots=True)
class MaterializationPolicy:
    """From when on a statement or an entity is looked at, and what is kept to be looked at.

    The proxy's settings give one, and the rows of `kameleon.settings` change it for their database (`changed_by`).
    """

    execution_time_threshold_ms: float = 100.0
    """A statement that takes longer (ms) is looked at as soon as it is complete."""
    row_count_threshold: int = 1000
    """So is one that returns or changes more rows."""
    join_frequency_threshold: int = 10
    """An entity that is joined this often within the window is looked at."""
    join_frequency_window_hours: int = 24
    access_frequency_threshold: int = 50
    """An entity that is used by this many statements within the window is looked at."""
    access_frequency_window_hours: int = 1
    enabled: bool = True
    """Whether statements are recorded at all; the setting is called metrics_enabled."""
    store_sql_text: bool = False
    """Whether the text of statements is kept with their shape, without literals. Parameters never are."""
    retention_days: int = 7
    """Metrics are kept for the last so many days (of UTC), today included."""

    def changed_by(self, overrides: Mapping[str, str]) -> MaterializationPolicy:
        """This policy with some settings given otherwise, by name and as text: what `kameleon.settings` has.

        Raises: InvalidPolicy for a value that cannot be read. A name that is no setting of the policy is passed over:
        other settings stand in the same table.
        """
        names = {setting_name(each.name): each for each in fields(self)}
        changes: dict[str, Any] = {}
        for name, text in overrides.items():
            known = names.get(name)
            if known is not None:
                try:
                    changes[known.name] = _READ[str(known.type)](text)
                except (KeyError, ValueError):
                    raise InvalidPolicy(f"setting {name}: expected {known.type}; got {text!r}") from None
        return replace(self, **changes) if changes else self


def setting_name(field_name: str) -> str:
    """What the setting is called that gives a field of the policy."""
    return _SETTING_NAMES.get(field_name, field_name)


_READ: Mapping[str, Any] = {
    "bool": {"true": True, "false": False}.__getitem__,
    "int": int,
    "float": float,
}


@dataclass(frozen=True, slots=True)
class EntityStats:
    """How an entity was used, as far as metrics go back."""

    entity_id: int
    calls: int
    """Statements within the policy's access window."""
    joins: int
    """Of those within the policy's join window, the ones that joined it with something."""
    writes: int
    """Of `calls`, the ones that changed rows."""
    total_ms: float
    """Of `calls`, all together."""
    slowest_ms: float
    row_count: int
    """Of `calls`, all together."""
    most_rows: int
    """The most that one of them returned or changed."""
    last_used: datetime | None
    """To ten minutes; None for an entity that was not used."""
