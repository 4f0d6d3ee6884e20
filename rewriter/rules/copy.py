"""COPY of a table; COPY (query) TO is a query like any other and handled by the router."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.errors import RewriteError
from rewriter.lexer import quote
from rewriter.parts import Unparsed
from rewriter.rules.columns import field_of
from rewriter.statement import Statement


def copy(statement: Statement) -> None:
    """COPY orders FROM STDIN  ->  COPY kameleon.kdb_insert_17_3 FROM STDIN
    COPY orders (id) TO STDOUT  ->  COPY (SELECT id FROM kameleon.kdb_read_17) TO STDOUT"""
    first = 2 if statement.word(1) == "binary" else 1
    chain = statement.chain(first)
    if chain is None:
        raise Unparsed(first)
    entity = statement.resolver.entity(statement.parts(chain))
    if entity is None:
        return
    if not entity.is_catalog:
        statement.name(entity.entity_id)
    if not entity.is_shared or entity.is_view:
        return  # of a view PostgreSQL refuses it
    token = chain.end
    columns: tuple[int, int] | None = None
    if statement.word(token) == "(":
        columns = (token + 1, statement.partner(token))
        token = columns[1] + 1
    if columns is not None:
        for start, _ in statement.items(*columns):
            field = field_of(statement, entity, start, has_position=False)
            if field.generated:
                raise RewriteError(
                    f'column "{field.name}" is a generated column',
                    sqlstate="42P10",
                    detail="Generated columns cannot be used in COPY.",
                )
    if statement.word(token) == "from" and not entity.is_catalog:
        _copy_from(statement, entity, first, chain.end, columns)
        _thaw(statement, token + 2)
    elif statement.word(token) == "to":
        _copy_to(statement, entity, first, token, columns)
    else:
        raise Unparsed(token)


def _copy_from(statement: Statement, entity: Entity, first: int, end: int, columns: tuple[int, int] | None) -> None:
    text = entity.insert_view
    if columns is None and any(field.generated for field in entity.fields):
        text += f" ({_stored(entity)})"
    statement.replace(first, end, text)


_ON = frozenset(("true", "on", "1"))


def _thaw(statement: Statement, token: int) -> None:
    """FREEZE asks for a table of the same transaction, which a view cannot be; without it the rows are the same."""
    end = len(statement.tokens)
    while token < end and statement.word(token) != "where":
        if statement.word(token) == "freeze":
            statement.replace(token, token + 1, "")
        elif statement.word(token) == "(":
            stop = statement.partner(token)
            for first, last in statement.items(token + 1, stop):
                value = statement.text(first + 1, last).lower() if last > first + 1 else "on"
                if statement.word(first) == "freeze" and value.strip("'") in _ON:
                    statement.replace(first, last, "freeze off")
            token = stop
        token += 1


def _copy_to(statement: Statement, entity: Entity, first: int, end: int, columns: tuple[int, int] | None) -> None:
    listed = statement.text(*columns) if columns is not None else _stored(entity)
    statement.replace(first, end, f"(SELECT {listed} FROM {entity.read_view})")


def _stored(entity: Entity) -> str:
    """The columns COPY takes when none are named: all but the generated ones."""
    return ", ".join(quote(field.name) for field in entity.fields if not field.generated)
