"""Skeleton -> sqlglot tree -> what each name in the statement stands for.

The only module that knows sqlglot. It walks the tree once with PostgreSQL's scoping: a WITH's names are visible behind
their own definition (everywhere within, when RECURSIVE), a sub-select sees the items of the queries around it, and the
target of a DML statement is never a CTE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from rewriter.lexer import Token
from rewriter.parts import Chain, Dml, Relation, Skeleton, Unparsed

_POSTGRES = Postgres()


@dataclass(slots=True)
class Item:
    """Something a query can refer to by name: a relation in FROM, or the target of a DML statement."""

    name: str  # how expressions call it
    relation: Relation | None  # None for sub-selects and functions
    is_cte: bool = False
    dml: Dml | None = None  # set for a target


@dataclass(slots=True)
class Scope:
    """The FROM items of one query, and the query around it."""

    outer: Scope | None
    items: list[Item] = field(default_factory=list)

    def visible(self) -> Iterator[Item]:
        """Its own items, then those of the queries around it."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.items
            scope = scope.outer

    def find(self, name: str) -> Item | None:
        return next((item for item in self.visible() if item.name == name), None)


@dataclass(slots=True)
class Reference:
    """A column reference that names something interesting."""

    chain: Chain
    scope: Scope


@dataclass(slots=True)
class Tree:
    scopes: list[Scope] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    listed: dict[int, bool] = field(default_factory=dict)  # as in the skeleton


@dataclass(frozen=True, slots=True)
class _Ctes:
    """The WITH names visible at a place, innermost first."""

    name: str
    outer: _Ctes | None

    def has(self, name: str) -> bool:
        ctes: _Ctes | None = self
        while ctes is not None:
            if ctes.name == name:
                return True
            ctes = ctes.outer
        return False


def parse(skeleton: Skeleton, tokens: list[Token]) -> Tree:
    try:
        statements = _POSTGRES.parse(skeleton.text)
    except (SqlglotError, RecursionError) as error:
        raise Unparsed(0, str(error)) from error
    if len(statements) != 1 or statements[0] is None:
        raise Unparsed(0)
    walk = _Walk(skeleton, tokens)
    walk.node(statements[0], None, None)
    if walk.seen != len(skeleton.relations):
        raise Unparsed(0, "the parser lost a relation")
    return walk.tree


class _Walk:
    def __init__(self, skeleton: Skeleton, tokens: list[Token]) -> None:
        self.skeleton = skeleton
        self.tokens = tokens
        self.tree = Tree(listed=skeleton.listed)
        self.seen = 0

    def node(self, node: exp.Expr, scope: Scope | None, ctes: _Ctes | None) -> None:
        if isinstance(node, exp.Column):
            self._column(node, scope)
        elif isinstance(node, exp.Table):
            self._table(node, scope, ctes)
        elif isinstance(node, (exp.Insert, exp.Update, exp.Delete)):
            self._dml(node, scope, ctes)
        elif isinstance(node, exp.Select):
            self._query(node, self._new_scope(scope), ctes)
        elif isinstance(node, exp.SetOperation):
            self._query(node, scope, ctes)
        elif isinstance(node, exp.Subquery):
            self._subquery(node, scope, ctes)
        else:
            self._children(node, scope, ctes)

    def _children(self, node: exp.Expr, scope: Scope | None, ctes: _Ctes | None) -> None:
        for child in node.iter_expressions():
            self.node(child, scope, ctes)

    def _new_scope(self, outer: Scope | None) -> Scope:
        scope = Scope(outer)
        self.tree.scopes.append(scope)
        return scope

    def _with(self, node: exp.Expr, scope: Scope | None, ctes: _Ctes | None) -> _Ctes | None:
        with_ = node.args.get("with_")
        if with_ is None:
            return ctes
        if with_.args.get("recursive"):
            for cte in with_.expressions:
                ctes = _Ctes(self._alias(cte), ctes)
            for cte in with_.expressions:
                self.node(cte.this, scope, ctes)
        else:
            for cte in with_.expressions:
                self.node(cte.this, scope, ctes)
                ctes = _Ctes(self._alias(cte), ctes)
        return ctes

    def _query(self, node: exp.Expr, scope: Scope | None, ctes: _Ctes | None) -> None:
        # What WITH defines sees the query around, never the FROM items of its own query.
        around = scope.outer if isinstance(node, exp.Select) and scope is not None else scope
        ctes = self._with(node, around, ctes)
        for key, value in node.args.items():
            if key == "with_":
                continue
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, exp.Expr):
                    self.node(child, scope, ctes)

    def _subquery(self, node: exp.Expr, scope: Scope | None, ctes: _Ctes | None) -> None:
        alias = node.args.get("alias")
        if scope is not None and alias is not None and alias.this is not None:
            scope.items.append(Item(self._name(alias.this), None))
        self._query(node, scope, ctes)

    def _table(self, node: exp.Table, scope: Scope | None, ctes: _Ctes | None) -> None:
        alias = node.args.get("alias")
        if isinstance(node.this, exp.Identifier):
            relation = self._relation(node)
            parts = (relation.chain.end - relation.chain.first + 1) // 2
            name = self.tokens[relation.chain.end - 1].value
            is_cte = parts == 1 and ctes is not None and ctes.has(name)
            called = self.tokens[relation.alias].value if relation.alias is not None else name
            assert scope is not None
            scope.items.append(Item(called, relation, is_cte))
        elif scope is not None and alias is not None and alias.this is not None:
            scope.items.append(Item(self._name(alias.this), None))
        for key, value in node.args.items():
            if key in ("alias", "db", "catalog") or (key == "this" and isinstance(value, exp.Identifier)):
                continue
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, exp.Expr):
                    self.node(child, scope, ctes)

    def _dml(self, node: exp.Expr, outer: Scope | None, ctes: _Ctes | None) -> None:
        ctes = self._with(node, outer, ctes)
        scope = self._new_scope(outer)
        target = node.this
        relation = self._relation(target)
        called = relation.alias if relation.alias is not None else relation.chain.end - 1
        dml = self.skeleton.targets[relation.chain.first]
        scope.items.append(Item(self.tokens[called].value, relation, dml=dml))
        for key, value in node.args.items():
            if key == "with_" or key == "this":
                continue
            for child in value if isinstance(value, list) else (value,):
                if isinstance(child, exp.Expr):
                    # The source of an INSERT does not see its target.
                    is_source = isinstance(node, exp.Insert) and key == "expression"
                    self.node(child, outer if is_source else scope, ctes)

    def _column(self, node: exp.Column, scope: Scope | None) -> None:
        chain = self.skeleton.chains.get(self._token(node.parts[0]))
        if chain is not None and scope is not None:
            self.tree.references.append(Reference(chain, scope))

    def _relation(self, node: exp.Expr) -> Relation:
        if not isinstance(node, exp.Table):
            raise Unparsed(0)
        relation = self.skeleton.relations.get(self._token(node.parts[0]))
        if relation is None:
            raise Unparsed(0)
        self.seen += 1
        return relation

    def _alias(self, node: exp.Expr) -> str:
        return self._name(node.args["alias"].this)

    def _name(self, identifier: exp.Expr) -> str:
        return self.tokens[self._token(identifier)].value

    def _token(self, identifier: exp.Expr) -> int:
        """Which name it was; -1 for a name that only fills a place."""
        return self.skeleton.token_at.get(identifier.meta.get("start", -1), -1)
