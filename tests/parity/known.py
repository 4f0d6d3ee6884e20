"""Statements that are known to answer otherwise through the proxy, each with its reason: `known_differences.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.parity.comparison import Difference

PATH = Path(__file__).with_name("known_differences.toml")


def known_differences() -> dict[tuple[str, str], str]:
    """(case, statement) -> reason."""
    entries = tomllib.loads(PATH.read_text())["difference"]
    return {(entry["case"], entry["sql"]): entry["reason"] for entry in entries}


def unexpected(case: str, differences: Iterable[Difference]) -> list[Difference]:
    known = known_differences()
    return [difference for difference in differences if (case, difference.sql) not in known]
