"""The body of a routine in standard SQL, as PostgreSQL prints it: each of its statements becomes what a client's would.

What is printed names relations with their schemas, columns with their relations, and the routine before its parameters;
none of its stars is left.
"""

from __future__ import annotations

import re

from catalog.model import Names, Snapshot
from rewriter.edits import apply
from rewriter.errors import RewriteError
from rewriter.router import QueryRouter
from rewriter.statements import split

_ATOMIC = re.compile(r"\s*BEGIN ATOMIC\b(.*)\bEND\s*", re.DOTALL)
_RETURN = "RETURN"
_AS_QUERY = "SELECT"


def rewrite_body(body: str, snapshot: Snapshot, names: Names) -> str:
    """Raises RewriteError, also for what can be said to PostgreSQL only when it is run.

    >>> BEGIN ATOMIC DELETE FROM public.orders; END  ->  BEGIN ATOMIC DELETE FROM kameleon.kdb_write_17_3 AS orders; END
    """
    router = QueryRouter(snapshot, names)
    atomic = _ATOMIC.fullmatch(body)
    if atomic is None:
        return _statement(router, body.strip())
    statements = "".join(f" {_statement(router, span.text)};" for span in split(atomic[1]))
    return f"BEGIN ATOMIC{statements} END"


def _statement(router: QueryRouter, sql: str) -> str:
    """RETURN <expression> is read as a query of it."""
    returns = sql.startswith(_RETURN)
    if returns:
        sql = _AS_QUERY + sql[len(_RETURN) :]
    routed = router.route(sql)
    if routed.prelude is not None:
        raise RewriteError(f"{routed.kind.value} of a table in shared storage is not supported in this version")
    rewritten = apply(sql, routed.edits)
    return _RETURN + rewritten[len(_AS_QUERY) :] if returns else rewritten
