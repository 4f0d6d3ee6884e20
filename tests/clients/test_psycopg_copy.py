"""psycopg 3's COPY, in and out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.clients.support import Target

Connection = psycopg.Connection[Any]

ROWS = [
    (1, "plain", Decimal("1.50"), dt.date(2024, 2, 29), True),
    (2, 'tab\t, newline\n, "quotes", back\\slash, \\N', Decimal("-0.01"), dt.date(1, 1, 1), False),
    (3, "", None, None, None),
    (4, None, Decimal("99999999.99"), dt.date(9999, 12, 31), True),
    (5, "żółw 🐢", Decimal(0), dt.date(1970, 1, 1), False),
]


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    with psycopg.connect(target.url) as connection:
        connection.execute("DROP TABLE IF EXISTS wares")
        connection.execute(
            "CREATE TABLE wares (id int PRIMARY KEY, name text, price numeric(10,2), since date, active bool)"
        )
        connection.commit()
        yield connection


def read(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM wares ORDER BY id").fetchall()


def test_write_rows_as_text(target: Target, connection: Connection) -> None:
    with connection.cursor().copy("COPY wares FROM STDIN") as copy:
        for row in ROWS:
            copy.write_row(row)
    connection.commit()
    assert read(connection) == ROWS
    target.assert_stored("wares", 5)
    if target.proxied:
        assert {"id": 5, "name": "żółw 🐢", "price": 0.00, "since": "1970-01-01", "active": False} in target.documents(
            "wares"
        )


def test_write_rows_as_binary(target: Target, connection: Connection) -> None:
    with connection.cursor().copy("COPY wares (id, name, price, since, active) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "text", "numeric", "date", "bool"])
        for row in ROWS:
            copy.write_row(row)
    connection.commit()
    assert read(connection) == ROWS
    target.assert_stored("wares", 5)


def test_write_raw_csv(target: Target, connection: Connection) -> None:
    with connection.cursor().copy(
        "COPY wares (name, id, active) FROM STDIN (FORMAT csv, HEADER true, FORCE_NULL (name))"
    ) as copy:
        copy.write("name,id,active\n")
        copy.write('"two\nlines",1,t\n"",2,')
        copy.write("f\n")
    assert read(connection) == [(1, "two\nlines", None, None, True), (2, None, None, None, False)]


def test_read_rows(connection: Connection) -> None:
    connection.cursor().executemany("INSERT INTO wares VALUES (%s, %s, %s, %s, %s)", ROWS)
    with connection.cursor().copy("COPY wares TO STDOUT") as copy:
        copy.set_types(["int4", "text", "numeric", "date", "bool"])
        assert sorted(copy.rows(), key=lambda row: row[0]) == ROWS
    with connection.cursor().copy(
        "COPY (SELECT name, id FROM wares WHERE id < %s ORDER BY id DESC) TO STDOUT", (3,)
    ) as copy:
        copy.set_types(["text", "int4"])
        assert list(copy.rows()) == [(row[1], row[0]) for row in (ROWS[1], ROWS[0])]
    with connection.cursor().copy("COPY wares (id, since) TO STDOUT (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "date"])
        assert sorted(copy.rows(), key=lambda row: row[0]) == [(row[0], row[3]) for row in ROWS]


def test_read_raw_csv(connection: Connection) -> None:
    connection.cursor().executemany("INSERT INTO wares (id, name) VALUES (%s, %s)", [(1, "a,b"), (2, None)])
    with connection.cursor().copy("COPY wares (id, name, price) TO STDOUT (FORMAT csv, HEADER, NULL '-')") as copy:
        assert b"".join(bytes(block) for block in copy) == b'id,name,price\n1,"a,b",-\n2,-,-\n'


def test_defaults_and_generated_columns(target: Target, connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE parcels (id bigserial PRIMARY KEY, width int, height int DEFAULT 2,"
        " area int GENERATED ALWAYS AS (width * height) STORED, at date DEFAULT DATE '2020-01-02')"
    )
    with connection.cursor().copy("COPY parcels (width) FROM STDIN") as copy:
        copy.write("3\n4\n")
    # Without a list, a generated column is left out, on the way in and on the way out.
    with connection.cursor().copy("COPY parcels FROM STDIN") as copy:
        copy.write("10\t5\t6\t2021-01-01\n")
    found = connection.execute("SELECT * FROM parcels ORDER BY id").fetchall()
    day = dt.date(2020, 1, 2)
    assert found == [(1, 3, 2, 6, day), (2, 4, 2, 8, day), (10, 5, 6, 30, dt.date(2021, 1, 1))]
    with connection.cursor().copy("COPY parcels TO STDOUT") as copy:
        assert {len(row) for row in copy.rows()} == {4}
    connection.commit()
    target.assert_stored("parcels", 3)


@pytest.mark.parametrize(
    ("line", "error", "context"),
    [
        (
            "2\tx\tnot a number\t\\N\t\\N\n",
            errors.InvalidTextRepresentation,
            'COPY wares, line 2, column price: "not a number"',
        ),
        ("2\tx\n", errors.BadCopyFileFormat, 'COPY wares, line 2: "2\tx"'),
        ("1\tagain\t1\t\\N\t\\N\n", errors.UniqueViolation, "COPY wares, line 2"),
        ("\\N\tno key\t1\t\\N\t\\N\n", errors.NotNullViolation, 'COPY wares, line 2: "\\N\tno key\t1\t\\N\t\\N"'),
        (
            "2\tx\t123456789.00\t\\N\t\\N\n",
            errors.NumericValueOutOfRange,
            'COPY wares, line 2, column price: "123456789.00"',
        ),
    ],
)
def test_errors(target: Target, connection: Connection, line: str, error: type[psycopg.Error], context: str) -> None:
    with pytest.raises(error) as caught, connection.cursor().copy("COPY wares FROM STDIN") as copy:
        copy.write("1\tfirst\t1\t\\N\t\\N\n")
        copy.write(line)
    assert caught.value.diag.context is not None
    assert caught.value.diag.context.splitlines()[-1] == context
    assert "kdb_" not in str(caught.value)
    connection.rollback()
    assert read(connection) == []
    target.assert_stored("wares", 0)


def test_a_copy_that_the_client_gives_up(target: Target, connection: Connection) -> None:
    with pytest.raises(ZeroDivisionError), connection.cursor().copy("COPY wares FROM STDIN") as copy:
        copy.write_row(ROWS[0])
        raise ZeroDivisionError
    connection.rollback()
    assert read(connection) == []
    target.assert_stored("wares", 0)


def test_a_copy_out_that_the_client_gives_up(connection: Connection) -> None:
    connection.execute("INSERT INTO wares (id, name) SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g")
    connection.commit()
    with pytest.raises(ZeroDivisionError), connection.cursor().copy("COPY wares TO STDOUT") as copy:
        assert next(copy.rows())
        raise ZeroDivisionError
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM wares").fetchall() == [(20000,)]
