"""Whether an index on a column serves a comparison with a value, as far as the value's text tells.

    int_column = 5          int_column = $1::bigint        timestamptz_column > now() - interval '1 day'
    int_column = 5.0        char_column = 'x'::text        text_column = 'x' COLLATE "C"      int_column = random()

Those above are, those below are not: there the column is converted, the index is sorted otherwise, or the value is
another for each row. What is not known for sure is taken for one of these.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from catalog.model import Field

#: Takes the type of what it is compared with.
_UNKNOWN = "unknown"
_FAMILIES = {
    "smallint": "int",
    "integer": "int",
    "bigint": "int",
    "numeric": "numeric",
    "real": "float",
    "double precision": "float",
    "text": "text",
    "character varying": "text",
    "character": "bpchar",
    "date": "datetime",
    "timestamp without time zone": "datetime",
    "timestamp with time zone": "datetime",
    "interval": "interval",
    "boolean": "boolean",
    "uuid": "uuid",
}
#: What may stand beside a column of a family so that the column is not converted.
_BESIDE = {"numeric": {"int"}, "float": {"int", "numeric"}}
_CASTS = {
    exp.DType.SMALLINT: "int",
    exp.DType.INT: "int",
    exp.DType.BIGINT: "int",
    exp.DType.DECIMAL: "numeric",
    exp.DType.FLOAT: "float",
    exp.DType.DOUBLE: "float",
    exp.DType.TEXT: "text",
    exp.DType.VARCHAR: "text",
    exp.DType.CHAR: "bpchar",
    exp.DType.DATE: "datetime",
    exp.DType.TIMESTAMP: "datetime",
    exp.DType.TIMESTAMPTZ: "datetime",
    exp.DType.INTERVAL: "interval",
    exp.DType.BOOLEAN: "boolean",
    exp.DType.UUID: "uuid",
}
_OIDS = {
    **dict.fromkeys((0, 705), _UNKNOWN),
    **dict.fromkeys((20, 21, 23, 1005, 1007, 1016), "int"),
    **dict.fromkeys((1700, 1231), "numeric"),
    **dict.fromkeys((700, 701, 1021, 1022), "float"),
    **dict.fromkeys((25, 1043, 1009, 1015), "text"),
    **dict.fromkeys((1042, 1014), "bpchar"),
    **dict.fromkeys((1082, 1114, 1184, 1182, 1115, 1185), "datetime"),
    **dict.fromkeys((1186, 1187), "interval"),
    **dict.fromkeys((16, 1000), "boolean"),
    **dict.fromkeys((2950, 2951), "uuid"),
}
_NOW = (exp.CurrentDate, exp.CurrentTimestamp, exp.Localtimestamp)


def is_comparable(column: Field, value: exp.Expr, param_types: Sequence[int]) -> bool:
    """`value`: that, or ANY of an array of such."""
    if isinstance(value, exp.Any):
        value = value.this
    found = _type_of(value, param_types)
    if found is None:
        return False
    family = _family(column)
    return found in (_UNKNOWN, family, str(column.type_oid)) or found in _BESIDE.get(family, ())


def are_comparable(one: Field, other: Field) -> bool:
    """For an index on either."""
    return _family(one) == _family(other)


def _family(column: Field) -> str:
    # numeric(10,2), character varying(40), timestamp(3) with time zone
    head, _, rest = column.type_name.partition("(")
    plain = head + rest.partition(")")[2]
    return _FAMILIES.get(plain, str(column.type_oid))


def _type_of(value: exp.Expr, param_types: Sequence[int]) -> str | None:
    """A family, an OID as text, or None for what is no value that is known before any row is read."""
    if isinstance(value, exp.Literal):
        if value.is_string:
            return _UNKNOWN
        return "int" if value.this.isdigit() else "numeric"
    if isinstance(value, exp.Boolean):
        return "boolean"
    if isinstance(value, exp.Parameter):
        return _type_of_parameter(value, param_types)
    if isinstance(value, exp.Paren | exp.Neg):
        return _type_of(value.this, param_types)
    if isinstance(value, exp.Cast):
        target = value.to.expressions[0] if value.to.this is exp.DType.ARRAY and value.to.expressions else value.to
        return None if _type_of(value.this, param_types) is None else _CASTS.get(target.this)
    if isinstance(value, exp.Interval):
        return "interval"
    if isinstance(value, _NOW):
        return "datetime"
    if isinstance(value, exp.TimestampTrunc | exp.DateTrunc):
        return "datetime" if _type_of(value.this, param_types) == "datetime" else None
    if isinstance(value, exp.Lower | exp.Upper):
        return "text" if _type_of(value.this, param_types) in (_UNKNOWN, "text") else None
    if isinstance(value, exp.Array):
        types = {_type_of(each, param_types) for each in value.expressions}
        return types.pop() if len(types) == 1 else None
    if isinstance(value, exp.Add | exp.Sub):
        left, right = _type_of(value.this, param_types), _type_of(value.expression, param_types)
        if left == "datetime":
            return left if right in ("int", "interval") else None
        return left if left == right == "int" else None
    return None


def _type_of_parameter(value: exp.Parameter, param_types: Sequence[int]) -> str | None:
    number = value.this.this if isinstance(value.this, exp.Literal) else ""
    if not number.isdigit():
        return None
    place = int(number) - 1
    if place >= len(param_types):
        return _UNKNOWN
    oid = param_types[place]
    return _OIDS.get(oid, str(oid))
