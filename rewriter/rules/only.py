"""FROM ONLY of a dedicated table."""

from __future__ import annotations

import re

from rewriter.statement import Statement

#: FETCH FIRST ROW ONLY and READ ONLY are something else.
_ONLY = re.compile(r"(?:\b(rows?|read)\s+)?\bonly\b", re.IGNORECASE)


def may_read_only(text: str) -> bool:
    return any(found[1] is None for found in _ONLY.finditer(text))


def expect_only(statement: Statement) -> None:
    """FROM ONLY orders is passed on as it came, behind a look whether the table is dedicated still.

    What makes plans fail over a table that has become a shell is a table that inherits from it.
    """
    calls: dict[str, None] = {}
    for token in range(len(statement.tokens)):
        if statement.word(token) != "only":
            continue
        chain = statement.chain(token + 2 if statement.word(token + 1) == "(" else token + 1)
        entity = None if chain is None else statement.resolver.entity(statement.parts(chain))
        if entity is not None and entity.storage_mode == "dedicated" and not entity.is_view and not entity.is_catalog:
            statement.name(entity.entity_id)
            calls[f"CALL kameleon.expect_table({entity.entity_id})"] = None
    if calls:
        statement.prelude = next(iter(calls)) if len(calls) == 1 else f"DO 'BEGIN {'; '.join(calls)}; END'"
