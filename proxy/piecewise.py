"""A simple Query whose later statements may mean something else once the earlier ones have run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.verdicts import Script

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from rewriter import Span


def is_needed(spans: list[Span]) -> bool:
    return False


def run(relay: Relay, knowledge: Knowledge, text: str, spans: list[Span]) -> Script:
    return
    yield
