"""pg_prepared_statements and pg_cursors show statements as the client wrote them.

What was sent for them is all that PostgreSQL knows. Before a query of either catalog, the session is told what its
client wrote, by name; the views that stand for the catalogs look there first (`catalog/sql/104_catalogs.sql`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rewriter import TELL_TEXTS, Kind, lexer

if TYPE_CHECKING:
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay
    from rewriter import Rewritten

_NAME = re.compile(r'\s*DECLARE\s*(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))', re.IGNORECASE)
_MOST_CURSORS = 1000


def prelude_of(relay: Relay, knowledge: Knowledge, rewritten: Rewritten) -> str | None:
    """What is to be run just before this statement."""
    return _telling(relay, knowledge) if rewritten.prelude == TELL_TEXTS else rewritten.prelude


def note_declared(relay: Relay, rewritten: Rewritten, text: str) -> None:
    """A cursor that has been declared over an entity. It may be gone; then nobody asks."""
    if rewritten.kind is not Kind.DECLARE:
        return
    found = _NAME.match(text)
    if found is not None:
        declared = relay.statements.declared
        if len(declared) >= _MOST_CURSORS:
            declared.clear()
        declared[found[1].replace('""', '"') if found[1] is not None else lexer.fold(found[2])] = text


def _telling(relay: Relay, knowledge: Knowledge) -> str:
    def read(written: bytes) -> str:
        return written.decode(knowledge.codec, "replace")

    statements = relay.statements
    texts = {
        "statements": {
            read(name): read(statement.sql)
            for name, statement in statements.by_name.items()
            if statement.rewritten is not None
        },
        "cursors": dict(statements.declared)
        | {
            read(name): read(statement.sql)
            for name, statement in statements.portals.items()
            if statement.rewritten is not None
        },
    }
    # All in ASCII; nothing in it can end the string, or the block around it.
    told = json.dumps(texts).replace("'", r"\u0027").replace("$", r"\u0024").replace("\\", "\\\\")
    return f"DO $kameleon$BEGIN PERFORM pg_catalog.set_config('kameleon.client_texts', E'{told}', true); END$kameleon$"
