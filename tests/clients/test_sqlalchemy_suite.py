"""SQLAlchemy's own dialect compliance suite, on both drivers: what passes directly passes through the proxy."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import psycopg
import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target

SUITE = Path(__file__).parent / "sqlalchemy_suite"
# Of 1,894 tests with SQLAlchemy 2.1; a later one has more.
AT_LEAST = 1_700


def run_suite(target: Target, driver: str, report: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The outcome of every test, and what was printed of those that failed."""
    with psycopg.connect(target.url, autocommit=True) as connection:
        for schema in ("test_schema", "test_schema_2"):  # the suite finds them there
            connection.execute(f"CREATE SCHEMA {schema}")
    url = target.sqlalchemy_url(f"postgresql+{driver}")
    command = [sys.executable, "-B", "-m", "pytest", "-c", "setup.cfg", "--rootdir", ".", "--dburi", url]
    done = target.run([*command, "--junitxml", report, "suite.py"], cwd=SUITE, PYTEST_ADDOPTS="")
    assert done.returncode in (0, 1), done.stdout[-5000:] + done.stderr
    outcomes, printed = {}, {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = re.sub(r"_postgresql\+\w+\.", ".", f"{case.attrib['classname']}.{case.attrib['name']}")
        bad = [child for child in case if child.tag in ("failure", "error")]
        outcomes[name] = "failed" if bad else "skipped" if case.find("skipped") is not None else "passed"
        printed[name] = "\n".join(child.text or "" for child in bad)
    return outcomes, printed


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_what_passes_directly_passes_through_the_proxy(
    driver: str, make_target: Callable[[str], Target], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = [make_target(way) for way in WAYS]
    with ThreadPoolExecutor() as both:
        reports = (tmp_path / f"{way}.xml" for way in WAYS)
        (direct, complaints), (proxied, told) = both.map(run_suite, targets, (driver, driver), reports)
    counts = ", ".join(
        f"{way} {dict(Counter(found.values()))}" for way, found in zip(WAYS, (direct, proxied), strict=True)
    )
    with capsys.disabled():
        print(f"\nSQLAlchemy's suite on {driver}: {counts}")
    assert [name for name, outcome in direct.items() if outcome == "failed"] == [], "\n".join(complaints.values())
    assert Counter(direct.values())["passed"] >= AT_LEAST
    different = {name: outcome for name, outcome in direct.items() if proxied.get(name) != outcome}
    assert different == {}, "\n".join(f"{name}\n{told.get(name, 'was not run')}" for name in different)
    assert list(proxied) == list(direct)
    [(created, dedicated)] = targets[1].admin(
        "SELECT count(*) FILTER (WHERE command_tag = 'CREATE TABLE'), count(reason) FROM kameleon.kdb_schema_changelog"
    )
    assert created > 200
    assert dedicated == 0
