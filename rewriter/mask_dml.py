"""The skeleton of INSERT, UPDATE and DELETE, and where their parts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.atoms import Sum
from rewriter.lexer import OPERATOR, PUNCTUATION
from rewriter.parts import (
    Assignment,
    Conflict,
    Core,
    Delete,
    Insert,
    Relation,
    Returning,
    Unparsed,
    Update,
)

if TYPE_CHECKING:
    from rewriter.mask import Mask

_ON = frozenset(("on",))
_DO = frozenset(("do",))
_WHERE = frozenset(("where",))
_RETURNING = frozenset(("returning",))
_AFTER_FROM = frozenset(("where", "returning"))
_AFTER_SET = frozenset(("from", "where", "returning"))


def insert(mask: Mask, token: int, end: int) -> None:
    chain = mask.chain(mask.expect(token + 1, end, "into"), end)
    mask.put("INSERT INTO")
    mask.put_chain(chain)
    relation = Relation(chain, chain.first, chain.end)
    token = chain.end
    if mask.is_(token, end, "as"):
        mask.put("AS")
        relation.alias, token = mask.alias(token, end, is_target=True)
    mask.watch(relation)
    columns = None
    if mask.is_(token, end, "(") and not mask.opens_query(token, end):
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
    returning = mask.find(source, end, _RETURNING)
    conflict = source
    while (conflict := mask.find(conflict, returning, _ON)) < returning:
        if mask.is_(conflict + 1, end, "conflict"):
            break
        conflict += 1
    cores: list[Core] = []
    default_values = mask.is_(source, conflict, "default")
    if default_values:
        mask.expect(source + 1, conflict, "values")
        mask.put("SELECT n")
        if source + 2 != conflict:
            raise Unparsed(source + 2)
    else:
        cores = mask.query(source, conflict)
    mask.found.relations[chain.first] = relation
    total = Sum(mask, "RETURNING")
    if columns is not None:
        mask.expressions(*columns, total)  # what stands in subscripts
    on_conflict = _conflict(mask, conflict, returning, total) if conflict < returning else None
    mask.found.targets[chain.first] = Insert(
        relation,
        relation.alias if relation.alias is not None else relation.end - 1,
        columns,
        overriding,
        overriding_user,
        source,
        conflict,
        default_values,
        tuple(cores),
        on_conflict,
        returning_list(mask, returning, end, total),
    )


def _conflict(mask: Mask, first: int, end: int, total: Sum) -> Conflict:
    token = first + 2
    constraint = constraint_start = None
    if mask.is_(token, end, "("):
        close = mask.close(token, end)
        mask.expressions(token + 1, close, total)
        token = close + 1
        if mask.is_(token, end, "where"):
            stop = mask.find(token + 1, end, _DO)
            mask.expressions(token + 1, stop, total)
            token = stop
    elif mask.is_(token, end, "on"):
        mask.expect(token + 1, end, "constraint")
        constraint_start, constraint = token, token + 2
        token += 3
    token = mask.expect(token, end, "do")
    assignments: list[Assignment] = []
    if mask.is_(token, end, "nothing"):
        token += 1
    else:
        token = mask.expect(token, end, "update")
        token = mask.expect(token, end, "set")
        stop = mask.find(token, end, _WHERE)
        assignments = assignment_list(mask, token, stop, total)
        if stop < end:
            mask.expressions(stop + 1, end, total)
        token = end
    if token != end:
        raise Unparsed(token)
    return Conflict(first, constraint, constraint_start, tuple(assignments))


def returning_list(mask: Mask, token: int, end: int, total: Sum) -> Returning | None:
    if token >= end:
        return None
    token += 1
    old = new = None
    if mask.is_(token, end, "with") and mask.is_(token + 1, end, "("):
        close = mask.close(token + 1, end)
        for at in range(token + 2, close, 4):
            mask.expect(at + 1, close, "as")
            if mask.is_(at, close, "old"):
                old = at + 2
            else:
                new = at + 2
        token = close + 1
    for name in (old, new):
        if name is not None:
            mask.row_names.add(mask.tokens[name].value)
    mask.expressions(token, end, total)
    return Returning(token, end, old, new)


def update(mask: Mask, token: int, end: int) -> None:
    mask.put("UPDATE")
    relation, token = mask.relation(token + 1, end, is_target=True)
    mask.watch(relation)
    mask.expect(token, end, "set")
    stop = mask.find(token + 1, end, _AFTER_SET)
    if stop < token + 4:
        raise Unparsed(stop)
    total = Sum(mask, "SET n =")
    assignments = assignment_list(mask, token + 1, stop, total)
    total.settle()
    from_clause = None
    if mask.is_(stop, end, "from"):
        mask.put("FROM")
        after = mask.find(stop + 1, end, _AFTER_FROM)
        from_clause = (stop + 1, after)
        if mask.from_list(stop + 1, after) != after:
            raise Unparsed(stop)
        stop = after
    current_of = _current_of(mask, stop, end)
    returning = _where_and_returning(mask, stop, end)
    mask.found.targets[relation.chain.first] = Update(relation, tuple(assignments), from_clause, returning, current_of)


def delete(mask: Mask, token: int, end: int) -> None:
    mask.put("DELETE FROM")
    relation, token = mask.relation(mask.expect(token + 1, end, "from"), end, is_target=True)
    mask.watch(relation)
    from_clause = None
    if mask.is_(token, end, "using"):
        mask.put("USING")
        after = mask.find(token + 1, end, _AFTER_FROM)
        from_clause = (token + 1, after)
        if mask.from_list(token + 1, after) != after:
            raise Unparsed(token)
        token = after
    current_of = _current_of(mask, token, end)
    returning = _where_and_returning(mask, token, end)
    mask.found.targets[relation.chain.first] = Delete(relation, from_clause, returning, current_of)


def _current_of(mask: Mask, token: int, end: int) -> int | None:
    if mask.is_(token, end, "where") and mask.is_(token + 1, end, "current") and mask.is_(token + 2, end, "of"):
        mask.chain(token + 3, end)
        return token + 1
    return None


def _where_and_returning(mask: Mask, token: int, end: int) -> Returning | None:
    returning = mask.find(token, end, _RETURNING)
    if mask.is_(token, end, "where"):
        total = Sum(mask, "WHERE")
        mask.expressions(token + 1, returning, total)
    elif token != returning:
        raise Unparsed(token)
    if returning == end:
        return None
    return returning_list(mask, returning, end, Sum(mask, "RETURNING"))


def _first_equals(mask: Mask, first: int, end: int) -> int:
    token = first
    while token < end:
        at = mask.tokens[token]
        if at.kind is PUNCTUATION and at.value in "([":
            token = mask.close(token, end)
        elif at.kind is OPERATOR and at.value == "=":
            return token
        token += 1
    raise Unparsed(first)


def assignment_list(mask: Mask, first: int, end: int, total: Sum) -> list[Assignment]:
    assignments = []
    token = first
    while token < end:
        equals = _first_equals(mask, token, end)
        stop = mask.comma(equals + 1, end)
        if equals + 1 >= stop:
            raise Unparsed(equals)
        is_multiple = mask.is_(token, end, "(")
        inside = (token + 1, mask.close(token, end)) if is_multiple else (token, equals)
        targets = _targets(mask, *inside)
        for first_of_target, end_of_target in targets:  # what stands in subscripts
            mask.expressions(first_of_target + 1, end_of_target, total)
        assignments.append(Assignment(targets, equals + 1, stop, is_multiple))
        mask.expressions(equals + 1, stop, total)
        token = stop + 1
    if not assignments:
        raise Unparsed(first)
    return assignments


def _targets(mask: Mask, first: int, end: int) -> tuple[tuple[int, int], ...]:
    targets = []
    token = first
    while token < end:
        if not mask.tokens[token].is_name:
            raise Unparsed(token)
        stop = mask.comma(token, end)
        targets.append((token, stop))
        token = stop + 1
    if not targets:
        raise Unparsed(first)
    return tuple(targets)
