"""`kameleon mcp`, as its clients use it: the SDK's own client over both transports, and the real proxy behind it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx2
import psycopg
import pytest
from mcp import Client, StdioServerParameters

from tests.fix_postgres import free_port
from tests.fix_proxy import ROOT, Database, clean_environment

READY = "kameleon mcp ready: "


class HttpServer:
    """`kameleon mcp --http`, ready when it is constructed."""

    def __init__(self, dsn: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "mcp", "--http", "0", "--dsn", dsn],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(READY), line
        self.url = line.removeprefix(READY).strip()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def serve_http() -> Iterator[Callable[[str], HttpServer]]:
    servers: list[HttpServer] = []

    def make(dsn: str) -> HttpServer:
        servers.append(HttpServer(dsn))
        return servers[-1]

    yield make
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def stdio_server(dsn: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable, args=["-m", "proxy", "mcp", "--dsn", dsn], cwd=ROOT, env=clean_environment()
    )


@pytest.fixture
def shop(database: Database) -> Database:
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE maker (id int PRIMARY KEY, name varchar(40) DEFAULT 'nobody')")
        session.execute("CREATE TABLE car (id int PRIMARY KEY, maker int CONSTRAINT made_by REFERENCES maker)")
        session.execute("COMMENT ON COLUMN car.maker IS 'who made it'")
        session.execute("CREATE INDEX by_maker ON car (maker)")
        session.execute("INSERT INTO maker SELECT n, 'maker ' || n FROM generate_series(1, 500) AS n")
        session.execute("INSERT INTO car SELECT n, n FROM generate_series(1, 500) AS n")
    return database


@pytest.fixture(params=["stdio", "http"])
def client(request: pytest.FixtureRequest, shop: Database, serve_http: Any) -> Client:
    """Not connected yet: what enters it must leave it, and the tasks of a fixture are not a test's."""
    at: Any = stdio_server(shop.proxied) if request.param == "stdio" else serve_http(shop.proxied).url
    return Client(at, read_timeout_seconds=60)


