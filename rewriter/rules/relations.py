"""Every reference to a shared entity reads its read view, under the name the client's query calls it by."""

from __future__ import annotations

from rewriter.parse import Item, Scope, Tree
from rewriter.statement import Statement


def relations(statement: Statement, tree: Tree) -> None:
    """SELECT * FROM public.orders o  ->  SELECT * FROM kameleon.kdb_read_17 o"""
    for scope in tree.scopes:
        _check_for_twins(statement, scope)
        for item in scope.items:
            if item.relation is not None and item.dml is None and not item.is_cte:
                _read(statement, item)


def _read(statement: Statement, item: Item) -> None:
    relation = item.relation
    assert relation is not None
    entity = statement.resolver.entity(statement.parts(relation.chain))
    if entity is None:
        return
    statement.name(entity.entity_id)
    if not entity.is_shared:
        return
    if relation.sampled:
        raise statement.refuse(
            relation.chain.first,
            f'TABLESAMPLE is not supported on the shared entity "{entity.name}"',
            hint="ORDER BY random() LIMIT n gives a sample of its rows.",
        )
    text = entity.read_view
    if relation.alias is None and relation.takes_alias:
        text += " AS " + statement.text(relation.chain.end - 1, relation.chain.end)
    statement.replace(relation.start, relation.end, text)


def _check_for_twins(statement: Statement, scope: Scope) -> None:
    """a.orders and b.orders may stand in one FROM without aliases; once one of them is an alias they may not."""
    seen: dict[str, int | tuple[str, ...]] = {}
    for item in scope.items:
        relation = item.relation
        if relation is None or relation.alias is not None or item.is_cte:
            continue
        parts = statement.parts(relation.chain)
        entity = statement.resolver.shared(parts)
        meant = tuple(parts) if entity is None else entity.entity_id
        other = seen.setdefault(item.name, meant)
        if other != meant and (isinstance(other, int) or isinstance(meant, int)):
            raise statement.refuse(
                relation.chain.first,
                f'two relations called "{item.name}" in one FROM clause are not supported for a shared entity',
                hint="Give each of them an alias.",
            )


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
        scope: Scope | None = reference.scope
        item = None
        nearer = False
        while scope is not None and item is None:
            item = next((item for item in scope.items if _is_plain(statement, item, entity.entity_id)), None)
            nearer = nearer or (item is None and any(other.name == entity.name for other in scope.items))
            scope = scope.outer
        if item is None or chain.first in statement.settled:
            continue  # aliased or absent: PostgreSQL says so
        if nearer:  # it would catch what is left of the name
            raise statement.refuse(
                chain.first,
                f'a column of "{entity.schema}.{entity.name}" inside a query of another relation called '
                f'"{entity.name}" is not supported for a shared entity',
                hint="Give each of them an alias.",
            )
        relation_token = chain.first + 2 * (len(qualifiers) - 1)
        statement.cut(chain.first, relation_token)


def _is_plain(statement: Statement, item: Item, entity_id: int) -> bool:
    if item.relation is None or item.relation.alias is not None or item.is_cte:
        return False
    entity = statement.resolver.shared(statement.parts(item.relation.chain))
    return entity is not None and entity.entity_id == entity_id
