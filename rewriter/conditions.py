"""What a statement looks for in the entities that it names: for advice, never for rewriting.

It may know less than PostgreSQL does. What it cannot tell (an alias that hides a table, a condition inside OR, a value
whose type may not be the column's) it leaves out, and a text that it cannot read has no uses at all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from catalog.model import Entity
from catalog.uses import EntityUse, Join
from rewriter import value_types

# It quotes statements, which do not belong into a log.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_POSTGRES = Postgres()
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_STATEMENTS = (exp.Select, exp.SetOperation, exp.Update, exp.Delete)
_QUERIES = (exp.Select, exp.Update, exp.Delete)
_NO_SUB_SELECT_FOR_EACH_ROW = (exp.From, exp.Join, exp.In, exp.Exists, exp.Any, exp.All, exp.CTE)
_MAY_GIVE_MANY_ROWS = (exp.Unnest, exp.Explode, exp.GenerateSeries, exp.Anonymous)


@dataclass(slots=True)
class _Use:
    entity: Entity
    number: int
    fields: set[str] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    equal: set[str] = field(default_factory=set)
    ranges: set[str] = field(default_factory=set)
    has_more: bool = False
    joins: list[Join] = field(default_factory=list)
    order: tuple[str, ...] = ()
    is_sorted: bool = False
    is_limited: bool = False
    is_plain: bool = False

    def frozen(self) -> EntityUse:
        return EntityUse(
            entity_id=self.entity.entity_id,
            fields=frozenset(self.fields),
            number=self.number,
            tested=frozenset(self.tested) if self.tested else None,
            equal=frozenset(self.equal),
            ranges=frozenset(self.ranges),
            has_more=self.has_more,
            joins=tuple(dict.fromkeys(self.joins)),
            order=self.order,
            is_sorted=self.is_sorted,
            is_limited=self.is_limited,
            is_plain=self.is_plain,
        )


@dataclass(slots=True)
class _Condition:
    node: exp.Expr
    #: Numbers of the uses whose rows are kept by an outer join, whatever its ON says of them.
    kept: frozenset[int]


@dataclass(slots=True)
class _Using:
    """JOIN ... USING (column)."""

    column: str
    left: list[_Use | None]
    right: list[_Use | None]
    kept: frozenset[int]


@dataclass(slots=True)
class _Scope:
    """The FROM items of one query: by the name that columns call them, None for what is no entity."""

    node: exp.Expr
    outer: _Scope | None
    items: dict[str, _Use | None] = field(default_factory=dict)
    conditions: list[_Condition] = field(default_factory=list)
    usings: list[_Using] = field(default_factory=list)

    def resolve(self, column: exp.Expr) -> tuple[_Use, str, _Scope] | None:
        """The use, the column's name, and the query whose item it is."""
        if not isinstance(column, exp.Column):
            return None
        name, table = _name(column.this), _name(column.args.get("table"))
        scope: _Scope | None = self
        while scope is not None:
            if table:
                if table in scope.items:
                    use = scope.items[table]
                    return (use, name, scope) if use is not None and use.entity.field(name) is not None else None
            else:
                found = [use for use in scope.items.values() if use is not None and use.entity.field(name) is not None]
                if len(found) == 1:
                    return found[0], name, scope
                if found or None in scope.items.values():
                    return None
            scope = scope.outer
        return None


def entity_uses(text: str, entities: Mapping[int, Entity], param_types: Sequence[int] = ()) -> tuple[EntityUse, ...]:
    """`text`: a statement's outline. `entities`: those that it names. `param_types`: what is known of $1, $2, ..."""
    try:
        statements = _POSTGRES.parse(text)
    except (SqlglotError, RecursionError, TypeError, ValueError, AttributeError):
        return ()  # it fails in ways of its own, too: on `s ?# '[(0,1),(1,0)]'`, say
    if len(statements) != 1 or not isinstance(statements[0], _STATEMENTS):
        return ()
    return _Reader(entities, param_types).read(statements[0])


