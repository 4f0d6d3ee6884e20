"""What is logged of a fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fix_proxy import ROOT

SCRIPT = """
import logging
import structlog
from proxy import logs

{setup}

def meet(statement):
    raise ValueError("no good")

try:
    meet("sec" + "ret")
except ValueError as error:
    structlog.get_logger().error("session failed", exc_info=error)
    logging.getLogger("asyncio").error("task failed", exc_info=error)
"""


@pytest.mark.parametrize(
    "setup", ["logs.configure('info', 'console')", "logs.configure('info', 'json')", "logs.configure_quietly()"]
)
def test_a_fault_is_told_without_the_values_of_variables(setup: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(setup=setup)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "session failed" in done.stderr and "ValueError: no good" in done.stderr
    assert "secret" not in done.stderr
