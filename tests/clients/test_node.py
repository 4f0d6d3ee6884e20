"""node-postgres, and TypeORM and Drizzle over it: the programs in node/ print the same directly and proxied."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target, required, required_program

NODE = Path(__file__).parent / "node"


def sections() -> list[tuple[str, str]]:
    """The programs, and what each runs: its last `run([...])` names that in order."""
    return [
        (program, name)
        for program in ("node_postgres", "typeorm", "drizzle")
        for [listed] in [re.findall(r"^await run\(\[(.*?)\]\)", (NODE / f"{program}.mjs").read_text(), re.M | re.S)]
        for name in re.findall(r"\w+", listed)
    ]


@pytest.fixture(scope="module")
def printed(make_target: Callable[[str], Target]) -> Callable[[str, str], dict[str, str]]:
    """What a program prints in each section, run once either way."""
    node = required_program("node")
    required("what `npm ci` installs in tests/clients/node", str(NODE / "node_modules"))
    known: dict[tuple[str, str], dict[str, str]] = {}

    def run(program: str, way: str) -> dict[str, str]:
        if (program, way) not in known:
            done = make_target(way).run([node, "--no-deprecation", f"{program}.mjs"], cwd=NODE)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            heads_and_bodies = re.split(r"^== (\w+)\n", done.stdout, flags=re.M)[1:]
            known[program, way] = dict(zip(heads_and_bodies[::2], heads_and_bodies[1::2], strict=True))
        return known[program, way]

    return run


@pytest.mark.parametrize(("program", "section"), sections())
def test_node_sees_the_same(printed: Callable[[str, str], dict[str, str]], program: str, section: str) -> None:
    direct, proxied = (printed(program, way)[section].splitlines() for way in WAYS)
    assert proxied == direct
