"""The same statements, on a native table directly and on a shared entity through the proxy: all replies are equal."""

from __future__ import annotations

import json
import os

import pytest

from tests.parity.case_files import CaseFile, case_files
from tests.parity.comparison import Difference, Pair
from tests.parity.known import known_differences, unexpected


def every_run(cases: list[CaseFile]) -> pytest.MarkDecorator:
    # Text is text by either protocol, so under other settings one of the two modes will do.
    runs = [
        (case, mode, profile)
        for case in cases
        for profile in case.settings
        for mode in case.modes
        if mode != "extended" or profile == "default"
    ]
    return pytest.mark.parametrize(
        ("case", "mode", "profile"), [pytest.param(*run, id="-".join([run[0].name, *run[1:]])) for run in runs]
    )


@every_run(case_files())
def test_parity(case: CaseFile, mode: str, profile: str, pair: Pair) -> None:
    check(case, mode, profile, pair)


@pytest.mark.slow
@every_run([case for case in case_files() if not any(step.refused for step in case.steps)])
def test_the_cases_are_deterministic(case: CaseFile, mode: str, profile: str, native_pair: Pair) -> None:
    """Two native databases answer alike, so a difference in test_parity is the product's."""
    check(case, mode, profile, native_pair)


def test_known_differences_are_of_statements_that_are_there() -> None:
    there = {(case.name, step.sql) for case in case_files() for step in case.steps}
    assert [entry for entry in known_differences() if entry not in there and " " in entry[1]] == []


def check(case: CaseFile, mode: str, profile: str, pair: Pair) -> None:
    differences = pair.run(case, mode, profile)
    record(case, mode, profile, differences)
    differences = unexpected(case.name, differences)
    if differences:
        shown = "\n\n".join(str(difference) for difference in differences)
        pytest.fail(f"{len(differences)} of {len(case.steps)} statements differ\n\n{shown}", pytrace=False)


def record(case: CaseFile, mode: str, profile: str, differences: list[Difference]) -> None:
    """KAMELEON_PARITY_REPORT names a file that gets a line of JSON for each difference, for a whole run at a glance."""
    if path := os.environ.get("KAMELEON_PARITY_REPORT"):
        with open(path, "a") as report:
            for difference in differences:
                run = {"case": case.name, "mode": mode, "profile": profile}
                report.write(json.dumps(run | vars(difference)) + "\n")
