"""SQLAlchemy's reflection, on psycopg and on asyncpg: an entity looks as its CREATE TABLE said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from tests.clients.support import Target

DDL = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE makers (
    id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2) PRIMARY KEY,
    name varchar(30) NOT NULL CONSTRAINT one_name UNIQUE,
    country char(2) COLLATE "C" DEFAULT 'FR'
);
CREATE TABLE parts (
    maker int NOT NULL,
    code text NOT NULL,
    price numeric(8,3) DEFAULT 1.5,
    shade colour DEFAULT 'red',
    labels text[],
    made timestamptz(3) DEFAULT now(),
    extra jsonb,
    doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
    CONSTRAINT parts_key PRIMARY KEY (maker, code),
    CONSTRAINT made_by FOREIGN KEY (maker) REFERENCES makers (id) ON UPDATE CASCADE ON DELETE RESTRICT,
    CONSTRAINT sane_price CHECK (price > 0 AND price < 1000)
);
CREATE INDEX parts_by_price ON parts (price DESC NULLS LAST, lower(code)) WHERE shade = 'red';
CREATE UNIQUE INDEX parts_made ON parts (maker, made DESC, code);
COMMENT ON TABLE parts IS 'What is sold';
COMMENT ON COLUMN parts.price IS 'in euros';
"""
VIEW = "CREATE VIEW cheap AS SELECT code, price FROM parts WHERE price < 2"

Inspect = Callable[[Callable[[sa.Inspector], Any]], Any]


@pytest.fixture(params=["psycopg", "asyncpg"])
async def engine(request: pytest.FixtureRequest, target: Target) -> AsyncIterator[Any]:
    engine = create_async_engine(target.sqlalchemy_url(f"postgresql+{request.param}"))
    async with engine.begin() as connection:
        if not await connection.run_sync(lambda c: sa.inspect(c).has_table("parts")):
            for statement in DDL.split(";\n")[:-1]:
                await connection.execute(sa.text(statement))
            await connection.execute(sa.text(VIEW))
    yield engine
    await engine.dispose()


@pytest.fixture
def inspected(engine: Any) -> Callable[..., Any]:
    """`await inspected("get_columns", "parts")`."""

    async def call(method: str, *arguments: Any, **options: Any) -> Any:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda c: getattr(sa.inspect(c), method)(*arguments, **options))

    return call


async def test_names(inspected: Any) -> None:
    assert sorted(await inspected("get_table_names")) == ["makers", "parts"]
    assert await inspected("get_view_names") == ["cheap"]
    assert await inspected("get_sequence_names") == ["makers_id_seq"]
    assert "public" in await inspected("get_schema_names")
    assert await inspected("has_table", "parts")
    assert await inspected("has_table", "cheap")
    assert not await inspected("has_table", "nothing")


async def test_columns(inspected: Any) -> None:
    columns = {column["name"]: column for column in await inspected("get_columns", "parts")}
    assert list(columns) == ["maker", "code", "price", "shade", "labels", "made", "extra", "doubled"]
    assert [str(column["type"].compile(postgresql.dialect())) for column in columns.values()] == [
        "INTEGER",
        "TEXT",
        "NUMERIC(8, 3)",
        "colour",
        "TEXT[]",
        "TIMESTAMP(3) WITH TIME ZONE",
        "JSONB",
        "NUMERIC",
    ]
    assert [name for name, column in columns.items() if not column["nullable"]] == ["maker", "code"]
    assert columns["price"]["default"] == "1.5"
    assert columns["price"]["comment"] == "in euros"
    assert columns["shade"]["type"].enums == ["red", "green"]
    assert columns["doubled"]["computed"] == {"sqltext": "(price * (2)::numeric)", "persisted": True}
    makers = {column["name"]: column for column in await inspected("get_columns", "makers")}
    assert makers["id"]["identity"]["always"] is True
    assert (makers["id"]["identity"]["start"], makers["id"]["identity"]["increment"]) == (5, 2)
    assert makers["country"]["type"].collation == "C"


