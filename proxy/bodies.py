"""How the proxy rewrites the bodies that the database asks it for (`catalog.bodies`)."""

from __future__ import annotations

import structlog

from catalog.bodies import Answer
from catalog.model import Names, Snapshot
from rewriter import RewriteError, rewrite_body

log = structlog.get_logger(__name__)


def rewritten(body: str, snapshot: Snapshot, names: Names) -> Answer:
    try:
        return Answer(rewrite_body(body, snapshot, names))
    except RewriteError as error:
        return Answer(None, error.message)
    except Exception as error:
        # its text may quote the body
        log.error("the rewriter failed at a body", error=type(error).__name__)
        return Answer(None, f"unexpected {type(error).__name__}")
