"""MERGE goes to the write view, each of its actions as the statement of that kind does."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.parse import Tree
from rewriter.parts import Merge, Update
from rewriter.rules.assignments import assignments
from rewriter.rules.columns import replace_target
from rewriter.rules.returning import returning
from rewriter.rules.upsert import insert_into_record
from rewriter.statement import Statement


def merge(statement: Statement, tree: Tree, entity: Entity, parts: Merge) -> None:
    """MERGE INTO orders USING s ON x WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN INSERT (a) VALUES (1) ->

    MERGE INTO kameleon.kdb_write_17_3 AS orders USING s ON x
    WHEN MATCHED THEN UPDATE SET kdb_rec.a = 1, kdb_keys = '{a}'
    WHEN NOT MATCHED THEN INSERT (kdb_rec.a, kdb_keys) VALUES (1, '{a}'::text[])
    """
    if not entity.merges and entity.is_table:
        raise statement.needs_table(
            parts.target.start,
            "documents cannot be merged into before PostgreSQL 17",
            hint="Use INSERT ... ON CONFLICT.",
        )
    replace_target(statement, parts.target, entity.write_view)
    for action in parts.actions:
        if isinstance(action, Update):
            assignments(statement, entity, parts.target, action.assignments, "merge into")
        else:
            insert_into_record(statement, entity, action, "merge into")
    returning(statement, tree, entity, parts.target, parts.returning, parts.source, target_is_last=True)
