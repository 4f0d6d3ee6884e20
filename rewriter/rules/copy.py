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
    COPY orders (id) TO STDOUT  ->  COPY (SELECT id FROM kameleon.kdb_read_17) TO STDOUT

    Of a dedicated table, COPY TO is passed on as it came, behind a look whether it is that still."""
    first = 2 if statement.word(1) == "binary" else 1
    chain = statement.chain(first)
    if chain is None:
        raise Unparsed(first)
    entity = statement.resolver.entity(statement.parts(chain))
    if entity is None:
        return
    if not entity.is_catalog:
        statement.name(entity.entity_id)
    token = chain.end
    if entity.storage_mode == "dedicated" and not entity.is_view:
        end = statement.partner(token) + 1 if statement.word(token) == "(" else token
        if statement.word(end) == "to":
            # COPY TO does not plan: it would read a table that has become a shell as an empty one
            statement.prelude = f"CALL kameleon.expect_table({entity.entity_id})"
        return
    if not entity.is_shared or entity.is_view:
        return  # of a view PostgreSQL refuses it
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
        _thaw(statement, entity, token + 2)
        _condition(statement, entity, token + 2)
    elif statement.word(token) == "to":
        if _where(statement, token) is None:  # else left for PostgreSQL to refuse
            _copy_to(statement, entity, first, token, columns)
            _old_options(statement, token, is_binary=first == 2)
    else:
        raise Unparsed(token)


def _copy_from(statement: Statement, entity: Entity, first: int, end: int, columns: tuple[int, int] | None) -> None:
    text = entity.insert_view
    if columns is None and any(field.generated for field in entity.fields):
        text += f" ({_stored(entity)})"
    statement.replace(first, end, text)


def _where(statement: Statement, token: int) -> int | None:
    while token < len(statement.tokens):
        if statement.word(token) == "(":
            token = statement.partner(token)
        elif statement.word(token) == "where":
            return token
        token += 1
    return None


def _condition(statement: Statement, entity: Entity, first: int) -> None:
    """WHERE of COPY FROM calls the table by its name, which the view has not; it may not see generated columns."""
    where = _where(statement, first)
    token = where if where is not None else len(statement.tokens)
    while token < len(statement.tokens):
        chain = statement.chain(token)
        if chain is None:
            token += 1
            continue
        parts = statement.parts(chain)
        if len(parts) > 1 and parts[-2] == entity.name:
            statement.replace(chain.first, chain.end - 2, entity.insert_view.rpartition(".")[2])
        field = entity.field(parts[-1]) if statement.word(chain.end) != "(" else None
        if field is not None and field.generated:
            raise RewriteError(
                "generated columns are not supported in COPY FROM WHERE conditions",
                sqlstate="42P10",
                detail=f'Column "{field.name}" is a generated column.',
            )
        token = chain.end


_ON = frozenset(("true", "on", "1"))


def _thaw(statement: Statement, entity: Entity, token: int) -> None:
    """FREEZE asks for a table of the same transaction, which a view cannot be; without it the rows are the same.

    By the comment a trigger of the view knows that it is to see whether the table is one.
    """
    asked = f"/* kameleon.freeze {entity.entity_id} */"
    end = len(statement.tokens)
    while token < end and statement.word(token) != "where":
        if statement.word(token) == "freeze":
            statement.replace(token, token + 1, asked)
        elif statement.word(token) == "(":
            stop = statement.partner(token)
            for first, last in statement.items(token + 1, stop):
                value = statement.text(first + 1, last).lower() if last > first + 1 else "on"
                if statement.word(first) == "freeze" and value.strip("'") in _ON:
                    statement.replace(first, last, f"freeze off {asked}")
            token = stop
        token += 1


def _copy_to(statement: Statement, entity: Entity, first: int, end: int, columns: tuple[int, int] | None) -> None:
    listed = statement.text(*columns) if columns is not None else _stored(entity)
    statement.replace(first, end, f"(SELECT {listed} FROM {entity.read_view})")


def _old_options(statement: Statement, to: int, *, is_binary: bool) -> None:
    """COPY BINARY orders TO STDOUT USING DELIMITERS ','  ->  COPY (...) TO STDOUT BINARY DELIMITER ','

    For a query PostgreSQL takes neither of the two oldest forms.
    """
    token = to + 2
    if token > len(statement.tokens):
        return
    if is_binary:
        statement.replace(1, 2, "")
    using = token + 1 if statement.word(token) == "using" else token
    if statement.word(using) == "delimiters" and using + 1 < len(statement.tokens):
        # the string stays where it is: the next statement of this shape has another
        after = using + 2
        listed = after + 1 if statement.word(after) == "with" else after
        if statement.word(listed) == "(":
            statement.replace(token, using + 1, "(format binary, delimiter" if is_binary else "(delimiter")
            statement.replace(after, listed + 1, ",")
            return
        statement.replace(token, using + 1, "binary delimiter" if is_binary else "delimiter")
        if listed > after:
            statement.replace(after, listed, "")
    elif is_binary:
        if statement.word(token) == "with":
            token += 1
        if statement.word(token) == "(":
            statement.insert_after(token, "format binary, ")
        elif token < len(statement.tokens):
            statement.insert_before(token, "binary ")
        else:
            statement.insert_after(token - 1, " binary")


def _stored(entity: Entity) -> str:
    """The columns COPY takes when none are named: all but the generated ones."""
    return ", ".join(quote(field.name) for field in entity.fields if not field.generated)
