"""REINDEX and CLUSTER of a shared entity: what they work on is the table of its documents, and its indexes."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.lexer import quote
from rewriter.statement import Statement


def reindex(statement: Statement) -> str | None:
    """REINDEX TABLE CONCURRENTLY orders  ->  REINDEX TABLE CONCURRENTLY kameleon.kdb_records_17_3

    Returns the name of the table or index whose invalid indexes are to be made before it; CONCURRENTLY leaves no room
    for that.
    """
    token = _after_options(statement, 1)
    what = statement.word(token)
    if what not in ("table", "index"):
        return None  # of a schema or a database: the event trigger rebuilds the documents' indexes
    concurrently = statement.word(token + 1) == "concurrently" or _asks_for(statement, "concurrently")
    token += 2 if statement.word(token + 1) == "concurrently" else 1
    chain = statement.chain(token)
    if chain is None:
        return None
    if what == "table":
        entity = statement.resolver.shared_table(statement.parts(chain))
        if entity is None:
            return None
        # Without any index, PostgreSQL remarks on it. Those of the table have to change their tablespace, too: the
        # event trigger, which is told of each, has those of its documents follow.
        if entity.indexes and not _asks_for(statement, "tablespace"):
            _documents(statement, token)
    elif not statement.resolver.may_be_index(statement.parts(chain)[-1]):
        return None  # nor may anything come before it: that of a partitioned table refuses to be in a transaction
    return None if concurrently else statement.text(chain.first, chain.end)


def _asks_for(statement: Statement, option: str) -> bool:
    """REINDEX (CONCURRENTLY, VERBOSE) TABLE: also where it says CONCURRENTLY off."""
    end = _after_options(statement, 1)
    return any(statement.word(token) == option for token in range(1, end))


def cluster(statement: Statement) -> tuple[Entity, str] | None:
    """CLUSTER orders USING orders_pkey  ->  CLUSTER kameleon.kdb_records_17_3 USING orders_pkey

    Returns the entity and the index that its table is clustered on from now on.
    """
    token = _after_options(statement, 1)
    if statement.word(token) == "verbose":
        token += 1
    chain = statement.chain(token)
    if chain is None:
        return None
    named = None
    if statement.word(chain.end) == "on":  # the index first: the form of the old days
        named = token
        entity = _documents(statement, chain.end + 1)
    else:
        entity = _documents(statement, token)
        if statement.word(chain.end) == "using" and statement.is_name(chain.end + 1):
            named = chain.end + 1
    if entity is None or named is None:
        return None
    index = entity.index(statement.tokens[named].value)
    if index is None:
        return None
    statement.replace(named, named + 1, quote(index.child_name))
    return entity, index.name


def _after_options(statement: Statement, token: int) -> int:
    return statement.partner(token) + 1 if statement.word(token) == "(" else token


def _documents(statement: Statement, token: int) -> Entity | None:
    chain = statement.chain(token)
    entity = statement.resolver.shared_table(statement.parts(chain)) if chain is not None else None
    if chain is not None and entity is not None:
        statement.replace(chain.first, chain.end, entity.child_name)
    return entity
