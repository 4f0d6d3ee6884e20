"""The skeleton of a statement: what is left when expressions are blanked out, at the same offsets.

sqlglot misreads much of what PostgreSQL takes (`$1,$2`, `OPERATOR(pg_catalog.~)`, `WHERE CURRENT OF c`, `a[1] = 2`,
names that are keywords elsewhere), and none of it matters to a rewrite. So the parser is shown the skeleton only:

    SELECT o.id, lower($1) ~* 'x' FROM public.orders o WHERE o.id = ANY (SELECT id FROM "Log")
    SELECT n                      FROM n_____.n_____ n WHERE            (SELECT n  FROM n____)

Each query keeps its keywords, its relations with their aliases, and its sub-selects; each name becomes a harmless word of the
same length. An expression becomes the sum of its *atoms*: sub-selects, and column references that name something
interesting (`public.orders.id`, or the target of a DML statement: `o`). Anything else in it needs no understanding.

The clause boundaries are PostgreSQL's reserved words at the right depth of parentheses; they cannot be anything else.
While it goes, the mask notes where the parts of each DML statement are (`Insert`, `Update`, `Delete`): a rule edits there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rewriter.lexer import LITERAL, OPERATOR, PARAMETER, PUNCTUATION, QUOTED, WORD, Token


class Unparsed(Exception):
    """The text is not a statement as PostgreSQL's grammar has it, or one this module does not know."""

    def __init__(self, token: int, reason: str = "") -> None:
        super().__init__(reason)
        self.token = token
        self.reason = reason


# --- what the mask notes; all numbers are indexes of tokens, ranges exclude their end ---


@dataclass(frozen=True, slots=True)
class Chain:
    """A name with its qualifiers, `public.orders`; `star` when `.*` follows."""

    first: int
    end: int
    star: bool = False


@dataclass(slots=True)
class Relation:
    """A relation as it stands in FROM or as the target of DML, with what belongs to it."""

    chain: Chain
    start: int  # with ONLY and its parenthesis
    end: int  # with "*"
    alias: int | None = None
    sampled: bool = False
    takes_alias: bool = True  # not so in TABLE name


@dataclass(frozen=True, slots=True)
class Core:
    """One SELECT of a query, as far as its output goes: a select list, the rows of VALUES, or TABLE."""

    kind: str  # 'select' | 'values' | 'table'
    first: int  # of the list
    end: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """SET name = value, or SET (names) = value."""

    targets: tuple[int, ...]
    is_plain: bool  # False for a[1] or a.b
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


@dataclass(frozen=True, slots=True)
class Delete:
    target: Relation
    from_clause: tuple[int, int] | None  # USING
    returning: Returning | None


Dml = Insert | Update | Delete


@dataclass(slots=True)
class Skeleton:
    text: str
    relations: dict[int, Relation] = field(default_factory=dict)  # by offset of their first name
    chains: dict[int, Chain] = field(default_factory=dict)  # column references, likewise
    targets: dict[int, Dml] = field(default_factory=dict)  # by offset of the target's first name


# --- words ---

_SET_OPERATORS = frozenset(("union", "intersect", "except"))
_TAIL = frozenset(("order", "limit", "offset", "fetch", "for"))
_FILTERS = frozenset(("where", "group", "having", "window"))
_CLAUSES = _SET_OPERATORS | _TAIL | _FILTERS | {"from", "into"}
_JOIN_WORDS = frozenset(("join", "cross", "natural", "inner", "left", "right", "full"))
_QUERY_STARTS = frozenset(("select", "with", "values", "table"))
_DML_STARTS = frozenset(("insert", "update", "delete", "merge"))
_NOT_AN_ALIAS = (
    _CLAUSES | _JOIN_WORDS | {"on", "using", "as", "tablesample", "with", "set", "returning", "where", "outer", "when"}
)
# Words an operand may follow: after any other word, a name without AS is a label, not a column.
_BEFORE_OPERAND = frozenset(
    ["and", "or", "not", "in", "like", "ilike", "similar", "to", "between", "symmetric", "asymmetric", "is", "from", "when", "then", "else", "case", "select", "all", "distinct", "any", "some", "returning", "by", "on", "where", "having", "limit", "offset", "set", "values", "escape", "isnull", "array", "row", "using"]
)


