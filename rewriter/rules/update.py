"""UPDATE goes to the write view."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.parse import Tree
from rewriter.parts import Update
from rewriter.rules.assignments import assignments
from rewriter.rules.columns import current_of, replace_target
from rewriter.rules.returning import returning
from rewriter.statement import Statement


def update(statement: Statement, tree: Tree, entity: Entity, parts: Update) -> None:
    """UPDATE orders SET a = 1  ->  UPDATE kameleon.kdb_write_17_3 AS orders SET kdb_rec.a = 1, kdb_keys = '{a}'"""
    current_of(statement, entity, parts.target, parts.current_of)
    replace_target(statement, parts.target, entity.write_view)
    assignments(statement, entity, parts.target, parts.assignments)
    returning(statement, tree, entity, parts.target, parts.returning, parts.from_clause)
