"""Python values through psycopg 3: into an entity and back, in text and in binary."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.hstore import register_hstore
from psycopg.types.json import Json, Jsonb
from psycopg.types.multirange import Multirange, MultirangeInfo, register_multirange
from psycopg.types.numeric import Float4, Float8, Int2, Int8
from psycopg.types.range import Range, RangeInfo, register_range

from tests.clients.support import Target

Connection = psycopg.Connection[Any]

UTC = dt.UTC
UUID = uuid.UUID("0f0e0d0c-0b0a-0908-0706-050403020100")

# SQL type, value sent; what comes back is the same value unless a third item says otherwise.
VALUES: list[tuple[Any, ...]] = [
    ("bool", True),
    ("bool", False),
    ("smallint", Int2(-32768), -32768),
    ("int", 2**31 - 1),
    ("bigint", Int8(-(2**63)), -(2**63)),
    ("bigint", 2**53 + 1),
    ("real", Float4(-0.375), -0.375),
    ("float8", 0.1),
    ("float8", Float8(1e-320)),
    ("float8", -0.0),
    ("float8", math.inf),
    ("float8", -math.inf),
    ("numeric", Decimal("1.10")),
    ("numeric", Decimal("-12345678901234567890123456789.000000000000000000010")),
    ("numeric", Decimal("Infinity")),
    ("numeric(12,4)", Decimal("3.14159"), Decimal("3.1416")),
    ("text", "quotes ' \" \\ and \u2028 and 🦎"),
    ("text", ""),
    ("varchar(4)", "abcd"),
    ("char(6)", "ab", "ab    "),
    ("bytea", bytes(range(256))),
    ("bytea", b""),
    ("date", dt.date(1, 1, 1)),
    ("date", dt.date.max),
    ("time", dt.time(23, 59, 59, 999999)),
    ("timetz", dt.time(12, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5)))),
    ("timestamp", dt.datetime(2024, 2, 29, 12, 0, 0, 1)),
    ("timestamptz", dt.datetime(1900, 1, 1, tzinfo=UTC)),
    ("timestamptz", dt.datetime(2024, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))),
    ("interval", dt.timedelta(days=-3, seconds=5, microseconds=7)),
    ("uuid", UUID),
    ("inet", ipaddress.ip_interface("10.1.2.3/8")),
    ("inet", ipaddress.ip_address("2001:db8::1")),
    ("cidr", ipaddress.ip_network("192.168.0.0/24")),
    ("jsonb", Jsonb({"b": [1, 2.5, None, True, "ü"], "a": {}}), {"b": [1, 2.5, None, True, "ü"], "a": {}}),
    ("jsonb", Jsonb("just text"), "just text"),
    ("json", Json([1, {"x": None}]), [1, {"x": None}]),
    ("int[]", [1, None, 3]),
    ("int[]", []),
    ("int[][]", [[1, 2], [3, 4]]),
    ("text[]", ["a,b", "{}", 'q"uote', "", None, "NULL", "\\"]),
    ("timestamptz[]", [dt.datetime(2024, 1, 1, tzinfo=UTC), None]),
    ("numeric(6,2)[]", [Decimal("1.005"), Decimal("-9")], [Decimal("1.01"), Decimal("-9.00")]),
    ("uuid[]", [UUID]),
    ("bytea[]", [b"\x00\xff", b""]),
    ("int4range", Range(1, 10)),
    ("int4range", Range(empty=True)),
    ("numrange", Range(Decimal("1.5"), None, "(]"), Range(Decimal("1.5"), None, "()")),
    ("tstzrange", Range(dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2024, 2, 1, tzinfo=UTC), "[]")),
    ("daterange[]", [Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))]),
    ("int4multirange", Multirange([Range(1, 3), Range(5, 8)])),
]


@pytest.fixture(scope="module")
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def wide(connection: Connection) -> None:
    """One entity with a column for each of the values."""
    columns = ", ".join(f"v{n} {case[0]}" for n, case in enumerate(VALUES))
    connection.execute(f"CREATE TABLE wide (id serial PRIMARY KEY, {columns})".encode())


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("n", range(len(VALUES)), ids=[f"{n}-{case[0]}" for n, case in enumerate(VALUES)])
def test_value(connection: Connection, wide: None, n: int, binary: bool) -> None:
    _, value, *rest = VALUES[n]
    expected = rest[0] if rest else value
    cursor = connection.cursor(binary=binary)
    marker = "%b" if binary else "%t"
    cursor.execute(f"INSERT INTO wide (v{n}) VALUES ({marker}), (NULL) RETURNING id, v{n}".encode(), (value,))
    [(first, returned), (second, nothing)] = cursor.fetchall()
    assert (returned, nothing) == (expected, None)
    cursor.execute(f"UPDATE wide SET v{n} = {marker} WHERE id = %s AND v{n} IS NULL".encode(), (value, second))
    assert cursor.rowcount == 1
    read = cursor.execute(f"SELECT v{n} FROM wide WHERE id IN (%s, %s)".encode(), (first, second)).fetchall()
    assert read == [(expected,), (expected,)]
    if isinstance(expected, float):
        assert math.copysign(1, read[0][0]) == math.copysign(1, expected)


def test_not_a_number(connection: Connection) -> None:
    connection.execute("CREATE TABLE numbers (f float8, n numeric, r real)")
    connection.execute("INSERT INTO numbers VALUES (%s, %s, %s)", (math.nan, Decimal("NaN"), math.nan))
    for binary in (False, True):
        [(f, n, r)] = (
            connection.cursor(binary=binary).execute("SELECT * FROM numbers WHERE f = 'NaN' AND n = 'NaN'").fetchall()
        )
        assert (math.isnan(f), n.is_nan(), math.isnan(r)) == (True, True, True)


def test_json_null_is_not_sql_null(target: Target, connection: Connection) -> None:
    connection.execute("CREATE TABLE payloads (id int, body jsonb)")
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO payloads VALUES (%s, %s)", [(1, Jsonb(None)), (2, None), (3, Jsonb({"k": None}))])
    found = connection.execute("SELECT id, body, body IS NULL, body::text FROM payloads ORDER BY id").fetchall()
    assert found == [(1, None, False, "null"), (2, None, True, None), (3, {"k": None}, False, '{"k": null}')]
    connection.execute("UPDATE payloads SET body = body || '{\"n\": 1.50}' WHERE id = 3")
    assert connection.execute(
        "SELECT body->>'n', body ? 'k' FROM payloads WHERE body @> '{\"n\": 1.5}'"
    ).fetchall() == [("1.50", True)]
    if target.proxied:
        assert {"id": 1, "body": None} in target.documents("payloads")
        assert {"id": 2} in target.documents("payloads")


def test_enum(target: Target, connection: Connection) -> None:
    class Mood(enum.Enum):
        sad = "sad"
        very_happy = "very happy"

    connection.execute("CREATE TYPE mood AS ENUM ('sad', 'very happy')")
    connection.execute("CREATE TABLE moods (id int PRIMARY KEY, now mood NOT NULL DEFAULT 'sad', past mood[])")
    info = EnumInfo.fetch(connection, "mood")
    assert info is not None
    register_enum(info, connection, Mood, mapping=[(Mood.sad, "sad"), (Mood.very_happy, "very happy")])
    connection.execute("INSERT INTO moods VALUES (1, %s, %s)", (Mood.very_happy, [Mood.sad, Mood.very_happy]))
    connection.execute("INSERT INTO moods (id) VALUES (2)")
    for binary in (False, True):
        rows = connection.cursor(binary=binary).execute("SELECT now, past FROM moods ORDER BY now").fetchall()
        assert rows == [(Mood.sad, None), (Mood.very_happy, [Mood.sad, Mood.very_happy])]
    assert connection.execute("SELECT id FROM moods WHERE now = %s", (Mood.sad,)).fetchall() == [(2,)]
    with pytest.raises(errors.InvalidTextRepresentation, match='invalid input value for enum mood: "bored"'):
        connection.execute("INSERT INTO moods VALUES (3, 'bored')")
    connection.execute("ALTER TYPE mood ADD VALUE 'bored' BEFORE 'very happy'")
    connection.execute("INSERT INTO moods VALUES (3, 'bored')")
    assert connection.execute("SELECT id FROM moods ORDER BY now").fetchall() == [(2,), (3,), (1,)]
    target.assert_stored("moods", 3)


def test_composite(target: Target, connection: Connection) -> None:
    connection.execute("CREATE TYPE address AS (street text, zip char(5), at point)")
    connection.execute("CREATE TABLE homes (id int, address address, earlier address[])")
    info: Any = CompositeInfo.fetch(connection, "address")
    register_composite(info, connection)
    address = info.python_type("Rue de l'Église, 5", "75001", None)
    connection.execute("INSERT INTO homes VALUES (1, %s, %s)", (address, [address, None]))
    for binary in (False, True):
        found = connection.cursor(binary=binary).execute("SELECT address, earlier, (address).zip FROM homes").fetchall()
        assert found == [(address, [address, None], "75001")]
    target.assert_stored("homes", 1)


def test_a_row_of_an_entity_as_a_composite(connection: Connection) -> None:
    connection.execute("CREATE TABLE points (x int, y float8, label varchar(9))")
    connection.execute("INSERT INTO points VALUES (1, 2.5, 'a'), (3, 4, NULL)")
    info: Any = CompositeInfo.fetch(connection, "points")
    register_composite(info, connection)
    found = connection.execute("SELECT points FROM points ORDER BY x").fetchall()
    assert [row[0] for row in found] == [info.python_type(1, 2.5, "a"), info.python_type(3, 4.0, None)]
    found = connection.execute("SELECT array_agg(p ORDER BY x) FROM points p").fetchall()
    assert found == [([info.python_type(1, 2.5, "a"), info.python_type(3, 4.0, None)],)]
    assert connection.execute("SELECT row_to_json(p)::text FROM points p WHERE x = 3").fetchall() == [
        ('{"x":3,"y":4,"label":null}',)
    ]


def test_own_ranges_and_domains(connection: Connection) -> None:
    connection.execute("CREATE TYPE floats AS RANGE (subtype = float8, multirange_type_name = multifloats)")
    connection.execute("CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    connection.execute("CREATE TABLE limits (span floats, several floats[], many multifloats, size positive)")
    info = RangeInfo.fetch(connection, "floats")
    multi = MultirangeInfo.fetch(connection, "multifloats")
    assert info is not None
    assert multi is not None
    register_range(info, connection)
    register_multirange(multi, connection)
    spans = Multirange([Range(0.0, 0.5), Range(2.0, 3.0)])
    connection.execute("INSERT INTO limits VALUES (%s, %s, %s, 5)", (Range(0.5, 1.5), [Range(1.0, None)], spans))
    for binary in (False, True):
        found = (
            connection.cursor(binary=binary)
            .execute("SELECT span, several, many, size FROM limits WHERE span @> 0.75::float8")
            .fetchall()
        )
        assert found == [(Range(0.5, 1.5), [Range(1.0, None, "[)")], spans, 5)]
    with pytest.raises(errors.CheckViolation) as caught:
        connection.execute("INSERT INTO limits (size) VALUES (-1)")
    assert caught.value.diag.message_primary == 'value for domain positive violates check constraint "positive_check"'
    assert (caught.value.diag.datatype_name, caught.value.diag.constraint_name) == ("positive", "positive_check")


def test_parameter_types_are_those_of_the_columns(connection: Connection) -> None:
    """Untyped parameters take the type of the column that they go to, or are compared with."""
    connection.execute("CREATE TABLE typed (i int2, d date, j jsonb, a int[], u uuid, e numeric(5,2))")
    result = connection.pgconn.prepare(b"ins", b"INSERT INTO typed VALUES ($1,$2,$3,$4,$5,$6)")
    assert result.error_message == b""
    described = connection.pgconn.describe_prepared(b"ins")
    assert [described.param_type(n) for n in range(described.nparams)] == [21, 1082, 3802, 1007, 2950, 1700]
    result = connection.pgconn.prepare(b"upd", b"UPDATE typed SET i=$1,d=$2 WHERE u=$3 AND e>$4 RETURNING *")
    assert result.error_message == b""
    described = connection.pgconn.describe_prepared(b"upd")
    assert [described.param_type(n) for n in range(described.nparams)] == [21, 1082, 2950, 1700]
    assert [described.ftype(n) for n in range(described.nfields)] == [21, 1082, 3802, 1007, 2950, 1700]
    assert described.fmod(5) == (5 << 16 | 2) + 4


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DateStyle", "German, DMY"),
        ("IntervalStyle", "iso_8601"),
        ("extra_float_digits", "-5"),
        ("bytea_output", "escape"),
        ("TimeZone", "Asia/Kathmandu"),
    ],
)
def test_what_is_stored_does_not_depend_on_the_session(target: Target, setting: str, value: str) -> None:
    with psycopg.connect(target.url, autocommit=True) as plain, psycopg.connect(target.url, autocommit=True) as styled:
        plain.execute("DROP TABLE IF EXISTS moments")
        plain.execute("CREATE TABLE moments (w text, d date, t timestamptz, i interval, f float8, b bytea)")
        styled.execute("SELECT set_config(%s, %s, false)", (setting, value))
        for connection, who in ((plain, "plain"), (styled, "styled")):
            connection.execute(
                "INSERT INTO moments VALUES (%s, DATE '2024-02-03', TIMESTAMPTZ '2024-02-03 04:05:06+07',"
                " INTERVAL '1 year 2 days -3 hours',"
                " 0.1::float8 + 0.2::float8, '\\x00ff41')",
                (who,),
            )
        written = plain.execute("SELECT DISTINCT d::text, t::text, i::text, f::text, b::text FROM moments").fetchall()
        assert len(written) == 1
        if target.proxied:
            documents = [{k: v for k, v in document.items() if k != "w"} for document in target.documents("moments")]
            assert documents[0] == documents[1]


def test_hstore_when_the_server_has_it(target: Target, connection: Connection) -> None:
    if not target.admin("SELECT 1 FROM pg_available_extensions WHERE name = 'hstore'"):
        pytest.skip("the server has no hstore")
    target.admin("CREATE EXTENSION hstore")
    info = TypeInfo.fetch(connection, "hstore")
    assert info is not None
    register_hstore(info, connection)
    connection.execute("CREATE TABLE bags (id int, attrs hstore)")
    connection.execute("INSERT INTO bags VALUES (1, %s)", ({"a": "1", "b": None, 'q"': "\\"},))
    assert connection.execute("SELECT attrs, attrs -> 'a' FROM bags WHERE attrs ? 'b'").fetchall() == [
        ({"a": "1", "b": None, 'q"': "\\"}, "1")
    ]
    target.assert_stored("bags", 1)
