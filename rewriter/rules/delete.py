"""DELETE goes to the write view."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.parse import Tree
from rewriter.parts import Delete
from rewriter.rules.columns import current_of, replace_target
from rewriter.rules.returning import returning
from rewriter.statement import Statement


def delete(statement: Statement, tree: Tree, entity: Entity, parts: Delete) -> None:
    """DELETE FROM orders WHERE id = 1  ->  DELETE FROM kameleon.kdb_write_17_3 AS orders WHERE id = 1"""
    current_of(statement, entity, parts.target, parts.current_of)
    replace_target(statement, parts.target, entity.write_view)
    returning(statement, tree, entity, parts.target, parts.returning, parts.from_clause)
