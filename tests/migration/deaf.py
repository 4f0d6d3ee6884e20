"""A proxy that hears no notification: what others do to the catalog it learns only when a statement fails."""

from __future__ import annotations

import sys

from tests.fix_proxy import ProxyProcess

_PROGRAM = "import catalog.store as s; s.CHANNEL = 'kameleon_unheard'; from proxy.cli import main; main()"


class DeafProxy(ProxyProcess):
    command = (sys.executable, "-c", _PROGRAM, "serve")