class _Reader:
    def __init__(self, entities: Mapping[int, Entity], param_types: Sequence[int]) -> None:
        self._entities = entities
        self._param_types = param_types
        self._uses: list[_Use] = []

    def read(self, root: exp.Expr) -> tuple[EntityUse, ...]:
        ctes = {_name(cte.args["alias"].this) for cte in root.find_all(exp.CTE) if cte.args.get("alias")}
        scopes: dict[int, _Scope] = {}
        for node in root.walk(bfs=True):
            if isinstance(node, _QUERIES):
                around = node.parent
                while around is not None and id(around) not in scopes:
                    around = around.parent
                scope = _Scope(node, scopes.get(id(around)) if around is not None else None)
                scopes[id(node)] = scope
                self._items(scope, ctes)
        for scope in scopes.values():
            self._columns(scope, scopes)
            for condition in scope.conditions:
                if not self._condition(condition, scope):
                    self._has_more(condition.node, scope)
            for using in scope.usings:
                self._using(using, scope)
            self._order(scope)
        for use in self._uses:
            use.is_plain = _is_plain(root)
        return tuple(use.frozen() for use in self._uses)

    # --- FROM ---

    def _items(self, scope: _Scope, ctes: set[str]) -> None:
        node = scope.node
        items: list[_Use | None] = []
        if isinstance(node, exp.Update | exp.Delete):
            items += self._source(node.this, scope, ctes)
        from_ = node.args.get("from_") or node.args.get("from")
        for source in chain([] if from_ is None else [from_.this], node.args.get("using") or ()):
            items += self._source(source, scope, ctes)
        self._joined(items, node.args.get("joins") or (), scope, ctes)
        where = node.args.get("where")
        if where is not None:
            scope.conditions += (_Condition(each, frozenset()) for each in _conjuncts(where.this))

    def _source(self, source: object, scope: _Scope, ctes: set[str]) -> list[_Use | None]:
        if not isinstance(source, exp.Expr):
            return [None]  # "DELETE t", without FROM
        alias = source.args.get("alias")
        called = _name(alias.this) if alias is not None and alias.this is not None else ""
        if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Table) and not called:
            return self._source(source.this, scope, ctes)  # joins in parentheses
        use = None
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            called = called or _name(source.this)
            # with other names for its columns it is not looked at
            if alias is None or not alias.args.get("columns"):
                use = self._use(_name(source.args.get("db")), _name(source.this), ctes)
        if called:
            scope.items[called] = use
        items = [use]
        self._joined(items, source.args.get("joins") or (), scope, ctes)
        return items

    def _joined(self, items: list[_Use | None], joins: Sequence[exp.Expr], scope: _Scope, ctes: set[str]) -> None:
        """`items`: what stands left of the joins; what they join comes to it."""
        for join in joins:
            right = self._source(join.this, scope, ctes)
            side = join.args.get("side")
            kept = (items if side in ("LEFT", "FULL") else []) + (right if side in ("RIGHT", "FULL") else [])
            numbers = frozenset(use.number for use in kept if use is not None)
            if join.args.get("on") is not None:
                scope.conditions += (_Condition(each, numbers) for each in _conjuncts(join.args["on"]))
            for column in join.args.get("using") or ():
                scope.usings.append(_Using(_name(column), list(items), right, numbers))
            items += right

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
        self._uses.append(_Use(found[0], len(self._uses)))
        return self._uses[-1]

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

    # --- conditions ---

    def _has_more(self, node: exp.Expr, scope: _Scope) -> None:
        columns = list(node.find_all(exp.Column))
        for column in columns:
            found = scope.resolve(column)
            if found is not None:
                found[0].has_more = True
                found[0].tested.add(found[1])
        if not columns or not all(scope.resolve(column) for column in columns):
            for use in scope.items.values():
                if use is not None:
                    use.has_more = True

    def _condition(self, condition: _Condition, scope: _Scope) -> bool:
        """Takes note of it, if it is one that an index may serve."""
        node = condition.node
        if isinstance(node, exp.EQ):
            left, right = scope.resolve(node.this), scope.resolve(node.expression)
            if left is not None and right is not None:
                return self._join(left, right, condition.kept, scope)
            for found, value in ((left, node.expression), (right, node.this)):
                if found is not None:
                    return self._compared(found, [value], condition.kept, scope, is_equal=True)
        elif isinstance(node, exp.In) and node.expressions:
            found = scope.resolve(node.this)
            return found is not None and self._compared(found, node.expressions, condition.kept, scope, is_equal=True)
        elif isinstance(node, _RANGES):
            for side, value in ((node.this, node.expression), (node.expression, node.this)):
                found = scope.resolve(side)
                if found is not None:
                    return self._compared(found, [value], condition.kept, scope, is_equal=False)
        elif isinstance(node, exp.Between):
            found = scope.resolve(node.this)
            values = [node.args["low"], node.args["high"]]
            return found is not None and self._compared(found, values, condition.kept, scope, is_equal=False)
        return False

    def _compared(
        self,
        found: tuple[_Use, str, _Scope],
        values: Sequence[exp.Expr],
        kept: frozenset[int],
        scope: _Scope,
        *,
        is_equal: bool,
    ) -> bool:
        use, name, of = found
        column = use.entity.field(name)
        if of is not scope or use.number in kept or column is None:
            return False
        for value in values:
            if isinstance(value, exp.Any) and not is_equal:
                return False
            if not value_types.is_comparable(column, value, self._param_types):
                return False
        (use.equal if is_equal else use.ranges).add(name)
        use.tested.add(name)
        return True

    def _join(
        self, left: tuple[_Use, str, _Scope], right: tuple[_Use, str, _Scope], kept: frozenset[int], scope: _Scope
    ) -> bool:
        one, other = left[0].entity.field(left[1]), right[0].entity.field(right[1])
        if left[0] is right[0] or one is None or other is None or not value_types.are_comparable(one, other):
            return False
        is_repeated = left[2] is not right[2] and _is_for_each_row(scope.node)
        for (use, column, of), (to, to_column, _) in ((left, right), (right, left)):
            use.tested.add(column)
            # The query around a sub-select reads its rows anyway, and so does an outer join those that it keeps.
            if of is scope and use.number not in kept:
                use.joins.append(Join(column, to.number, to_column, is_repeated))
        return True

    def _using(self, using: _Using, scope: _Scope) -> None:
        sides = [
            [use for use in side if use is not None and use.entity.field(using.column) is not None]
            for side in (using.left, using.right)
        ]
        if None not in (*using.left, *using.right) and all(len(side) == 1 for side in sides):
            (left,), (right,) = sides
            name = using.column
            for use in (left, right):
                use.fields.add(name)
            if self._join((left, name, scope), (right, name, scope), using.kept, scope):
                return
        for use in chain(*sides):
            use.has_more = True

    def _order(self, scope: _Scope) -> None:
        order = scope.node.args.get("order")
        for use in scope.items.values():
            if use is not None:
                use.is_limited = scope.node.args.get("limit") is not None
                use.is_sorted = order is not None
        if order is None or scope.node.args.get("group") is not None or scope.node.args.get("distinct") is not None:
            return
        terms = [each for each in order.expressions if isinstance(each, exp.Ordered)]
        found = [scope.resolve(each.this) for each in terms]
        directions = {bool(each.args.get("desc")) for each in terms}
        # an index read backwards has NULLs first
        usual = all(bool(each.args.get("nulls_first")) == bool(each.args.get("desc")) for each in terms)
        if found and None not in found and len(directions) == 1 and usual:
            uses = {id(each[0]) for each in found if each is not None}
            if len(uses) == 1 and found[0] is not None:
                found[0][0].order = tuple(each[1] for each in found if each is not None)


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _within(node: exp.Expr, scopes: Mapping[int, _Scope]) -> Iterator[exp.Expr]:
    """What belongs to a query itself, without the queries inside it."""
    for child in node.iter_expressions():
        if id(child) not in scopes:
            yield child
            yield from _within(child, scopes)


