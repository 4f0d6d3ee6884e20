"""What tells a value's type: of a whole row it would tell the read view's.

pg_typeof(orders)  ->  kameleon.pg_typeof(pg_typeof(orders))
"""

from __future__ import annotations

from rewriter.statement import Statement


def row_types(statement: Statement) -> None:
    for token in range(len(statement.tokens) - 1):
        if not statement.is_name(token) or statement.tokens[token].value != "pg_typeof":
            continue
        if statement.word(token + 1) != "(" or statement.closing[token + 1] < 0:
            continue
        first = token
        if statement.word(token - 1) == ".":
            first = token - 2
            if statement.tokens[first].value != "pg_catalog":
                continue
        elif not statement.resolver.catalog_comes_first:
            continue
        statement.insert_before(first, "kameleon.pg_typeof(")
        statement.replace(statement.closing[token + 1], statement.closing[token + 1] + 1, "))")
