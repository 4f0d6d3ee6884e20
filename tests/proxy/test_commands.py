"""The commands that are clients, as a user runs them: processes, their exit codes, and what they write where."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_postgres import PostgresServer, free_port
from tests.fix_proxy import ROOT, Database, clean_environment


def kameleon(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=ROOT,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def done(*arguments: str, **settings: Any) -> str:
    """What a command prints that must succeed."""
    ended = kameleon(*arguments, **settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def refused(*arguments: str, code: int = 1, **settings: Any) -> list[str]:
    """The lines with which a command tells why it did nothing."""
    ended = kameleon(*arguments, **settings)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert all(line.startswith("kameleon: ") for line in ended.stderr.splitlines())
    return [line.removeprefix("kameleon: ") for line in ended.stderr.splitlines()]


def on_terminal(*arguments: str) -> str:
    """What it writes to a terminal of 200 columns."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy", *arguments],
            cwd=ROOT,
            env=clean_environment() | {"COLUMNS": "200", "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        written = b""
        while True:
            try:
                read = os.read(controller, 65536)
            except OSError:  # all its ends are closed
                break
            if not read:
                break
            written += read
        assert process.wait(60) == 0
        return written.decode()
    finally:
        os.close(controller)


@pytest.fixture
def shop(database: Database) -> Database:
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE maker (id int PRIMARY KEY, name text)")
        session.execute("CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker)")
        session.execute("INSERT INTO maker SELECT n, 'maker ' || n FROM generate_series(1, 50) AS n")
        session.execute("INSERT INTO car SELECT n, n FROM generate_series(1, 50) AS n")
    with psycopg.connect(database.direct, autocommit=True) as session:
        session.execute("CREATE TABLE plain (id int PRIMARY KEY); INSERT INTO plain VALUES (1)")
    return database


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kameleon-test-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_entities(shop: Database) -> None:
    listed = json.loads(done("entities", "--dsn", shop.direct, "--json"))
    assert [(entity["schema"], entity["name"], entity["storage"], entity["fields"]) for entity in listed] == [
        ("public", "car", "shared", 2),
        ("public", "maker", "shared", 2),
    ]
    assert listed == json.loads(done("entities", "--json", "--dsn", shop.proxied))
    heading, *lines = done("entities", upstream=shop.direct).splitlines()
    assert heading.split("\t")[:3] == ["Schema", "Entity", "Storage"]
    assert [line.split("\t")[:3] for line in lines] == [["public", "car", "shared"], ["public", "maker", "shared"]]
    table = on_terminal("entities", "--dsn", shop.direct)
    assert "│ public │ maker  │ shared" in table


@pytest.mark.parametrize("way", ["direct", "proxied"])
def test_adopt_and_forget(shop: Database, way: str) -> None:
    dsn = getattr(shop, way)
    assert done("adopt", "plain", "--reason", "it was there", "--dsn", dsn) == (
        "plain is an entity now, in dedicated storage\n"
    )
    (plain,) = (e for e in json.loads(done("entities", "--dsn", dsn, "--json")) if e["name"] == "plain")
    assert (plain["storage"], plain["reason"]) == ("dedicated", "it was there")
    assert refused("adopt", "plain", "--dsn", dsn) == [
        'table "plain" is an entity already (SQLSTATE 42710)',
        "hint: There is nothing to be done; the view kameleon.entities lists them.",
    ]
    assert json.loads(done("forget", "public.plain", "--dsn", dsn, "--json")) == {
        "entity": "public.plain",
        "done": "forgotten",
    }
    with psycopg.connect(shop.proxied) as session:
        assert session.execute("SELECT * FROM plain").fetchall() == [(1,)]


def test_errors_for_programs(shop: Database) -> None:
    ended = kameleon("forget", "car", "--dsn", shop.direct, "--json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert json.loads(ended.stderr) == {
        "error": {
            "sqlstate": "55000",
            "message": 'cannot forget table "car": its rows are kept in shared storage',
            "hint": "CALL kameleon.materialize_entity('public.car') first.",
        }
    }


def test_no_server(place: Path) -> None:
    port = free_port()
    (line,) = refused("entities", "--dsn", f"postgresql://u:secret@127.0.0.1:{port}/d")
    assert line.startswith(f"no connection to 127.0.0.1:{port}: ")
    assert "secret" not in line


def test_database_without_kameleon(plain_database: Database) -> None:
    (line,) = refused("entities", "--dsn", plain_database.direct)
    assert line == 'relation "kameleon.entities" does not exist (SQLSTATE 42P01)'


def test_wrong_usage(place: Path) -> None:
    assert refused("entities", "--dsn", "nonsense", code=2)[0].startswith("flag --dsn: expected a connection string")
    lines = refused("entities", code=2, data_dir=place / "none")
    assert lines[0].startswith(f"there is no upstream in the settings, and no embedded server in {place}/none")
    assert refused("entities", code=2, listen="127.0.0.1:0")[0].endswith("expected --dsn")
    assert kameleon("entities", "--nonsense").returncode == 2
    assert kameleon("adopt").returncode == 2


def test_the_embedded_server_is_found_through_its_proxy(place: Path, new_proxy: Any) -> None:
    where = {"data_dir": place / "data", "listen": f"127.0.0.1:{free_port()}"}
    proxy = new_proxy(**where)
    with psycopg.connect(str(proxy.dsn), autocommit=True) as session:
        session.execute("CREATE TABLE here (id int)")
    assert [entity["name"] for entity in json.loads(done("entities", "--json", **where))] == ["here"]


@pytest.mark.parametrize("way", ["direct", "proxied"])
def test_materialize_and_dematerialize(shop: Database, way: str) -> None:
    dsn = getattr(shop, way)
    *progress, last_line = done("materialize", "car", "--reason", "read often", "--dsn", dsn).splitlines()
    assert last_line == "public.car: 50 rows are in dedicated storage now"
    assert progress[-1] == "car: done, 50 of 50 rows"
    *lines, last = map(
        json.loads, done("dematerialize", "car", "--batch-size", "7", "--json", "--dsn", dsn).splitlines()
    )
    assert (lines[-1]["phase"], lines[-1]["rows_done"], lines[-1]["rows_total"]) == ("done", 50, 50)
    assert (last["entity"], last["storage"]) == ("car", "shared")
    assert [(moved["entity"], moved["rows_done"], moved["batch_size"]) for moved in last["moved"]] == [
        ("car", 50, 7),
    ]
    assert refused("dematerialize", "car", "--dsn", dsn) == [
        'table "car" is kept in shared storage already (SQLSTATE 55000)',
        "hint: There is nothing to be done.",
    ]
    listed = json.loads(done("migrations", "--json", "--dsn", dsn))
    assert [(each["entity"], each["direction"], each["phase"]) for each in listed] == [
        ("car", "shared", "done"),
        ("car", "dedicated", "done"),
    ]
    _, *lines = done("migrations", "car", "--limit", "1", "--dsn", dsn).splitlines()
    assert [line.split("\t")[1:5] for line in lines] == [["public", "car", "shared", "done"]]


def test_progress_on_a_terminal(shop: Database) -> None:
    written = on_terminal("materialize", "maker", "--dsn", shop.proxied)
    assert "50/50" in written
    assert written.splitlines()[-1].endswith("public.maker: 50 rows are in dedicated storage now")
    assert "│ dedicated │ done" in on_terminal("migrations", "--dsn", shop.proxied)


@pytest.mark.parametrize("way", ["direct", "proxied"])
def test_an_interrupted_move_is_undone_before_the_command_ends(shop: Database, way: str) -> None:
    with psycopg.connect(shop.proxied, autocommit=True) as session:
        session.execute("INSERT INTO maker SELECT n, 'more' FROM generate_series(51, 20000) AS n")
        process = subprocess.Popen(
            [
                sys.executable,
                "-u",
                "-m",
                "proxy",
                "materialize",
                "maker",
                "--batch-size",
                "1",
                "--dsn",
                getattr(shop, way),
            ],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        while "copying" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130
        assert told == "kameleon: interrupted; waiting until the server has undone it\n"
        phases = "SELECT DISTINCT phase, finished_at IS NULL FROM kameleon.migrations"
        assert session.execute(phases).fetchall() == [("cancelled", False)]
        storages = "SELECT DISTINCT storage_mode FROM kameleon.entities"
        assert session.execute(storages).fetchall() == [("shared",)]
        assert session.execute("SELECT count(*) FROM maker").fetchone() == (20000,)


def test_a_move_whose_proxy_is_killed(shop: Database, postgres: PostgresServer, new_proxy: Any) -> None:
    with psycopg.connect(shop.proxied, autocommit=True) as session:
        session.execute("INSERT INTO maker SELECT n, 'more' FROM generate_series(51, 20000) AS n")
        doomed = new_proxy(upstream=postgres.dsn(shop.name))
        dsn = doomed.url(shop.name, user="postgres")
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "proxy", "materialize", "maker", "--batch-size", "1", "--dsn", dsn],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        while "copying" not in process.stdout.readline():
            assert process.poll() is None
        doomed.kill()
        _, told = process.communicate(timeout=60)
        assert process.returncode == 1
        assert told.startswith("kameleon: ")
        assert "Traceback" not in told
        # the server may not have noticed yet, and still be moving
        with contextlib.suppress(psycopg.errors.ObjectNotInPrerequisiteState):
            session.execute("CALL kameleon.cancel_migration('maker')")
        deadline = time.monotonic() + 60
        while session.execute("SELECT FROM kameleon.migrations WHERE finished_at IS NULL").fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert session.execute("SELECT count(*) FROM maker").fetchone() == (20000,)
    assert "public.maker: 20000 rows are in dedicated storage now" in done(
        "materialize", "maker", "--dsn", shop.proxied
    )


COMMANDS = ["entities", "adopt", "forget", "materialize", "dematerialize", "migrations", "mcp"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_documents_the_exit_codes(command: str) -> None:
    text = " ".join(done(command, "--help").split())
    assert "0 done, 1 the server refused or failed, 2 wrong usage, 130 interrupted" in text
