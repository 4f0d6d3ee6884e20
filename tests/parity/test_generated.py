"""Generated tables, rows and statements: direct and proxied answer alike, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.parity.case_files import Step
from tests.parity.comparison import Difference, Pair, flatten
from tests.parity.conftest import PairPool
from tests.parity.statements import Statement, scripts

MODES = st.sampled_from(("simple", "extended", "binary"))


@pytest.fixture(scope="module")
def generated_pair(parity_pairs: PairPool) -> Iterator[Pair]:
    taken = parity_pairs.take()
    for side in taken.sides():
        side.begin("parity_owner", {"client_min_messages": "warning"})
    yield taken
    parity_pairs.give_back(taken)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(script=scripts(), mode=MODES)
def test_generated_statements(generated_pair: Pair, script: list[Statement], mode: str) -> None:
    compare(generated_pair, script, mode)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=scripts(size=20, least=12), mode=MODES)
def test_many_generated_statements(generated_pair: Pair, script: list[Statement], mode: str) -> None:
    compare(generated_pair, script, mode)


START = [
    Statement("rollback"),
    Statement("drop table if exists one, two, three, moved cascade"),
    Statement("drop view if exists v, w cascade"),
]


def compare(pair: Pair, script: list[Statement], mode: str) -> None:
    for statement in [*START, *script]:
        step = Step(0, statement.sql, params=[list(statement.params)] if statement.params else [])
        direct, proxied = (_without_rows_of_errors(flatten(side.run("main", step, mode))) for side in pair.sides())
        if direct != proxied:
            history = "\n".join(f"{earlier.sql} {earlier.params or ''}" for earlier in script)
            pytest.fail(f"[{mode}]\n{history}\n{Difference('here', statement.sql, direct, proxied)}", pytrace=False)


def _without_rows_of_errors(lines: list[str]) -> list[str]:
    """How many rows come before an error is the plan's choice."""
    failed = any(line.startswith("ErrorResponse") for line in lines)
    return [line for line in lines if not (failed and line.startswith("row: "))]
