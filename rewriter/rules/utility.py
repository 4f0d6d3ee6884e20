"""TRUNCATE, LOCK, VACUUM and ANALYZE: lists of names, read token by token."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.errors import RewriteError
from rewriter.parts import Chain
from rewriter.statement import Statement


def truncate(statement: Statement) -> None:
    """TRUNCATE a, orders  ->  TRUNCATE a, ONLY orders

    A trigger of the shell empties the documents; ONLY keeps the guard, its child, out of it. Documents that may refer
    to the rows of a table are named as well.
    """
    first = 2 if statement.word(1) == "table" else 1
    has_table = any(_is_dedicated(statement, start) for start, _ in statement.items(first, len(statement.tokens)))
    for start, end in statement.items(first, len(statement.tokens)):
        is_only = statement.word(start) == "only"
        entity, chain = _entity(statement, start + (1 if is_only else 0))
        if entity is None or chain is None or not entity.is_table:
            continue
        if not is_only:
            statement.insert_before(start, "ONLY ")
        last = chain.end - 1
        if chain.end < end and statement.word(chain.end) == "*":
            statement.replace(chain.end, chain.end + 1, "")
        if has_table and entity.foreign_keys:
            statement.insert_after(last, f", ONLY {entity.child_name}")


def _is_dedicated(statement: Statement, token: int) -> bool:
    chain = statement.chain(token + (1 if statement.word(token) == "only" else 0))
    entity = statement.resolver.entity(statement.parts(chain)) if chain is not None else None
    return entity is not None and not entity.is_shared


def lock(statement: Statement) -> None:
    """LOCK TABLE orders  ->  LOCK TABLE ONLY orders, kameleon.kdb_read_17"""
    first = 2 if statement.word(1) == "table" else 1
    for start, end in statement.items(first, len(statement.tokens)):
        is_only = statement.word(start) == "only"
        entity, chain = _entity(statement, start + (1 if is_only else 0))
        if entity is None or chain is None:
            continue
        if not is_only and entity.is_table:
            statement.insert_before(start, "ONLY ")
        last = chain.end - 1
        if chain.end < end and statement.word(chain.end) == "*":
            statement.replace(chain.end, chain.end + 1, "")
        statement.insert_after(last, f", {entity.read_view}")


UNDEFINED_COLUMN = "42703"
DUPLICATE_COLUMN = "42701"
_VACUUM_WORDS = frozenset(("vacuum", "analyze", "analyse", "full", "freeze", "verbose"))


def vacuum(statement: Statement) -> None:
    """VACUUM ANALYZE orders (a, b)  ->  VACUUM ANALYZE kameleon.kdb_records_17_3"""
    first = 0
    while statement.word(first) in _VACUUM_WORDS:
        first += 1
        if statement.word(first) == "(":
            first = statement.partner(first) + 1
    for start, end in statement.items(first, len(statement.tokens)):
        entity, chain = _entity(statement, start + (1 if statement.word(start) == "only" else 0))
        if entity is None or chain is None or not entity.is_table:
            continue
        if any(statement.word(token) in ("analyze", "analyse") for token in range(first)):
            _check_columns(statement, entity, chain.end + 1, end - 1)
            statement.replace(start, end, entity.child_name)
        else:
            statement.replace(start, chain.end, entity.child_name)  # VACUUM alone refuses columns


def _check_columns(statement: Statement, entity: Entity, first: int, end: int) -> None:
    """The columns that ANALYZE names; all of them are in the documents."""
    seen: set[str] = set()
    for start, _ in statement.items(first, end):
        name = statement.tokens[start].value
        what = f'column "{name}" of relation "{entity.name}"'
        if entity.field(name) is None:
            raise RewriteError(f"{what} does not exist", sqlstate=UNDEFINED_COLUMN)
        if name in seen:
            raise RewriteError(f"{what} appears more than once", sqlstate=DUPLICATE_COLUMN)
        seen.add(name)


def _entity(statement: Statement, token: int) -> tuple[Entity | None, Chain | None]:
    """The shared entity that a list's item names; notes dedicated ones too."""
    chain = statement.chain(token)
    if chain is None and statement.word(token) == "(":
        chain = statement.chain(token + 1)
    if chain is None:
        return None, None
    entity = statement.resolver.entity(statement.parts(chain))
    if entity is None:
        return None, None
    statement.name(entity.entity_id)
    return (entity, chain) if entity.is_shared else (None, None)
