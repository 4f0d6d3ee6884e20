"""REINDEX and CLUSTER of a shared entity: what they work on is the table of its documents, and its indexes."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.lexer import quote
from rewriter.statement import Statement


def reindex(statement: Statement) -> None:
    """REINDEX TABLE CONCURRENTLY orders  ->  REINDEX TABLE CONCURRENTLY kameleon.kdb_records_17_3"""
    token = _after_options(statement, 1)
    if statement.word(token) != "table":
        return  # of an index, a schema or a database: the event trigger rebuilds the documents' indexes
    token += 2 if statement.word(token + 1) == "concurrently" else 1
    chain = statement.chain(token)
    entity = statement.resolver.shared_table(statement.parts(chain)) if chain is not None else None
    if entity is not None and entity.indexes:  # without any, PostgreSQL remarks on it
        _documents(statement, token)


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
