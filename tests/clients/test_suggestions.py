"""A slow statement, what its client is told, and that doing it helps as promised."""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.clients.support import required, required_program
from tests.clients.test_jdbc import DRIVER
from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import ProxyProcess

JDBC = Path(__file__).parent / "jdbc" / "Notices.java"
COLUMNS = ["customer_id", "status", "amount", "placed", "note", "place"]
Notice = tuple[str | None, str | None]


@pytest.fixture(scope="module")
def shop(postgres: PostgresServer, kameleon_template: str) -> Iterator[ProxyProcess]:
    """A proxy that finds much slow, before a database of its own."""
    name = postgres.create_database(kameleon_template, prefix="suggestions")
    proxy = ProxyProcess(upstream=postgres.dsn(name), execution_time_threshold_ms=4)
    yield proxy
    proxy.close()
    postgres.drop_database(name)


def connected(shop: ProxyProcess) -> psycopg.Connection[Any]:
    return psycopg.connect(shop.url(user=SUPERUSER), autocommit=True)


def make_tables(shop: ProxyProcess, of: str) -> str:
    """Two tables with a foreign key between them, and the join of all their rows."""
    with connected(shop) as session:
        session.execute(f"CREATE TABLE customers_{of} (id int PRIMARY KEY, city text, name text)")
        session.execute(
            f"CREATE TABLE orders_{of} (id int PRIMARY KEY, customer_id int REFERENCES customers_{of}, status text,"
            " amount numeric, placed timestamptz, note text, place int)"
        )
        session.execute(
            f"INSERT INTO customers_{of} SELECT n, 'city ' || n % 40, 'name ' || n FROM generate_series(1, 1000) AS n"
        )
        session.execute(
            f"INSERT INTO orders_{of} SELECT n, 1 + n % 1000, 'status ' || n % 4, n % 900, now() - n * interval '1 s',"
            " 'note ' || n, n FROM generate_series(1, 60000) AS n"
        )
        session.execute(f"ANALYZE customers_{of}")
        session.execute(f"ANALYZE orders_{of}")
    counted = ", ".join(f"count(o.{each})" for each in COLUMNS)
    return f"SELECT count(*), {counted}, count(c.city) FROM orders_{of} o JOIN customers_{of} c ON o.customer_id = c.id"


def told_to_psql(shop: ProxyProcess, sql: str) -> list[Notice]:
    script = "\\set VERBOSITY verbose\n" + f"{sql};\n" * 5
    done = subprocess.run(
        [required_program("psql"), "-qX", shop.url(user=SUPERUSER)], input=script, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return re.findall(r"NOTICE:  (\w+): .*\nDETAIL:  .*\nHINT:  (.*)", done.stderr)


def told_to_psycopg(shop: ProxyProcess, sql: str) -> list[Notice]:
    told: list[Notice] = []
    with connected(shop) as session:
        session.add_notice_handler(lambda diagnostic: told.append((diagnostic.sqlstate, diagnostic.message_hint)))
        for _ in range(5):
            session.execute(sql).fetchall()
    return told


def told_to_asyncpg(shop: ProxyProcess, sql: str) -> list[Notice]:
    async def run() -> list[Notice]:
        told: list[Notice] = []
        session = await asyncpg.connect(shop.url(user=SUPERUSER))
        session.add_log_listener(lambda _, message: told.append((message.sqlstate, message.hint)))
        for _ in range(5):
            await session.fetch(sql)
        await session.close()
        return told

    return asyncio.run(run())


def told_to_jdbc(shop: ProxyProcess, sql: str, folder: Path) -> list[Notice]:
    driver = required("libpostgresql-jdbc-java", DRIVER)
    subprocess.run([required_program("javac"), "-cp", driver, "-d", folder, JDBC], check=True, timeout=120)
    url = f"jdbc:postgresql://{shop.host}:{shop.port}/{shop.dsn.dbname}"
    command = [required_program("java"), "-cp", f"{folder}:{driver}", "Notices", url, SUPERUSER, sql]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = (line.partition("|") for line in done.stdout.splitlines())
    return [(state, hint) for state, _, hint in lines]


CLIENTS: dict[str, Callable[[ProxyProcess, str, Path], list[Notice]]] = {
    "psql": lambda shop, sql, _: told_to_psql(shop, sql),
    "psycopg": lambda shop, sql, _: told_to_psycopg(shop, sql),
    "asyncpg": lambda shop, sql, _: told_to_asyncpg(shop, sql),
    "jdbc": told_to_jdbc,
}


def median_seconds(session: psycopg.Connection[Any], sql: str) -> float:
    taken = []
    for _ in range(9):
        started = time.perf_counter()
        session.execute(sql).fetchall()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_slow_join_is_faster_once_its_notice_is_followed(shop: ProxyProcess, client: str, tmp_path: Path) -> None:
    sql = make_tables(shop, client)
    told = CLIENTS[client](shop, sql, tmp_path)
    assert told == [("01K01", f"CALL kameleon.materialize_entity('orders_{client}')")]
    with connected(shop) as session:
        promised = session.execute(
            "SELECT gain FROM kameleon.simulate(%s) WHERE shape LIKE '%% a join %%'", (f"orders_{client}",)
        ).fetchone()
        assert promised is not None
        before = median_seconds(session, sql)
        session.execute((told[0][1] or "").encode())
        session.execute(f"ANALYZE orders_{client}")
        after = median_seconds(session, sql)
    assert 0.3 < promised[0] < 1
    assert 1 - after / before >= promised[0] / 2


def test_an_index_that_is_missing_is_suggested_and_helps_as_promised(shop: ProxyProcess) -> None:
    make_tables(shop, "index")
    sql = "SELECT id, status FROM orders_index WHERE note || '' <> '' AND note = 'note 77' AND upper(status) LIKE 'S%'"
    told: list[tuple[str | None, str]] = []
    with connected(shop) as session:
        session.add_notice_handler(lambda each: told.append((each.message_hint, each.message_detail or "")))
        for _ in range(20):
            session.execute(sql).fetchall()
        assert [hint for hint, _ in told] == ["CREATE INDEX ON orders_index (note)"]
        (promised,) = re.findall(r"Expected gain: about (\d+) %", told[0][1])
        before = median_seconds(session, sql)
        session.execute((told[0][0] or "").encode())
        session.execute("ANALYZE orders_index")
        after = median_seconds(session, sql)
        assert 1 - after / before >= int(promised) / 100 / 2
        left = session.execute("SELECT * FROM kameleon.suggestions WHERE entity_name = 'orders_index'").fetchall()
        assert left == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT pg_sleep(0.2), count(*) FROM customers_hopeless",
        "SELECT a.id, b.id FROM customers_hopeless a, customers_hopeless b",  # a large result
        "SELECT count(*) FROM generate_series(1, 300000) AS n, (SELECT FROM customers_hopeless WHERE id = 1) AS one",
    ],
)
def test_what_nothing_helps_is_left_alone(shop: ProxyProcess, sql: str) -> None:
    with connected(shop) as session:
        session.execute("CREATE TABLE IF NOT EXISTS customers_hopeless (id int PRIMARY KEY, city text)")
        session.execute("INSERT INTO customers_hopeless SELECT n FROM generate_series(1, 400) n ON CONFLICT DO NOTHING")
        told: list[Any] = []
        session.add_notice_handler(told.append)
        session.execute(sql.encode()).fetchall()
        assert told == []
        found = session.execute("SELECT * FROM kameleon.suggestions WHERE entity_name LIKE '%hopeless'").fetchall()
        assert found == []
