"""Uses a database by ODBC in every way, and prints what it sees, section by section. It knows nothing of a proxy:
test_odbc.py runs it directly and through one, and compares. Nothing that is printed may depend on OIDs or the clock.
"""

from __future__ import annotations

import ctypes
import datetime
import decimal
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pyodbc

SECTIONS: dict[str, Callable[[Probe], None]] = {}

NEEDED = """
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE SCHEMA other;
    CREATE TABLE people (
        id serial PRIMARY KEY,
        name varchar(40) NOT NULL,
        email text UNIQUE,
        born date,
        height numeric(5, 2) CHECK (height > 0),
        "Mixed Case" text DEFAULT 'it''s',
        feeling mood DEFAULT 'ok',
        age positive,
        initials char(3),
        upper_name text GENERATED ALWAYS AS (upper(name)) STORED
    );
    COMMENT ON TABLE people IS 'Those who count';
    COMMENT ON COLUMN people.born IS 'A day';
    CREATE INDEX people_born ON people (born DESC, name);
    CREATE INDEX people_lower ON people (lower(name)) WHERE height > 1;
    CREATE TABLE orders (
        person int NOT NULL REFERENCES people (id) ON DELETE CASCADE ON UPDATE SET NULL,
        number int NOT NULL,
        placed timestamp DEFAULT now(),
        PRIMARY KEY (person, number)
    );
    CREATE TABLE other.lines (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        person int,
        number int,
        CONSTRAINT line_of_order FOREIGN KEY (person, number) REFERENCES public.orders (person, number)
            DEFERRABLE INITIALLY DEFERRED
    );
    CREATE VIEW adults AS SELECT id, name FROM people WHERE age >= 18;
    CREATE TABLE keyless (a int, b text);
    CREATE FUNCTION twice(number int, OUT doubled int) LANGUAGE sql AS 'SELECT number * 2';
    CREATE TABLE kinds (
        id int PRIMARY KEY, b boolean, i2 smallint, i8 bigint, f4 real, f8 double precision, n numeric,
        n2 numeric(10, 2), t text, v varchar(10), c char(5), nm name, by bytea, d date, tm time, ts timestamp,
        tsz timestamptz(3), iv interval, u uuid, j json, jb jsonb, bt bit(3), ip inet, p point,
        ir int4range, ia int[], ta text[], md mood
    )"""


def section(run: Callable[[Probe], None]) -> Callable[[Probe], None]:
    SECTIONS[run.__name__] = run
    return run


class Probe:
    def __init__(self, settings: str) -> None:
        self.settings = settings
        self.connection = self.connect()

    def connect(self, more: str = "") -> pyodbc.Connection:
        return pyodbc.connect(self.settings + more, autocommit=True)

    def run(self) -> None:
        for name, body in SECTIONS.items():
            print(f"== {name}")
            try:
                body(self)
            except pyodbc.Error as error:
                self.print_error(error)
            if not self.connection.autocommit:
                self.connection.rollback()
                self.connection.autocommit = True

    def execute(self, sql: str, *parameters: Any) -> pyodbc.Cursor:
        return self.connection.cursor().execute(sql, *parameters)

    def refused(self, sql: str, *parameters: Any) -> None:
        try:
            self.execute(sql, *parameters)
            print("not refused:", sql)
        except pyodbc.Error as error:
            self.print_error(error)

    def print_error(self, error: pyodbc.Error) -> None:
        print("error", *(repr(argument) for argument in error.args))

    def query(self, sql: str, *parameters: Any) -> None:
        cursor = self.execute(sql, *parameters)
        print([(name, kind.__name__, *rest) for name, kind, *rest in cursor.description])
        self.print_rows(cursor)

    def print_rows(self, cursor: pyodbc.Cursor, left_out: Sequence[str] = ()) -> None:
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            shown = zip(names, row, strict=True)
            print(" | ".join(f"{name}={value!r}" for name, value in shown if name not in left_out))


@section
def create(probe: Probe) -> None:
    for statement in NEEDED.split(";\n"):
        probe.execute(statement)
    print("created")


# The catalog functions


