"""SET a = x, (b, c) = (y, DEFAULT): columns become fields of the write view's record, and their names are listed."""

from __future__ import annotations

from catalog.model import Entity, Field
from rewriter.lexer import quote
from rewriter.parts import Assignment, Relation
from rewriter.rules.column_parts import ColumnParts, is_part
from rewriter.rules.columns import (
    assigned_twice,
    cannot_update,
    cannot_write,
    field_of,
    is_default,
    name_target,
    target_name,
)
from rewriter.statement import Statement


def assignments(
    statement: Statement, entity: Entity, target: Relation, made: tuple[Assignment, ...], verb: str = "update"
) -> None:
    """SET name = 'x', a[1] = 2  ->

    SET kdb_rec.name = 'x', kdb_parts[1].a[1] = 2, kdb_keys = '{name}', kdb_paths = <where kdb_parts[1] belongs>
    """
    names: list[str] = []
    assigned: list[Field] = []
    whole: set[str] = set()
    partly: set[str] = set()
    parts = ColumnParts(statement, target_name(statement, target))
    for assignment in made:
        fields = [field_of(statement, entity, first) for first, _ in assignment.targets]
        for place, field in zip(assignment.targets, fields, strict=True):
            if field.target is None:
                raise cannot_write(entity, field, verb)
            if field.written in whole or (field.written in partly and not is_part(place)):
                raise assigned_twice(field)
            if is_part(place):
                partly.add(field.written)
                parts.add(place, field)
                continue
            whole.add(field.written)
            assigned.append(field)
            name_target(statement, place[0], field, "kdb_rec.")
            if not field.generated:
                names.append(field.written)
        _values(statement, entity, assignment, fields)
    added = ", kdb_keys = " + statement.keys_literal(names)
    if _changes_key(assigned, made):
        # the stronger lock on the row from the start: the weaker first, for its trigger, may end in a deadlock
        added += "".join(f", {quote(field.name)} = NULL" for field in assigned)
    if parts.are_any:
        added += ", kdb_paths = " + parts.literal()
    statement.insert_after(made[-1].end - 1, added)


def _changes_key(assigned: list[Field], made: tuple[Assignment, ...]) -> bool:
    """A statement that assigns to what foreign keys refer to, and to nothing else, means to change it; one that sets
    whole rows mostly gives it the value that it has.

    PostgreSQL locks a row by the columns that are named. The column takes its value from the document in the end.
    """
    count = sum(len(assignment.targets) for assignment in made)
    return len(assigned) == count and all(field.is_referenced and not field.generated for field in assigned)


def _values(statement: Statement, entity: Entity, assignment: Assignment, fields: list[Field]) -> None:
    if not assignment.is_multiple:
        _value(statement, entity, fields[0], assignment.value, assignment.end)
        return
    first = assignment.value
    if statement.word(first) == "row" and statement.word(first + 1) == "(":
        first += 1
    cells: list[tuple[int, int]] = []
    if statement.word(first) == "(" and statement.partner(first) == assignment.end - 1:
        cells = statement.items(first + 1, assignment.end - 1)
    if len(cells) == len(fields):
        for field, (start, end) in zip(fields, cells, strict=True):
            _value(statement, entity, field, start, end)
        return
    for field in fields:  # a sub-select, or a count that PostgreSQL will complain about
        if _is_protected(field):
            raise cannot_update(field)


def _value(statement: Statement, entity: Entity, field: Field, first: int, end: int) -> None:
    # of a view's column DEFAULT is a value, its own default or null, by the time that it is the table's
    if is_default(statement, first, end) and not (entity.is_view and _is_protected(field)):
        # The write view has no defaults of its own. A generated column is computed anew whatever is assigned.
        has_none = field.generated or field.default is None or not field.is_own_default
        statement.replace(first, end, "NULL" if has_none else f"({field.default})")
    elif _is_protected(field):
        raise cannot_update(field)


def _is_protected(field: Field) -> bool:
    return bool(field.generated) or field.identity == "a"
