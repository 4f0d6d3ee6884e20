"""What a statement does with an entity, as far as its text tells: a frozen value, no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Join:
    """A column by whose values rows can be found for the rows of another use."""

    column: str
    other: int  # its number
    other_column: str
    is_repeated: bool = False
    """They are looked for anew for each row of the other: this one is in a sub-select that gives a value."""


@dataclass(frozen=True, slots=True)
class EntityUse:
    """An item of a FROM clause, or the target of UPDATE or DELETE. An entity may be used more than once.

    Conditions are only those that every row of the result must meet (joined by AND, and not in the ON of an outer join
    that keeps the row anyway), and that an index on the column serves: about a bare column, with a value of its type.
    """

    entity_id: int
    fields: frozenset[str]
    """All columns that it reads."""
    number: int = 0
    """Its own, in the statement."""
    tested: frozenset[str] | None = None
    """Of these, the ones in conditions, which are read of more rows than the others; None where there are none."""
    equal: frozenset[str] = frozenset()
    """Compared for equality with a value, or with a list of values."""
    ranges: frozenset[str] = frozenset()
    """Compared by <, <=, >, >= or BETWEEN with values."""
    has_more: bool = False
    """Its rows must meet further conditions, of which nothing is told here."""
    joins: tuple[Join, ...] = ()
    order: tuple[str, ...] = ()
    """What the result is sorted by, where an index on that gives the same order."""
    is_sorted: bool = False
    """By whatever."""
    is_limited: bool = False
    """LIMIT or FETCH FIRST; then there is more to find than what is returned."""
    is_plain: bool = False
    """Each of its rows that meets the conditions is one of the result, or the first of them are where it is limited: no
    joins, groups or sub-selects."""
