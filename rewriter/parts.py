"""The parts of a statement that rules edit, as the mask finds them.

All numbers are indexes of tokens; a range excludes its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class Unparsed(Exception):
    """The text is not a statement as PostgreSQL's grammar has it, or one this module does not know."""

    def __init__(self, token: int, reason: str = "") -> None:
        super().__init__(reason)
        self.token = token
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Chain:
    """A name with its qualifiers, `public.orders`; `star` when `.*` follows."""

    first: int
    end: int
    star: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """TABLESAMPLE method (argument) REPEATABLE (seed)"""

    method: Chain
    argument: int  # the opening parentheses
    seed: int | None
    end: int


@dataclass(slots=True)
class Relation:
    """A relation as it stands in FROM or as the target of DML, with what belongs to it."""

    chain: Chain
    start: int  # with ONLY and its parenthesis
    end: int  # with "*"
    alias: int | None = None
    sample: Sample | None = None
    takes_alias: bool = True  # not so in TABLE name
    with_system_columns: bool = False
    apart: str | None = None  # what its view is called where another relation has its name


@dataclass(frozen=True, slots=True)
class Core:
    """One SELECT of a query, as far as its output goes: a select list, the rows of VALUES, or TABLE."""

    kind: str  # 'select' | 'values' | 'table'
    first: int  # of the list
    end: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """SET name = value, or SET (names) = value."""

    targets: tuple[tuple[int, int], ...]  # each a column's name, with what follows it in a[1] or a.b
    value: int
    end: int
    is_multiple: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    first: int
    constraint: int | None  # the name in ON CONFLICT ON CONSTRAINT name
    constraint_start: int | None
    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Returning:
    """The list of RETURNING, behind WITH (OLD AS o, NEW AS n)."""

    first: int
    end: int
    old: int | None = None  # where the clause gives OLD and NEW other names
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    target: Relation
    head_end: int  # the last token in front of a list of columns
    columns: tuple[int, int] | None  # inside the parentheses
    overriding: int | None
    overriding_user: bool
    source: int
    source_end: int
    default_values: bool
    cores: tuple[Core, ...]
    conflict: Conflict | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Update:
    target: Relation
    assignments: tuple[Assignment, ...]
    from_clause: tuple[int, int] | None
    returning: Returning | None
    current_of: int | None = None  # WHERE CURRENT OF


@dataclass(frozen=True, slots=True)
class Delete:
    target: Relation
    from_clause: tuple[int, int] | None  # USING
    returning: Returning | None
    current_of: int | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    target: Relation
    source: tuple[int, int]
    actions: tuple[Update | Insert, ...]  # those that name columns
    returning: Returning | None


Dml = Insert | Update | Delete | Merge


SYSTEM_COLUMNS = frozenset(("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"))


@dataclass(slots=True)
class Skeleton:
    """What is parsed, and what there is to know of it. The keys are the tokens that names begin with."""

    text: str = ""
    token_at: dict[int, int] = field(default_factory=dict)  # by offset in the text
    relations: dict[int, Relation] = field(default_factory=dict)
    chains: dict[int, Chain] = field(default_factory=dict)  # column references
    targets: dict[int, Dml] = field(default_factory=dict)
    listed: dict[int, bool] = field(default_factory=dict)  # column references that are items of a select list; with AS?