class Mask:
    def __init__(self, tokens: list[Token], length: int, interesting: frozenset[str]) -> None:
        self.tokens = tokens
        self.closing = closing_of(tokens)
        self._interesting = set(interesting)
        self._out = [" "] * length
        self._skeleton = Skeleton("")

    def skeleton(self, first: int, end: int) -> Skeleton:
        """The skeleton of the one query or DML statement in these tokens."""
        self._query(first, end)
        self._skeleton.text = "".join(self._out)
        return self._skeleton

    # --- writing ---

    def _put(self, token: int, text: str) -> None:
        start = self.tokens[token].start
        self._out[start : start + len(text)] = text

    def _put_name(self, token: int) -> None:
        at = self.tokens[token]
        self._out[at.start : at.end] = "n" + "_" * (at.end - at.start - 1)

    def _put_chain(self, chain: Chain) -> None:
        for token in range(chain.first, chain.end, 2):
            self._put_name(token)
            if token + 1 < chain.end:
                self._put(token + 1, ".")

    # --- reading ---

    def _word(self, token: int, end: int) -> str:
        """The keyword there, or "" for anything that is not an unquoted word."""
        if token < end:
            at = self.tokens[token]
            if at.kind is WORD:
                return at.value
        return ""

    def _is(self, token: int, end: int, value: str) -> bool:
        if token >= end:
            return False
        at = self.tokens[token]
        return at.value == value and at.kind is not QUOTED

    def _expect(self, token: int, end: int, value: str) -> int:
        if not self._is(token, end, value):
            raise Unparsed(token, f"expected {value}")
        return token + 1

    def _close(self, token: int, end: int) -> int:
        """The partner of an opening parenthesis, which must lie before `end`."""
        partner = self.closing[token]
        if partner < 0 or partner >= end:
            raise Unparsed(token, "unbalanced parenthesis")
        return partner

    def _chain(self, token: int, end: int) -> Chain:
        if token >= end or not self.tokens[token].is_name:
            raise Unparsed(token, "expected a name")
        first = token
        token += 1
        while self._is(token, end, ".") and token + 1 < end:
            if self.tokens[token + 1].is_name:
                token += 2
            else:
                return Chain(first, token, star=self._is(token + 1, end, "*"))
        return Chain(first, token)

    def _opens_query(self, token: int, end: int) -> bool:
        """Whether the parenthesis at `token` holds a query: (SELECT ...), ((SELECT ...) UNION ...), ((SELECT ...))."""
        close = self._close(token, end)
        first = token + 1
        word = self._word(first, close)
        if word in _QUERY_STARTS:
            # Not a function's or a column's name that happens to be spelled so: these words are reserved, "values" is
            # not a function either.
            return True
        if self._is(first, close, "(") and self._opens_query(first, close):
            after = self._close(first, close) + 1
            return after == close or self._word(after, close) in _SET_OPERATORS | _TAIL
        return False

    def _find(self, first: int, end: int, words: frozenset[str]) -> int:
        """The first of these reserved words between `first` and `end`, outside parentheses; `end` when there is none."""
        token = first
        while token < end:
            at = self.tokens[token]
            if at.kind is PUNCTUATION and at.value in "([":
                token = self._close(token, end)
            elif at.kind is WORD and at.value in words and not self._is_ordinary(token, first, end):
                return token
            token += 1
        return end

    def _is_ordinary(self, token: int, first: int, end: int) -> bool:
        """Whether a clause's keyword stands where it opens no clause: t.from, AS from, IS DISTINCT FROM, WITHIN GROUP, left(...)."""
        word = self.tokens[token].value
        if token > first:
            before = self.tokens[token - 1]
            if before.value in (".", "as") and before.kind is not QUOTED:
                return True
            if word == "from" and before.value == "distinct":
                return True
            if word == "group" and before.value == "within":
                return True
        return word in _JOIN_WORDS and word != "join" and self._is(token + 1, end, "(")

    # --- expressions ---

    def _expressions(self, first: int, end: int, total: _Sum) -> None:
        """Everything in [first, end) that is an expression or a list of them: adds its atoms to the sum."""
        token = first
        tokens = self.tokens
        while token < end:
            at = tokens[token]
            kind = at.kind
            if kind is PUNCTUATION and at.value == "(":
                close = self._close(token, end)
                if self._opens_query(token, end):
                    total.add(token)
                    self._put(token, "(")
                    self._query(token + 1, close)
                    self._put(close, ")")
                else:
                    self._expressions(token + 1, close, total)
                token = close + 1
            elif kind is WORD or kind is QUOTED:
                chain = self._chain(token, end)
                if self._refers(chain, first, end):
                    total.add(token)
                    self._put_chain(chain)
                    self._skeleton.chains[at.start] = chain
                token = chain.end + (2 if chain.star else 0)
            else:
                token += 1

    def _refers(self, chain: Chain, first: int, end: int) -> bool:
        """Whether the chain may be a column or row that a rule has to look at."""
        for token in range(chain.first, chain.end, 2):
            if self.tokens[token].value in self._interesting:
                break
        else:
            return False
        if not chain.star and self._is(chain.end, end, "("):
            return False  # a function
        if chain.first == first:
            return True
        before = self.tokens[chain.first - 1]
        if before.kind is OPERATOR or before.kind is PUNCTUATION:
            return before.value != "::" and before.value not in (")", "]", ".")
        if before.kind is LITERAL or before.kind is PARAMETER or before.kind is QUOTED:
            return False  # a label without AS
        return before.value in _BEFORE_OPERAND

    # --- queries ---

    def _query(self, first: int, end: int) -> list[Core]:
        if self._is(first, end, "with"):
            first = self._with(first, end)
        word = self._word(first, end)
        if word == "insert":
            self._insert(first, end)
        elif word == "update":
            self._update(first, end)
        elif word == "delete":
            self._delete(first, end)
        elif word == "merge":
            raise Unparsed(first, "MERGE")
        else:
            return self._select(first, end)
        return []

    def _with(self, token: int, end: int) -> int:
        self._put(token, "WITH")
        token += 1
        if self._is(token, end, "recursive"):
            self._put(token, "RECURSIVE")
            token += 1
        while True:
            if token >= end or not self.tokens[token].is_name:
                raise Unparsed(token, "expected a name")
            self._put_name(token)
            token += 1
            if self._is(token, end, "("):
                token = self._close(token, end) + 1
            self._expect(token, end, "as")
            self._put(token, "AS")
            token += 1
            if self._is(token, end, "not"):
                token += 1
            if self._is(token, end, "materialized"):
                token += 1
            self._expect(token, end, "(")
            close = self._close(token, end)
            self._put(token, "(")
            self._query(token + 1, close)
            self._put(close, ")")
            token = self._search_and_cycle(close + 1, end)
            if not self._is(token, end, ","):
                return token
            self._put(token, ",")
            token += 1

    def _search_and_cycle(self, token: int, end: int) -> int:
        """SEARCH DEPTH FIRST BY a, b SET c; CYCLE a, b SET c [TO v DEFAULT w] USING p."""
        while (word := self._word(token, end)) in ("search", "cycle"):
            token = self._find(token, end, frozenset(("set",))) + 2
            if word == "cycle":
                token = self._find(token, end, frozenset(("using",))) + 2
        return token

    def _select(self, token: int, end: int) -> list[Core]:
        """A query without its WITH: set operations over SELECT, VALUES, TABLE and parentheses, then ORDER BY and so on."""
        cores: list[Core] = []
        while True:
            token = self._select_operand(token, end, cores)
            if self._word(token, end) not in _SET_OPERATORS:
                break
            self._put(token, self.tokens[token].value.upper())
            token += 1
            if self._word(token, end) in ("all", "distinct"):
                token += 1
        if token < end:
            if self._word(token, end) not in _TAIL:
                raise Unparsed(token)
            total = _Sum(self, token, "LIMIT")
            self._expressions(self._past_locking(token, end), end, total)
        return cores

    def _past_locking(self, token: int, end: int) -> int:
        """FOR UPDATE OF a names relations of this query, not columns."""
        if self._word(token, end) == "for":
            following = self._find(token + 1, end, frozenset(("order", "limit", "offset", "fetch")))
            return following
        return token

    def _select_operand(self, token: int, end: int, cores: list[Core]) -> int:
        word = self._word(token, end)
        if word == "select":
            return self._select_core(token, end, cores)
        if word == "values":
            self._put(token, "VALUES")
            stop = self._find(token + 1, end, _CLAUSES)
            self._rows(token + 1, stop)
            cores.append(Core("values", token + 1, stop))
            return stop
        if word == "table":
            self._put(token, "FROM")
            relation, after = self._relation(token + 1, end)
            relation.takes_alias = False
            cores.append(Core("table", token + 1, after))
            return after
        if self._is(token, end, "("):
            close = self._close(token, end)
            self._put(token, "(")
            cores += self._query(token + 1, close)
            self._put(close, ")")
            return close + 1
        raise Unparsed(token)

    def _select_core(self, token: int, end: int, cores: list[Core]) -> int:
        self._put(token, "SELECT")
        token += 1
        total = _Sum(self, None, "")
        if self._word(token, end) == "all":
            token += 1
        elif self._word(token, end) == "distinct":
            token += 1
            if self._is(token, end, "on") and self._is(token + 1, end, "("):
                close = self._close(token + 1, end)
                self._expressions(token + 2, close, total)
                token = close + 1
        stop = self._find(token, end, _CLAUSES)
        self._expressions(token, stop, total)
        if total.is_empty and token < stop:
            self._put(token, "n")
        cores.append(Core("select", token, stop))
        if self._word(stop, end) == "into":
            stop = self._find(stop + 1, end, _CLAUSES)
        if self._word(stop, end) == "from":
            self._put(stop, "FROM")
            stop = self._from(stop + 1, end)
        total = _Sum(self, stop, "WHERE")
        while self._word(stop, end) in _FILTERS:
            following = self._find(stop + 1, end, _CLAUSES)
            total.keyword(stop)
            self._expressions(stop + 1, following, total)
            stop = following
        return stop

    def _rows(self, first: int, end: int) -> None:
        """VALUES (..), (..): the first row, and those with something in them that a rule must see."""
        token = first
        is_first = True
        while token < end:
            self._expect(token, end, "(")
            close = self._close(token, end)
            total = _Sum(self, None, "")
            if is_first:
                self._put(token, "(")
            self._expressions(token + 1, close, total)
            if not total.is_empty or is_first:
                self._put(token, "(")
                self._put(close, ")")
                if total.is_empty:
                    self._put(token + 1, "n")
                if not is_first:
                    self._put(token - 1, ",")
            is_first = False
            token = close + 1
            if token < end:
                token = self._expect(token, end, ",")

    # --- FROM ---

    def _from(self, token: int, end: int) -> int:
        """A list of FROM items, up to the next clause."""
        while True:
            token = self._joined(token, end)
            if not self._is(token, end, ","):
                break
            self._put(token, ",")
            token += 1
        if token < end and self._word(token, end) not in _CLAUSES:
            raise Unparsed(token)
        return token

    def _joined(self, token: int, end: int) -> int:
        """One item with the joins behind it; joins nest to the left or, with two ON in a row, to the right."""
        token = self._item(token, end)
        while token < end:
            word = self._word(token, end)
            if word in _JOIN_WORDS:
                join = token
                while not self._is(token, end, "join"):
                    if self._word(token, end) not in _JOIN_WORDS and not self._is(token, end, "outer"):
                        raise Unparsed(token)
                    token += 1
                if word in ("cross", "natural"):
                    self._put(join, "CROSS")
                self._put(token, "JOIN")
                token = self._item(token + 1, end)
            elif word == "on":
                self._put(token, "ON")
                stop = self._on_end(token + 1, end)
                total = _Sum(self, None, "")
                self._expressions(token + 1, stop, total)
                if total.is_empty and token + 1 < stop:
                    self._put(token + 1, "n")
                token = stop
            elif word == "using":
                self._expect(token + 1, end, "(")
                self._put(token, "ON")
                self._put(token + 1, "n")
                token = self._close(token + 1, end) + 1
                if self._is(token, end, "as"):
                    token += 2
            else:
                break
        return token

    def _on_end(self, first: int, end: int) -> int:
        token = first
        while token < end:
            token = self._find(token, end, _CLAUSES | _JOIN_WORDS | {"on", "using"})
            break
        comma = self._comma(first, token)
        return min(token, comma)

    def _comma(self, first: int, end: int) -> int:
        token = first
        while token < end:
            at = self.tokens[token]
            if at.kind is PUNCTUATION:
                if at.value in "([":
                    token = self._close(token, end)
                elif at.value == ",":
                    return token
            token += 1
        return end

    def _item(self, token: int, end: int) -> int:
        if self._is(token, end, "lateral"):
            token += 1
        if self._is(token, end, "("):
            close = self._close(token, end)
            self._put(token, "(")
            if self._opens_query(token, end):
                self._query(token + 1, close)
            else:
                stop = self._joined(token + 1, close)
                if stop != close:
                    raise Unparsed(stop)
            self._put(close, ")")
            return self._alias(close + 1, end)[1]
        if self._is(token, end, "rows") and self._is(token + 1, end, "from") and self._is(token + 2, end, "("):
            return self._function(token, token + 2, end)
        if not self._is(token, end, "only"):
            chain = self._chain(token, end)
            if self._is(chain.end, end, "("):
                return self._function(token, chain.end, end)
        return self._relation(token, end)[1]

    def _function(self, name: int, parenthesis: int, end: int) -> int:
        """f(...) [WITH ORDINALITY] [alias], ROWS FROM (...), XMLTABLE(...), JSON_TABLE(...), collation for (...)"""
        close = self._close(parenthesis, end)
        self._put(name, "n")
        self._put(parenthesis, "(")
        self._expressions(parenthesis + 1, close, _Sum(self, None, ""))
        self._put(close, ")")
        token = close + 1
        if self._is(token, end, "with") and self._is(token + 1, end, "ordinality"):
            token += 2
        return self._alias(token, end)[1]

    def _relation(self, token: int, end: int, *, is_target: bool = False) -> tuple[Relation, int]:
        """[ONLY] name [*] [[AS] alias [(columns)]] [TABLESAMPLE ...]"""
        start = token
        inner_end = end
        after: int | None = None
        if self._is(token, end, "only"):
            token += 1
            if self._is(token, end, "("):
                inner_end = self._close(token, end)
                after = inner_end + 1
                token += 1
        chain = self._chain(token, inner_end)
        if chain.star:
            raise Unparsed(chain.end)
        self._put_chain(chain)
        token = chain.end if after is None else after
        if self._is(token, end, "*"):
            token += 1
        relation = Relation(chain, start, token)
        relation.alias, token = self._alias(token, end, is_target=is_target)
        if self._is(token, end, "tablesample"):
            relation.sampled = True
            token = self._chain(token + 1, end).end
            self._expect(token, end, "(")
            token = self._close(token, end) + 1
            if self._is(token, end, "repeatable"):
                token = self._close(token + 1, end) + 1
        self._skeleton.relations[self.tokens[chain.first].start] = relation
        return relation, token

    def _alias(self, token: int, end: int, *, is_target: bool = False) -> tuple[int | None, int]:
        alias: int | None = None
        if self._is(token, end, "as"):
            token += 1
            if self._is(token, end, "("):  # AS (a int, b text): a record's columns, no alias
                return None, self._close(token, end) + 1
            if token >= end or not self.tokens[token].is_name:
                raise Unparsed(token)
            alias = token
        elif token < end and self.tokens[token].is_name and self._word(token, end) not in _NOT_AN_ALIAS:
            alias = token
        if alias is None:
            return None, token
        self._put_name(alias)
        token = alias + 1
        if not is_target and self._is(token, end, "("):
            token = self._close(token, end) + 1
        return alias, token

    # --- INSERT, UPDATE, DELETE ---

    def _watch(self, target: Relation) -> None:
        """A DML statement's own name for its target, and for rows of it, become interesting: they may be whole rows."""
        if target.alias is not None:
            self._interesting.add(self.tokens[target.alias].value)
        self._interesting.update(("old", "new", "excluded"))

    def _insert(self, token: int, end: int) -> None:
        self._put(token, "INSERT")
        self._expect(token + 1, end, "into")
        self._put(token + 1, "INTO")
        chain = self._chain(token + 2, end)
        self._put_chain(chain)
        relation = Relation(chain, chain.first, chain.end)
        token = chain.end
        if self._is(token, end, "as"):
            relation.alias, token = self._alias(token, end, is_target=True)
            self._put(chain.end, "AS")
        self._watch(relation)
        columns = None
        if self._is(token, end, "(") and not self._opens_query(token, end):
            close = self._close(token, end)
            columns = (token + 1, close)
            token = close + 1
        overriding = None
        overriding_user = False
        if self._is(token, end, "overriding"):
            overriding = token
            overriding_user = self._is(token + 1, end, "user")
            self._expect(token + 2, end, "value")
            token += 3
        source = token
        returning = self._find(source, end, frozenset(("returning",)))
        conflict = source
        while (conflict := self._find(conflict, returning, frozenset(("on",)))) < returning:
            if self._is(conflict + 1, end, "conflict"):
                break
            conflict += 1
        cores: list[Core] = []
        default_values = self._is(source, conflict, "default")
        if default_values:
            self._expect(source + 1, conflict, "values")
            self._put(source, "VALUES")
            self._put(source + 1, "(n)")
            if source + 2 != conflict:
                raise Unparsed(source + 2)
        else:
            cores = self._query(source, conflict)
        self._skeleton.relations[self.tokens[chain.first].start] = relation
        total = _Sum(self, min(conflict, returning), "RETURNING")
        on_conflict = self._conflict(conflict, returning, total) if conflict < returning else None
        total.keyword(returning)
        self._skeleton.targets[self.tokens[chain.first].start] = Insert(
            relation,
            columns,
            overriding,
            overriding_user,
            source,
            conflict,
            default_values,
            tuple(cores),
            on_conflict,
            self._returning(returning, end, total),
        )

    def _conflict(self, first: int, end: int, total: _Sum) -> Conflict:
        token = first + 2
        constraint = constraint_start = None
        if self._is(token, end, "("):
            close = self._close(token, end)
            self._expressions(token + 1, close, total)
            token = close + 1
            if self._is(token, end, "where"):
                stop = self._find(token + 1, end, frozenset(("do",)))
                self._expressions(token + 1, stop, total)
                token = stop
        elif self._is(token, end, "on"):
            self._expect(token + 1, end, "constraint")
            constraint_start, constraint = token, token + 2
            token += 3
        token = self._expect(token, end, "do")
        assignments: list[Assignment] = []
        if self._is(token, end, "nothing") or self._is(token, end, "select"):
            if self._is(token, end, "select"):
                raise Unparsed(token, "ON CONFLICT DO SELECT")
            token += 1
        else:
            token = self._expect(token, end, "update")
            token = self._expect(token, end, "set")
            stop = self._find(token, end, frozenset(("where",)))
            assignments = self._assignments(token, stop, total)
            if stop < end:
                self._expressions(stop + 1, end, total)
            token = end
        if token != end:
            raise Unparsed(token)
        return Conflict(first, constraint, constraint_start, tuple(assignments))

    def _returning(self, token: int, end: int, total: _Sum) -> Returning | None:
        if token >= end:
            return None
        token += 1
        old = new = None
        if self._is(token, end, "with") and self._is(token + 1, end, "("):
            close = self._close(token + 1, end)
            for at in range(token + 2, close, 4):
                self._expect(at + 1, close, "as")
                if self._is(at, close, "old"):
                    old = at + 2
                else:
                    new = at + 2
            token = close + 1
        for name in (old, new):
            if name is not None:
                self._interesting.add(self.tokens[name].value)
        self._expressions(token, end, total)
        return Returning(token, end, old, new)

    def _update(self, token: int, end: int) -> None:
        self._put(token, "UPDATE")
        relation, token = self._relation(token + 1, end, is_target=True)
        self._watch(relation)
        self._expect(token, end, "set")
        self._put(token, "SET")
        stops = frozenset(("from", "where", "returning"))
        stop = self._find(token + 1, end, stops)
        if stop < token + 4:
            raise Unparsed(stop)
        self._put(token + 1, "n")
        equals = self._first_equals(token + 1, stop)
        self._put(equals, "=")
        total = _Sum(self, None, "")
        assignments = self._assignments(token + 1, stop, total)
        if total.is_empty:
            self._put(equals + 1, "n")
        from_clause = None
        if self._is(stop, end, "from"):
            self._put(stop, "FROM")
            after = self._find(stop + 1, end, frozenset(("where", "returning")))
            from_clause = (stop + 1, after)
            if self._from(stop + 1, after) != after:
                raise Unparsed(stop)
            stop = after
        returning = self._where_and_returning(stop, end)
        self._skeleton.targets[self.tokens[relation.chain.first].start] = Update(
            relation, tuple(assignments), from_clause, returning
        )

    def _delete(self, token: int, end: int) -> None:
        self._put(token, "DELETE")
        self._expect(token + 1, end, "from")
        self._put(token + 1, "FROM")
        relation, token = self._relation(token + 2, end, is_target=True)
        self._watch(relation)
        from_clause = None
        if self._is(token, end, "using"):
            self._put(token, "USING")
            after = self._find(token + 1, end, frozenset(("where", "returning")))
            from_clause = (token + 1, after)
            if self._from(token + 1, after) != after:
                raise Unparsed(token)
            token = after
        returning = self._where_and_returning(token, end)
        self._skeleton.targets[self.tokens[relation.chain.first].start] = Delete(relation, from_clause, returning)

    def _where_and_returning(self, token: int, end: int) -> Returning | None:
        returning = self._find(token, end, frozenset(("returning",)))
        if self._is(token, end, "where"):
            total = _Sum(self, token, "WHERE")
            self._expressions(token + 1, returning, total)
        elif token != returning:
            raise Unparsed(token)
        if returning == end:
            return None
        return self._returning(returning, end, _Sum(self, returning, "RETURNING"))

    def _first_equals(self, first: int, end: int) -> int:
        token = first
        while token < end:
            at = self.tokens[token]
            if at.kind is PUNCTUATION and at.value in "([":
                token = self._close(token, end)
            elif at.kind is OPERATOR and at.value == "=":
                return token
            token += 1
        raise Unparsed(first)

    def _assignments(self, first: int, end: int, total: _Sum) -> list[Assignment]:
        assignments = []
        token = first
        while token < end:
            equals = self._first_equals(token, end)
            stop = self._comma(equals + 1, end)
            if equals + 1 >= stop:
                raise Unparsed(equals)
            is_multiple = self._is(token, end, "(")
            inside = (token + 1, self._close(token, end)) if is_multiple else (token, equals)
            targets, is_plain = self.column_names(*inside)
            assignments.append(Assignment(targets, is_plain, equals + 1, stop, is_multiple))
            self._expressions(equals + 1, stop, total)
            token = stop + 1
        return assignments

    def column_names(self, first: int, end: int) -> tuple[tuple[int, ...], bool]:
        """The names of a list of columns, and whether they are just names, without subscripts and fields."""
        names = []
        is_plain = True
        token = first
        while token < end:
            if not self.tokens[token].is_name:
                raise Unparsed(token)
            names.append(token)
            stop = self._comma(token, end)
            if stop != token + 1:
                is_plain = False
            token = stop + 1
        return tuple(names), is_plain


