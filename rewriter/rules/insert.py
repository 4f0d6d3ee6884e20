"""INSERT without ON CONFLICT goes to the insert view, which does the rest in PostgreSQL; ON CONFLICT is upsert.py's."""

from __future__ import annotations

from catalog.model import Entity, Field
from rewriter.parse import Tree
from rewriter.parts import Insert
from rewriter.rules.columns import cannot_insert, field_of, is_default, replace_target
from rewriter.rules.returning import whole_rows
from rewriter.rules.system_columns import uses_system_columns
from rewriter.rules.upsert import upsert
from rewriter.statement import Statement


def insert(statement: Statement, tree: Tree, entity: Entity, parts: Insert) -> None:
    """INSERT INTO orders VALUES (1)  ->  INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES (1)"""
    if (
        parts.conflict is not None
        or entity.is_view
        or uses_system_columns(statement, tree, parts.returning)
        or (parts.overriding_user and not _is_plain_values(parts))
        or _makes_rows(statement, parts)
    ):
        upsert(statement, tree, entity, parts)
        return
    replace_target(statement, parts.target, entity.insert_view)
    whole_rows(statement, tree, entity, parts.target, parts.returning)
    overriding(statement, parts)
    fields = given_fields(statement, entity, parts)
    check_values(statement, fields, parts)


def _is_plain_values(parts: Insert) -> bool:
    return len(parts.cores) == 1 and parts.cores[0].kind == "values"


#: PostgreSQL's functions that return sets, but those that tell about the server.
_SETS = frozenset(
    "aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each"  # noqa: SIM905
    " json_each_text json_object_keys json_populate_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each"
    " jsonb_each_text jsonb_object_keys jsonb_path_query jsonb_path_query_tz jsonb_populate_recordset regexp_matches"
    " regexp_split_to_table string_to_table unnest".split()
)


def _makes_rows(statement: Statement, parts: Insert) -> bool:
    """VALUES (generate_series(1, 9), 'x') is nine rows, which a rule, the insert view's, cannot make of one."""
    if not _is_plain_values(parts):
        return False
    first, end = parts.cores[0].first, parts.cores[0].end
    return any(
        statement.is_name(token) and statement.tokens[token].value in _SETS and statement.word(token + 1) == "("
        for token in range(first, end)
    )


def overriding(statement: Statement, parts: Insert) -> None:
    """A view has no identity column to override: the clause goes."""
    if parts.overriding is not None:
        statement.replace(parts.overriding, parts.overriding + 3, "")


def given_fields(statement: Statement, entity: Entity, parts: Insert) -> list[Field]:
    """The fields that values are given for; without a list of columns, at most these."""
    if parts.default_values:
        return []
    if parts.columns is None:
        return list(entity.fields)
    return [field_of(statement, entity, first, is_insert=True) for first, _ in statement.items(*parts.columns)]


def check_values(statement: Statement, fields: list[Field], parts: Insert) -> None:
    """GENERATED ALWAYS, which the view does not know about, as PostgreSQL checks it."""
    if not any(field.identity or field.generated for field in fields):
        return
    user = parts.overriding is not None and parts.overriding_user
    system = parts.overriding is not None and not parts.overriding_user
    for core in parts.cores:
        if core.kind == "values" and len(parts.cores) == 1:
            for row in statement.items(core.first, core.end):
                _check_row(statement, fields, row, user=user, system=system)
        else:
            covered = len(fields)
            if core.kind == "select" and parts.columns is None:
                covered = _width(statement, core.first, core.end, len(fields))
            for field in fields[:covered]:
                _check_field(field, system=system)


def _check_row(statement: Statement, fields: list[Field], row: tuple[int, int], *, user: bool, system: bool) -> None:
    for field, (first, end) in zip(fields, statement.items(row[0] + 1, row[1] - 1), strict=False):
        if not (field.identity or field.generated) or is_default(statement, first, end):
            continue
        if field.identity and user:
            statement.replace(first, end, "DEFAULT")
        elif field.generated or (field.identity == "a" and not system):
            raise cannot_insert(field)


def _check_field(field: Field, *, system: bool) -> None:
    """The same for a query, which can give no DEFAULT."""
    if field.generated or (field.identity == "a" and not system):
        raise cannot_insert(field)


def _width(statement: Statement, first: int, end: int, most: int) -> int:
    """How many columns a select list has; with a star in it, taken to be all there is room for."""
    items = statement.items(first, end)
    if any(statement.word(stop - 1) == "*" for _, stop in items):
        return most
    return min(len(items), most)
