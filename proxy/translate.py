"""What upstream says about our views and tables, as it would be said about the client's own.

Filled in below; see `translate_diagnostic` and `translate_row_description`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.statements import Run
    from rewriter import Rewritten


def translate_diagnostic(
    message: bytes, knowledge: Knowledge, subject: bytes | Rewritten, runs: tuple[Run, ...] = ()
) -> bytes | None:
    return None


def translate_row_description(message: bytes, knowledge: Knowledge) -> bytes:
    return message
