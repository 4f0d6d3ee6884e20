"""Every reference to a shared entity reads its read view, under the name the client's query calls it by."""

from __future__ import annotations

from rewriter.lexer import RESERVED
from rewriter.parse import Item, Tree
from rewriter.rules.sample import sample
from rewriter.rules.twins import plain_item
from rewriter.statement import Statement


def relations(statement: Statement, tree: Tree) -> None:
    """SELECT * FROM public.orders o  ->  SELECT * FROM kameleon.kdb_read_17 o"""
    for scope in tree.scopes:
        for item in scope.items:
            if item.relation is not None and item.dml is None and not item.is_cte:
                _read(statement, item)


def _read(statement: Statement, item: Item) -> None:
    relation = item.relation
    assert relation is not None
    entity = statement.resolver.entity(statement.parts(relation.chain))
    if entity is None:
        return
    if not entity.is_catalog:
        statement.name(entity.entity_id)
    if not entity.is_shared:
        return
    if relation.sample is not None:
        if entity.is_catalog:
            return
        sample(statement, entity, relation, relation.sample)
        return
    text = entity.write_view if relation.with_system_columns else entity.read_view
    if relation.apart is not None:
        if relation.with_system_columns:
            text += " AS " + relation.apart
    elif relation.alias is None and relation.takes_alias:
        text += " AS " + statement.bare_name(relation.chain.end - 1)
    statement.replace(relation.start, relation.end, text)


def qualified_columns(statement: Statement, tree: Tree) -> None:
    """SELECT public.orders.id FROM public.orders  ->  SELECT orders.id FROM kameleon.kdb_read_17 AS orders"""
    for reference in tree.references:
        chain = reference.chain
        parts = statement.parts(chain)
        # The qualifiers are all but the column; of x.y.* all of them.
        qualifiers = parts if chain.star else parts[:-1]
        if len(qualifiers) < 2 or len(qualifiers) > 3:
            continue
        entity = statement.resolver.shared(qualifiers)
        if entity is None:
            continue
        item, _ = plain_item(statement, reference, entity.entity_id)
        if item is None or chain.first in statement.settled:
            continue  # aliased or absent: PostgreSQL says so
        relation_token = chain.first + 2 * (len(qualifiers) - 1)
        assert item.relation is not None
        if item.relation.apart is not None:
            statement.replace(chain.first, relation_token + 1, item.relation.apart)
        elif statement.word(relation_token) in RESERVED:
            statement.replace(chain.first, relation_token + 1, statement.bare_name(relation_token))
        else:
            statement.cut(chain.first, relation_token)
