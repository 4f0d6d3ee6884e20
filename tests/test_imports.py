"""Imports point down: kameleon -> proxy -> rewriter -> catalog.model, proxy -> catalog."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FORBIDDEN = {
    "proxy": ("kameleon",),
    "rewriter": ("kameleon", "proxy", "asyncio", "asyncpg", "catalog.store", "catalog.install", "catalog.loader"),
    "catalog": ("kameleon", "proxy", "rewriter"),
    "proxy/wire": ("rewriter", "catalog", "asyncio", "asyncpg", "proxy.session", "proxy.relay", "proxy.transport"),
}


def imported(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_down(package: str) -> None:
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    wrong = [
        f"{source.relative_to(ROOT)} imports {name}"
        for source in sources
        for name in imported(source)
        for forbidden in FORBIDDEN[package]
        if name == forbidden or name.startswith(f"{forbidden}.")
    ]
    assert not wrong
