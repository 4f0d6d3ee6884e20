"""Tokens read in order: keywords, names, parentheses, and where a clause ends."""

from __future__ import annotations

from rewriter.lexer import PUNCTUATION, QUOTED, WORD, Token
from rewriter.parts import Chain, Unparsed

SET_OPERATORS = frozenset(("union", "intersect", "except"))
TAIL = frozenset(("order", "limit", "offset", "fetch", "for"))
LOCKS = frozenset(("update", "no", "share", "key", "read"))
JOINS = frozenset(("join", "cross", "natural", "inner", "left", "right", "full"))


class Reader:
    """The tokens of one statement. `end` bounds what a method looks at; ranges exclude it."""

    def __init__(self, tokens: list[Token], closing: list[int] | None = None) -> None:
        self.tokens = tokens
        self.closing = closing_of(tokens) if closing is None else closing

    def word(self, token: int, end: int) -> str:
        """The keyword, unquoted name or punctuation there; "" past the end and for a quoted name."""
        if token < end:
            at = self.tokens[token]
            if at.kind is not QUOTED:
                return at.value
        return ""

    def is_(self, token: int, end: int, value: str) -> bool:
        return self.word(token, end) == value

    def expect(self, token: int, end: int, value: str) -> int:
        if not self.is_(token, end, value):
            raise Unparsed(token, f"expected {value}")
        return token + 1

    def close(self, token: int, end: int) -> int:
        """The partner of an opening parenthesis, which must lie before `end`."""
        partner = self.closing[token]
        if partner < 0 or partner >= end:
            raise Unparsed(token, "unbalanced parenthesis")
        return partner

    def chain(self, token: int, end: int) -> Chain:
        if token >= end or not self.tokens[token].is_name:
            raise Unparsed(token, "expected a name")
        first = token
        token += 1
        while self.is_(token, end, ".") and token + 1 < end:
            if self.tokens[token + 1].is_name:
                token += 2
            else:
                return Chain(first, token, star=self.is_(token + 1, end, "*"))
        return Chain(first, token)

    def opens_query(self, token: int, end: int) -> bool:
        """Whether the parenthesis at `token` holds a query: (SELECT ...), ((SELECT ...) UNION ...), ((SELECT ...))."""
        close = self.close(token, end)
        first = token + 1
        word = self.word(first, close)
        if word in ("select", "with", "table"):
            return True
        if word == "values":  # may be a column's name: sum(values)
            return self.is_(first + 1, close, "(")
        if self.is_(first, close, "(") and self.opens_query(first, close):
            after = self.close(first, close) + 1
            return after == close or self.word(after, close) in SET_OPERATORS | TAIL
        return False

    def find(self, first: int, end: int, words: frozenset[str]) -> int:
        """The first of these reserved words in [first, end), outside parentheses; `end` when there is none."""
        token = first
        while token < end:
            at = self.tokens[token]
            if at.kind is PUNCTUATION and at.value in "([":
                token = self.close(token, end)
            elif at.kind is WORD and at.value in words and not self._is_ordinary(token, first, end):
                return token
            token += 1
        return end

    def _is_ordinary(self, token: int, first: int, end: int) -> bool:
        """Whether a keyword opens no clause there.

        So in t.from, AS from, IS DISTINCT FROM, WITHIN GROUP, COLLATION FOR (...), left(...).
        """
        word = self.tokens[token].value
        if token > first:
            before = self.tokens[token - 1]
            if before.value in (".", "as") and before.kind is not QUOTED:
                return True
            if word == "from" and before.value == "distinct":
                return True
            if word == "group" and before.value == "within":
                return True
        if word == "for":
            return self.word(token + 1, end) not in LOCKS
        return word in JOINS and word != "join" and self.is_(token + 1, end, "(")

    def comma(self, first: int, end: int) -> int:
        token = first
        while token < end:
            at = self.tokens[token]
            if at.kind is PUNCTUATION:
                if at.value in "([":
                    token = self.close(token, end)
                elif at.value == ",":
                    return token
            token += 1
        return end


def is_balanced(tokens: list[Token], closing: list[int]) -> bool:
    """Whether every parenthesis and bracket has its partner; where not, no grammar takes the text."""
    marks = sum(token.kind is PUNCTUATION and token.value in "()[]" for token in tokens)
    return marks == 2 * sum(partner >= 0 for partner in closing)


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
