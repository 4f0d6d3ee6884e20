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


#: What may stand before a parenthesis in VALUES, and gives one value for sure. It need not be all that does.
_SINGLE = frozenset(
    "abs age all and any array_agg array_append array_cat array_length array_to_json array_to_string ascii between"  # noqa: SIM905
    " bit bpchar btrim case cast ceil ceiling char char_length character chr clock_timestamp coalesce concat"
    " concat_ws convert_from convert_to count crypt current_date current_setting current_time current_timestamp"
    " currval date_part date_trunc dec decimal decode default digest else encode exists exp extract float floor"
    " format gen_random_bytes gen_random_uuid gen_salt greatest hashtext host in initcap int4range int8range"
    " interval json_build_array json_build_object json_object jsonb_build_array jsonb_build_object jsonb_object"
    " jsonb_set jsonb_strip_nulls lastval least left length like ln localtime localtimestamp log lower lpad ltrim"
    " make_date make_interval make_time make_timestamp make_timestamptz max md5 min mod national nchar nextval not"
    " now nullif numeric numrange octet_length or overlay pg_backend_pid phraseto_tsquery plainto_tsquery point"
    " position power quote_ident quote_literal random range_merge repeat replace reverse right round row row_to_json"
    " rpad rtrim setval sha224 sha256 sha384 sha512 sign some split_part sqrt statement_timestamp string_agg strpos"
    " substr substring sum time timeofday timestamp timestamptz timetz to_char to_date to_hex to_json to_jsonb"
    " to_number to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trunc tsrange tstzrange"
    " txid_current upper uuid_generate_v1 uuid_generate_v4 uuidv4 uuidv7 values varbit varchar varying"
    " websearch_to_tsquery when width_bucket".split()
)


def _makes_rows(statement: Statement, parts: Insert) -> bool:
    """VALUES (generate_series(1, 9), 'x') is nine rows, which a rule, the insert view's, cannot make of one. Nobody but
    PostgreSQL knows of a client's own function whether it is such a one."""
    if not _is_plain_values(parts):
        return False
    tokens = statement.tokens
    return any(
        statement.is_name(token)
        and statement.word(token + 1) == "("
        and (tokens[token].value not in _SINGLE or _has_schema(statement, token))
        for token in range(parts.cores[0].first, parts.cores[0].end)
    )


def _has_schema(statement: Statement, token: int) -> bool:
    """Of a client's own, that is."""
    return statement.word(token - 1) == "." and statement.word(token - 2) != "pg_catalog"


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