async def answer(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool that succeeds returns; its text says the same."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error is False, result.content
    (content,) = result.content
    assert content.type == "text"
    assert json.loads(content.text) == result.structured_content
    assert result.structured_content is not None
    return result.structured_content


async def error(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert result.is_error is True
    assert result.structured_content is not None
    told: dict[str, Any] = result.structured_content["error"]
    return told


async def test_the_tools(client: Client) -> None:
    async with client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == [
            "kameleondb_dematerialize_entity",
            "kameleondb_describe_entity",
            "kameleondb_execute_sql",
            "kameleondb_list_entities",
            "kameleondb_materialize_entity",
        ]
        assert all(tool.description for tool in tools.values())
        run = tools["kameleondb_execute_sql"]
        assert run.input_schema["required"] == ["sql"]
        assert run.annotations is not None
        assert run.annotations.destructive_hint is True
        assert sorted(tools["kameleondb_materialize_entity"].input_schema["properties"]) == [
            "batch_size",
            "name",
            "reason",
            "timeout_seconds",
        ]


async def test_clients_of_earlier_revisions_of_the_protocol(shop: Database, serve_http: Any) -> None:
    for at in (stdio_server(shop.proxied), serve_http(shop.proxied).url):
        async with Client(at, mode="legacy", read_timeout_seconds=60) as client:
            assert len((await client.list_tools()).tools) == 5
            assert (await answer(client, "kameleondb_execute_sql", sql="SELECT 1"))["rows"] == [[1]]


async def test_entities_are_listed_and_described(client: Client) -> None:
    async with client:
        listed = (await answer(client, "kameleondb_list_entities"))["entities"]
        assert [(each["schema"], each["name"], each["storage"]) for each in listed] == [
            ("public", "car", "shared"),
            ("public", "maker", "shared"),
        ]
        assert (await answer(client, "kameleondb_list_entities", schema="elsewhere"))["entities"] == []
        car = await answer(client, "kameleondb_describe_entity", name="public.car")
        assert (car["name"], car["storage"]) == ("car", "shared")
        assert [(field["name"], field["type"], field["comment"]) for field in car["fields"]] == [
            ("id", "integer", None),
            ("maker", "integer", "who made it"),
        ]
        assert {"name": "made_by", "definition": "FOREIGN KEY (maker) REFERENCES maker(id)"} in car["constraints"]
        assert [index["name"] for index in car["indexes"]] == ["by_maker", "car_pkey"]
        assert [change["command"] for change in car["changes"]] == ["CREATE INDEX", "CREATE TABLE"]
        maker = await answer(client, "kameleondb_describe_entity", name="maker")
        assert [(each["entity"], each["name"]) for each in maker["referenced_by"]] == [("car", "made_by")]
        assert maker["fields"][1]["default"] == "'nobody'::character varying"
        assert (await error(client, "kameleondb_describe_entity", name="nope"))["sqlstate"] == "42P01"
        assert (await error(client, "kameleondb_describe_entity", name="pg_class"))["sqlstate"] == "42809"


async def test_a_slow_statement_comes_with_what_would_make_it_faster(shop: Database) -> None:
    with psycopg.connect(shop.proxied, autocommit=True) as session:
        session.execute("INSERT INTO kameleon.settings VALUES ('execution_time_threshold_ms', '2')")
        session.execute("CREATE TABLE wide (a int PRIMARY KEY, b timestamptz, c timestamptz, d timestamptz)")
        session.execute("INSERT INTO wide SELECT n, now(), now(), now() FROM generate_series(1, 20000) AS n")
        session.execute("ANALYZE wide")
    sql = "SELECT count(b), count(c), count(d) FROM wide"
    suggestions: list[dict[str, str]] = []
    deadline = time.monotonic() + 60
    async with Client(stdio_server(shop.proxied)) as client:
        while not suggestions and time.monotonic() < deadline:
            suggestions = (await answer(client, "kameleondb_execute_sql", sql=sql))["suggestions"]
    assert [each["action"] for each in suggestions] == ["CALL kameleon.materialize_entity('wide')"]
    assert "Expected gain" in suggestions[0]["evidence"]


async def test_sql(client: Client) -> None:
    async with client:
        found = await answer(
            client,
            "kameleondb_execute_sql",
            sql="SELECT car.id, maker.name FROM car JOIN maker ON maker.id = maker WHERE car.id <= $1 ORDER BY 1",
            parameters=[2],
        )
        assert found == {
            "columns": [{"name": "id", "type": "int4"}, {"name": "name", "type": "varchar"}],
            "rows": [[1, "maker 1"], [2, "maker 2"]],
            "truncated": False,
            "status": "SELECT 2",
            "notices": [],
            "suggestions": [],
            "row_count": 2,
        }
        found = await answer(client, "kameleondb_execute_sql", sql="TABLE car ORDER BY id", row_limit=3)
        assert (found["rows"], found["truncated"], found["status"]) == ([[1, 1], [2, 2], [3, 3]], True, None)
        made = await answer(
            client, "kameleondb_execute_sql", sql="INSERT INTO maker VALUES (501, $1) RETURNING *", parameters=["Ada"]
        )
        assert (made["rows"], made["status"]) == ([[501, "Ada"]], "INSERT 0 1")
        made = await answer(client, "kameleondb_execute_sql", sql="ALTER TABLE car ADD COLUMN IF NOT EXISTS id int")
        assert made["notices"] == ['column "id" of relation "car" already exists, skipping']
        assert (made["columns"], made["rows"], made["status"]) == ([], [], "ALTER TABLE")


VALUES = [
    ("int8", 2**53, 2**53),
    ("numeric", "0.10", "0.10"),
    ("numeric", 1.5, "1.5"),
    ("float8", 0.25, 0.25),
    ("bool", True, True),
    ("text", "it's", "it's"),
    ("text", 5, "5"),
    ("date", "2024-02-29", "2024-02-29"),
    ("timestamptz", "2024-02-29 12:00:00+00", "2024-02-29 12:00:00+00"),
    ("interval", "1 day 02:00", "1 day 02:00:00"),
    ("uuid", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
    ("bytea", "\\x00ff", "\\x00ff"),
    ("jsonb", {"a": [1, None]}, {"a": [1, None]}),
    ("jsonb", '"text"', "text"),
    ("int[]", [1, None, 3], [1, None, 3]),
    ("numeric[]", ["1.50"], ["1.50"]),
    ("text", None, None),
]


async def test_values(client: Client) -> None:
    async with client:
        for type_name, given, expected in VALUES:
            found = await client.call_tool(
                "kameleondb_execute_sql", {"sql": f"SELECT $1::{type_name} AS v", "parameters": [given]}
            )
            assert found.structured_content is not None
            assert found.structured_content["rows"] == [[expected]], (type_name, given)
        sql = "SELECT int4range(1, 3), 'NaN'::float8, ROW(1, 'a'), 'empty'::int4range, point(1, 2), 1 AS a, 2 AS a"
        assert (await answer(client, "kameleondb_execute_sql", sql=sql))["rows"] == [
            ["[1,3)", "nan", [1, "a"], "empty", "(1,2)", 1, 2]
        ]


async def test_errors_are_structured(client: Client) -> None:
    async with client:
        run = "kameleondb_execute_sql"
        told = await error(client, run, sql="INSERT INTO car VALUES (1000, 1000)")
        assert told == {
            "sqlstate": "23503",
            "message": 'insert or update on table "car" violates foreign key constraint "made_by"',
            "detail": 'Key (maker)=(1000) is not present in table "maker".',
        }
        assert "maker.name" in (await error(client, run, sql="SELECT maker.nme FROM maker"))["hint"]
        assert (await error(client, run, sql="SELECT 1; SELECT 2"))["sqlstate"] == "42601"
        assert (await error(client, run, sql="SELECT pg_sleep(60)", timeout_seconds=0.2))["sqlstate"] == "57014"
        assert "1 argument" in (await error(client, run, sql="SELECT $1::int"))["message"]
        assert "invalid input" in (await error(client, run, sql="SELECT $1::int", parameters=["x"]))["message"]
        assert (await error(client, run, sql="COPY car FROM STDIN"))["sqlstate"] == "0A000"
        ended = await error(client, run, sql="SELECT pg_terminate_backend(pg_backend_pid())")
        assert ended["sqlstate"] in ("57P01", "08003")  # as told by the server, or by the driver that lost it
        # none of it is in the way of the next
        assert (await answer(client, run, sql="SELECT 1 AS one"))["rows"] == [[1]]


async def test_each_call_is_by_itself(client: Client) -> None:
    async with client:
        run = "kameleondb_execute_sql"
        await answer(client, run, sql="SET application_name = 'mine'")
        await answer(client, run, sql="CREATE TEMPORARY TABLE t (id int)")
        assert (await answer(client, run, sql="SHOW application_name"))["rows"] == [["kameleon mcp"]]
        await client.call_tool(run, {"sql": "BEGIN"})
        await answer(client, run, sql="DELETE FROM car")
        assert (await answer(client, run, sql="SELECT count(*) FROM car"))["rows"] == [[0]]


async def test_entities_move(client: Client) -> None:
    async with client:
        told: list[tuple[float, float | None, str | None]] = []

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            told.append((progress, total, message))

        arguments = {"name": "car", "reason": "joined too often", "batch_size": 100, "timeout_seconds": 30}
        moved = await client.call_tool("kameleondb_materialize_entity", arguments, progress_callback=tell)
        assert moved.is_error is False
        assert moved.structured_content is not None
        assert [(each["entity"], each["phase"]) for each in moved.structured_content["moved"]] == [
            ("car", "done"),
        ]
        assert told[-1] == (500, 500, "done")
        car = await answer(client, "kameleondb_describe_entity", name="car")
        assert (car["storage"], car["reason"]) == ("dedicated", "joined too often")
        assert car["changes"][0]["command"] == "MATERIALIZE ENTITY"
        assert (await error(client, "kameleondb_materialize_entity", name="car"))["sqlstate"] == "55000"
        assert (await answer(client, "kameleondb_describe_entity", name="maker"))["storage"] == "shared"
        back = await answer(client, "kameleondb_dematerialize_entity", name="car")
        assert back["storage"] == "shared"
        sql = "SELECT count(*) FROM car JOIN maker ON maker.id = maker"
        assert (await answer(client, "kameleondb_execute_sql", sql=sql))["rows"] == [[500]]


async def test_a_cancelled_call_is_undone(client: Client, shop: Database) -> None:
    with psycopg.connect(shop.proxied, autocommit=True) as session:
        session.execute("INSERT INTO maker SELECT n, 'more' FROM generate_series(501, 20000) AS n")
    async with client:
        with anyio.move_on_after(60) as scope:

            async def give_up(progress: float, total: float | None, message: str | None) -> None:
                if progress:
                    scope.cancel()

            arguments = {"name": "maker", "batch_size": 1}
            await client.call_tool("kameleondb_materialize_entity", arguments, progress_callback=give_up)
        assert scope.cancelled_caught
        with psycopg.connect(shop.direct, autocommit=True) as session:
            deadline = time.monotonic() + 30
            while session.execute("SELECT FROM kameleon.migrations WHERE finished_at IS NULL").fetchall():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)  # the client still has to say so
            phases = session.execute("SELECT DISTINCT phase FROM kameleon.migrations").fetchall()
        assert phases == [("cancelled",)]
        assert (await answer(client, "kameleondb_describe_entity", name="maker"))["storage"] == "shared"


def test_stdio_ends_with_its_input(shop: Database) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "proxy", "mcp", "--dsn", shop.proxied],
        cwd=ROOT,
        env=clean_environment(),
        input="",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_stdio_ends_with_a_signal(shop: Database) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "mcp", "--dsn", shop.proxied],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with psycopg.connect(shop.direct, autocommit=True) as session:
        while not session.execute("SELECT FROM pg_stat_activity WHERE application_name = 'kameleon mcp'").fetchall():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.communicate() == ("", "kameleon: stopping\n")


def test_http_ends_with_a_signal(shop: Database, serve_http: Any) -> None:
    assert serve_http(shop.proxied).stop() == 130


async def test_http_is_on_loopback_and_refuses_other_hosts(shop: Database, serve_http: Any) -> None:
    url = serve_http(shop.proxied).url
    assert url.startswith("http://127.0.0.1:")
    async with httpx2.AsyncClient() as http:
        for header in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            response = await http.post(url, json={}, headers=header)
            assert response.status_code in (403, 421)


def test_what_it_refuses_at_start(shop: Database) -> None:
    def refused(*arguments: str) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "proxy", "mcp", *arguments],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.stdout == ""
        return ended.returncode, ended.stderr

    port = free_port()
    code, told = refused("--dsn", f"postgresql://u:secret@127.0.0.1:{port}/d")
    assert code == 1
    assert told.startswith(f"kameleon: no connection to 127.0.0.1:{port}: ")
    assert refused("--http", "nonsense:", "--dsn", shop.proxied)[0] == 2
    used = shop.proxied.rsplit("/", 1)[0].rsplit(":", 1)[1]
    code, told = refused("--http", used, "--dsn", shop.proxied)
    assert code == 1
    assert told.startswith(f"kameleon: cannot listen on {used}: Address already in use")
