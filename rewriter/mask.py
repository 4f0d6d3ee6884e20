"""The skeleton of a statement: what is left when expressions are taken out.

sqlglot misreads much of what PostgreSQL takes (`$1,$2`, `OPERATOR(pg_catalog.~)`, `WHERE CURRENT OF c`, `a[1] = 2`,
names that are keywords elsewhere), and none of it matters to a rewrite. So the parser is shown the skeleton only:

    SELECT o.id, lower($1) ~* 'x' FROM public.orders o WHERE o.id = ANY (SELECT id FROM "Log")
    SELECT n FROM n.n n WHERE ( SELECT n FROM n )

Each query keeps its keywords, its relations with their aliases, and its sub-selects; each name becomes a harmless "n",
known again by its place (`Skeleton.token_at`). An expression becomes the sum of its *atoms*: sub-selects, and column
references that a rule may have to look at (`public.orders.id`, or the target of a DML statement: `o`). Anything else in
it needs no understanding.

The clause boundaries are PostgreSQL's reserved words at the right depth of parentheses; they cannot be anything else.
While it goes, the mask notes where the parts of each DML statement are (`parts.Insert` and so on).
"""

from __future__ import annotations

from itertools import pairwise

from rewriter.atoms import Sum
from rewriter.lexer import LITERAL, OPERATOR, PARAMETER, PUNCTUATION, QUOTED, WORD, Token
from rewriter.mask_dml import delete, insert, update
from rewriter.mask_merge import merge
from rewriter.parts import SYSTEM_COLUMNS, Chain, Core, Relation, Sample, Skeleton, Unparsed
from rewriter.reader import JOINS, SET_OPERATORS, TAIL, Reader

# --- words ---

_FILTERS = frozenset(("where", "group", "having", "window"))
_CLAUSES = SET_OPERATORS | TAIL | _FILTERS | {"from", "into"}
_NOT_AN_ALIAS = _CLAUSES | JOINS | {"on", "using", "as", "tablesample", "with", "returning", "outer", "when"}
# Words an operand may follow: after any other word, a name without AS is a label, not a column.
_BEFORE_OPERAND = frozenset(
    "all and any array asymmetric between by case distinct else escape from having ilike in is like limit not offset"  # noqa: SIM905
    " on or returning row select set similar some symmetric then to using values when where".split()
)


