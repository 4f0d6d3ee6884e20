"""What a statement does with an entity, as far as its text tells: a frozen value, no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Join:
    """A column that has to equal one of another entity."""

    column: str
    other: int  # entity id
    other_column: str


@dataclass(frozen=True, slots=True)
class EntityUse:
    """Conditions are only those that every row of the result must meet: joined by AND, about a bare column."""

    entity_id: int
    fields: frozenset[str]
    """All columns that it reads."""
    equal: frozenset[str] = frozenset()
    """Compared for equality with a value, or with a list of values."""
    ranges: frozenset[str] = frozenset()
    """Compared by <, <=, >, >= or BETWEEN with values."""
    joins: tuple[Join, ...] = ()
    order: tuple[str, ...] = ()
    """What the result is sorted by, where that is columns of this entity alone, all in one direction."""
    is_limited: bool = False
    """LIMIT or FETCH FIRST; then there is more to find than what is returned."""
    is_plain: bool = False
    """Each of its rows that meets the conditions is one of the result: no joins, groups or sub-selects."""
