"""What may become of a client's message, and what a script may wait for."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, NamedTuple, TypeAlias

from proxy.pipeline import Owed


class Refresh(NamedTuple):
    """Yielded by a script: the store is to be refreshed before it goes on."""

    #: False: only what other proxies are known to have changed.
    whole: bool


class Settled:
    """Yielded by a script: everything that was sent is to be answered before it goes on."""


class Work(NamedTuple):
    """Yielded by a script: this is to be done before it goes on."""

    work: Coroutine[Any, Any, None]


REFRESH = Refresh(whole=True)
CATCH_UP = Refresh(whole=False)
SETTLED = Settled()

#: What a script waits for: a reply, all replies, the store, or work of its own.
Wait: TypeAlias = "Owed | Settled | Refresh | Work"
Script: TypeAlias = Generator[Wait, None, None]


class Before(NamedTuple):
    """Send these bytes, then the client's message as it is."""

    sent_first: bytes


class Hold(NamedTuple):
    """Run the script; then look at the client's message again, or go on behind it if the script `consumes` it."""

    script: Script
    consumes: bool = False


#: None: as it is. Bytes: these instead.
Verdict: TypeAlias = bytes | Before | Hold | None
