"""A real PostgreSQL server for the tests: the wheel's, or the one whose programs KAMELEON_TEST_POSTGRES_BIN names.

It listens on a unix socket and on 127.0.0.1, trusts everybody unless a test sets other lines of pg_hba.conf, and
does not sync its files. Under root it runs as the same unprivileged user as the embedded server.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from proxy.dsn import Dsn
from proxy.programs import programs_for
from proxy.server_user import server_user

SUPERUSER = "postgres"
START_TIMEOUT = 60.0

TRUST = ("local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust")

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "lc_messages": "C",
}


def postgres_programs() -> Path:
    """The folder with the server's programs that the tests run on."""
    named = os.environ.get("KAMELEON_TEST_POSTGRES_BIN")
    return Path(named) if named else programs_for(server_user())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresServer:
    """One server in a folder of its own, from `start` to `stop`."""

    def __init__(self, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        self.programs = programs
        self.host = "127.0.0.1"
        self.port = 0
        self.user = server_user()
        self.folder = Path(tempfile.mkdtemp(prefix="kameleon-test-", dir="/tmp"))
        self.data = self.folder / "data"
        self.socket = self.folder / "run"
        self.log = self.folder / "log"
        self._settings = FAST | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self.folder.chmod(0o755)
        for folder in (self.data, self.socket):
            folder.mkdir(mode=0o700)
            self.user.own(folder)
        done = self.user.run(
            [
                programs / "initdb",
                f"--pgdata={self.data}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ]
        )
        if done.returncode != 0:
            raise AssertionError(f"initdb failed: {done.stdout}")
        # Triggers fire in the order of their names, which hold OIDs as text: 99999 and 100000 would trade places.
        done = self.user.run([programs / "pg_resetwal", "--next-oid=200000", f"--pgdata={self.data}"])
        if done.returncode != 0:
            raise AssertionError(f"pg_resetwal failed: {done.stdout}")
        self.set_hba(TRUST, reload=False)

    def start(self) -> None:
        """Start it, or start it again after `stop` or `kill`, on the same port."""
        self.port = self.port or free_port()
        settings = self._settings | {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket),
        }
        arguments = [argument for item in settings.items() for argument in ("-c", "=".join(item))]
        with self.log.open("ab") as log:
            self._process = self.user.spawn([self.programs / "postgres", "-D", self.data, *arguments], log)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"PostgreSQL did not start:\n{self.log.read_text()}") from None
            time.sleep(0.02)

    def stop(self, signum: signal.Signals = signal.SIGINT) -> None:
        """A fast shutdown; SIGQUIT is what a crash looks like to the clients."""
        if self._process is not None:
            self._process.send_signal(signum)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def dsn(self, dbname: str = "postgres", user: str = SUPERUSER, password: str | None = None) -> str:
        return str(Dsn(user, password, self.host, self.port, dbname))

    def connect(self, dbname: str = "postgres", user: str = SUPERUSER) -> psycopg.Connection[Any]:
        # Over the socket, as the superuser: works whatever a test puts into pg_hba.conf for 127.0.0.1.
        return psycopg.connect(
            host=str(self.socket), port=self.port, user=user, dbname=dbname, autocommit=True, connect_timeout=10
        )

    def execute(self, sql: str, dbname: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the superuser, directly; returns its rows."""
        with contextlib.closing(self.connect(dbname)) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, template: str = "template1", prefix: str = "test") -> str:
        """A fresh database, with a name of its own."""
        name = f"{prefix}_{next(self._names)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def set_hba(self, lines: Sequence[str], reload: bool = True) -> None:
        """Replace pg_hba.conf, less the line by which the tests themselves come in over the socket."""
        path = self.data / "pg_hba.conf"
        path.write_text("\n".join([f"local all {SUPERUSER} trust", *lines, ""]))
        self.user.own(path)
        if reload:
            before = self._loaded_at()
            self.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 10
            while self._loaded_at() == before and time.monotonic() < deadline:
                time.sleep(0.01)

    @property
    def version(self) -> int:
        """The major version."""
        return int(self.execute("SHOW server_version_num")[0][0]) // 10_000

    def _loaded_at(self) -> Any:
        # A new connection each time: only a backend started after the reload is sure to see its time.
        return self.execute("SELECT pg_conf_load_time()")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The server of the whole run."""
    server = PostgresServer(postgres_programs())
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def new_postgres() -> Iterator[Callable[..., PostgresServer]]:
    """Makes servers that a test may stop, kill or configure as it likes."""
    servers: list[PostgresServer] = []

    def make(settings: Mapping[str, str] | None = None, programs: Path | None = None) -> PostgresServer:
        servers.append(PostgresServer(programs or postgres_programs(), settings))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.remove()
