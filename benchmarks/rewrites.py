"""The rewriter by itself: microseconds per rewrite, of statements as ORMs write them.

At first sight the statement is parsed; cached, its shape is known. Where the ORM puts values into the text, each
rewrite is of a text never seen before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import asyncpg
import psycopg

from benchmarks.report import Row, Target
from benchmarks.servers import Servers
from catalog.loader import CATALOG_SQL, parse_session_state, parse_snapshot, session_state_sql
from catalog.model import Names, Snapshot
from rewriter import Rewriter

_SCHEMA = """
CREATE TABLE customers (id serial PRIMARY KEY, name varchar(100) NOT NULL, email varchar(254) UNIQUE,
    since timestamptz);
CREATE TABLE orders (id serial PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status varchar(20) NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now(), total numeric(10,2), note text)
"""

# As SQLAlchemy and Django write them; {0} is where a value differs from one statement to the next.
_STATEMENTS = {
    "SQLAlchemy, select by key": (
        "SELECT orders.id AS orders_id, orders.customer_id AS orders_customer_id, orders.status AS orders_status,"
        " orders.placed_at AS orders_placed_at, orders.total AS orders_total, orders.note AS orders_note \n"
        "FROM orders \nWHERE orders.id = $1::INTEGER"
    ),
    "SQLAlchemy, joined load": (
        "SELECT orders.id, orders.customer_id, orders.status, orders.placed_at, orders.total, orders.note,"
        " customers_1.id AS id_1, customers_1.name, customers_1.email, customers_1.since \n"
        "FROM orders LEFT OUTER JOIN customers AS customers_1 ON customers_1.id = orders.customer_id \n"
        "WHERE orders.status = $1::VARCHAR ORDER BY orders.placed_at DESC \n LIMIT $2::INTEGER"
    ),
    "SQLAlchemy, insert": (
        "INSERT INTO orders (customer_id, status, total, note) VALUES ($1::INTEGER, $2::VARCHAR, $3::NUMERIC(10, 2),"
        " $4::VARCHAR) RETURNING orders.id, orders.placed_at"
    ),
    "SQLAlchemy, update": (
        "UPDATE orders SET status=$1::VARCHAR, total=$2::NUMERIC(10, 2) WHERE orders.id = $3::INTEGER"
    ),
    "Django, filter": (
        'SELECT "orders"."id", "orders"."customer_id", "orders"."status", "orders"."placed_at", "orders"."total",'
        ' "orders"."note" FROM "orders" INNER JOIN "customers" ON ("orders"."customer_id" = "customers"."id")'
        ' WHERE ("customers"."email" = \'person{0}@example.org\' AND "orders"."total" > \'{0}.50\'::numeric)'
        ' ORDER BY "orders"."placed_at" DESC LIMIT 21'
    ),
    "Django, insert": (
        'INSERT INTO "orders" ("customer_id", "status", "placed_at", "total", "note") VALUES ({0}, \'open\','
        " '2025-03-01 10:00:00+00:00'::timestamptz, '{0}.95'::numeric, 'a note') RETURNING \"orders\".\"id\""
    ),
    "Django, update": 'UPDATE "orders" SET "status" = \'sent\', "note" = \'{0}\' WHERE "orders"."id" = {0}',
}
_TARGETS = {"shared": Target(20, at_most=True)}


def measure(servers: Servers, rounds: int) -> Iterator[Row]:
    snapshot, names = _catalog(servers)
    for title, statement in _STATEMENTS.items():
        first = Row(f"rewrite, {title}: first sight", "µs", digits=1)
        first.figures["shared"] = [_first_sight(statement, snapshot, names, number) for number in range(5 * rounds)]
        cached = Row("  cached", "µs", digits=1, targets=_TARGETS)
        cached.figures["shared"] = [_cached(statement, snapshot, names) for _ in range(rounds)]
        yield first
        yield cached


def _catalog(servers: Servers) -> tuple[Snapshot, Names]:
    with psycopg.connect(str(servers.proxied), autocommit=True) as connection:
        connection.execute(_SCHEMA)
    catalog, state = asyncio.run(_fetch(str(servers.direct), CATALOG_SQL, session_state_sql(set())))
    return parse_snapshot(catalog, 1), parse_session_state(state)[0]


async def _fetch(dsn: str, *statements: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return [await connection.fetchval(statement) for statement in statements]
    finally:
        await connection.close()


def _first_sight(statement: str, snapshot: Snapshot, names: Names, number: int) -> float:
    rewrite = Rewriter().rewrite
    return _microseconds(lambda text: rewrite(text, snapshot, names).touched, [statement.format(number)])


def _cached(statement: str, snapshot: Snapshot, names: Names) -> float:
    rewrite = Rewriter().rewrite
    assert rewrite(statement.format(0), snapshot, names).touched
    # Encoded and decoded: a text that comes from a client has never been hashed.
    texts = [statement.format(number).encode().decode() for number in range(1, 2001)]
    return _microseconds(lambda text: rewrite(text, snapshot, names), texts)


def _microseconds(work: Callable[[str], object], texts: list[str]) -> float:
    """The median for one text: a pause of this process in the middle counts for one only."""
    taken = []
    for text in texts:
        start = perf_counter()
        work(text)
        taken.append(perf_counter() - start)
    return median(taken) * 1e6
