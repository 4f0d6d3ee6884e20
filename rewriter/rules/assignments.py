"""SET a = x, (b, c) = (y, DEFAULT): columns become fields of the write view's record, and their names are listed."""

from __future__ import annotations

from catalog.model import Entity, Field
from rewriter.errors import SYNTAX_ERROR, RewriteError
from rewriter.parts import Assignment
from rewriter.rules.columns import cannot_update, field_of, is_default, unsupported_assignment
from rewriter.statement import Statement


def assignments(statement: Statement, entity: Entity, made: tuple[Assignment, ...]) -> None:
    """SET name = 'x'  ->  SET kdb_rec.name = 'x', kdb_keys = '{name}'"""
    names: list[str] = []
    seen: set[str] = set()
    for assignment in made:
        if not assignment.is_plain:
            field_of(statement, entity, assignment.targets[0])
            raise unsupported_assignment(statement, assignment.targets[0], entity)
        fields = [field_of(statement, entity, token) for token in assignment.targets]
        for token, field in zip(assignment.targets, fields, strict=True):
            if field.name in seen:
                raise RewriteError(f'multiple assignments to same column "{field.name}"', sqlstate=SYNTAX_ERROR)
            seen.add(field.name)
            statement.insert_before(token, "kdb_rec.")
            if not field.generated:
                names.append(field.name)
        _values(statement, assignment, fields)
    statement.insert_after(made[-1].end - 1, ", kdb_keys = " + statement.keys_literal(names))


def _values(statement: Statement, assignment: Assignment, fields: list[Field]) -> None:
    if not assignment.is_multiple:
        _value(statement, fields[0], assignment.value, assignment.end)
        return
    first = assignment.value
    if statement.word(first) == "row" and statement.word(first + 1) == "(":
        first += 1
    cells: list[tuple[int, int]] = []
    if statement.word(first) == "(" and statement.partner(first) == assignment.end - 1:
        cells = statement.items(first + 1, assignment.end - 1)
    if len(cells) == len(fields):
        for field, (start, end) in zip(fields, cells, strict=True):
            _value(statement, field, start, end)
        return
    for field in fields:  # a sub-select, or a count that PostgreSQL will complain about
        if _is_protected(field):
            raise cannot_update(field)


def _value(statement: Statement, field: Field, first: int, end: int) -> None:
    if is_default(statement, first, end):
        # The write view has no defaults of its own. A generated column is computed anew whatever is assigned.
        statement.replace(first, end, "NULL" if field.generated or field.default is None else f"({field.default})")
    elif _is_protected(field):
        raise cannot_update(field)


def _is_protected(field: Field) -> bool:
    return bool(field.generated) or field.identity == "a"
