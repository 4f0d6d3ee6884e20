"""What INSERT and UPDATE share: the fields that a list of columns names, and what may be assigned to them."""

from __future__ import annotations

from catalog.model import Entity, Field
from rewriter.errors import FEATURE_NOT_SUPPORTED, GENERATED_ALWAYS, SYNTAX_ERROR, UNDEFINED_COLUMN, RewriteError
from rewriter.lexer import quote
from rewriter.parts import SYSTEM_COLUMNS, Relation, Unparsed
from rewriter.statement import Statement


def target_name(statement: Statement, relation: Relation) -> str:
    """What its target is called within the statement."""
    if relation.apart is not None:
        return relation.apart
    token = relation.alias if relation.alias is not None else relation.chain.end - 1
    return statement.bare_name(token)


def row_of(statement: Statement, entity: Entity, columns: str, *, is_output: bool) -> str:
    """A whole row as a value. One that a query gives is of the read view's type, which tells the client its table."""
    if is_output and not any(_uses_output(statement, at) for at in range(len(statement.tokens))):
        return f"ROW({columns})::{entity.read_view}"
    return f"ROW({columns})::{quote(entity.schema)}.{quote(entity.name)}"


def _uses_output(statement: Statement, token: int) -> bool:
    word = statement.word(token)
    if word == "into":
        return statement.word(token - 1) not in ("insert", "merge")
    return word in ("create", "union", "intersect", "except")


def replace_target(statement: Statement, relation: Relation, view: str) -> None:
    text = view
    if relation.alias is None:
        text += " AS " + target_name(statement, relation)
    statement.replace(relation.start, relation.end, text)


def field_of(
    statement: Statement, entity: Entity, token: int, *, has_position: bool = True, is_insert: bool = False
) -> Field:
    if not statement.is_name(token):
        raise Unparsed(token)
    name = statement.tokens[token].value
    field = entity.field(name)
    if field is not None:
        return field
    if name in SYSTEM_COLUMNS and not is_insert:
        raise statement.refuse(token, f'cannot assign to system column "{name}"', sqlstate=FEATURE_NOT_SUPPORTED)
    message = f'column "{name}" of relation "{entity.name}" does not exist'
    if not has_position:
        raise RewriteError(message, sqlstate=UNDEFINED_COLUMN)
    raise statement.refuse(token, message, sqlstate=UNDEFINED_COLUMN)


def is_default(statement: Statement, first: int, end: int) -> bool:
    return end == first + 1 and statement.word(first) == "default"


def cannot_insert(field: Field) -> RewriteError:
    """The words of PostgreSQL, which gives no position here."""
    if field.generated:
        return RewriteError(
            f'cannot insert a non-DEFAULT value into column "{field.written}"',
            sqlstate=GENERATED_ALWAYS,
            detail=f'Column "{field.written}" is a generated column.',
        )
    return RewriteError(
        f'cannot insert a non-DEFAULT value into column "{field.written}"',
        sqlstate=GENERATED_ALWAYS,
        detail=f'Column "{field.written}" is an identity column defined as GENERATED ALWAYS.',
        hint="Use OVERRIDING SYSTEM VALUE to override.",
    )


def name_target(statement: Statement, token: int, field: Field, place: str) -> None:
    """A target column, as a sub-field of the write view's `place`."""
    if field.written == field.name:
        statement.insert_before(token, place)
    else:
        statement.replace(token, token + 1, place + quote(field.written))


def cannot_write(view: Entity, field: Field, verb: str) -> RewriteError:
    return RewriteError(
        f'cannot {verb} column "{field.name}" of view "{view.name}"',
        sqlstate=FEATURE_NOT_SUPPORTED,
        detail="View columns that are not columns of their base relation are not updatable.",
    )


def assigned_twice(field: Field) -> RewriteError:
    return RewriteError(f'multiple assignments to same column "{field.written}"', sqlstate=SYNTAX_ERROR)


def cannot_update(field: Field) -> RewriteError:
    detail = (
        f'Column "{field.written}" is a generated column.'
        if field.generated
        else f'Column "{field.written}" is an identity column defined as GENERATED ALWAYS.'
    )
    return RewriteError(
        f'column "{field.written}" can only be updated to DEFAULT', sqlstate=GENERATED_ALWAYS, detail=detail
    )


def current_of(statement: Statement, entity: Entity, target: Relation, token: int | None) -> None:
    """WHERE CURRENT OF c  ->  WHERE orders.ctid = (SELECT kameleon.current_row(17, 'c')): views have no CURRENT OF."""
    if token is not None:
        if entity.is_view:
            raise RewriteError("WHERE CURRENT OF on a view is not implemented", sqlstate=FEATURE_NOT_SUPPORTED)
        cursor = statement.string_literal(statement.tokens[token + 2].value)
        row = f"(SELECT kameleon.current_row({entity.entity_id}, {cursor}))"
        statement.replace(token, token + 3, f"{target_name(statement, target)}.ctid = {row}")
