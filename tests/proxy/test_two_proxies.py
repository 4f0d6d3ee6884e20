"""Two proxies before one database: what one's clients do, the other's clients see at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import Database, ProxyProcess


def test_tables_come_and_go_through_the_other_proxy(
    database: Database, postgres: PostgresServer, new_proxy: Callable[..., ProxyProcess]
) -> None:
    other = new_proxy(upstream=postgres.dsn(database.name))
    with (
        psycopg.connect(database.proxied, autocommit=True) as one,
        psycopg.connect(other.url(database.name, user=SUPERUSER), autocommit=True) as two,
    ):
        for number in range(20):
            one.execute(f"CREATE TABLE t{number} (x int)".encode())
            two.execute(f"INSERT INTO t{number} VALUES (1)".encode())
            assert two.execute(f"SELECT x FROM t{number} WHERE x = %s".encode(), (1,)).fetchall() == [(1,)]
            one.execute(f"ALTER TABLE t{number} ADD COLUMN y int DEFAULT 2".encode())
            assert two.execute(f"UPDATE t{number} SET y = y + 1 RETURNING y".encode()).fetchall() == [(3,)]
            one.execute(f"DROP TABLE t{number}".encode())


def test_views_come_and_go_through_the_other_proxy(
    database: Database, postgres: PostgresServer, new_proxy: Callable[..., ProxyProcess]
) -> None:
    other = new_proxy(upstream=postgres.dsn(database.name))
    with (
        psycopg.connect(database.proxied, autocommit=True) as one,
        psycopg.connect(other.url(database.name, user=SUPERUSER), autocommit=True) as two,
    ):
        one.execute("CREATE TABLE t (x int, y int)")
        for number in range(10):
            one.execute(f"CREATE VIEW v{number} AS SELECT x, y FROM t WHERE x = {number}".encode())
            two.execute(f"INSERT INTO v{number} VALUES ({number}, 1)".encode())
            assert two.execute(f"SELECT x FROM v{number} WHERE y = %s".encode(), (1,)).fetchall() == [(number,)]
            one.execute(
                f"CREATE OR REPLACE VIEW v{number} AS SELECT x, y, x + y AS z FROM t WHERE x = {number}".encode()
            )
            assert two.execute(f"UPDATE v{number} SET y = z RETURNING *".encode()).fetchall() == [
                (number, number + 1, 2 * number + 1)
            ]
            one.execute(f"DROP VIEW v{number}; CREATE TEMP VIEW v{number} AS SELECT y FROM t".encode())
            assert len(one.execute(f"SELECT y FROM v{number}".encode()).fetchall()) == number + 1
            with pytest.raises(psycopg.errors.UndefinedTable):
                two.execute(f"SELECT y FROM v{number}".encode())


def test_writers_through_both_go_on_while_the_table_changes(
    database: Database, postgres: PostgresServer, new_proxy: Callable[..., ProxyProcess]
) -> None:
    other = new_proxy(upstream=postgres.dsn(database.name))
    failures: list[BaseException] = []
    written: list[int] = []
    stop = threading.Event()

    def write(dsn: str) -> None:
        count = 0
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    connection.execute("INSERT INTO t (v) VALUES (%s)", ("x",))
                    count += 1
                except psycopg.Error as error:
                    failures.append(error)
        written.append(count)

    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)")
        writers = [
            threading.Thread(target=write, args=(dsn,))
            for dsn in (database.proxied, other.url(database.name, user=SUPERUSER)) * 2
        ]
        for writer in writers:
            writer.start()
        try:
            for number in range(10):
                session.execute(f"ALTER TABLE t ADD COLUMN c{number} int".encode())
                session.execute(f"ALTER TABLE t DROP COLUMN c{number}".encode())
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert failures == []
        assert session.execute("SELECT count(*) FROM t").fetchall() == [(sum(written),)]


def test_a_database_that_nobody_uses_can_be_dropped_and_copied(
    postgres: PostgresServer, proxy: ProxyProcess, kameleon_template: str
) -> None:
    name = postgres.create_database(template=kameleon_template)
    with psycopg.connect(proxy.url(name, user=SUPERUSER), autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with psycopg.connect(proxy.url("postgres", user=SUPERUSER), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}".encode())
        connection.execute(f"DROP DATABASE {name}".encode())
    with psycopg.connect(proxy.url(f"{name}_copy", user=SUPERUSER), autocommit=True) as connection:
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    postgres.drop_database(f"{name}_copy")
