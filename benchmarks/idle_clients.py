"""Resident memory of the proxy's process per client that stays connected and does nothing.

Once as the clients log in, and once after each has run a statement on a shared entity. A first few clients come and
go before, so that what is loaded once for all is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import sleep

from benchmarks.bare_client import BareClient
from benchmarks.report import Row, Target
from benchmarks.servers import Servers

_STATEMENT = "SELECT abalance FROM accounts_shared WHERE aid = {}"
_TARGETS = {"shared": Target(60, at_most=True)}


def measure(servers: Servers, count: int) -> Iterator[Row]:
    for number in range(20):
        with BareClient(servers.proxied) as client:
            client.query(_STATEMENT.format(number))
    sleep(0.5)
    before = _resident_kilobytes(servers.proxy.pid)
    clients: list[BareClient] = []
    try:
        clients += (BareClient(servers.proxied) for _ in range(count))
        connected = _resident_kilobytes(servers.proxy.pid)
        for number, client in enumerate(clients):
            client.query(_STATEMENT.format(number))
        used = _resident_kilobytes(servers.proxy.pid)
    finally:
        for client in clients:
            client.close()
    for title, after in ((f"memory, {count:,} idle clients", connected), ("  after a statement each", used)):
        row = Row(title, "KB each", digits=1, targets=_TARGETS)
        row.add("shared", (after - before) / count)
        yield row


def _resident_kilobytes(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])
