"""Who is told what would make statements faster, and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """Who is told, and how often: the proxy's settings."""

    is_on: bool = True
    interval: float = 600.0
    """Seconds for which an entity's suggestion is not repeated, to anybody."""
    is_repeated: bool = False
    """Every time, to everybody who does not say otherwise."""
    quiet_roles: frozenset[str] = frozenset()
    quiet_applications: frozenset[str] = frozenset()
