"""The real proxy as a process of its own, on a free port, and databases to talk to through it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from proxy.dsn import Dsn, parse_dsn
from tests.fix_postgres import SUPERUSER, PostgresServer

ROOT = Path(__file__).parent.parent
READY = "kameleon ready: "
START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0


def clean_environment(**settings: Any) -> dict[str, str]:
    """Our environment, with just these settings of Kameleon: `listen="127.0.0.1:0"` becomes KAMELEON_LISTEN."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAMELEON_", "PG"))}
    return kept | {f"KAMELEON_{name.upper()}": str(value) for name, value in settings.items()}


class ProxyProcess:
    """`python -m proxy serve`, ready when it is constructed."""

    command: tuple[str, ...] = (sys.executable, "-m", "proxy", "serve")

    def __init__(self, **settings: Any) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=clean_environment(**({"listen": "127.0.0.1:0", "drain_timeout": 5} | settings)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        try:
            self.dsn = self._ready_dsn()
        except BaseException:
            self.close()
            raise

    @property
    def host(self) -> str:
        return self.dsn.host

    @property
    def port(self) -> int:
        return self.dsn.port

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """What it has written to stderr so far."""
        return os.pread(self._log.fileno(), 1 << 24, 0).decode()

    def url(self, dbname: str | None = None, user: str | None = None, password: str | None = None) -> str:
        """A connection string through the proxy; the parts not given are those of the ready line."""
        mine = self.dsn
        return str(Dsn(user or mine.user, password or mine.password, mine.host, mine.port, dbname or mine.dbname))

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it, in whatever state it is, and let go of its files."""
        if self.process.poll() is None:
            self.resume()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()

    def _ready_dsn(self) -> Dsn:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT)
        line = self.process.stdout.readline().decode().strip() if readable else ""
        if not line.startswith(READY):
            raise AssertionError(f"the proxy did not become ready: {line!r}\n{self.log}")
        return parse_dsn(line.removeprefix(READY))


@dataclass(frozen=True)
class Database:
    """A fresh database, and how to reach it."""

    name: str
    direct: str  # connection string past the proxy
    proxied: str  # connection string through the proxy


@pytest.fixture(scope="session")
def proxy(postgres: PostgresServer) -> Iterator[ProxyProcess]:
    """The proxy of the whole run, in front of `postgres`. A test that stops or kills one makes its own: `new_proxy`."""
    upstream = postgres.create_database(prefix="kameleon")
    process = ProxyProcess(upstream=postgres.dsn(upstream))
    try:
        yield process
    finally:
        process.close()


@pytest.fixture
def new_proxy() -> Iterator[Callable[..., ProxyProcess]]:
    """Makes proxies with settings of their own: `new_proxy(upstream=postgres.dsn(name), drain_timeout=1)`."""
    processes: list[ProxyProcess] = []

    def make(**settings: Any) -> ProxyProcess:
        processes.append(ProxyProcess(**settings))
        return processes[-1]

    yield make
    for process in processes:
        process.close()


@pytest.fixture(scope="session")
def kameleon_template(postgres: PostgresServer) -> str:
    """A database with Kameleon installed that nobody is connected to: copying it is cheaper than installing again."""
    from catalog.install import install

    name = postgres.create_database(prefix="template")
    asyncio.run(install(postgres.dsn(name)))
    return name


@pytest.fixture
def database(postgres: PostgresServer, proxy: ProxyProcess, kameleon_template: str) -> Iterator[Database]:
    """A fresh database with Kameleon installed."""
    yield from _fresh_database(postgres, proxy, kameleon_template)


@pytest.fixture(scope="module")
def module_database(postgres: PostgresServer, proxy: ProxyProcess, kameleon_template: str) -> Iterator[Database]:
    """The same, for all the tests of a module."""
    yield from _fresh_database(postgres, proxy, kameleon_template)


@pytest.fixture
def plain_database(postgres: PostgresServer, proxy: ProxyProcess) -> Iterator[Database]:
    """A fresh database that knows nothing of Kameleon."""
    yield from _fresh_database(postgres, proxy, "template1")


def _fresh_database(postgres: PostgresServer, proxy: ProxyProcess, template: str) -> Iterator[Database]:
    name = postgres.create_database(template)
    yield Database(name, postgres.dsn(name), proxy.url(name, user=SUPERUSER))
    postgres.drop_database(name)
