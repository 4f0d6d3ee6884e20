"""Every type survives being a document, whatever the session's settings are when it is written or read."""

from __future__ import annotations

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows

SESSIONS = (
    (),
    (
        "SET DateStyle = 'SQL, DMY'",
        "SET IntervalStyle = 'sql_standard'",
        "SET TimeZone = 'Asia/Kathmandu'",
        "SET extra_float_digits = 0",
        "SET bytea_output = 'escape'",
    ),
    (
        "SET DateStyle = 'German'",
        "SET IntervalStyle = 'iso_8601'",
        "SET TimeZone = 'America/New_York'",
        "SET extra_float_digits = -5",
    ),
)

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b text, d date);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN short AS varchar(5) DEFAULT 'zz';
CREATE DOMAIN ints AS int[];
CREATE DOMAIN moment AS timestamptz;
CREATE DOMAIN document AS jsonb;
CREATE DOMAIN whole AS int;
CREATE DOMAIN wholes AS whole[];
"""

VALUES = {
    "int2": ["32767", "-32768"],
    "int4": ["2147483647"],
    "int8": ["9223372036854775807", "-9223372036854775808"],
    "numeric": ["NaN", "Infinity", "-Infinity", "1.500", "0.000", "12345678901234567890.123456789", "1e-20"],
    "numeric(10,2)": ["1.5", "-0.005"],
    "float4": ["nan", "inf", "-inf", "-0", "0", "1.1", "3.4e38", "1e-45"],
    "float8": ["nan", "inf", "-inf", "-0", "0.1", "1.7976931348623157e308", "5e-324", "0.30000000000000004"],
    "bool": ["t", "f"],
    "text": ["", 'a\\b"c', "é\n\t'", "null"],
    "varchar(5)": ["ab ", "abcde"],
    "char(4)": ["ab", ""],
    '"char"': ["a", "", "\\377"],
    "name": ["nm"],
    "bytea": ["\\x00ff27", "", "\\xdeadbeef"],
    "date": ["2020-02-29", "0044-03-15 BC", "infinity", "-infinity", "5874897-12-31"],
    "time": ["23:59:59.999999", "24:00:00"],
    "time(2)": ["12:00:00.126"],
    "timetz": ["12:00:00+05:45", "00:00-15:59"],
    "timestamp": ["2020-01-01 12:34:56.789", "4713-01-01 00:00:00 BC", "infinity", "294276-12-31 23:59:59.999999"],
    "timestamp(3)": ["2020-01-01 12:34:56.7896"],
    "timestamptz": ["2020-07-01 12:00+02", "0044-03-15 00:00+00 BC", "infinity", "-infinity"],
    "timestamptz(0)": ["2020-07-01 12:00:00.6+02"],
    "interval": ["1 year 2 mons -3 days 04:05:06.789", "-1 day +02:03:04", "-00:00:01", "0", "-1 year"],
    "interval(2)": ["1.239 s"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "inet": ["1.2.3.4", "::1/64"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "bit(3)": ["101"],
    "varbit": ["10101", ""],
    "money": ["$1,234.56", "-$0.01"],
    "json": ['{"a":  1, "a":2}', "null"],
    "jsonb": ['{"b":1,"a":[null,{"x":null}]}', "null", '"s"'],
    "tsvector": ["a:1 b:2"],
    "tsquery": ["a & b"],
    "point": ["(0.1,0.30000000000000004)"],
    "box": ["(1,1),(0,0)"],
    "path": ["[(0,0),(1,1.1)]"],
    "polygon": ["((0,0),(1,1.1),(1,0))"],
    "circle": ["<(0,0.1),1.1>"],
    "line": ["{1,2,3}"],
    "lseg": ["[(0,0),(1,1)]"],
    "int4[]": ["{1,NULL,3}", "{}", "[0:1]={5,6}", "{{1,2},{3,4}}"],
    "text[]": ['{"a,b",NULL,"NULL",""}'],
    "varchar(5)[]": ["{ab,cd}"],
    "date[]": ["{2020-01-02,infinity}"],
    "float8[]": ["{0.30000000000000004,-0}"],
    "timestamptz[]": ["{2020-07-01 12:00+02}"],
    "bytea[]": ['{"\\\\xdead"}'],
    "interval[]": ["{1 day -02:00:00}"],
    "numeric(5,2)[]": ["{1.5,2}"],
    "int4range": ["[1,5)", "empty", "(,)"],
    "daterange": ["[2020-01-01,2020-02-02)"],
    "tstzrange": ['["2020-01-01 00:00+00",]'],
    "numrange": ["[1.5,2.50]"],
    "int4multirange": ["{[1,3),[5,7)}", "{}"],
    "oid": ["4294967295"],
    "regclass": ["pg_class"],
    "regclass[]": ["{pg_class}"],
    "regtype": ["integer"],
    "pg_lsn": ["16/B374D848"],
    "xid": ["5"],
    "tid": ["(0,1)"],
    "jsonpath": ["$.a[*]"],
    "pg_snapshot": ["10:20:10,14"],
    "mood": ["sad", "ok"],
    "mood[]": ["{sad,ok}"],
    "pair": ['(1,"a b",2020-01-02)', "(,,)"],
    "pair[]": ['{"(1,x,2020-01-02)"}'],
    "positive": ["5"],
    "short": ["abc"],
    "ints": ["{1,2}"],
    "moment": ["2020-01-01 00:00+00"],
    "document": ['{"a":null}', "null"],
    "wholes": ["{1,2}"],
}


@pytest.fixture
def sessions(catalog: CatalogDatabase) -> list[psycopg.Connection[object]]:
    made = [catalog.session(*settings) for settings in SESSIONS]
    made[0].execute(TYPES)
    return made


@pytest.fixture
def native(catalog: CatalogDatabase) -> list[psycopg.Connection[object]]:
    return [catalog.session(*settings, "SET search_path = native, public", storage="''") for settings in SESSIONS]


def test_values_are_the_native_ones(
    catalog: CatalogDatabase, sessions: list[psycopg.Connection[object]], native: list[psycopg.Connection[object]]
) -> None:
    native[0].execute("CREATE SCHEMA native")
    for number, (type_name, values) in enumerate(VALUES.items()):
        sessions[0].execute(f"CREATE TABLE public.t{number} (id int PRIMARY KEY, v {type_name})".encode())
        native[0].execute(f"CREATE TABLE native.t{number} (id int PRIMARY KEY, v {type_name})".encode())
        views = catalog.views(f"public.t{number}")
        key = 0
        for shared_session, native_session in zip(sessions, native, strict=True):
            for value in [*values, None]:
                key += 1
                native_session.execute(
                    f"INSERT INTO native.t{number} VALUES (%s, %s::text::{type_name})".encode(), (key, value)
                )
                shared_session.execute(
                    f"INSERT INTO {views['insert']} VALUES (%s, %s::text::{type_name})".encode(), (key, value)
                )
                shared_session.execute(
                    f"INSERT INTO {views['write']} (kdb_rec.id, kdb_rec.v, kdb_keys)"
                    f" VALUES (%s, %s::text::{type_name}, '{{id,v}}')".encode(),
                    (key + 1000, value),
                )
        for shared_session, native_session in zip(sessions, native, strict=True):
            expected = rows(native_session, f"SELECT id, v::text FROM native.t{number} ORDER BY id")
            inserted = rows(shared_session, f"SELECT id, v::text FROM {views['read']} WHERE id < 1000 ORDER BY id")
            upserted = rows(
                shared_session, f"SELECT id - 1000, v::text FROM {views['read']} WHERE id > 1000 ORDER BY id"
            )
            assert inserted == expected, type_name
            assert upserted == expected, type_name
        stored = rows(sessions[0], f"SELECT count(DISTINCT data - 'id') FROM {views['records']}")[0][0]
        assert stored <= len(values) + 1, f"{type_name}: what is stored depends on the session"


def test_every_type_that_can_be_indexed_is(
    catalog: CatalogDatabase, sessions: list[psycopg.Connection[object]], native: list[psycopg.Connection[object]]
) -> None:
    native[0].execute("CREATE SCHEMA native")
    for number, type_name in enumerate(VALUES):
        outcomes = []
        for session, schema in ((native[0], "native"), (sessions[0], "public")):
            session.execute(f"CREATE TABLE {schema}.t{number} (v {type_name})".encode())
            try:
                session.execute(f"CREATE INDEX ON {schema}.t{number} (v)".encode())
                outcomes.append("created")
            except psycopg.Error as error:
                outcomes.append(str(error.sqlstate))
        assert outcomes[0] == outcomes[1], type_name
