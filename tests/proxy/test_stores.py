"""Databases are open as long as they have sessions, and a moment longer."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from catalog.metrics import MaterializationPolicy
from proxy import stores
from proxy.stores import StoreRegistry
from proxy.tasks import Tasks


class _Database:
    def __init__(self, *_: object) -> None:
        self.advising = SimpleNamespace(start=lambda: None)
        self.store = SimpleNamespace(snapshot="snapshot")

    async def close(self) -> None:
        pass

    def counted(self) -> dict[str, int]:
        return {}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> StoreRegistry:
    async def opened(_name: str) -> Any:
        return object()

    monkeypatch.setattr(stores, "Database", _Database)
    monkeypatch.setattr(stores, "IDLE_SECONDS", 0.4)
    return StoreRegistry(opened, 10, Tasks(), MaterializationPolicy())


async def test_it_is_closed_a_moment_after_the_last_session(registry: StoreRegistry) -> None:
    """Counted from the last one's end: what that did is added up later."""
    loop = asyncio.get_running_loop()
    await registry.acquire("d")
    registry.release("d")
    await asyncio.sleep(0.3)
    await registry.acquire("d")
    registry.release("d")
    began = loop.time()
    while registry.snapshot("d") is not None:
        await asyncio.sleep(0.01)
        assert loop.time() - began < 10
    assert loop.time() - began >= 0.39


async def test_not_while_there_is_one(registry: StoreRegistry) -> None:
    await registry.acquire("d")
    registry.release("d")
    await registry.acquire("d")
    await asyncio.sleep(0.6)
    assert registry.snapshot("d") is not None
