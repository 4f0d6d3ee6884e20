"""INSERT ... ON CONFLICT and any INSERT into a client's view go to the write view: columns as fields of its record,
and what each row gives."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.model import Entity, Field
from rewriter.errors import SYNTAX_ERROR, UNDEFINED_OBJECT, RewriteError
from rewriter.lexer import quote
from rewriter.parse import Tree
from rewriter.parts import Core, Insert
from rewriter.rules.assignments import assignments
from rewriter.rules.column_parts import ColumnParts, is_part
from rewriter.rules.columns import (
    assigned_twice,
    cannot_insert,
    cannot_write,
    field_of,
    is_default,
    name_target,
    replace_target,
)
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
        assignments(statement, entity, parts.target, parts.conflict.assignments, "insert into")
    returning(statement, tree, entity, parts.target, parts.returning, None, is_upsert=parts.conflict is not None)


@dataclass(frozen=True, slots=True)
class _Columns:
    """What values are given for."""

    fields: list[Field]
    are_parts: list[bool]
    paths: str | None  # of the parts
    added: list[tuple[str, str]]  # what is not among them and has a default that only a view knows


def insert_into_record(statement: Statement, entity: Entity, parts: Insert, verb: str = "insert into") -> None:
    """The columns and values of an INSERT, also of one within MERGE."""
    if parts.overriding is not None:
        statement.replace(parts.overriding, parts.overriding + 3, "")
    _source(statement, parts, _columns(statement, entity, parts, verb))


def _columns(statement: Statement, entity: Entity, parts: Insert, verb: str) -> _Columns:
    """The fields that values are given for, and the column list as the write view wants it."""
    if parts.columns is not None:
        return _listed_columns(statement, entity, parts.columns, verb)
    fields = list(entity.fields)
    if parts.default_values:
        fields = []
    else:
        fields = fields[: _given(statement, parts, len(fields))]
    _check_writable(entity, fields, verb)
    _check_distinct(fields)
    listed = "".join(f"kdb_rec.{quote(field.written)}, " for field in fields)
    added = _added(entity, fields)
    statement.insert_after(parts.head_end, f" ({listed}kdb_keys{_targets(added)})")
    return _Columns(fields, [False] * len(fields), None, added)


def _check_writable(entity: Entity, fields: list[Field], verb: str) -> None:
    """A default of the view's own is given to its column, too."""
    for field in entity.fields:
        if field.target is None and (field in fields or field.is_view_default):
            raise cannot_write(entity, field, verb)


def _check_distinct(fields: list[Field]) -> None:
    """Several columns of a view may be one of the table's."""
    written: set[str] = set()
    for field in fields:
        if field.written in written:
            raise assigned_twice(field)
        written.add(field.written)


def _added(entity: Entity, fields: list[Field]) -> list[tuple[str, str]]:
    return [
        (field.written, field.default)
        for field in entity.fields
        if field.is_view_default and field.default is not None and field.target and field not in fields
    ] + list(entity.view_defaults)


def _targets(added: list[tuple[str, str]]) -> str:
    return "".join(f", kdb_rec.{quote(name)}" for name, _ in added)


def _listed_columns(statement: Statement, entity: Entity, columns: tuple[int, int], verb: str) -> _Columns:
    fields: list[Field] = []
    are_parts: list[bool] = []
    whole: list[Field] = []
    column_parts = ColumnParts(statement)
    for target in statement.items(*columns):
        field = field_of(statement, entity, target[0], is_insert=True)
        if field in (whole if is_part(target) else fields):
            raise statement.refuse(target[0], f'column "{field.name}" specified more than once', sqlstate="42701")
        fields.append(field)
        are_parts.append(is_part(target))
        if is_part(target):
            column_parts.add(target, field)
        else:
            whole.append(field)
            name_target(statement, target[0], field, "kdb_rec.")
    _check_writable(entity, fields, verb)
    _check_distinct(whole)
    paths = column_parts.literal() + "::text[]" if column_parts.are_any else None
    added = _added(entity, fields)
    statement.insert_after(columns[1] - 1, ", kdb_keys" + (", kdb_paths" if paths else "") + _targets(added))
    return _Columns(fields, are_parts, paths, added)


def _given(statement: Statement, parts: Insert, most: int) -> int:
    """How many columns the source gives when no list says so: the first ones, in order."""
    core = parts.cores[0]
    if core.kind == "values":
        first, end = statement.items(core.first, core.end)[0]
        count = len(statement.items(first + 1, end - 1))
    elif core.kind == "select":
        items = statement.items(core.first, core.end)
        if any(statement.word(end - 1) == "*" for _, end in items):
            # Where it is not known: every column. If that is wrong, PostgreSQL finds the lists of different length.
            width = _star_width(statement, core)
            count = most if width is None else len(items) - 1 + width
        else:
            count = len(items)
    else:
        chain = statement.chain(core.first)
        source = statement.resolver.entity(statement.parts(chain)) if chain is not None else None
        count = most if source is None else len(source.fields)
    if count > most:
        raise statement.refuse(core.first, "INSERT has more expressions than target columns", sqlstate=SYNTAX_ERROR)
    return count


