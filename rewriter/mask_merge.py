"""The skeleton of MERGE, and where its parts are.

sqlglot is shown an UPDATE of the target FROM the source: that scopes names just as MERGE does, which is all that
matters here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.atoms import Sum
from rewriter.mask_dml import assignment_list, returning_list
from rewriter.parts import Core, Insert, Merge, Relation, Unparsed, Update

if TYPE_CHECKING:
    from rewriter.mask import Mask


def merge(mask: Mask, token: int, end: int) -> None:
    mask.put("UPDATE")
    target, token = mask.relation(mask.expect(token + 1, end, "into"), end, is_target=True)
    mask.watch(target)
    mask.put("SET n = n FROM")
    source = mask.expect(token, end, "using")
    clauses = _clause_starts(mask, source, end)
    if not clauses:
        raise Unparsed(token)
    on = _last_on(mask, source, clauses[0])
    if mask.joined(source, on) != on:
        raise Unparsed(source)
    total = Sum(mask, "WHERE")
    mask.expressions(on + 1, clauses[0], total)
    returning = _returning_start(mask, clauses[-1], end)
    parts: list[Update | Insert] = []
    for first, stop in zip(clauses, [*clauses[1:], returning], strict=True):
        action = _clause(mask, target, first, stop, total)
        if action is not None:
            parts.append(action)
    mask.found.targets[target.chain.first] = Merge(
        target,
        (source, on),
        tuple(parts),
        returning_list(mask, returning, end, Sum(mask, "RETURNING")),
    )


def _clause_starts(mask: Mask, first: int, end: int) -> list[int]:
    """Each WHEN [NOT] MATCHED that is not a CASE's."""
    found = []
    depth = 0
    token = first
    while token < end:
        word = mask.word(token, end)
        if word in ("(", "["):
            token = mask.close(token, end)
        elif word == "case" and not mask.is_(token - 1, end, "."):
            depth += 1
        elif word == "end" and depth > 0:
            depth -= 1
        elif word == "when" and depth == 0:
            found.append(token)
        token += 1
    return found


def _last_on(mask: Mask, first: int, end: int) -> int:
    """A join in the source has its own ON before that of MERGE."""
    found = None
    token = first
    while token < end:
        word = mask.word(token, end)
        if word in ("(", "["):
            token = mask.close(token, end)
        elif word == "on":
            found = token
        token += 1
    if found is None:
        raise Unparsed(first)
    return found


def _returning_start(mask: Mask, first: int, end: int) -> int:
    return mask.find(first, end, frozenset(("returning",)))


def _clause(mask: Mask, target: Relation, first: int, end: int, total: Sum) -> Update | Insert | None:
    """WHEN ... THEN UPDATE SET ..., INSERT ..., DELETE, DO NOTHING; None for what names no column."""
    then = _then(mask, first, end)
    start = first + 1
    while mask.word(start, then) in ("not", "matched", "by", "source", "target"):
        start += 1
    if mask.is_(start, then, "and"):
        mask.expressions(start + 1, then, total)
    elif start != then:
        raise Unparsed(start)
    action = mask.word(then + 1, end)
    if action == "update":
        made = assignment_list(mask, mask.expect(then + 2, end, "set"), end, total)
        return Update(target, tuple(made), None, None)
    if action == "insert":
        return _insert(mask, target, then + 1, end, total)
    if (action == "delete" and end == then + 2) or (action == "do" and end == then + 3):
        return None
    raise Unparsed(then)


def _then(mask: Mask, first: int, end: int) -> int:
    depth = 0
    token = first
    while token < end:
        word = mask.word(token, end)
        if word in ("(", "["):
            token = mask.close(token, end)
        elif word == "case":
            depth += 1
        elif word == "end" and depth > 0:
            depth -= 1
        elif word == "then" and depth == 0:
            return token
        token += 1
    raise Unparsed(first)


def _insert(mask: Mask, target: Relation, first: int, end: int, total: Sum) -> Insert:
    token = first + 1
    columns = None
    if mask.is_(token, end, "("):
        close = mask.close(token, end)
        columns = (token + 1, close)
        token = close + 1
    overriding = None
    overriding_user = False
    if mask.is_(token, end, "overriding"):
        overriding = token
        overriding_user = mask.is_(token + 1, end, "user")
        mask.expect(token + 2, end, "value")
        token += 3
    source = token
    default_values = mask.is_(source, end, "default")
    cores: tuple[Core, ...] = ()
    if default_values:
        if mask.expect(source + 1, end, "values") != end:
            raise Unparsed(source + 2)
    else:
        row = mask.expect(source, end, "values")
        mask.expect(row, end, "(")
        close = mask.close(row, end)
        if close + 1 != end:
            raise Unparsed(close)
        mask.expressions(row + 1, close, total)
        cores = (Core("values", row, end),)
    return Insert(target, first, columns, overriding, overriding_user, source, end, default_values, cores, None, None)
