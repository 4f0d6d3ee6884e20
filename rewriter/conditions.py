"""What a statement looks for in the entities that it names: for advice, never for rewriting.

It may know less than PostgreSQL does. What it cannot tell (an alias that hides a table, a condition inside OR) it
leaves out, and a text that it cannot read has no uses at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from catalog.model import Entity
from catalog.uses import EntityUse, Join

_POSTGRES = Postgres()
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_STATEMENTS = (exp.Select, exp.SetOperation, exp.Update, exp.Delete)
_QUERIES = (exp.Select, exp.Update, exp.Delete)


@dataclass(slots=True)
class _Use:
    entity: Entity
    fields: set[str] = field(default_factory=set)
    equal: set[str] = field(default_factory=set)
    ranges: set[str] = field(default_factory=set)
    joins: list[Join] = field(default_factory=list)
    order: tuple[str, ...] = ()
    is_limited: bool = False
    is_plain: bool = False

    def frozen(self) -> EntityUse:
        return EntityUse(
            self.entity.entity_id,
            frozenset(self.fields),
            frozenset(self.equal),
            frozenset(self.ranges),
            tuple(dict.fromkeys(self.joins)),
            self.order,
            self.is_limited,
            self.is_plain,
        )


@dataclass(slots=True)
class _Scope:
    """The FROM items of one query: by the name that columns call them, None for what is no entity."""

    node: exp.Expr
    outer: _Scope | None
    items: dict[str, _Use | None] = field(default_factory=dict)

    def resolve(self, column: exp.Column) -> tuple[_Use, str] | None:
        name, table = _name(column.this), _name(column.args.get("table"))
        scope: _Scope | None = self
        while scope is not None:
            if table:
                if table in scope.items:
                    use = scope.items[table]
                    return (use, name) if use is not None and use.entity.field(name) is not None else None
            else:
                found = [use for use in scope.items.values() if use is not None and use.entity.field(name) is not None]
                if len(found) == 1:
                    return found[0], name
                if found or None in scope.items.values():
                    return None
            scope = scope.outer
        return None


def entity_uses(text: str, entities: Mapping[int, Entity]) -> tuple[EntityUse, ...]:
    """`text`: a statement, its literals replaced by question marks. `entities`: those that it names."""
    try:
        # a string may stand wherever a literal may
        statements = _POSTGRES.parse(text.replace("?", "''"))
    except (SqlglotError, RecursionError):
        return ()
    if len(statements) != 1 or not isinstance(statements[0], _STATEMENTS):
        return ()
    return _Reader(entities).read(statements[0])


class _Reader:
    def __init__(self, entities: Mapping[int, Entity]) -> None:
        self._entities = entities
        self._uses: dict[int, _Use] = {}

    def read(self, root: exp.Expr) -> tuple[EntityUse, ...]:
        ctes = {_name(cte.args["alias"].this) for cte in root.find_all(exp.CTE) if cte.args.get("alias")}
        scopes: dict[int, _Scope] = {}
        for node in root.walk(bfs=True):
            if isinstance(node, _QUERIES):
                around = node.parent
                while around is not None and id(around) not in scopes:
                    around = around.parent
                scopes[id(node)] = self._scope(node, scopes.get(id(around)) if around is not None else None, ctes)
        for scope in scopes.values():
            self._columns(scope, scopes)
            for condition in _conditions(scope.node):
                self._condition(condition, scope)
            self._order(scope)
        for use in self._uses.values():
            use.is_plain = _is_plain(root)
        return tuple(use.frozen() for use in self._uses.values())

    def _scope(self, node: exp.Expr, outer: _Scope | None, ctes: set[str]) -> _Scope:
        scope = _Scope(node, outer)
        for source in _sources(node):
            alias = source.args.get("alias")
            called = _name(alias.this) if alias is not None and alias.this is not None else ""
            use = None
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                called = called or _name(source.this)
                use = self._use(_name(source.args.get("db")), _name(source.this), ctes)
            if called:
                scope.items[called] = use
        return scope

    def _use(self, schema: str, name: str, ctes: set[str]) -> _Use | None:
        if not schema and name in ctes:
            return None
        found = [
            each
            for each in self._entities.values()
            if each.name == name and schema in ("", each.schema) and each.is_table
        ]
        if len(found) != 1:
            return None
        return self._uses.setdefault(found[0].entity_id, _Use(found[0]))

    def _columns(self, scope: _Scope, scopes: Mapping[int, _Scope]) -> None:
        for node in _within(scope.node, scopes):
            if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
                table = _name(node.parent.args.get("table")) if isinstance(node.parent, exp.Column) else ""
                for name, use in scope.items.items():
                    if use is not None and table in ("", name):
                        use.fields.update(each.name for each in use.entity.fields)
            elif isinstance(node, exp.Column):
                found = scope.resolve(node)
                if found is not None:
                    found[0].fields.add(found[1])

    def _condition(self, node: exp.Expr, scope: _Scope) -> None:
        if isinstance(node, exp.EQ):
            left, right = (scope.resolve(side) if isinstance(side, exp.Column) else None for side in _sides(node))
            if left is not None and right is not None:
                self._join(left, right)
            elif left is not None and _is_value(node.expression):
                left[0].equal.add(left[1])
            elif right is not None and _is_value(node.this):
                right[0].equal.add(right[1])
        elif isinstance(node, exp.In):
            found = scope.resolve(node.this) if isinstance(node.this, exp.Column) else None
            if found is not None and node.expressions and all(_is_value(each) for each in node.expressions):
                found[0].equal.add(found[1])
        elif isinstance(node, _RANGES):
            for side, other in (_sides(node), _sides(node)[::-1]):
                found = scope.resolve(side) if isinstance(side, exp.Column) else None
                if found is not None and _is_value(other):
                    found[0].ranges.add(found[1])
        elif isinstance(node, exp.Between):
            found = scope.resolve(node.this) if isinstance(node.this, exp.Column) else None
            if found is not None and _is_value(node.args["low"]) and _is_value(node.args["high"]):
                found[0].ranges.add(found[1])

    def _join(self, left: tuple[_Use, str], right: tuple[_Use, str]) -> None:
        (one, column), (other, other_column) = left, right
        if one is not other:
            one.joins.append(Join(column, other.entity.entity_id, other_column))
            other.joins.append(Join(other_column, one.entity.entity_id, column))

    def _order(self, scope: _Scope) -> None:
        limited = scope.node.args.get("limit") is not None
        order = scope.node.args.get("order")
        if limited:
            for use in scope.items.values():
                if use is not None:
                    use.is_limited = True
        if order is None or scope.node.args.get("group") is not None or scope.node.args.get("distinct") is not None:
            return
        terms = [each for each in order.expressions if isinstance(each, exp.Ordered)]
        found = [scope.resolve(each.this) if isinstance(each.this, exp.Column) else None for each in terms]
        directions = {bool(each.args.get("desc")) for each in terms}
        if found and None not in found and len(directions) == 1:
            uses = {id(each[0]) for each in found if each is not None}
            if len(uses) == 1 and found[0] is not None:
                found[0][0].order = tuple(each[1] for each in found if each is not None)


def _sources(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Update | exp.Delete):
        yield node.this
    from_ = node.args.get("from_") or node.args.get("from")
    if from_ is not None:
        yield from_.this
        yield from (join.this for join in from_.this.args.get("joins") or ())
    yield from node.args.get("using") or ()
    yield from (join.this for join in node.args.get("joins") or ())


def _conditions(node: exp.Expr) -> Iterator[exp.Expr]:
    where = node.args.get("where")
    if where is not None:
        yield from _conjuncts(where.this)
    from_ = node.args.get("from_") or node.args.get("from")
    joins = list(node.args.get("joins") or ())
    if from_ is not None:
        joins += from_.this.args.get("joins") or ()
    for join in joins:
        if join.args.get("on") is not None:
            yield from _conjuncts(join.args["on"])


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _sides(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return node.this, node.expression


def _is_value(node: exp.Expr) -> bool:
    """It can be known before any row is read."""
    return node.find(exp.Column, exp.Query) is None


def _within(node: exp.Expr, scopes: Mapping[int, _Scope]) -> Iterator[exp.Expr]:
    """What belongs to a query itself, without the queries inside it."""
    for child in node.iter_expressions():
        if id(child) not in scopes:
            yield child
            yield from _within(child, scopes)


def _is_plain(root: exp.Expr) -> bool:
    args = root.args
    simple = isinstance(root, exp.Select | exp.Update | exp.Delete) and not any(
        args.get(each) for each in ("group", "having", "distinct", "limit", "offset", "joins", "with_", "with", "using")
    )
    if isinstance(root, exp.Update) and (args.get("from_") or args.get("from")):
        return False
    inner = (exp.AggFunc, exp.Subquery, exp.Exists, exp.Window, exp.Join)
    return simple and root.find(*inner) is None and sum(1 for _ in root.find_all(exp.Select)) <= 1


def _name(identifier: exp.Expr | None) -> str:
    """As PostgreSQL folds it."""
    if not isinstance(identifier, exp.Identifier):
        return ""
    name: str = identifier.this
    return name if identifier.args.get("quoted") else name.lower()
