"""PostgreSQL's JDBC driver, in each of its query modes: jdbc/Probe.java prints the same directly and proxied."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target, required, required_program

PROBE = Path(__file__).parent / "jdbc" / "Probe.java"
DRIVER = "/usr/share/java/postgresql.jar"  # where Debian's libpostgresql-jdbc-java has it
SECTIONS = re.findall(r'sections\.put\("(\w+)"', PROBE.read_text())

MODES = {
    "extended": ["prepareThreshold=2"],
    "simple": ["preferQueryMode=simple"],
    "prepared": ["preferQueryMode=extendedCacheEverything", "prepareThreshold=-1", "defaultRowFetchSize=3"],
}


@pytest.fixture(scope="module")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The probe, compiled, and the driver."""
    driver = required("libpostgresql-jdbc-java", DRIVER)
    folder = tmp_path_factory.mktemp("jdbc")
    done = subprocess.run(
        [required_program("javac"), "-cp", driver, "-d", folder, PROBE], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return f"{folder}:{driver}"


def run_probe(target: Target, class_path: str, mode: str) -> dict[str, str]:
    """What was printed in each section."""
    # Nothing listens on the first port: the driver goes on to the second host, and asks whether it may write there.
    url = f"jdbc:postgresql://127.0.0.1:1,{target.host}:{target.port}/{target.dbname}?targetServerType=primary"
    java = required_program("java")
    done = target.run([java, "-cp", class_path, "Probe", url, f"user={target.user}", *MODES[mode]])
    assert done.returncode == 0, done.stderr
    heads_and_bodies = re.split(r"^== (\w+)\n", done.stdout, flags=re.M)[1:]
    return dict(zip(heads_and_bodies[::2], heads_and_bodies[1::2], strict=True))


@pytest.fixture(scope="module", params=MODES)
def printed(
    request: pytest.FixtureRequest, make_target: Callable[[str], Target], class_path: str
) -> dict[str, dict[str, str]]:
    return {way: run_probe(make_target(way), class_path, request.param) for way in WAYS}


@pytest.mark.parametrize("section", SECTIONS)
def test_jdbc_sees_the_same(printed: dict[str, dict[str, str]], section: str) -> None:
    direct = printed["direct"][section].splitlines()
    assert direct
    assert printed["proxied"][section].splitlines() == direct