@section
def tables(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    for schema in ("public", "other", "%"):
        for kind in ("TABLE", "VIEW", "TABLE,VIEW,SYSTEM TABLE"):
            print(schema, kind)
            rows = cursor.tables(schema=schema, tableType=kind).fetchall()
            for row in rows:
                if row.table_schem not in ("kameleon", "information_schema", "pg_catalog"):
                    print(row.table_schem, row.table_name, row.table_type, row.remarks)
    print(cursor.tables(table="people").fetchall()[0].table_name)


@section
def tables_that_nobody_made(probe: Probe) -> None:
    rows = probe.connection.cursor().tables().fetchall()
    print([row.table_name for row in rows if row.table_name.startswith("kdb_") and row.table_name != "kdb_records"])
    print(sorted({row.table_schem for row in rows} - {"kameleon"}))


@section
def columns(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    for arguments in (
        {"schema": "public", "table": "people"},
        {"schema": "public", "table": "orders"},
        {"schema": "public", "table": "kinds"},
        {"schema": "public", "table": "adults"},
        {"schema": "other"},
        {"table": "people", "column": "Mixed%"},
        {"table": "p%ple"},
    ):
        print(arguments)
        probe.print_rows(cursor.columns(**arguments), ["base typeid", "table info", "table oid", "field_type"])


@section
def keys(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    for table in ("people", "orders", "keyless", "adults"):
        print(table)
        probe.print_rows(cursor.primaryKeys(table))
        probe.print_rows(cursor.foreignKeys(table=table))
        probe.print_rows(cursor.foreignKeys(foreignTable=table))
        probe.print_rows(cursor.rowIdColumns(table))
        probe.print_rows(cursor.rowVerColumns(table))
    probe.print_rows(cursor.foreignKeys(foreignTable="lines", foreignSchema="other"))
    probe.print_rows(cursor.foreignKeys(table="orders", foreignTable="lines", foreignSchema="other"))


@section
def statistics(probe: Probe) -> None:
    probe.execute("ANALYZE people")
    cursor = probe.connection.cursor()
    for table in ("people", "orders", "keyless"):
        probe.print_rows(cursor.statistics(table), ["pages"])
        probe.print_rows(cursor.statistics(table, unique=True, quick=False), ["pages"])


@section
def procedures(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    probe.print_rows(cursor.procedures(schema="public"))
    probe.print_rows(cursor.procedureColumns(schema="public"), ["PROCEDURE_OID"])


@section
def privileges(probe: Probe) -> None:
    """pyodbc has no call for these two: the driver manager is asked itself."""
    probe.execute("GRANT SELECT, UPDATE ON people TO PUBLIC")
    for function in ("SQLTablePrivileges", "SQLColumnPrivileges"):
        for row in called(probe.settings, function, "public", "people"):
            print(row)


@section
def types_known(probe: Probe) -> None:
    probe.print_rows(probe.connection.cursor().getTypeInfo())


@section
def about_the_connection(probe: Probe) -> None:
    for number in (
        pyodbc.SQL_DBMS_NAME,
        pyodbc.SQL_DBMS_VER,
        pyodbc.SQL_USER_NAME,
        pyodbc.SQL_TXN_CAPABLE,
        pyodbc.SQL_DEFAULT_TXN_ISOLATION,
        pyodbc.SQL_IDENTIFIER_QUOTE_CHAR,
        pyodbc.SQL_MAX_IDENTIFIER_LEN,
        pyodbc.SQL_DATA_SOURCE_READ_ONLY,
    ):
        print(number, probe.connection.getinfo(number))


# Statements


@section
def insert(probe: Probe) -> None:
    ada = ("Ada", "a@x", None, 1.7)
    cursor = probe.execute("INSERT INTO people (name, email, born, height) VALUES (?, ?, ?, ?)", *ada)
    print(cursor.rowcount)
    for name, born in (("Grace", datetime.date(1906, 12, 9)), ("Ünal", None), ("O'Hara", datetime.date(2000, 2, 29))):
        cursor.execute("INSERT INTO people (name, born, age) VALUES (?, ?, 20)", name, born)
    probe.query("SELECT * FROM people ORDER BY id")
    probe.query("INSERT INTO keyless VALUES (?, ?) RETURNING a, b || ?", 1, "x", "!")
    probe.query("SELECT name, height + ? AS taller FROM people WHERE id = ?", decimal.Decimal("0.25"), 1)


@section
def insert_many(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    rows = [(number, f"row {number}" if number % 3 else None) for number in range(10, 40)]
    cursor.executemany("INSERT INTO keyless VALUES (?, ?)", rows[:10])
    cursor.fast_executemany = True
    cursor.executemany("INSERT INTO keyless VALUES (?, ?)", rows[10:])
    probe.query("SELECT count(*), sum(a), count(b), max(b) FROM keyless")


@section
def update_and_delete(probe: Probe) -> None:
    print(probe.execute("UPDATE people SET height = ?, born = ? WHERE name = ?", 1.5, None, "Grace").rowcount)
    print(probe.execute("UPDATE people SET age = age + 1").rowcount)
    print(probe.execute("DELETE FROM keyless WHERE a > ?", 35).rowcount)
    print(probe.execute("DELETE FROM keyless WHERE a > ?", 1000).rowcount)
    probe.query("SELECT name, age, height, born FROM people ORDER BY id")


@section
def parameters_described(probe: Probe) -> None:
    """With setinputsizes left to the driver, pyodbc asks SQLDescribeParam for a None."""
    probe.execute("INSERT INTO kinds (id, n2, d, u, ia, md) VALUES (?, ?, ?, ?, ?, ?)", 100, *[None] * 5)
    probe.query("SELECT id, n2, d, u, ia, md FROM kinds WHERE id = ? OR d = ?", 100, None)
    probe.execute("DELETE FROM kinds")


@section
def types(probe: Probe) -> None:
    values: dict[str, Any] = {
        "id": 1,
        "b": True,
        "i2": -5,
        "i8": 1 << 60,
        "f4": 1.5,
        "f8": 0.1,
        "n": decimal.Decimal("12345678901234567890.123"),
        "n2": decimal.Decimal("7.5"),
        "t": "long " * 3000,
        "v": "ab",
        "c": "xy",
        "nm": "a name",
        "by": bytes(range(256)),
        "d": datetime.date(2024, 2, 29),
        "tm": datetime.time(12, 30, 1),
        "ts": datetime.datetime(2024, 2, 29, 1, 2, 3, 456000),
        "tsz": datetime.datetime(2024, 7, 1, 1, 2, 3),
        "iv": "1 day 02:03:04",
        "u": uuid.UUID(int=7),
        "j": '{"a":  1}',
        "jb": '{"b": [1, 2]}',
        "bt": "101",
        "ip": "10.0.0.1/8",
        "p": "(1,2)",
        "ir": "[1,5)",
        "ia": "{1,NULL,3}",
        "ta": '{a,"b c"}',
        "md": "happy",
    }
    for name, value in values.items():
        if name != "id":
            try:
                probe.execute("DELETE FROM kinds")
                probe.execute(f"INSERT INTO kinds (id, {name}) VALUES (1, ?)", value)
                probe.query(f"SELECT {name} FROM kinds")
            except pyodbc.Error as error:
                probe.print_error(error)
    for name, value in (("ta", "{x}"), ("md", "sad"), ("jb", "[]"), ("iv", "2 h"), ("ip", "::1"), ("bt", "011")):
        kind = {"ta": "text[]", "md": "mood", "jb": "jsonb", "iv": "interval", "ip": "inet", "bt": "bit(3)"}[name]
        probe.execute(f"UPDATE kinds SET {name} = CAST(? AS {kind})", value)
        probe.query(f"SELECT {name} FROM kinds")
    probe.query("SELECT * FROM kinds")


@section
def result_metadata(probe: Probe) -> None:
    probe.query("SELECT p.*, p.id + 1 AS more, number FROM people p LEFT JOIN orders o ON person = p.id WHERE false")
    probe.query("SELECT * FROM adults WHERE false")


@section
def escapes(probe: Probe) -> None:
    probe.query("SELECT {fn ucase(name)}, {fn length(name)} FROM people WHERE born = {d '2000-02-29'}")
    probe.query("SELECT count(*) FROM {oj people p LEFT OUTER JOIN orders o ON o.person = p.id}")
    probe.query("SELECT name FROM people WHERE {fn left(name, 1)} = ? ORDER BY 1", "O")


@section
def call(probe: Probe) -> None:
    probe.query("{call twice(?)}", 21)


@section
def several_statements(probe: Probe) -> None:
    cursor = probe.execute(
        "INSERT INTO keyless VALUES (500, 'x'); SELECT count(*) FROM keyless; DELETE FROM keyless WHERE a = 500"
    )
    while True:
        print(cursor.rowcount if cursor.description is None else cursor.fetchall())
        if not cursor.nextset():
            break


@section
def fetch_in_parts(probe: Probe) -> None:
    cursor, other = probe.connection.cursor(), probe.connection.cursor()
    cursor.execute("SELECT a, b FROM keyless ORDER BY a")
    print(cursor.fetchmany(4))
    # another result is read while the first is not at its end
    print(other.execute("SELECT count(*) FROM keyless").fetchall())
    print(cursor.fetchmany(4))
    cursor.skip(3)
    print(cursor.fetchone(), len(cursor.fetchall()), cursor.fetchone())


@section
def fetch_within_a_transaction(probe: Probe) -> None:
    probe.connection.autocommit = False
    cursor, other = probe.connection.cursor(), probe.connection.cursor()
    cursor.execute("SELECT a FROM keyless WHERE a > ? ORDER BY a", 12)
    print(cursor.fetchmany(3))
    other.execute("DELETE FROM keyless WHERE a = 17")
    print(cursor.fetchmany(5))
    probe.connection.rollback()
    probe.query("SELECT count(*) FROM keyless WHERE a = 17")


@section
def transactions(probe: Probe) -> None:
    probe.connection.autocommit = False
    probe.execute("INSERT INTO keyless VALUES (1000, 'kept')")
    probe.connection.commit()
    probe.execute("INSERT INTO keyless VALUES (1001, 'not kept')")
    probe.connection.rollback()
    # by default the driver sets a savepoint before each statement
    probe.execute("INSERT INTO people (name) VALUES ('after')")
    probe.refused("INSERT INTO people (name, email) VALUES ('twice', 'a@x')")
    probe.query("SELECT count(*) FROM people WHERE name = 'after'")
    probe.connection.commit()
    probe.query("SELECT a, b FROM keyless WHERE a >= 1000")
    probe.execute("CREATE TABLE undone (id int PRIMARY KEY)")
    probe.execute("INSERT INTO undone VALUES (1)")
    probe.query("SELECT * FROM undone")
    probe.connection.rollback()
    probe.refused("SELECT * FROM undone")


@section
def isolation(probe: Probe) -> None:
    for level in (pyodbc.SQL_TXN_SERIALIZABLE, pyodbc.SQL_TXN_REPEATABLE_READ, pyodbc.SQL_TXN_READ_COMMITTED):
        probe.connection.autocommit = False
        probe.connection.set_attr(pyodbc.SQL_ATTR_TXN_ISOLATION, level)
        probe.query("SHOW transaction_isolation")
        probe.execute("UPDATE people SET age = age WHERE id = 1")
        probe.connection.commit()
        probe.connection.autocommit = True


@section
def errors(probe: Probe) -> None:
    for sql in (
        "INSERT INTO people (name) VALUES (NULL)",
        "INSERT INTO people (id, name) VALUES (1, 'again')",
        "INSERT INTO people (name, age) VALUES ('minus', -1)",
        "INSERT INTO people (name, height) VALUES ('flat', 0)",
        "INSERT INTO people (name, height) VALUES ('tall', 123456)",
        "INSERT INTO orders VALUES (12345, 1)",
        "DELETE FROM nowhere",
        "SELECT nothing FROM people",
        "SELEC 1",
        "SELECT 1 / (id - id) FROM people",
        "UPDATE people SET upper_name = 'x'",
    ):
        probe.refused(sql)
    probe.refused("INSERT INTO people (name) VALUES (?)", "x" * 41)
    probe.refused("SELECT * FROM people WHERE id = ?", "not a number")


@section
def prepared_across_ddl(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    select = "SELECT * FROM keyless WHERE a = ?"
    for change in ("ADD COLUMN c int DEFAULT 5", "ALTER a TYPE bigint", "RENAME COLUMN b TO bee", "DROP COLUMN c"):
        cursor.execute(select, 1000)
        print([column[0] for column in cursor.description], cursor.fetchall())
        # where the driver fetches by a cursor, natively a table cannot be altered while that is open
        cursor.close()
        cursor = probe.connection.cursor()
        probe.execute(f"ALTER TABLE keyless {change}")
        try:
            cursor.execute(select, 1000)
        except pyodbc.Error as error:
            probe.print_error(error)
            cursor.execute(select, 1000)
        print([column[0] for column in cursor.description], cursor.fetchall())


@section
def catalog_after_ddl(probe: Probe) -> None:
    cursor = probe.connection.cursor()
    probe.execute("ALTER TABLE keyless ADD PRIMARY KEY (a)")
    probe.execute("ALTER TABLE keyless RENAME TO keyed")
    probe.print_rows(cursor.columns(table="keyed"), ["base typeid", "table info", "table oid", "field_type"])
    probe.print_rows(cursor.primaryKeys("keyed"))
    print(cursor.tables(table="keyless").fetchall())


@section
def two_connections(probe: Probe) -> None:
    other = probe.connect()
    probe.connection.autocommit = False
    probe.execute("INSERT INTO people (name) VALUES ('unseen')")
    print(other.execute("SELECT count(*) FROM people WHERE name = 'unseen'").fetchval())
    probe.connection.commit()
    print(other.execute("SELECT count(*) FROM people WHERE name = 'unseen'").fetchval())
    other.close()


@section
def long_values(probe: Probe) -> None:
    text = "ü" * 300_000
    probe.execute("INSERT INTO people (name, \"Mixed Case\") VALUES ('long', ?)", text)
    print(probe.execute("SELECT \"Mixed Case\" FROM people WHERE name = 'long'").fetchval() == text)
    probe.refused("UPDATE people SET email = name || ? WHERE name = 'long'", "".join(map(chr, range(300, 9000))))
    probe.execute("INSERT INTO kinds (id, by) VALUES (200, ?)", bytes(200_000))
    print(len(probe.execute("SELECT by FROM kinds WHERE id = 200").fetchval()))


@section
def drop(probe: Probe) -> None:
    for statement in ("DROP TABLE other.lines, orders", "DROP TABLE people CASCADE", "DROP SCHEMA other"):
        probe.execute(statement)
    cursor = probe.connection.cursor()
    print([row.table_name for row in cursor.tables(schema="public", tableType="TABLE,VIEW").fetchall()])


# What pyodbc cannot call

SQL_HANDLE_ENV, SQL_HANDLE_DBC, SQL_HANDLE_STMT = 1, 2, 3
SQL_NTS, SQL_ATTR_ODBC_VERSION, SQL_OV_ODBC3, SQL_C_CHAR, SQL_NO_DATA = -3, 200, 3, 1, 100


def called(settings: str, function: str, schema: str, table: str) -> list[list[str | None]]:
    """The rows of a catalog function whose arguments are a catalog, a schema, a table and perhaps a column."""
    odbc = ctypes.CDLL("libodbc.so.2")

    def check(code: int) -> None:
        assert code in (0, 1), code

    def handle(kind: int, parent: Any) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        check(odbc.SQLAllocHandle(kind, parent, ctypes.byref(made)))
        return made

    environment = handle(SQL_HANDLE_ENV, None)
    check(odbc.SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, ctypes.c_void_p(SQL_OV_ODBC3), 0))
    connection = handle(SQL_HANDLE_DBC, environment)
    check(odbc.SQLDriverConnect(connection, None, settings.encode(), SQL_NTS, None, 0, None, 0))
    statement = handle(SQL_HANDLE_STMT, connection)
    names: list[Any] = [None, 0, schema.encode(), SQL_NTS, table.encode(), SQL_NTS]
    names += [b"%", SQL_NTS] if function == "SQLColumnPrivileges" else []
    if getattr(odbc, function)(statement, *names):
        told = ctypes.create_string_buffer(1000), ctypes.create_string_buffer(6)
        odbc.SQLGetDiagRec(SQL_HANDLE_STMT, statement, 1, told[1], None, told[0], 1000, None)
        return [[part.value.decode() for part in told]]
    width = ctypes.c_short()
    check(odbc.SQLNumResultCols(statement, ctypes.byref(width)))
    rows: list[list[str | None]] = []
    while (code := odbc.SQLFetch(statement)) != SQL_NO_DATA:
        check(code)
        rows.append([])
        for column in range(1, width.value + 1):
            buffer, length = ctypes.create_string_buffer(1000), ctypes.c_ssize_t()
            check(odbc.SQLGetData(statement, column, SQL_C_CHAR, buffer, 1000, ctypes.byref(length)))
            rows[-1].append(None if length.value < 0 else buffer.value.decode())
    odbc.SQLDisconnect(connection)
    return rows


if __name__ == "__main__":
    Probe(sys.argv[1]).run()