class Mask(Reader):
    """Writes a skeleton, clause by clause. Each method takes the token it begins at and returns the one behind."""

    def __init__(self, tokens: list[Token], closing: list[int], entity_names: frozenset[str]) -> None:
        super().__init__(tokens, closing)
        self.entity_names = entity_names
        self.row_names: set[str] = set()  # what DML statements call rows of their targets
        self.has_system_columns = any(name.value in SYSTEM_COLUMNS and name.is_name for name in tokens)
        # what is named with its schema somewhere may have a namesake beside it
        self.qualified_names = {
            name.value
            for dot, name in pairwise(tokens)
            if dot.value == "." and name.is_name and name.value in entity_names
        }
        self.found = Skeleton()
        self._pieces: list[str] = []
        self._length = 0

    def skeleton(self, first: int, end: int) -> Skeleton:
        """The skeleton of the one query or DML statement in these tokens."""
        self.query(first, end)
        self.found.text = " ".join(self._pieces)
        return self.found

    # --- writing ---

    def put(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text) + 1

    def put_name(self, token: int) -> None:
        """Any name is "n"; which one it was is found by its place."""
        self.found.token_at[self._length] = token
        self.put("n")

    def put_chain(self, chain: Chain) -> None:
        self.put_name(chain.first)
        for _ in range(chain.first + 2, chain.end, 2):
            self.put(".n")

    # --- expressions ---

    def expressions(self, first: int, end: int, total: Sum) -> None:
        """Everything in [first, end) that is an expression or a list of them: adds its atoms to the sum."""
        token = first
        tokens = self.tokens
        while token < end:
            at = tokens[token]
            kind = at.kind
            if kind is PUNCTUATION and at.value == "(":
                close = self.close(token, end)
                if self.opens_query(token, end):
                    total.next()
                    self.put("(")
                    self.query(token + 1, close)
                    self.put(")")
                else:
                    self.expressions(token + 1, close, total)
                token = close + 1
            elif kind is WORD or kind is QUOTED:
                if kind is WORD and at.value == "select" and self.word(token - 1, end) != "as":
                    raise Unparsed(token)  # a query where none can be
                chain = self.chain(token, end)
                if self._refers(chain, first, end):
                    total.next()
                    self.put_chain(chain)
                    self.found.chains[token] = chain
                token = chain.end + (2 if chain.star else 0)
            else:
                token += 1

    def _refers(self, chain: Chain, first: int, end: int) -> bool:
        """Whether a rule has to look at the chain: it is qualified by a relation's schema, or may be a whole row."""
        tokens = self.tokens
        names = (chain.end - chain.first + 1) // 2
        if self.has_system_columns:
            return names <= 3 and self._is_operand(chain, first, end)
        if names == 1:
            name = tokens[chain.first].value
            return (name in self.row_names or name in self.qualified_names) and self._is_operand(chain, first, end)
        if names == 2 and not chain.star:  # relation.column
            return tokens[chain.first].value in self.qualified_names and self._is_operand(chain, first, end)
        relation = chain.end - (1 if chain.star else 3)
        return tokens[relation].value in self.entity_names and self._is_operand(chain, first, end)

    def _is_operand(self, chain: Chain, first: int, end: int) -> bool:
        """Whether the chain is a column or row: not a function, not a type, not a label given without AS."""
        if not chain.star and self.is_(chain.end, end, "("):
            return False
        if chain.first == first:
            return True
        before = self.tokens[chain.first - 1]
        if before.kind is OPERATOR or before.kind is PUNCTUATION:
            return before.value not in ("::", ")", "]", ".")
        if before.kind is LITERAL or before.kind is PARAMETER or before.kind is QUOTED:
            return False
        return before.value in _BEFORE_OPERAND

    # --- queries ---

    def query(self, first: int, end: int) -> list[Core]:
        if self.is_(first, end, "with"):
            first = self._with(first, end)
        word = self.word(first, end)
        if word == "insert":
            insert(self, first, end)
        elif word == "update":
            update(self, first, end)
        elif word == "delete":
            delete(self, first, end)
        elif word == "merge":
            merge(self, first, end)
        else:
            return self._select(first, end)
        return []

    def _with(self, token: int, end: int) -> int:
        self.put("WITH")
        token += 1
        if self.is_(token, end, "recursive") and self.word(token + 1, end) not in ("(", "as"):
            self.put("RECURSIVE")
            token += 1
        while True:
            if token >= end or not self.tokens[token].is_name:
                raise Unparsed(token, "expected a name")
            self.put_name(token)
            token += 1
            if self.is_(token, end, "("):
                token = self.close(token, end) + 1
            token = self.expect(token, end, "as")
            if self.is_(token, end, "not"):
                token += 1
            if self.is_(token, end, "materialized"):
                token += 1
            self.expect(token, end, "(")
            close = self.close(token, end)
            self.put("AS (")
            self.query(token + 1, close)
            self.put(")")
            token = self._search_and_cycle(close + 1, end)
            if not self.is_(token, end, ","):
                return token
            self.put(",")
            token += 1

    def _search_and_cycle(self, token: int, end: int) -> int:
        """SEARCH DEPTH FIRST BY a, b SET c; CYCLE a, b SET c [TO v DEFAULT w] USING p."""
        while (word := self.word(token, end)) in ("search", "cycle"):
            token = self.find(token, end, frozenset(("set",))) + 2
            if word == "cycle":
                token = self.find(token, end, frozenset(("using",))) + 2
        return token

    def _select(self, token: int, end: int) -> list[Core]:
        """A query behind its WITH: set operations over SELECT, VALUES, TABLE, (...); then ORDER BY, LIMIT, FOR."""
        cores: list[Core] = []
        while True:
            token = self._select_operand(token, end, cores)
            if self.word(token, end) not in SET_OPERATORS:
                break
            self.put(self.word(token, end).upper())
            token += 1
            if self.word(token, end) in ("all", "distinct"):
                token += 1
        total = Sum(self, "LIMIT")
        while token < end:
            if self.word(token, end) not in TAIL:
                raise Unparsed(token)
            following = self.find(token + 1, end, _CLAUSES)
            if self.word(token, end) != "for":  # FOR UPDATE OF a names relations of this query, not columns
                self.expressions(token + 1, following, total)
            token = following
        return cores

    def _select_operand(self, token: int, end: int, cores: list[Core]) -> int:
        word = self.word(token, end)
        if word == "select":
            return self._select_core(token, end, cores)
        if word == "values":
            stop = self.find(token + 1, end, _CLAUSES)
            self._rows(token + 1, stop)
            cores.append(Core("values", token + 1, stop))
            return stop
        if word == "table":
            self.put("SELECT * FROM")
            relation, after = self.relation(token + 1, end)
            relation.takes_alias = False
            cores.append(Core("table", token + 1, after))
            return after
        if self.is_(token, end, "("):
            close = self.close(token, end)
            self.put("(")
            cores += self.query(token + 1, close)
            self.put(")")
            return close + 1
        raise Unparsed(token)

    def _select_core(self, token: int, end: int, cores: list[Core]) -> int:
        self.put("SELECT")
        token += 1
        total = Sum(self)
        if self.word(token, end) == "all":
            token += 1
        elif self.word(token, end) == "distinct":
            token += 1
            if self.is_(token, end, "on") and self.is_(token + 1, end, "("):
                close = self.close(token + 1, end)
                self.expressions(token + 2, close, total)
                token = close + 1
        stop = self.find(token, end, _CLAUSES)
        self._select_list(token, stop, total)
        total.settle()
        cores.append(Core("select", token, stop))
        if self.word(stop, end) == "into":
            stop = self.find(stop + 1, end, _CLAUSES)
        if self.word(stop, end) == "from":
            self.put("FROM")
            stop = self.from_list(stop + 1, end)
        total = Sum(self, "WHERE")
        while self.word(stop, end) in _FILTERS:
            following = self.find(stop + 1, end, _CLAUSES)
            self.expressions(stop + 1, following, total)
            stop = following
        return stop

    def _select_list(self, first: int, end: int, total: Sum) -> None:
        """Its expressions, which of them are names, and where they matter its stars."""
        self.expressions(first, end, total)
        while first < end:
            stop = self.comma(first, end)
            if stop == first + 1 and self.tokens[first].value == "*":
                if self.has_system_columns:
                    total.next()
                    self.put_name(first)
                    self.found.chains[first] = Chain(first, first, star=True)
            elif self.tokens[first].is_name:
                chain = self.chain(first, stop)
                after = chain.end + (2 if chain.star else 0)
                if after == stop or self.is_(after, stop, "as"):
                    self.found.listed[first] = after != stop
            first = stop + 1

    def _rows(self, token: int, end: int) -> None:
        """VALUES (..), (..) becomes one SELECT: sqlglot does not take VALUES everywhere."""
        self.put("SELECT")
        total = Sum(self)
        while True:
            self.expect(token, end, "(")
            close = self.close(token, end)
            self.expressions(token + 1, close, total)
            token = close + 1
            if token == end:
                break
            token = self.expect(token, end, ",")
        total.settle()

    # --- FROM ---

    def from_list(self, token: int, end: int) -> int:
        """A list of FROM items, up to the next clause."""
        while True:
            token = self.joined(token, end)
            if not self.is_(token, end, ","):
                break
            self.put(",")
            token += 1
        if token < end and self.word(token, end) not in _CLAUSES:
            raise Unparsed(token)
        return token

    def joined(self, token: int, end: int) -> int:
        """One item with the joins behind it; joins nest to the left or, with two ON in a row, to the right."""
        token = self._item(token, end)
        while token < end:
            word = self.word(token, end)
            if word in JOINS:
                while not self.is_(token, end, "join"):
                    if self.word(token, end) not in JOINS and not self.is_(token, end, "outer"):
                        raise Unparsed(token)
                    token += 1
                if word in ("cross", "natural"):
                    self.put("CROSS")
                self.put("JOIN")
                token = self._item(token + 1, end)
            elif word == "on":
                stop = self._on_end(token + 1, end)
                condition = Sum(self, "ON")
                self.expressions(token + 1, stop, condition)
                condition.settle()
                token = stop
            elif word == "using":
                self.expect(token + 1, end, "(")
                self.put("ON n")
                token = self.close(token + 1, end) + 1
                if self.is_(token, end, "as"):
                    token += 2
            else:
                break
        return token

    def _on_end(self, first: int, end: int) -> int:
        """The end of a join's condition: another join, the next condition, item or clause."""
        return self.comma(first, self.find(first, end, _CLAUSES | JOINS | {"on", "using"}))

    def _item(self, token: int, end: int) -> int:
        if self.is_(token, end, "lateral"):
            token += 1
        if self.is_(token, end, "("):
            close = self.close(token, end)
            self.put("(")
            if self.opens_query(token, end):
                self.query(token + 1, close)
            else:
                stop = self.joined(token + 1, close)
                if stop != close:
                    raise Unparsed(stop)
            self.put(")")
            return self.alias(close + 1, end)[1]
        if self.is_(token, end, "rows") and self.is_(token + 1, end, "from") and self.is_(token + 2, end, "("):
            return self._function(token + 2, end)
        if not self.is_(token, end, "only"):
            chain = self.chain(token, end)
            if self.is_(chain.end, end, "("):
                return self._function(chain.end, end)
        return self.relation(token, end)[1]

    def _function(self, parenthesis: int, end: int) -> int:
        """f(...) [WITH ORDINALITY] [alias], ROWS FROM (...), XMLTABLE(...), JSON_TABLE(...), collation for (...)"""
        close = self.close(parenthesis, end)
        self.put("n(")
        self.expressions(parenthesis + 1, close, Sum(self))
        self.put(")")
        token = close + 1
        if self.is_(token, end, "with") and self.is_(token + 1, end, "ordinality"):
            token += 2
        return self.alias(token, end)[1]

    def relation(self, token: int, end: int, *, is_target: bool = False) -> tuple[Relation, int]:
        """[ONLY] name [*] [[AS] alias [(columns)]] [TABLESAMPLE ...]"""
        start = token
        inner_end = end
        after: int | None = None
        if self.is_(token, end, "only"):
            token += 1
            if self.is_(token, end, "("):
                inner_end = self.close(token, end)
                after = inner_end + 1
                token += 1
        chain = self.chain(token, inner_end)
        if chain.star:
            raise Unparsed(chain.end)
        self.put_chain(chain)
        token = chain.end if after is None else after
        if self.is_(token, end, "*"):
            token += 1
        relation = Relation(chain, start, token)
        relation.alias, token = self.alias(token, end, is_target=is_target)
        if self.is_(token, end, "tablesample"):
            relation.sample = self._sample(token, end)
            token = relation.sample.end
        self.found.relations[chain.first] = relation
        return relation, token

    def _sample(self, token: int, end: int) -> Sample:
        method = self.chain(token + 1, end)
        self.expect(method.end, end, "(")
        after = self.close(method.end, end) + 1
        seed = None
        if self.is_(after, end, "repeatable"):
            seed = after + 1
            self.expect(seed, end, "(")
            after = self.close(seed, end) + 1
        for at in range(method.end, after):
            if self.tokens[at].is_name and self.tokens[at].value in self.entity_names:
                raise Unparsed(at, "a relation in TABLESAMPLE")
        return Sample(method, method.end, seed, after)

    def alias(self, token: int, end: int, *, is_target: bool = False) -> tuple[int | None, int]:
        alias: int | None = None
        if self.is_(token, end, "as"):
            token += 1
            if self.is_(token, end, "("):  # AS (a int, b text): a record's columns, no alias
                return None, self.close(token, end) + 1
            if token >= end or not self.tokens[token].is_name:
                raise Unparsed(token)
            alias = token
        elif token < end and self.tokens[token].is_name and self.word(token, end) not in _NOT_AN_ALIAS:
            if is_target and self.word(token, end) == "set":
                return None, token
            alias = token
        if alias is None:
            return None, token
        self.put_name(alias)
        token = alias + 1
        if not is_target and self.is_(token, end, "("):
            token = self.close(token, end) + 1
        return alias, token

    def watch(self, target: Relation) -> None:
        """What a DML statement calls rows of its target may stand for a whole row, from here on."""
        named = target.alias if target.alias is not None else target.chain.end - 1
        self.row_names.update((self.tokens[named].value, "old", "new", "excluded"))