class _Sum:
    """Joins the atoms of one clause with "+", and writes the clause's keyword once there is an atom to follow it."""

    def __init__(self, mask: Mask, keyword: int | None, text: str) -> None:
        self._mask = mask
        self._keyword = keyword
        self._text = text
        self.is_empty = True

    def keyword(self, token: int) -> None:
        """The clause went on with another keyword: while nothing is written, that one will do."""
        if self.is_empty:
            self._keyword = token

    def add(self, token: int) -> None:
        if not self.is_empty:
            start = self._mask.tokens[token].start - 1
            if self._mask._out[start] != " ":
                raise Unparsed(token)
            self._mask._out[start] = "+"
        elif self._keyword is not None:
            self._mask._put(self._keyword, self._text)
        self.is_empty = False


def closing_of(tokens: list[Token]) -> list[int]:
    """For each opening parenthesis or bracket the index of its partner, -1 elsewhere and where it has none."""
    partners = [-1] * len(tokens)
    open_: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind is PUNCTUATION:
            value = token.value
            if value == "(" or value == "[":
                open_.append(index)
            elif (value == ")" or value == "]") and open_:
                if (tokens[open_[-1]].value == "(") == (value == ")"):
                    partners[open_.pop()] = index
                else:
                    open_.clear()
    return partners