async def test_constraints_and_indexes(inspected: Any) -> None:
    key = await inspected("get_pk_constraint", "parts")
    assert (key["name"], key["constrained_columns"]) == ("parts_key", ["maker", "code"])
    [foreign_key] = await inspected("get_foreign_keys", "parts")
    assert foreign_key["name"] == "made_by"
    assert (foreign_key["referred_table"], foreign_key["referred_columns"]) == ("makers", ["id"])
    assert foreign_key["options"] == {"onupdate": "CASCADE", "ondelete": "RESTRICT"}
    [unique] = await inspected("get_unique_constraints", "makers")
    assert (unique["name"], unique["column_names"]) == ("one_name", ["name"])
    assert await inspected("get_unique_constraints", "parts") == []
    [check] = await inspected("get_check_constraints", "parts")
    assert (check["name"], check["sqltext"]) == ("sane_price", "price > 0::numeric AND price < 1000::numeric")
    indexes = {index["name"]: index for index in await inspected("get_indexes", "parts")}
    assert sorted(indexes) == ["parts_by_price", "parts_made"]
    assert indexes["parts_by_price"]["expressions"] == ["price", "lower(code)"]
    assert indexes["parts_by_price"]["dialect_options"]["postgresql_where"] == "(shade = 'red'::colour)"
    assert indexes["parts_made"]["unique"] is True
    assert (await inspected("get_table_comment", "parts"))["text"] == "What is sold"
    assert [e["name"] for e in await inspected("get_enums")] == ["colour"]


async def test_a_views_definition_names_the_table(inspected: Any) -> None:
    definition = await inspected("get_view_definition", "cheap")
    # PostgreSQL 15 qualifies the columns even where there is one table only.
    assert (
        " ".join(definition.replace("parts.", "").split())
        == "SELECT code, price FROM parts WHERE (price < (2)::numeric);"
    )


async def test_reflected_tables_are_usable(target: Target, engine: Any) -> None:
    metadata = sa.MetaData()
    async with engine.begin() as connection:
        await connection.run_sync(metadata.reflect)
        assert sorted(metadata.tables) == ["makers", "parts"]
        makers, parts = metadata.tables["makers"], metadata.tables["parts"]
        new = (await connection.execute(makers.insert().values(name="ACME").returning(makers.c.id))).scalar_one()
        await connection.execute(parts.insert(), [{"maker": new, "code": f"c{n}", "price": n} for n in (1, 3)])
        joined = sa.select(makers.c.name, parts.c.code, parts.c.doubled).join_from(makers, parts).order_by(parts.c.code)
        assert (await connection.execute(joined)).all() == [("ACME", "c1", 2), ("ACME", "c3", 6)]
        cheap = sa.Table("cheap", metadata, *[sa.Column(n, t) for n, t in (("code", sa.Text), ("price", sa.Numeric))])
        assert (await connection.execute(sa.select(cheap))).all() == [("c1", 1)]
        await connection.execute(parts.delete())
        await connection.execute(makers.delete())


async def test_what_is_reflected_can_be_made_again(target: Target, engine: Any, inspected: Any) -> None:
    async def shape() -> list[str]:
        methods = ["get_columns", "get_pk_constraint", "get_foreign_keys", "get_indexes", "get_check_constraints"]
        found = [await inspected(method, table) for table in ("makers", "parts") for method in methods]
        return [str(part) for part in found]

    before = await shape()
    metadata = sa.MetaData()
    async with engine.begin() as connection:
        await connection.run_sync(metadata.reflect)
        await connection.execute(sa.text("DROP VIEW cheap"))
        await connection.run_sync(metadata.drop_all)
        assert await connection.run_sync(lambda c: sa.inspect(c).get_table_names()) == []
        await connection.run_sync(metadata.create_all)
        await connection.execute(sa.text(VIEW))
    assert await shape() == before
    if target.proxied:
        modes = target.admin("SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1")
        assert modes == [("makers", "shared"), ("parts", "shared")]
