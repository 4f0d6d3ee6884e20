"""Every case of tests/rewriter/fixtures: SQL beside SQL, and SQL beside its refusal."""

from __future__ import annotations

import pytest

from rewriter import RewriteError, Rewriter
from rewriter.edits import apply
from tests.rewriter.fixture_files import Case, cases
from tests.rewriter.sample import NAMES, SNAPSHOT


@pytest.mark.parametrize("case", cases(invalid=False), ids=str)
def test_rewritten(case: Case) -> None:
    result = Rewriter().rewrite(case.sql, SNAPSHOT, NAMES)
    if "unchanged" in case.marks:
        assert result.sql is case.sql
        assert not result.touched
    else:
        assert result.sql == case.expected
        assert apply(case.sql, result.edits) == case.expected
    assert result.prelude == case.marks.get("prelude")
    if "entities" in case.marks:
        assert [SNAPSHOT.entities[number].name for number in result.entities] == case.marks["entities"].split(", ")


@pytest.mark.parametrize("case", cases(invalid=False), ids=str)
def test_rewritten_from_the_cache(case: Case) -> None:
    rewriter = Rewriter()
    first = rewriter.rewrite(case.sql, SNAPSHOT, NAMES)
    again = rewriter.rewrite(case.sql, SNAPSHOT, NAMES)
    assert (again.sql, again.edits, again.kind, again.entities, again.prelude, again.shape) == (
        first.sql,
        first.edits,
        first.kind,
        first.entities,
        first.prelude,
        first.shape,
    )


@pytest.mark.parametrize("case", cases(invalid=True), ids=str)
def test_refused(case: Case) -> None:
    with pytest.raises(RewriteError) as caught:
        Rewriter().rewrite(case.sql, SNAPSHOT, NAMES)
    error = caught.value
    assert f"{error.sqlstate} {error.message}" == case.marks["refused"]
    assert error.detail == case.marks.get("detail")
    assert error.hint == case.marks.get("hint")
    at = None if error.position is None else case.sql[error.position - 1 :].split("\n")[0]
    assert at == case.marks.get("at")


def test_every_rule_has_cases() -> None:
    found = {case.file for case in cases(invalid=False)}
    assert {"relations", "qualified_columns", "insert", "upsert", "update", "delete", "returning", "copy"} <= found
    assert {"utility", "wrapped", "ddl", "shadowing"} <= found
