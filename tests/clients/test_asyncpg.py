"""asyncpg: binary everywhere, its own type introspection, its own reset of a pooled connection."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.clients.support import Target


@pytest.fixture
async def connection(target: Target) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(target.url, timeout=20)
    yield connection
    await connection.close(timeout=20)


@pytest.fixture
async def items(target: Target, connection: Any) -> AsyncIterator[None]:
    """An entity with four rows."""
    await connection.execute(
        "CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL UNIQUE, price numeric(8,2), tags text[],"
        " added date)"
    )
    await connection.executemany(
        "INSERT INTO items (name, price, tags, added) VALUES ($1, $2, $3, $4)",
        [
            ("anvil", Decimal("99.50"), ["heavy", "iron"], dt.date(2024, 1, 1)),
            ("bolt", Decimal("0.10"), [], dt.date(2024, 1, 2)),
            ("chain", None, None, None),
            ("drill", Decimal(45), ["tool"], dt.date(2024, 1, 4)),
        ],
    )
    yield
    # Whatever the test left open must not hold up the next one.
    await connection.close(timeout=20)
    other = await asyncpg.connect(target.url, timeout=20)
    await other.execute("DROP TABLE items")
    await other.close()


async def test_fetch(target: Target, connection: Any, items: None) -> None:
    records = await connection.fetch(
        "SELECT id, name, price, tags, added FROM items WHERE price > $1 ORDER BY id", Decimal(1)
    )
    assert [dict(record) for record in records] == [
        {"id": 1, "name": "anvil", "price": Decimal("99.50"), "tags": ["heavy", "iron"], "added": dt.date(2024, 1, 1)},
        {"id": 4, "name": "drill", "price": Decimal("45.00"), "tags": ["tool"], "added": dt.date(2024, 1, 4)},
    ]
    assert await connection.fetchval("SELECT count(*) FROM items") == 4
    row = await connection.fetchrow("INSERT INTO items (name) VALUES ($1) RETURNING *", "escalator")
    assert tuple(row) == (5, "escalator", None, None, None)
    assert await connection.fetchval("SELECT name FROM items WHERE id = $1", 99) is None
    target.assert_stored("items", 5)
    if target.proxied:
        assert {"id": 1, "name": "anvil", "price": 99.50, "tags": "{heavy,iron}", "added": "2024-01-01"} in [
            dict(document) for document in target.documents("items")
        ]


async def test_command_tags(connection: Any, items: None) -> None:
    assert await connection.execute("INSERT INTO items (name) VALUES ('x'), ('y')") == "INSERT 0 2"
    assert await connection.execute("UPDATE items SET price = $1 WHERE price IS NULL", Decimal(3)) == "UPDATE 3"
    assert await connection.execute("DELETE FROM items WHERE name = ANY($1)", ["x", "y", "z"]) == "DELETE 2"
    upsert = (
        "INSERT INTO items (name, price) VALUES($1,$2)"
        " ON CONFLICT (name) DO UPDATE SET price=EXCLUDED.price RETURNING id,price"
    )
    assert tuple(await connection.fetchrow(upsert, "bolt", Decimal("0.20"))) == (2, Decimal("0.20"))
    assert await connection.execute("INSERT INTO items (name) VALUES ('bolt') ON CONFLICT DO NOTHING") == "INSERT 0 0"
    assert await connection.execute("TRUNCATE items") == "TRUNCATE TABLE"


async def test_prepared_statement(connection: Any, items: None) -> None:
    statement = await connection.prepare(
        "SELECT name, price, tags FROM items WHERE id IN ($1,$2) AND added >= $3 ORDER BY id"
    )
    assert [parameter.name for parameter in statement.get_parameters()] == ["int4", "int4", "date"]
    assert [(a.name, a.type.name, a.type.oid) for a in statement.get_attributes()] == [
        ("name", "text", 25),
        ("price", "numeric", 1700),
        ("tags", "text[]", 1009),
    ]
    day = dt.date(2024, 1, 1)
    assert [tuple(record) for record in await statement.fetch(1, 4, day)] == [
        ("anvil", Decimal("99.50"), ["heavy", "iron"]),
        ("drill", Decimal("45.00"), ["tool"]),
    ]
    assert statement.get_statusmsg() == "SELECT 2"
    assert await statement.fetchval(2, 3, day) == "bolt"
    with pytest.raises(asyncpg.DataError):
        await statement.fetch("one", 2, day)
    plan = await (await connection.prepare("SELECT * FROM items WHERE id = $1")).explain(1)
    assert plan[0]["Plan"]["Node Type"]


async def test_statement_cache_outlives_a_change_of_the_entity(target: Target, connection: Any, items: None) -> None:
    """asyncpg forgets its cached statement at an "invalid cached plan" and prepares again, outside of a transaction."""
    other = await asyncpg.connect(target.url, timeout=20)
    query = "SELECT * FROM items WHERE id = $1"
    insert = "INSERT INTO items (name) VALUES ($1)"
    assert len(await connection.fetchrow(query, 1)) == 5
    await connection.execute(insert, "one")
    await other.execute("ALTER TABLE items ADD COLUMN weight float8 DEFAULT 1.5")
    assert len(await connection.fetchrow(query, 1)) == 6
    await connection.execute(insert, "two")
    await connection.execute("ALTER TABLE items DROP COLUMN tags")
    row = await connection.fetchrow(query, 1)
    assert list(row.keys()) == ["id", "name", "price", "added", "weight"]
    await connection.execute(insert, "three")
    assert await connection.fetchval("SELECT count(*) FROM items WHERE weight = 1.5") == 7
    await other.close()


async def test_a_cached_statement_whose_result_changed(target: Target, connection: Any, items: None) -> None:
    """In a transaction asyncpg cannot prepare again; it says what it was, and knows better the next time."""
    query = "SELECT name FROM items WHERE id = $1"
    assert await connection.fetchval(query, 1) == "anvil"
    other = await asyncpg.connect(target.url, timeout=20)
    await other.execute("ALTER TABLE items ALTER COLUMN name TYPE varchar(20)")
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        async with connection.transaction():
            await connection.fetchval(query, 1)
    assert await connection.fetchval(query, 1) == "anvil"
    await other.execute("BEGIN; DROP TABLE items; CREATE TABLE items (id int, name char(9)); COMMIT")
    async with connection.transaction():
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            await connection.fetchval(query, 1)
    await other.execute("INSERT INTO items VALUES (1, 'anew')")
    assert await connection.fetchval(query, 1) == "anew     "
    await other.close()


async def test_cursors(connection: Any, items: None) -> None:
    await connection.execute("INSERT INTO items (name, price) SELECT 'n' || g, g FROM generate_series(1, 200) g")
    async with connection.transaction():
        query = "SELECT price::int FROM items WHERE name LIKE $1 ORDER BY price"
        found = [record[0] async for record in connection.cursor(query, "n%", prefetch=30)]
        assert found == list(range(1, 201))
        cursor = await connection.cursor(query, "n%")
        assert await cursor.forward(10) == 10
        assert [record[0] for record in await cursor.fetch(2)] == [11, 12]
        assert tuple(await cursor.fetchrow()) == (13,)


async def test_copy_records_to_table(target: Target, connection: Any, items: None) -> None:
    """Binary COPY. asyncpg first asks `SELECT * FROM items LIMIT 1` for the types."""
    records = [(f"r{n}", Decimal(n), ["a", None], dt.date(2024, 2, 1)) for n in range(50)]
    columns = ["name", "price", "tags", "added"]
    assert await connection.copy_records_to_table("items", records=records, columns=columns) == "COPY 50"
    found = await connection.fetch("SELECT name, price, tags, added FROM items WHERE name LIKE 'r%' ORDER BY price")
    assert [tuple(record) for record in found] == records
    assert await connection.copy_records_to_table("items", records=[(100, "hundred", None, None, None)]) == "COPY 1"
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.copy_records_to_table("items", records=[("again",), ("hundred",)], columns=["name"])
    target.assert_stored("items", 55)


async def test_copy_to_table_and_back(target: Target, connection: Any, items: None) -> None:
    source = io.BytesIO(b'name;price\nsaw;12.5\n"se;mi";\n')
    assert (
        await connection.copy_to_table(
            "items", source=source, columns=["name", "price"], format="csv", delimiter=";", header=True
        )
        == "COPY 2"
    )
    output = io.BytesIO()
    assert (
        await connection.copy_from_query(
            "SELECT id, name, price FROM items WHERE id > $1 ORDER BY id", 3, output=output, format="csv", header=True
        )
        == "COPY 3"
    )
    assert output.getvalue() == b"id,name,price\n4,drill,45.00\n5,saw,12.50\n6,se;mi,\n"
    output = io.BytesIO()
    assert await connection.copy_from_table("items", output=output, columns=["id", "name"]) == "COPY 6"
    assert sorted(output.getvalue().splitlines())[0] == b"1\tanvil"
    output = io.BytesIO()
    assert await connection.copy_from_table("items", output=output, format="binary") == "COPY 6"
    assert output.getvalue().startswith(b"PGCOPY\n\xff\r\n\0")
    await connection.execute("DELETE FROM items")
    output.seek(0)
    assert await connection.copy_to_table("items", source=output, format="binary") == "COPY 6"
    target.assert_stored("items", 6)


async def test_transactions(target: Target, connection: Any, items: None) -> None:
    async with connection.transaction():
        await connection.execute("DELETE FROM items WHERE id = 1")
        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            async with connection.transaction():
                await connection.execute("UPDATE items SET name = 'bolt' WHERE id = 4")
        assert (caught.value.sqlstate, caught.value.constraint_name, caught.value.table_name) == (
            "23505",
            "items_name_key",
            "items",
        )
        assert caught.value.detail == "Key (name)=(bolt) already exists."
        assert await connection.fetchval("SELECT count(*) FROM items") == 3
    with pytest.raises(ZeroDivisionError):
        async with connection.transaction():
            await connection.execute("DELETE FROM items")
            raise ZeroDivisionError
    target.assert_stored("items", 3)


async def test_isolation_levels(target: Target, connection: Any, items: None) -> None:
    other = await asyncpg.connect(target.url, timeout=20)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await connection.fetchval("SELECT count(*) FROM items") == 4
        await other.execute("DELETE FROM items WHERE id = 1")
        assert await connection.fetchval("SELECT count(*) FROM items") == 4
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with connection.transaction():
                await connection.execute("DELETE FROM items")
    with pytest.raises(asyncpg.SerializationError):
        # Each reads what the other writes: one of them has to go.
        async with connection.transaction(isolation="serializable"):
            await connection.fetchval("SELECT sum(price) FROM items")
            async with other.transaction(isolation="serializable"):
                await other.fetchval("SELECT sum(price) FROM items")
                await other.execute("INSERT INTO items (name, price) VALUES ('other', 1)")
            await connection.execute("INSERT INTO items (name, price) VALUES ('mine', 1)")
    assert await connection.fetchval("SELECT count(*) FROM items WHERE name IN ('other', 'mine')") == 1
    await other.close()


async def test_pool_resets_a_connection(target: Target, connection: Any, items: None) -> None:
    async with asyncpg.create_pool(target.url, min_size=1, max_size=1) as pool:
        async with pool.acquire() as pooled:
            pid = pooled.get_server_pid()
            await pooled.execute(
                "SET search_path = pg_catalog; SELECT pg_advisory_lock(1); CREATE TEMP TABLE mine (id int)"
            )
            with pytest.raises(asyncpg.UndefinedTableError):
                await pooled.fetch("SELECT * FROM items")
        async with pool.acquire() as pooled:
            assert pooled.get_server_pid() == pid
            assert await pooled.fetchval("SELECT count(*) FROM items") == 4
            assert (
                await pooled.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1", pid)
                == 0
            )
        assert await pool.fetchval("SELECT name FROM items WHERE id = 2") == "bolt"


async def test_pool_under_load(target: Target, connection: Any, items: None) -> None:
    async def work(worker: int) -> None:
        for n in range(10):
            async with pool.acquire() as pooled, pooled.transaction():
                new = await pooled.fetchval("INSERT INTO items (name) VALUES ($1) RETURNING id", f"{worker}-{n}")
                assert await pooled.execute("UPDATE items SET price = $1 WHERE id = $2", Decimal(n), new) == "UPDATE 1"

    async with asyncpg.create_pool(target.url, min_size=2, max_size=4) as pool:
        await asyncio.gather(*(work(worker) for worker in range(8)))
    assert await connection.fetchval("SELECT sum(price) FROM items WHERE name LIKE '%-%'") == 8 * 45
    target.assert_stored("items", 84)


async def test_listeners(target: Target, connection: Any) -> None:
    received: asyncio.Queue[Any] = asyncio.Queue()

    def heard(*event: Any) -> None:
        received.put_nowait(event[2:])

    await connection.add_listener("shop", heard)
    other = await asyncpg.connect(target.url, timeout=20)
    await other.execute("SELECT pg_notify('shop', 'open')")
    async with asyncio.timeout(20):
        assert await received.get() == ("shop", "open")
    await connection.remove_listener("shop", heard)
    await other.close()


async def test_log_listener_hears_no_message_of_ours(connection: Any) -> None:
    heard: list[str] = []
    connection.add_log_listener(lambda _, message: heard.append(message.message))
    await connection.execute("CREATE TABLE heard (id int)")
    await connection.execute("DROP TABLE IF EXISTS unheard_of")
    await connection.execute("DROP TABLE heard")
    await connection.execute("SELECT 1")
    await asyncio.sleep(0)
    assert heard == ['table "unheard_of" does not exist, skipping']


async def test_type_introspection_and_codecs(target: Target, connection: Any) -> None:
    await connection.execute(
        """
        CREATE TYPE colour AS ENUM ('red', 'dark blue');
        CREATE TYPE size AS (width int, unit text);
        CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE BETWEEN 0 AND 100);
        CREATE TYPE span AS RANGE (subtype = float8);
        CREATE TABLE boxes (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), colours colour[], size size, sizes size[], filled percent,
            span span, extra jsonb, plain json, during tstzrange)
        """
    )
    key = uuid.uuid4()
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    values = [
        key,
        ["red", None, "dark blue"],
        (3, "m"),
        [(1, "a"), None],
        Decimal("12.35"),
        asyncpg.Range(0.5, 1.5),
        '{"a": [1, null]}',
        "[1,  2]",
        asyncpg.Range(start, start + dt.timedelta(hours=1), upper_inc=True),
    ]
    await connection.execute("INSERT INTO boxes VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)", *values)
    row = await connection.fetchrow("SELECT * FROM boxes WHERE id = $1", key)
    assert [tuple(v) if isinstance(v, asyncpg.Record) else v for v in row] == values
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await connection.set_type_codec("colour", encoder=str.lower, decoder=str.upper)
    await connection.execute("UPDATE boxes SET extra = $1, colours = $2 WHERE id = $3", {"b": None}, ["RED"], key)
    assert tuple(await connection.fetchrow("SELECT extra, colours FROM boxes")) == ({"b": None}, ["RED"])
    with pytest.raises(
        asyncpg.CheckViolationError, match='value for domain percent violates check constraint "percent_check"'
    ):
        await connection.execute("UPDATE boxes SET filled = $1", Decimal(101))
    target.assert_stored("boxes", 1)


async def test_entity_rows_as_records(connection: Any, items: None) -> None:
    assert await connection.fetchval("SELECT i FROM items i WHERE id = 2") == (
        2,
        "bolt",
        Decimal("0.10"),
        [],
        dt.date(2024, 1, 2),
    )
    assert await connection.fetchval("SELECT array_agg(items ORDER BY id) FROM items WHERE id < 3") == [
        (1, "anvil", Decimal("99.50"), ["heavy", "iron"], dt.date(2024, 1, 1)),
        (2, "bolt", Decimal("0.10"), [], dt.date(2024, 1, 2)),
    ]


async def test_fetchmany_and_executemany(target: Target, connection: Any, items: None) -> None:
    rows = await connection.fetchmany(
        "INSERT INTO items (name, added) VALUES ($1, $2) RETURNING id, name", [("x", None), ("y", dt.date(2000, 1, 1))]
    )
    assert [tuple(row) for row in rows] == [(5, "x"), (6, "y")]
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.executemany("INSERT INTO items (name) VALUES ($1)", [("new",), ("anvil",), ("never",)])
    target.assert_stored("items", 6)  # executemany is one transaction


async def test_query_timeout_cancels_upstream(target: Target, connection: Any, items: None) -> None:
    with pytest.raises(TimeoutError):
        await connection.fetch("SELECT pg_sleep(60) FROM items", timeout=0.2)
    assert await connection.fetchval("SELECT count(*) FROM items") == 4
    pid = connection.get_server_pid()
    assert target.admin("SELECT state FROM pg_stat_activity WHERE pid = %s", pid) == [("idle",)]


async def test_errors(connection: Any, items: None) -> None:
    query = "SELECT name,\n       prise\nFROM items"
    with pytest.raises(asyncpg.UndefinedColumnError) as caught:
        await connection.fetch(query)
    assert caught.value.position == str(query.index("prise") + 1)
    assert caught.value.hint == 'Perhaps you meant to reference the column "items.price".'
    with pytest.raises(asyncpg.NotNullViolationError) as missing:
        await connection.execute("INSERT INTO items (price) VALUES ($1)", Decimal(1))
    assert (missing.value.column_name, missing.value.table_name, missing.value.schema_name) == (
        "name",
        "items",
        "public",
    )
    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        await connection.execute("INSERT INTO items (name, price) VALUES ('huge', 1e9)")
    assert await connection.fetchval("SELECT count(*) FROM items") == 4
