"""Two relations of one name, which their schemas tell apart: FROM public.orders, archive.orders.

A view is called by an alias, and two aliases must differ. So such an entity's view goes by its own name, and whatever
names the entity by its schema names the view. Nothing else can mean it: the bare name is ambiguous.
"""

from __future__ import annotations

from rewriter.errors import AMBIGUOUS_ALIAS
from rewriter.parse import Item, Reference, Scope, Tree
from rewriter.statement import Statement


def twins(statement: Statement, tree: Tree) -> None:
    """Decides who goes by another name, before anything is written."""
    for scope in tree.scopes:
        for name in {item.name for item in scope.items}:
            _tell_apart(statement, [item for item in scope.items if item.name == name])
    for reference in tree.references:
        _uncover(statement, reference)
    if not any(_is_apart(item) for scope in tree.scopes for item in scope.items):
        return
    for reference in tree.references:
        _bare_name(statement, reference)
    for token in range(len(statement.tokens)):
        if statement.word(token) == "of" and any(
            item.name == statement.tokens[token + 1].value and _is_apart(item)
            for scope in tree.scopes
            for item in scope.items
            if statement.is_name(token + 1)
        ):
            raise statement.needs_table(
                token + 1, "FOR UPDATE OF one of two relations of a name is not supported", hint=_HINT
            )


_HINT = "Give each of them an alias."


def plain_item(statement: Statement, reference: Reference, entity_id: int) -> tuple[Item | None, bool]:
    """The entity in FROM that a schema-qualified reference means, and whether something of its name is nearer."""
    nearer = False
    scope: Scope | None = reference.scope
    while scope is not None:
        for item in scope.items:
            if _is_plain(statement, item, entity_id):
                return item, nearer
        parts = statement.parts(reference.chain)
        name = parts[-1] if reference.chain.star else parts[-2]
        nearer = nearer or any(item.name == name for item in scope.items)
        scope = scope.outer
    return None, False


def _is_plain(statement: Statement, item: Item, entity_id: int) -> bool:
    if item.relation is None or item.relation.alias is not None or item.is_cte:
        return False
    entity = statement.resolver.shared(statement.parts(item.relation.chain))
    return entity is not None and entity.entity_id == entity_id


def _tell_apart(statement: Statement, items: list[Item]) -> None:
    if len(items) < 2:
        return
    if any(item.relation is None or item.relation.alias is not None or item.is_cte for item in items):
        return  # PostgreSQL refuses it
    meant: set[int | tuple[str, ...]] = set()
    shared = []
    for item in items:
        assert item.relation is not None
        parts = statement.parts(item.relation.chain)
        entity = statement.resolver.shared(parts)
        meant.add(tuple(parts) if entity is None else entity.entity_id)
        if entity is not None:
            shared.append((item.relation, entity))
    if len(meant) > 1:
        for relation, entity in shared:
            relation.apart = entity.read_view.rpartition(".")[2]


def _uncover(statement: Statement, reference: Reference) -> None:
    """A column of public.orders within a query of archive.orders: unqualified, the nearer would catch it."""
    parts = statement.parts(reference.chain)
    qualifiers = parts if reference.chain.star else parts[:-1]
    if len(qualifiers) not in (2, 3):
        return
    entity = statement.resolver.shared(qualifiers)
    if entity is None:
        return
    item, nearer = plain_item(statement, reference, entity.entity_id)
    if item is not None and nearer:
        assert item.relation is not None
        item.relation.apart = entity.read_view.rpartition(".")[2]


def _is_apart(item: Item) -> bool:
    return item.relation is not None and item.relation.apart is not None


def _bare_name(statement: Statement, reference: Reference) -> None:
    """orders.id, orders.*, orders: of two it is ambiguous, of one that goes by another name now it says that name."""
    chain = reference.chain
    names = (chain.end - chain.first + 1) // 2
    if names > 2 or (names == 2 and chain.star):
        return
    found = _items_called(reference, statement.tokens[chain.first].value)
    apart = [item.relation for item in found if item.relation is not None and item.relation.apart is not None]
    if not apart:
        return
    name = statement.tokens[chain.first].value
    if names == 1 and not chain.star:
        if _may_be_column(statement, reference, name):
            return
        raise statement.needs_table(
            chain.first,
            f'the row of "{name}", of which there are two, is not supported for a shared entity',
            hint=_HINT,
        )
    if len(found) > 1:
        raise statement.refuse(chain.first, f'table reference "{name}" is ambiguous', sqlstate=AMBIGUOUS_ALIAS)
    assert apart[0].apart is not None
    statement.replace(chain.first, chain.first + 1, apart[0].apart)


def _items_called(reference: Reference, name: str) -> list[Item]:
    scope: Scope | None = reference.scope
    while scope is not None:
        found = [item for item in scope.items if item.name == name]
        if found:
            return found
        scope = scope.outer
    return []


def _may_be_column(statement: Statement, reference: Reference, name: str) -> bool:
    scope: Scope | None = reference.scope
    while scope is not None:
        for item in scope.items:
            if item.relation is not None and not item.is_cte:
                entity = statement.resolver.shared(statement.parts(item.relation.chain))
                if entity is not None and entity.field(name) is not None:
                    return True
        scope = scope.outer
    return False
