"""PostgreSQL's ODBC driver, by pyodbc: odbc/probe.py prints the same directly and proxied."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target, required

PROBE = Path(__file__).parent / "odbc" / "probe.py"
SECTIONS = re.findall(r"^@section\ndef (\w+)", PROBE.read_text(), flags=re.M)

# The driver has two ways to prepare, can fetch by cursors of its own, and rolls back a statement, the transaction or
# nothing after an error.
MODES = {
    "prepared": "UseServerSidePrepare=1;UpdatableCursors=1",
    "literals": "UseServerSidePrepare=0;Protocol=7.4-1;BoolsAsChar=0;TrueIsMinus1=1",
    "cursors": "UseServerSidePrepare=1;UseDeclareFetch=1;Fetch=2;Protocol=7.4-2;TextAsLongVarchar=0",
}


@pytest.fixture(scope="module")
def driver() -> str:
    """Where Debian's odbc-postgresql has it."""

    def found(pattern: str) -> str | None:
        return next((str(path) for path in Path("/usr/lib").glob(pattern)), None)

    required("libodbc2", found("*/libodbc.so.2"))
    return required("odbc-postgresql", found("*/odbc/psqlodbcw.so"))


def run_probe(target: Target, driver: str, mode: str) -> dict[str, str]:
    """What was printed in each section."""
    settings = (
        f"Driver={driver};Servername={target.host};Port={target.port};Database={target.dbname};Username={target.user};"
    )
    done = target.run([sys.executable, PROBE, settings + MODES[mode]], PYTHONWARNINGS="error", PGTZ="Europe/Berlin")
    assert done.returncode == 0, done.stderr
    printed = done.stdout.replace(target.dbname, "<database>").replace(str(target.port), "<port>")
    heads_and_bodies = re.split(r"^== (\w+)\n", printed, flags=re.M)[1:]
    return dict(zip(heads_and_bodies[::2], heads_and_bodies[1::2], strict=True))


@pytest.fixture(scope="module", params=MODES)
def printed(
    request: pytest.FixtureRequest, make_target: Callable[[str], Target], driver: str
) -> dict[str, dict[str, str]]:
    seen = {}
    for way in WAYS:
        target = make_target(way)
        seen[way] = run_probe(target, driver, request.param)
        target.assert_stored("kinds", 2)
    return seen


@pytest.mark.parametrize("section", SECTIONS)
def test_odbc_sees_the_same(printed: dict[str, dict[str, str]], section: str) -> None:
    direct = printed["direct"][section].splitlines()
    assert direct
    assert printed["proxied"][section].splitlines() == direct
