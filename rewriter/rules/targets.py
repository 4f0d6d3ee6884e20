"""The targets of INSERT, UPDATE, DELETE and MERGE, at the top or within WITH, each to the rule of its kind."""

from __future__ import annotations

from rewriter.parse import Tree
from rewriter.parts import Delete, Insert, Unparsed, Update
from rewriter.rules.columns import replace_target
from rewriter.rules.delete import delete
from rewriter.rules.insert import insert
from rewriter.rules.merge import merge
from rewriter.rules.update import update
from rewriter.statement import Statement


def targets(statement: Statement, tree: Tree) -> None:
    for scope in tree.scopes:
        for item in scope.items:
            if item.dml is None or item.relation is None:
                continue
            entity = statement.resolver.entity(statement.parts(item.relation.chain))
            if entity is None:
                continue
            if entity.is_catalog:
                raise Unparsed(item.relation.chain.first)
            statement.name(entity.entity_id)
            if not entity.is_shared:
                continue
            if entity.is_view and not entity.write_oid:
                continue  # a view that is not written through: PostgreSQL says why
            if not entity.writes_documents:
                replace_target(statement, item.relation, entity.write_view)
                continue
            if isinstance(item.dml, Insert):
                insert(statement, tree, entity, item.dml)
            elif isinstance(item.dml, Update):
                update(statement, tree, entity, item.dml)
            elif isinstance(item.dml, Delete):
                delete(statement, tree, entity, item.dml)
            else:
                merge(statement, tree, entity, item.dml)
