"""INSERT ... ON CONFLICT goes to the write view: columns as fields of its record, and what each row gives."""

from __future__ import annotations

from catalog.model import Entity, Field
from rewriter.errors import SYNTAX_ERROR, UNDEFINED_OBJECT, RewriteError
from rewriter.lexer import quote
from rewriter.parse import Tree
from rewriter.parts import Core, Insert
from rewriter.rules.assignments import assignments
from rewriter.rules.columns import cannot_insert, field_of, is_default, replace_target, unsupported_assignment
from rewriter.rules.returning import returning
from rewriter.statement import Statement


def upsert(statement: Statement, tree: Tree, entity: Entity, parts: Insert) -> None:
    """INSERT INTO orders (id, name) VALUES (1, DEFAULT) ON CONFLICT (id) DO NOTHING  ->

    INSERT INTO kameleon.kdb_write_17_3 AS orders (kdb_rec.id, kdb_rec.name, kdb_keys)
    VALUES (1, NULL, '{id}'::text[]) ON CONFLICT (id) DO NOTHING
    """
    replace_target(statement, parts.target, entity.write_view)
    insert_into_record(statement, entity, parts)
    _arbiter(statement, entity, parts)
    if parts.conflict is not None and parts.conflict.assignments:
        assignments(statement, entity, parts.conflict.assignments)
    returning(statement, tree, entity, parts.target, parts.returning, None, is_upsert=parts.conflict is not None)


def insert_into_record(statement: Statement, entity: Entity, parts: Insert) -> None:
    """The columns and values of an INSERT, also of one within MERGE."""
    if parts.overriding is not None:
        statement.replace(parts.overriding, parts.overriding + 3, "")
    _source(statement, parts, _columns(statement, entity, parts))


def _columns(statement: Statement, entity: Entity, parts: Insert) -> list[Field]:
    """The fields that values are given for, and the column list as the write view wants it."""
    if parts.columns is not None:
        fields: list[Field] = []
        for first, end in statement.items(*parts.columns):
            field = field_of(statement, entity, first, is_insert=True)
            if end != first + 1:
                raise unsupported_assignment(statement, first, entity)
            if field in fields:
                raise statement.refuse(first, f'column "{field.name}" specified more than once', sqlstate="42701")
            fields.append(field)
            statement.insert_before(first, "kdb_rec.")
        statement.insert_after(parts.columns[1] - 1, ", kdb_keys")
        return fields
    fields = list(entity.fields)
    if parts.default_values:
        fields = []
    else:
        fields = fields[: _given(statement, parts, len(fields))]
    listed = "".join(f"kdb_rec.{quote(field.name)}, " for field in fields)
    statement.insert_after(parts.head_end, f" ({listed}kdb_keys)")
    return fields


def _given(statement: Statement, parts: Insert, most: int) -> int:
    """How many columns the source gives when no list says so: the first ones, in order."""
    core = parts.cores[0]
    if core.kind == "values":
        first, end = statement.items(core.first, core.end)[0]
        count = len(statement.items(first + 1, end - 1))
    elif core.kind == "select":
        items = statement.items(core.first, core.end)
        # A star is taken to give every column; if it does not, PostgreSQL finds the lists of different length.
        count = most if any(statement.word(end - 1) == "*" for _, end in items) else len(items)
    else:
        chain = statement.chain(core.first)
        source = statement.resolver.entity(statement.parts(chain)) if chain is not None else None
        count = most if source is None else len(source.fields)
    if count > most:
        raise statement.refuse(core.first, "INSERT has more expressions than target columns", sqlstate=SYNTAX_ERROR)
    return count


def _source(statement: Statement, parts: Insert, fields: list[Field]) -> None:
    if parts.default_values:
        statement.replace(parts.source, parts.source + 2, "VALUES ('{}')")
        return
    rows_allow_default = len(parts.cores) == 1
    for core in parts.cores:
        if core.kind == "values":
            check_lengths(statement, core)
            for row in statement.items(core.first, core.end):
                _row(statement, parts, fields, row, rows_allow_default)
        elif core.kind == "select":
            _select(statement, parts, fields, core)
        else:
            statement.replace(core.first - 1, core.first, f"SELECT *, {_keys(statement, parts, fields)} FROM")


def check_lengths(statement: Statement, core: Core) -> None:
    lengths = set()
    for first, end in statement.items(core.first, core.end):
        lengths.add(len(statement.items(first + 1, end - 1)))
        if len(lengths) > 1:
            raise statement.refuse(first + 1, "VALUES lists must all be the same length", sqlstate=SYNTAX_ERROR)


def _row(statement: Statement, parts: Insert, fields: list[Field], row: tuple[int, int], allow_default: bool) -> None:
    cells = statement.items(row[0] + 1, row[1] - 1)
    if len(cells) > len(fields):
        raise statement.refuse(
            cells[len(fields)][0], "INSERT has more expressions than target columns", sqlstate=SYNTAX_ERROR
        )
    if len(cells) < len(fields):
        assert parts.columns is not None
        names = statement.items(*parts.columns)
        raise statement.refuse(
            names[len(cells)][0], "INSERT has more target columns than expressions", sqlstate=SYNTAX_ERROR
        )
    keys = []
    for field, (first, end) in zip(fields, cells, strict=True):
        is_left_out = field.identity and parts.overriding_user
        if is_left_out or (allow_default and is_default(statement, first, end)):
            statement.replace(first, end, "NULL")
        elif field.generated or (field.identity == "a" and parts.overriding is None):
            raise cannot_insert(field)
        else:
            keys.append(field.name)
    statement.insert_before(row[1] - 1, ", " + statement.keys_literal(keys) + "::text[]")


def _select(statement: Statement, parts: Insert, fields: list[Field], core: Core) -> None:
    keys = _keys(statement, parts, fields)
    if core.end > core.first:
        statement.insert_after(core.end - 1, ", " + keys)
    else:
        statement.insert_after(core.first - 1, " " + keys)


def _keys(statement: Statement, parts: Insert, fields: list[Field]) -> str:
    """What a query gives; of a column that OVERRIDING USER VALUE leaves out the default comes instead."""
    given = []
    for field in fields:
        if field.identity and parts.overriding_user:
            continue
        if field.generated or (field.identity == "a" and parts.overriding is None):
            raise cannot_insert(field)
        given.append(field.name)
    return statement.keys_literal(given) + "::text[]"


def _arbiter(statement: Statement, entity: Entity, parts: Insert) -> None:
    """A view has no constraints to name: ON CONSTRAINT becomes the constraint's columns."""
    conflict = parts.conflict
    if conflict is None or conflict.constraint is None or conflict.constraint_start is None:
        return
    name = statement.tokens[conflict.constraint].value
    index = entity.index(name)
    if index is None or not index.is_constraint:
        raise RewriteError(f'constraint "{name}" for table "{entity.name}" does not exist', sqlstate=UNDEFINED_OBJECT)
    columns = ", ".join(quote(column) for column in index.columns)
    statement.replace(conflict.constraint_start, conflict.constraint + 1, f"({columns})")
