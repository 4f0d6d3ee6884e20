"""What a query or DML statement goes through, in this order; utility statements have a rule each (`rewriter.router`).

Names that stand twice are told apart first. Then come the targets: what they refuse is refused before anything else is
looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from rewriter.parse import Tree
from rewriter.rules.relations import qualified_columns, relations
from rewriter.rules.system_columns import system_columns
from rewriter.rules.targets import targets
from rewriter.rules.twins import twins
from rewriter.statement import Statement

Rule = Callable[[Statement, Tree], None]

RULES: tuple[Rule, ...] = (twins, system_columns, targets, relations, qualified_columns)
