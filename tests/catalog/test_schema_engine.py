"""SchemaEngine and DedicatedTableManager, to the proxy and past it: what a client then sees, and the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from catalog.dedicated_tables import DedicatedTableManager, NotDedicated
from catalog.schema_engine import NewField, Relationship, SchemaEngine
from proxy.dsn import parse_dsn
from tests.fix_postgres import PostgresServer
from tests.fix_proxy import Database

PERSON = (
    NewField("id", "int", primary_key=True),
    NewField("name", "varchar(40)", not_null=True),
    NewField("rank", "int", default=7),
)


@pytest.fixture(params=["direct", "proxied"])
async def way(request: pytest.FixtureRequest, database: Database) -> str:
    """The connection string that the engine works on."""
    return str(getattr(database, request.param))


@pytest.fixture
async def connection(way: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(way, timeout=20)
    yield connection
    await connection.close(timeout=20)


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Any]:
    """An ordinary client of the proxy."""
    connection = await asyncpg.connect(database.proxied, timeout=20)
    yield connection
    await connection.close(timeout=20)


async def fetched(client: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await client.fetch(sql)]


async def storages(client: Any) -> dict[str, str]:
    return {row["entity_name"]: row["storage_mode"] for row in await client.fetch("SELECT * FROM kameleon.entities")}


async def test_an_entity_is_made_and_changed(connection: Any, client: Any) -> None:
    engine = SchemaEngine(connection)
    made = await engine.create_entity("person", PERSON, reason="there are people")
    assert (made.entity, made.schema, made.command_tag, made.reason) == (
        "person",
        "public",
        "CREATE TABLE",
        "there are people",
    )
    assert made.before is None
    assert made.after is not None
    assert made.after["storage"] == "shared"
    await client.execute("INSERT INTO person VALUES (1, 'Ada', 7), (2, 'Bob', 3)")

    added = await engine.add_field("person", NewField("born", "date"), reason="birthdays")
    assert added.before == made.after
    assert added.after is not None
    assert [field["name"] for field in added.after["fields"]] == ["id", "name", "rank", "born"]
    renamed = await engine.rename_field("public.person", "born", "Birthday of")
    assert renamed.reason is None
    await engine.drop_field("person", "rank")
    assert await fetched(client, "SELECT * FROM person ORDER BY id") == [(1, "Ada", None), (2, "Bob", None)]
    await client.execute("UPDATE person SET \"Birthday of\" = '1815-12-10' WHERE id = 1")

    changes = await engine.changes("person")
    assert [change.command_tag for change in changes] == ["ALTER TABLE"] * 3 + ["CREATE TABLE"]
    assert [change.reason for change in changes] == [None, None, "birthdays", "there are people"]
    assert {change.changed_by for change in changes} == {"postgres"}
    assert await engine.changes("public.person", limit=1) == changes[:1]
    assert await engine.changes("nobody") == []


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (NewField("n", "int", default=5), {5}),
        (NewField("n", "text", default="it's \\ odd"), {"it's \\ odd"}),
        (NewField("n", "bool", default=True, not_null=True), {True}),
        (NewField("n", "float8", default=-0.5), {-0.5}),
        (NewField("n", "int", default_expression="id * 0 + 3"), None),
        (NewField("n", "int", default_expression="(random() * 0)::int + 3"), {3}),
        (NewField("n", "serial"), {1, 2}),
        (NewField("n", "int", identity=True), {1, 2}),
        (NewField("n", "positive"), {1}),
        (NewField("n", "int", unique=True), {None}),
    ],
)
async def test_a_new_field_of_rows_that_are_there(
    connection: Any, client: Any, field: NewField, values: set[Any] | None
) -> None:
    engine = SchemaEngine(connection)
    await engine.create_entity("person", PERSON)
    await client.execute("INSERT INTO person VALUES (1, 'Ada'), (2, 'Bob')")
    await client.execute("CREATE DOMAIN positive AS int DEFAULT 1 CHECK (value > 0)")
    if values is None:
        with pytest.raises(asyncpg.FeatureNotSupportedError, match="cannot use column reference in DEFAULT"):
            await engine.add_field("person", field)
        values = {None}
        await engine.add_field("person", NewField("n", "int"))
    else:
        await engine.add_field("person", field)
    assert {n for (n,) in await fetched(client, "SELECT n FROM person")} == values


@pytest.mark.parametrize(
    ("field", "error"),
    [
        (NewField("n", "int", not_null=True), asyncpg.NotNullViolationError),
        (NewField("n", "int", check="id > 1"), asyncpg.CheckViolationError),
        (NewField("n", "int", default=1, unique=True), asyncpg.UniqueViolationError),
        (NewField("name", "int"), asyncpg.DuplicateColumnError),
        (NewField("n", "nothing"), asyncpg.UndefinedObjectError),
        (NewField("n", "int; DROP TABLE person"), asyncpg.PostgresSyntaxError),
    ],
)
async def test_what_the_rows_or_postgresql_refuse_changes_nothing(
    connection: Any, client: Any, field: NewField, error: type[Exception]
) -> None:
    engine = SchemaEngine(connection)
    made = await engine.create_entity("person", PERSON)
    await client.execute("INSERT INTO person VALUES (1, 'Ada'), (2, 'Bob')")
    with pytest.raises(error):
        await engine.add_field("person", field, reason="why not")
    assert await fetched(client, "SELECT * FROM person ORDER BY id") == [(1, "Ada", 7), (2, "Bob", 7)]
    assert await engine.changes() == [made]


async def test_relationships(connection: Any, client: Any) -> None:
    engine = SchemaEngine(connection)
    await engine.create_entity("maker", PERSON)
    await engine.create_entity("car", [NewField("id", "int", primary_key=True), NewField("maker", "int")])
    await client.execute("INSERT INTO maker VALUES (1, 'Ada')")
    await client.execute("INSERT INTO car VALUES (7, 1), (8, NULL)")
    made_by = Relationship("made_by", "car", ("maker",), "maker", ("id",), on_delete="CASCADE")
    change = await engine.add_relationship(made_by, reason="cars have makers")
    assert change.reason == "cars have makers"
    assert change.after is not None
    assert change.after["constraints"]["made_by"].startswith("FOREIGN KEY (maker) REFERENCES ")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute("INSERT INTO car VALUES (9, 2)")
    await client.execute("DELETE FROM maker")
    assert await fetched(client, "SELECT id FROM car") == [(8,)]
    await engine.remove_relationship("car", "made_by")
    await client.execute("INSERT INTO car VALUES (9, 2)")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await engine.add_relationship(made_by)


async def test_a_foreign_key_between_a_shared_and_a_dedicated_entity(connection: Any, client: Any) -> None:
    engine, manager = SchemaEngine(connection), DedicatedTableManager(connection)
    await engine.create_entity("maker", PERSON)
    await manager.create_dedicated_table("car", [NewField("id", "int", primary_key=True), NewField("maker", "int")])
    assert await storages(client) == {"maker": "shared", "car": "dedicated"}
    await client.execute("INSERT INTO maker VALUES (1, 'Ada')")
    await client.execute("INSERT INTO car VALUES (7, 1)")
    made_by = Relationship("made_by", "car", ("maker",), "public.maker")
    await manager.add_foreign_key(made_by)
    assert await storages(client) == {"maker": "shared", "car": "dedicated"}
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute("DELETE FROM maker")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await client.execute("INSERT INTO car VALUES (8, 2)")
    await manager.create_dedicated_table("maker")
    assert await storages(client) == {"maker": "dedicated", "car": "dedicated"}
    with pytest.raises(asyncpg.DependentObjectsStillExistError):
        await manager.drop_dedicated_table("maker")
    await manager.remove_foreign_key(made_by)
    await manager.drop_dedicated_table("maker")
    assert await storages(client) == {"car": "dedicated"}


async def test_shared_tables_are_not_dropped_as_dedicated_ones(connection: Any, client: Any) -> None:
    engine, manager = SchemaEngine(connection), DedicatedTableManager(connection)
    await engine.create_entity("person", PERSON)
    await client.execute("INSERT INTO person VALUES (1, 'Ada')")
    with pytest.raises(NotDedicated, match="person is not a dedicated entity"):
        await manager.drop_dedicated_table("person")
    await manager.create_dedicated_table("person", reason="to be dropped")
    assert await fetched(client, "SELECT * FROM ONLY person") == [(1, "Ada", 7)]
    await manager.drop_dedicated_table("person")
    with pytest.raises(asyncpg.UndefinedTableError):
        await client.execute("SELECT * FROM person")


async def test_odd_names_and_schemas(connection: Any, client: Any) -> None:
    engine = SchemaEngine(connection)
    await connection.execute('CREATE SCHEMA "My schema"')
    fields = [NewField('a "quoted" one', "int", primary_key=True), NewField("select", "text", default="'")]
    made = await engine.create_entity("it's -- odd", fields, schema="My schema")
    assert (made.schema, made.entity) == ("My schema", "it's -- odd")
    name = '"My schema"."it\'s -- odd"'
    await client.execute(f"INSERT INTO {name} VALUES (1)")
    await engine.rename_field(name, 'a "quoted" one', "plain")
    assert await fetched(client, f'SELECT plain, "select" FROM {name}') == [(1, "'")]
    with pytest.raises(asyncpg.UndefinedTableError):
        await engine.drop_field('"it\'s -- odd"', "plain")


async def test_it_can_be_part_of_the_callers_transaction(connection: Any, client: Any) -> None:
    engine = SchemaEngine(connection)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL kameleon.reason = 'all of it'")
    await engine.create_entity("person", PERSON, storage="dedicated", reason="one of it")
    await engine.add_field("person", NewField("born", "date"))
    assert [change.reason for change in await engine.changes()] == ["all of it", "one of it"]
    await transaction.rollback()
    assert await engine.changes() == []
    assert await storages(client) == {}


async def test_entities_move_there_and_back(way: str, client: Any) -> None:
    async with asyncpg.create_pool(way, min_size=1, max_size=2, timeout=20) as pool:
        engine = SchemaEngine(pool)
        await engine.create_entity("person", PERSON)
        await client.execute("INSERT INTO person VALUES (1, 'Ada')")
        moved = await engine.materialize_entity("person", reason="read too often")
        assert (moved.command_tag, moved.reason) == ("MATERIALIZE ENTITY", "read too often")
        assert await fetched(client, "SELECT * FROM ONLY person") == [(1, "Ada", 7)]
        moved = await engine.dematerialize_entity("person")
        assert moved.after is not None
        assert moved.after["storage"] == "shared"
        assert await fetched(client, "SELECT * FROM person") == [(1, "Ada", 7)]
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
            await engine.dematerialize_entity("person")


@pytest.mark.parametrize("way", ["direct", "proxied"])
async def test_an_ordinary_role(database: Database, postgres: PostgresServer, way: str) -> None:
    for role in ("engine_one", "engine_two"):
        postgres.execute(f"CREATE ROLE {role} LOGIN")
    postgres.execute("GRANT CREATE ON SCHEMA public TO engine_one", database.name)
    try:
        connections = []
        for role in ("engine_one", "engine_two"):
            dsn = str(replace(parse_dsn(getattr(database, way)), user=role))
            connections.append(await asyncpg.connect(dsn, timeout=20))
        one, two = map(SchemaEngine, connections)
        await one.create_entity("person", PERSON)
        await one.add_field("person", NewField("born", "date", default_expression="now()"), reason="birthdays")
        await one.materialize_entity("person")
        assert [change.changed_by for change in await one.changes()] == ["engine_one"] * 3
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="must be owner of table person"):
            await two.add_field("person", NewField("x", "int", not_null=True, default=1))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="must be owner of table person"):
            await two.dematerialize_entity("person")
        assert await two.changes() == []
        for connection in connections:
            await connection.close(timeout=20)
    finally:
        postgres.execute("DROP OWNED BY engine_one, engine_two", database.name)
        postgres.execute("DROP ROLE engine_one, engine_two")


def test_what_makes_no_statement() -> None:
    with pytest.raises(ValueError, match="both a default and a default_expression"):
        NewField("n", "int", default=1, default_expression="2").definition()
    with pytest.raises(ValueError, match="is not one of: NO ACTION"):
        Relationship("r", "a", ("b",), "c", on_delete="EXPLODE").definition("c")  # type: ignore[arg-type]
