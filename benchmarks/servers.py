"""The servers of a run: PostgreSQL, PgBouncer and the proxy, all on this machine.

PostgreSQL and the proxy are the tests' own fixtures. Clients come to each over TCP on 127.0.0.1; PgBouncer and the
proxy both reach PostgreSQL over its unix socket.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from proxy.dsn import Dsn
from proxy.server_user import ServerUser
from tests.fix_postgres import SUPERUSER, PostgresServer, free_port, postgres_programs
from tests.fix_proxy import ProxyProcess

DATABASE = "bench"

_POSTGRES_SETTINGS = {
    "max_connections": "1200",
    "shared_buffers": "256MB",
    # No background work in the middle of a measurement: the tables are vacuumed once, before the first.
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}

_PGBOUNCER_INI = """\
[databases]
{database} = host={host} port={upstream_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = session
max_client_conn = 200
default_pool_size = 50
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""


@dataclass(frozen=True)
class Servers:
    postgres: PostgresServer
    proxy: ProxyProcess
    pgbouncer_port: int | None

    @property
    def direct(self) -> Dsn:
        return Dsn(SUPERUSER, None, self.postgres.host, self.postgres.port, DATABASE)

    @property
    def proxied(self) -> Dsn:
        return Dsn(SUPERUSER, None, self.proxy.host, self.proxy.port, DATABASE)

    @property
    def bounced(self) -> Dsn | None:
        if self.pgbouncer_port is None:
            return None
        return Dsn(SUPERUSER, None, "127.0.0.1", self.pgbouncer_port, DATABASE)


@contextmanager
def running() -> Iterator[Servers]:
    postgres = PostgresServer(postgres_programs(), _POSTGRES_SETTINGS)
    try:
        postgres.start()
        postgres.execute(f"CREATE DATABASE {DATABASE}")
        with _pgbouncer(postgres) as pgbouncer_port:
            proxy = ProxyProcess(upstream=over_socket(postgres), log_level="warning")
            try:
                yield Servers(postgres, proxy, pgbouncer_port)
            finally:
                proxy.close()
    finally:
        postgres.remove()


def over_socket(postgres: PostgresServer) -> str:
    return str(Dsn(SUPERUSER, None, str(postgres.socket), postgres.port, DATABASE))


@contextmanager
def _pgbouncer(postgres: PostgresServer) -> Iterator[int | None]:
    """PgBouncer in session mode; None where there is none and none can be installed."""
    program = _find_pgbouncer()
    if program is None:
        yield None
        return
    user: ServerUser = postgres.user
    folder = postgres.folder / "pgbouncer"
    folder.mkdir(mode=0o700)
    port = free_port()
    settings = _PGBOUNCER_INI.format(
        database=DATABASE, host=postgres.socket, upstream_port=postgres.port, port=port, folder=folder
    )
    (folder / "users").write_text(f'"{SUPERUSER}" ""\n')
    (folder / "pgbouncer.ini").write_text(settings)
    for path in (folder, *folder.iterdir()):
        user.own(path)
    with (postgres.folder / "pgbouncer.log").open("wb") as log:
        process = user.spawn([program, "--quiet", folder / "pgbouncer.ini"], log)
    try:
        _await_ready(process, Dsn(SUPERUSER, None, "127.0.0.1", port, DATABASE), postgres.folder / "pgbouncer.log")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _find_pgbouncer() -> Path | None:
    found = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        print("installing pgbouncer", file=sys.stderr)
        quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "pgbouncer"]):
            subprocess.run(command, env=environment, **quietly)  # type: ignore[call-overload]
        found = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    if found is None:
        print("no pgbouncer: install it to see the ratios to it", file=sys.stderr)
        return None
    return Path(found)


def _await_ready(process: subprocess.Popen[bytes], dsn: Dsn, log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(str(dsn), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PgBouncer did not start:\n{log.read_text()}") from None
        time.sleep(0.02)