_MORE = frozenset((",", "join", "cross", "natural", "inner", "left", "right", "full", "(", "tablesample"))


def _star_width(statement: Statement, core: Core) -> int | None:
    """How many columns a star gives: those of the one entity in FROM, if that is all there is."""
    tokens = range(len(statement.tokens))
    stars = sum(statement.word(end - 1) == "*" for _, end in statement.items(core.first, core.end))
    chain = statement.chain(core.end + 1) if statement.word(core.end) == "from" else None
    if chain is None or stars != 1 or any(statement.word(token) == "with" for token in tokens):
        return None
    after = chain.end
    if statement.word(after) == "as":
        after += 1
    if statement.word(after) in _MORE or statement.word(after + 1) in _MORE:
        return None
    entity = statement.resolver.entity(statement.parts(chain))
    return len(entity.fields) if entity is not None else None


def _source(statement: Statement, parts: Insert, columns: _Columns) -> None:
    if parts.default_values:
        statement.replace(parts.source, parts.source + 2, f"VALUES ({_keys_and_paths(statement, [], columns)})")
        return
    rows_allow_default = len(parts.cores) == 1
    for core in parts.cores:
        if core.kind == "values":
            check_lengths(statement, core)
            for row in statement.items(core.first, core.end):
                _row(statement, parts, columns, row, rows_allow_default)
        elif core.kind == "select":
            _select(statement, parts, columns, core)
        else:
            statement.replace(core.first - 1, core.first, f"SELECT *, {_keys(statement, parts, columns)} FROM")


def check_lengths(statement: Statement, core: Core) -> None:
    lengths = set()
    for first, end in statement.items(core.first, core.end):
        lengths.add(len(statement.items(first + 1, end - 1)))
        if len(lengths) > 1:
            raise statement.refuse(first + 1, "VALUES lists must all be the same length", sqlstate=SYNTAX_ERROR)


def _row(statement: Statement, parts: Insert, columns: _Columns, row: tuple[int, int], allow_default: bool) -> None:
    fields = columns.fields
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
    for field, is_part_of_it, (first, end) in zip(fields, columns.are_parts, cells, strict=True):
        if is_part_of_it:
            continue
        is_left_out = field.identity and parts.overriding_user
        if is_left_out or (allow_default and is_default(statement, first, end)):
            if field.is_view_default:
                keys.append(field.written)
            statement.replace(first, end, f"({field.default})" if field.is_view_default else "NULL")
        elif field.generated or (field.identity == "a" and parts.overriding is None):
            raise cannot_insert(field)
        else:
            keys.append(field.written)
    statement.insert_before(row[1] - 1, ", " + _keys_and_paths(statement, keys, columns))


def _select(statement: Statement, parts: Insert, columns: _Columns, core: Core) -> None:
    keys = _keys(statement, parts, columns)
    if core.end > core.first:
        statement.insert_after(core.end - 1, ", " + keys)
    else:
        statement.insert_after(core.first - 1, " " + keys)


def _keys(statement: Statement, parts: Insert, columns: _Columns) -> str:
    """What a query gives; of a column that OVERRIDING USER VALUE leaves out the default comes instead."""
    given = []
    for field, is_part_of_it in zip(columns.fields, columns.are_parts, strict=True):
        if (field.identity and parts.overriding_user) or is_part_of_it:
            continue
        if field.generated or (field.identity == "a" and parts.overriding is None):
            raise cannot_insert(field)
        given.append(field.written)
    return _keys_and_paths(statement, given, columns)


def _keys_and_paths(statement: Statement, given: list[str], columns: _Columns) -> str:
    keys = statement.keys_literal(given + [name for name, _ in columns.added]) + "::text[]"
    values = [keys] if columns.paths is None else [keys, columns.paths]
    return ", ".join(values + [f"({default})" for _, default in columns.added])


def _arbiter(statement: Statement, entity: Entity, parts: Insert) -> None:
    """A view has no constraints to name: ON CONSTRAINT becomes the constraint's columns."""
    conflict = parts.conflict
    if conflict is None or conflict.constraint is None or conflict.constraint_start is None:
        return
    name = statement.tokens[conflict.constraint].value
    index = entity.index(name)
    if index is None or not index.is_constraint:
        raise RewriteError(f'constraint "{name}" for table "{entity.name}" does not exist', sqlstate=UNDEFINED_OBJECT)
    columns = ", ".join(index.columns)
    statement.replace(conflict.constraint_start, conflict.constraint + 1, f"({columns})")
