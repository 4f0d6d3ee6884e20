"""The command as a user runs it: a process, its exit code, and what it writes where."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from tests.fix_postgres import free_port
from tests.fix_proxy import ROOT, clean_environment


@pytest.fixture
def place():
    folder = Path(tempfile.mkdtemp(prefix="kameleon-test-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def kameleon(*arguments, **settings):
    """Run a command that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=ROOT,
        env=clean_environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(*arguments, **settings) -> str:
    """The one line with which `serve` refuses to run."""
    done = kameleon("serve", *arguments, **settings)
    assert done.returncode not in (0, -signal.SIGTERM)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("kameleon: ")
    return line.removeprefix("kameleon: ")


def test_version():
    done = kameleon("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("kameleon 0.")


def test_ready_line_is_all_of_stdout_and_good_for_a_client(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data")
    with psycopg.connect(str(proxy.dsn)) as connection:
        assert connection.execute("SELECT current_user::text, current_database()::text").fetchone() == (
            proxy.dsn.user,
            proxy.dsn.dbname,
        )
    assert proxy.dsn.host == "127.0.0.1"
    assert proxy.stop() == 0
    assert proxy.process.stdout.read() == b""


def test_embedded_server_keeps_its_data_and_starts_again_in_5_seconds(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data")
    with psycopg.connect(str(proxy.dsn)) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    proxy.stop()
    began = time.monotonic()
    proxy = new_proxy(data_dir=place / "data")
    assert time.monotonic() - began < 5
    with psycopg.connect(str(proxy.dsn)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(42,)]
    password = place / "data/password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert proxy.dsn.password == password.read_text().strip()


def test_killed_proxy_leaves_nothing_in_the_way_of_the_next(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data")
    with psycopg.connect(str(proxy.dsn)) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    proxy.kill()
    proxy = new_proxy(data_dir=place / "data")
    with psycopg.connect(str(proxy.dsn)) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == []


def test_second_start_on_the_same_data(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data")
    line = refused(data_dir=place / "data", listen="127.0.0.1:0")
    assert line == f"data directory {place}/data is in use by another kameleon (process {proxy.pid})"
    psycopg.connect(str(proxy.dsn)).close()


def test_port_in_use(postgres):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        database = postgres.create_database()
        assert refused("--listen", listen, "--upstream", postgres.dsn(database)).startswith(
            f"cannot listen on {listen}: "
        )


def test_port_in_use_takes_the_embedded_server_down_again(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = kameleon(
            "serve", data_dir=place / "data", listen=f"127.0.0.1:{taken.getsockname()[1]}", log_level="error"
        )
    assert line.returncode == 1
    assert "cannot listen on" in line.stderr
    assert not (place / "data/postgres/postmaster.pid").exists()


def test_unreachable_upstream():
    assert "upstream" in refused(upstream=f"postgresql://u:secret@127.0.0.1:{free_port()}/d", listen="127.0.0.1:0")


def test_upstream_database_does_not_exist(postgres):
    assert 'database "nowhere" does not exist' in refused(upstream=postgres.dsn("nowhere"), listen="127.0.0.1:0")


def test_upstream_without_the_rights_to_install(postgres):
    database = postgres.create_database()
    postgres.execute("CREATE ROLE powerless LOGIN")
    try:
        line = refused(upstream=postgres.dsn(database, user="powerless"), listen="127.0.0.1:0")
        assert "superuser" in line
    finally:
        postgres.execute("DROP ROLE powerless")


def test_bad_settings_are_named(place):
    assert refused("--listen", "nowhere").startswith("flag --listen: expected host:port")
    assert refused(listn="x").startswith("environment variable KAMELEON_LISTN: no such setting")
    config = place / "my.toml"
    config.write_text('tls_cert = "/nowhere"')
    assert refused("--config", str(config)).startswith(f"config file {config}, key tls_cert: expected")


def test_data_directory_that_cannot_be_made(place):
    (place / "file").touch()
    assert refused(data_dir=place / "file/data", listen="127.0.0.1:0").startswith("data directory ")


def test_passwords_with_special_characters_survive_in_the_ready_line(postgres, new_proxy):
    database = postgres.create_database()
    postgres.execute("CREATE ROLE \"odd @:/?#\" SUPERUSER LOGIN PASSWORD 'p@:/?#%'")
    try:
        proxy = new_proxy(upstream=postgres.dsn(database, user="odd @:/?#", password="p@:/?#%"))
        with psycopg.connect(str(proxy.dsn)) as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == ("odd @:/?#",)
        proxy.close()
    finally:
        postgres.drop_database(database)
        postgres.execute('DROP ROLE "odd @:/?#"')


def test_sigterm_lets_a_running_statement_finish_and_no_new_client_in(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data", drain_timeout=20)
    results = []
    running = psycopg.connect(str(proxy.dsn), autocommit=True)
    idle = psycopg.connect(str(proxy.dsn), autocommit=True)
    idle.execute("SELECT 1")

    def work() -> None:
        results.append(running.execute("SELECT pg_sleep(1.5), 'done'").fetchone()[1])

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(0.5)
    began = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(str(proxy.dsn), connect_timeout=5).close()
    worker.join()
    assert results == ["done"]
    assert proxy.process.wait(10) == 0
    assert 0.5 < time.monotonic() - began < 8
    with pytest.raises(psycopg.OperationalError):
        idle.execute("SELECT 1")
    running.close()
    idle.close()
    assert not (place / "data/postgres/postmaster.pid").exists()


def test_draining_is_bounded(postgres, new_proxy):
    database = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(database), drain_timeout=1)
    with psycopg.connect(str(proxy.dsn), autocommit=True) as connection:
        failures = []

        def work() -> None:
            try:
                connection.execute("SELECT pg_sleep(30)")
            except psycopg.Error as error:
                failures.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert proxy.stop() == 0
        assert time.monotonic() - began < 8
        worker.join(10)
        assert len(failures) == 1
    # Nothing of it goes on upstream.
    deadline = time.monotonic() + 5
    while postgres.execute(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{database}' AND state = 'active'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_signal_does_not_wait(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data", drain_timeout=60)
    with psycopg.connect(str(proxy.dsn), autocommit=True) as connection:
        worker = threading.Thread(target=_ignoring_errors, args=(connection, "SELECT pg_sleep(40)"))
        worker.start()
        time.sleep(0.3)
        began = time.monotonic()
        proxy.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert proxy.stop() == 0
        assert time.monotonic() - began < 10
        worker.join(10)


def test_a_lost_embedded_server_ends_the_proxy_with_an_error(place, new_proxy):
    proxy = new_proxy(data_dir=place / "data")
    postmaster = int((place / "data/postgres/postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert proxy.process.wait(20) == 1
    assert "kameleon: the embedded PostgreSQL has ended" in proxy.log


def test_signal_while_starting(place):
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "serve"],
        cwd=ROOT,
        env=clean_environment(data_dir=place / "data", listen="127.0.0.1:0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not (place / "data/postgres.unfinished").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert stdout == b""


def test_healthcheck(postgres, new_proxy):
    database = postgres.create_database()
    proxy = new_proxy(upstream=postgres.dsn(database))
    listen = f"127.0.0.1:{proxy.port}"
    assert kameleon("healthcheck", "--listen", listen).returncode == 0
    proxy.stop()
    done = kameleon("healthcheck", "--listen", listen)
    assert done.returncode == 1
    assert "no healthy proxy" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as silent:
        listen = f"127.0.0.1:{silent.getsockname()[1]}"
        assert kameleon("healthcheck", "--listen", listen).returncode == 1


def _ignoring_errors(connection, query: str) -> None:
    try:
        connection.execute(query)
    except psycopg.Error as error:
        assert error is not None
