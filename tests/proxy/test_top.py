"""`kameleon top`, as a user runs it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER
from tests.fix_proxy import ROOT, clean_environment
from tests.proxy.test_commands import done


@pytest.fixture(scope="module")
def measured(postgres):
    from tests.fix_proxy import ProxyProcess

    name = postgres.create_database()
    proxy = ProxyProcess(upstream=postgres.dsn(name))
    with psycopg.connect(proxy.url(user=SUPERUSER), autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        connection.execute("CREATE TABLE lines (id int, number int)")
        for number in range(3):
            connection.execute(f"INSERT INTO orders VALUES ({number})")
        connection.execute("SELECT pg_sleep(0.05) FROM orders JOIN lines USING (id) RIGHT JOIN orders AS o ON true")
    proxy.close()
    return postgres.dsn(name)


def test_json(measured):
    found = json.loads(done("top", "--json", "--dsn", measured))
    first = found["statements"][0]
    assert (first["query_type"], first["storage"], first["entities"]) == ("SELECT", "shared", ["lines", "orders"])
    assert (first["joins"], first["calls"], first["rows"], first["statement"]) == (2, 1, 3, None)
    assert first["total_ms"] > 150
    assert isinstance(first["advice"], list)
    inserts = next(each for each in found["statements"] if each["query_type"] == "INSERT")
    assert (inserts["calls"], inserts["rows"], inserts["entities"]) == (3, 3, ["orders"])
    orders = next(each for each in found["entities"] if each["entity"] == "orders")
    assert (orders["calls"] >= 4, orders["writes"], orders["joins"], orders["storage"]) == (True, 3, 1, "shared")


def test_once_and_where_there_is_no_terminal(measured):
    lines = done("top", "--once", "--limit", "2", "--dsn", measured).splitlines()
    assert lines[0].split("\t")[:3] == ["Statement", "Storage", "Calls"]
    assert lines[1].startswith("SELECT of lines, orders (")
    assert len(lines) == 6
    assert lines[3].split("\t")[0] == "Entity"
    assert done("top", "--limit", "2", "--dsn", measured).splitlines()[0] == lines[0]


def test_live(measured):
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "top", "--interval", "0.2", "--dsn", measured],
        cwd=ROOT,
        env=clean_environment() | {"COLUMNS": "160", "LINES": "50", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    try:
        written = ""
        deadline = time.monotonic() + 30
        while written.count("Ctrl-C to end") < 2 and time.monotonic() < deadline:
            if select.select([controller], [], [], 0.1)[0]:
                written += os.read(controller, 65536).decode(errors="replace")
        assert "SELECT of lines" in written
        assert "Calls/s" in written
        process.send_signal(signal.SIGINT)
        while process.poll() is None and time.monotonic() < deadline:
            if select.select([controller], [], [], 0.1)[0]:
                try:
                    os.read(controller, 65536)
                except OSError:
                    break
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)
