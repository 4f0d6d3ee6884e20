"""How many joins a statement asks for, as its tokens tell: for statistics, not for rewriting.

Counted are JOIN, the commas of FROM lists, USING of DELETE and MERGE, and FROM of UPDATE; in sub-selects, too. What is
no statement PostgreSQL could run gives some number.
"""

from __future__ import annotations

from rewriter.errors import LexError
from rewriter.lexer import WORD, tokenize

_VERBS = frozenset(("select", "update", "delete", "merge"))
#: Of MERGE or DELETE, the list of what it is joined with; a later USING is a join's own.
_USING = frozenset(("delete", "merge"))
_ENDS_FROM = frozenset(
    (
        *("where", "group", "having", "window", "order", "limit", "offset", "fetch", "for"),
        *("union", "intersect", "except", "select", "insert", "update", "delete"),
        *("returning", "set", "values", "when"),
    )
)


def count_joins(sql: str, standard_conforming_strings: bool = True) -> int:
    try:
        tokens = tokenize(sql, standard_conforming_strings)
    except LexError:
        return 0
    joins = 0
    # Of each open parenthesis: the statement's verb, and whether its FROM list is being read.
    verb, in_from = "", False
    outer: list[tuple[str, bool]] = []
    before = ""
    for token in tokens:
        value = token.value
        if value == "(":
            outer.append((verb, in_from))
            verb, in_from = "", False
        elif value == ")":
            if outer:
                verb, in_from = outer.pop()
        elif value == ",":
            joins += in_from
        elif token.kind is WORD:
            if value == "join":
                joins += 1
            elif value == "from" and verb and before != "distinct":
                in_from = True
                joins += verb == "update"
            elif value == "using" and verb in _USING:
                joins += 1
                verb = ""
            elif value in _ENDS_FROM:
                in_from = False
                if value in _VERBS and not (verb == "merge" or before == "for" or before == "key"):
                    verb = value
            elif value == "merge" and not verb:
                verb = value
        before = value
    return joins
