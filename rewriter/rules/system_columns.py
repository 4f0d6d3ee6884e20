"""ctid, xmin and the other system columns, which a view has only if it is given columns of these names.

The write view is; so an entity whose system columns are used is read through it. What would show its other columns,
a star or a whole row, is written out.
"""

from __future__ import annotations

from catalog.model import Entity
from rewriter.lexer import quote
from rewriter.parse import Item, Reference, Scope, Tree
from rewriter.parts import SYSTEM_COLUMNS, Relation, Returning, Unparsed
from rewriter.rules.columns import row_of, target_name
from rewriter.rules.joins import joined_columns
from rewriter.rules.twins import plain_item
from rewriter.statement import Statement, field_list

_HINT = "Name the columns, without the system columns or without the star."


def system_columns(statement: Statement, tree: Tree) -> None:
    """SELECT ctid, * FROM orders  ->  SELECT ctid, orders."id", orders."name" FROM kameleon.kdb_write_17_3 AS orders"""
    found = False
    for reference in tree.references:
        if _is_system_column(statement, reference):
            for item in _meant(statement, reference):
                assert item.relation is not None
                item.relation.with_system_columns = True
                found = True
                _check(statement, reference, item)
    if not found:
        return
    for reference in tree.references:
        if reference.chain.first == reference.chain.end:
            _star(statement, reference)
        else:
            _row(statement, tree, reference)


def uses_system_columns(statement: Statement, tree: Tree, clause: Returning | None) -> bool:
    return clause is not None and any(
        clause.first <= reference.chain.first < clause.end and _is_system_column(statement, reference)
        for reference in tree.references
    )


def _is_system_column(statement: Statement, reference: Reference) -> bool:
    chain = reference.chain
    return not chain.star and statement.tokens[chain.end - 1].value in SYSTEM_COLUMNS


def _entity(statement: Statement, item: Item) -> Entity | None:
    """The shared entity that the item reads; a target is read through the write view anyhow."""
    if item.relation is None or item.is_cte or item.dml is not None:
        return None
    entity = statement.resolver.shared(statement.parts(item.relation.chain))
    return None if entity is not None and entity.is_view else entity


def _meant(statement: Statement, reference: Reference) -> list[Item]:
    """The entities whose column it may be; of several PostgreSQL says that it is ambiguous."""
    parts = statement.parts(reference.chain)
    if len(parts) == 1:
        scope: Scope | None = reference.scope
        while scope is not None:
            found = [item for item in scope.items if _entity(statement, item) is not None]
            if found or any(item.dml is not None for item in scope.items):
                return found
            scope = scope.outer
        return []
    item: Item | None
    if len(parts) == 2:
        item = reference.scope.find(parts[0])
    else:
        entity = statement.resolver.shared(parts[:-1])
        item = plain_item(statement, reference, entity.entity_id)[0] if entity is not None else None
    return [item] if item is not None and _entity(statement, item) is not None else []


def _check(statement: Statement, reference: Reference, item: Item) -> None:
    """What the write view's own columns would get in the way of."""
    assert item.relation is not None
    entity = _entity(statement, item)
    if entity is not None and entity.is_catalog and not entity.write_oid:
        raise Unparsed(reference.chain.first)  # a view, which has none
    what = None
    if any(statement.word(token) == "natural" for token in range(len(statement.tokens))):
        what = "with NATURAL JOIN"
    elif entity is not None and not _are_names_plain(statement, entity, item.relation):
        what = "with these names for its columns in FROM"
    elif not item.relation.takes_alias:
        what = "in TABLE"
    if what is not None:
        name = statement.tokens[reference.chain.end - 1].value
        raise statement.needs_table(
            reference.chain.first, f'system column "{name}" of a shared entity is not supported {what}', hint=_HINT
        )


def _names(statement: Statement, entity: Entity, relation: Relation) -> list[str]:
    """What FROM calls the columns: orders AS o (a, b)."""
    given: list[str] = []
    if relation.alias is not None and statement.word(relation.alias + 1) == "(":
        listed = statement.items(relation.alias + 2, statement.partner(relation.alias + 1))
        given = [statement.tokens[name].value for name, _ in listed]
    return given + [field.name for field in entity.fields[len(given) :]]


def _are_names_plain(statement: Statement, entity: Entity, relation: Relation) -> bool:
    """Not more than the table has columns, or they would name what the write view has besides."""
    names = _names(statement, entity, relation)
    return len(names) == len(entity.fields) and SYSTEM_COLUMNS.isdisjoint(names)


def _star(statement: Statement, reference: Reference) -> None:
    items = reference.scope.items
    if not any(item.relation is not None and item.relation.with_system_columns for item in items):
        return
    star = reference.chain.first
    if len(items) > 1 and any(statement.word(token) == "using" for token in range(len(statement.tokens))):
        columns = joined_columns(statement, items, *_from_clause(statement, items))
        if columns is None:
            raise statement.needs_table(
                star, "* beside system columns is not supported with this JOIN USING", hint=_HINT
            )
        statement.replace(star, star + 1, ", ".join(columns))
        return
    statement.replace(star, star + 1, ", ".join(columns_of(statement, item) for item in items))


_AFTER_FROM = frozenset(
    "where group having window order limit offset fetch for union intersect except )".split()  # noqa: SIM905
)


def _from_clause(statement: Statement, items: list[Item]) -> tuple[int, int]:
    first = end = min((item.relation.start for item in items if item.relation is not None), default=0)
    while end < len(statement.tokens) and statement.word(end) not in _AFTER_FROM:
        end = statement.partner(end) + 1 if statement.word(end) in ("(", "[") else end + 1
    return first, end


def columns_of(statement: Statement, item: Item) -> str:
    """What * gives of one item in FROM."""
    relation = item.relation
    if relation is None or not relation.with_system_columns:
        apart = relation.apart if relation is not None else None
        return f"{apart or quote(item.name)}.*"
    entity = _entity(statement, item)
    assert entity is not None
    return field_list(_names(statement, entity, relation), target_name(statement, relation))


def _row(statement: Statement, tree: Tree, reference: Reference) -> None:
    """orders.*, and orders as a value."""
    chain = reference.chain
    parts = statement.parts(chain)
    item: Item | None = None
    if chain.star and len(parts) > 1:
        entity = statement.resolver.shared(parts)
        item = plain_item(statement, reference, entity.entity_id)[0] if entity is not None else None
    elif len(parts) == 1:
        item = reference.scope.find(parts[0])
    if item is None or item.relation is None or not item.relation.with_system_columns:
        return
    entity = _entity(statement, item)
    assert entity is not None
    if not chain.star and _is_column(statement, reference, parts[0]):
        return
    columns = columns_of(statement, item)
    end = chain.end + 2 if chain.star else chain.end
    statement.settled.add(chain.first)
    is_listed = chain.first in tree.listed
    if chain.star and (is_listed or statement.words(chain.first - 2, "row", "(")):
        statement.replace(chain.first, end, columns)
        return
    row = row_of(statement, entity, columns, is_output=is_listed)
    text = f"CASE WHEN {target_name(statement, item.relation)}.tableoid IS NOT NULL THEN {row} END"
    if is_listed and not tree.listed[chain.first]:
        text += " AS " + quote(parts[-1])
    statement.replace(chain.first, end, text)


def _is_column(statement: Statement, reference: Reference, name: str) -> bool:
    for item in reference.scope.items:
        entity = _entity(statement, item)
        if entity is not None and item.relation is not None and name in _names(statement, entity, item.relation):
            return True
    return False
