"""ARCHITECTURE.md tells feature by feature what happens, and which test shows it: those tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "ARCHITECTURE.md").read_text()


def cited() -> list[tuple[str, Path]]:
    """The features, each with a file or folder. A file without a folder is beside the one before it."""
    found = []
    table = TEXT[TEXT.index("| feature | storage | shown by |") :].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        feature, _storage, shown_by = line.strip("|").split(" | ")
        folder = TESTS
        for name in re.findall(r"`([^`]+)`", shown_by):
            if "/" in name:
                path = TESTS / (name.replace("cases/", "parity/cases/") if name.startswith("cases/") else name)
                folder = path.parent
            else:
                path = folder / name
            found.append((feature.strip(), path))
    return found


@pytest.mark.parametrize(("feature", "path"), cited())
def test_what_shows_a_feature_is_there(feature: str, path: Path) -> None:
    assert path.is_file() or any(path.iterdir()), f"{path} is to show: {feature}"


def test_the_table_was_found() -> None:
    assert len(cited()) > 40
