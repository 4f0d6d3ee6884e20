"""The statements of the cases that write, or lock rows, each as the body of a function: it does what it does alone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rewriter import Kind, classify
from tests.parity.case_files import CaseFile, Step, case_files
from tests.parity.comparison import Pair
from tests.parity.known import known_differences
from tests.parity.test_parity import check

WRITES = frozenset((Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE))
LOCKS = re.compile(r"\bfor (no key )?(update|share)\b")
FOLDERS = ("constraints/", "queries/", "types/", "writes/")
#: PostgreSQL prints otherwise what stands in bodies there (lengths of rows' fields, XML): the tables become dedicated.
EXCEPT = ("types/composites", "types/xml")


def in_functions(case: CaseFile) -> CaseFile:
    steps: list[Step] = []
    known = known_differences()
    for step in case.steps:
        if (case.name, step.sql) not in known and _is_plain(step):
            steps += _as_body(step)
        else:
            steps.append(step)
    return replace(case, steps=steps)


def _is_plain(step: Step) -> bool:
    special = step.batch or step.pipeline or step.params or step.types or step.prepare or step.execute or step.copy
    if special or step.fetch or step.refused or step.shape or step.session is not None:
        return False
    return classify(step.sql) in WRITES or LOCKS.search(step.sql) is not None


def _as_body(step: Step) -> list[Step]:
    sql = step.sql.strip()
    gives_rows = classify(sql) is Kind.SELECT or re.search(r"\breturning\b", sql, re.IGNORECASE) is not None
    returns = "setof record" if gives_rows else "void"
    name = f"in_function_{step.line}"
    return [
        replace(step, sql=f"create function {name}() returns {returns} begin atomic\n{sql};\nend"),
        replace(step, sql=f"select {name}()", order=step.ordered),
        replace(step, sql=f"drop function if exists {name}()"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [each for each in case_files() if each.name.startswith(FOLDERS) and each.name not in EXCEPT],
    ids=lambda case: case.name,
)
def test_in_functions(case: CaseFile, pair: Pair) -> None:
    check(in_functions(case), "simple", "default", pair)