def _is_for_each_row(node: exp.Expr) -> bool:
    """A sub-select that is run for each row of the query around it, as it cannot be made a join."""
    parent = node.parent
    if not isinstance(node, exp.Select) or not isinstance(parent, exp.Subquery):
        return False
    if isinstance(parent.parent, exp.Lateral):
        return node.args.get("limit") is not None
    return not isinstance(parent.parent, _NO_SUB_SELECT_FOR_EACH_ROW)


def _is_plain(root: exp.Expr) -> bool:
    args = root.args
    simple = isinstance(root, exp.Select | exp.Update | exp.Delete) and not any(
        args.get(each) for each in ("group", "having", "distinct", "offset", "joins", "with_", "with", "using")
    )
    if isinstance(root, exp.Update) and (args.get("from_") or args.get("from")):
        return False
    if isinstance(root, exp.Select) and any(each.find(*_MAY_GIVE_MANY_ROWS) for each in root.expressions):
        return False
    inner = (exp.AggFunc, exp.Subquery, exp.Exists, exp.Window, exp.Join)
    return simple and root.find(*inner) is None and sum(1 for _ in root.find_all(exp.Select)) <= 1


def _name(identifier: exp.Expr | None) -> str:
    """As PostgreSQL folds it."""
    if not isinstance(identifier, exp.Identifier):
        return ""
    name: str = identifier.this
    return name if identifier.args.get("quoted") else name.lower()
