"""The `kameleon` command: the proxy, and commands that are clients of a server (`proxy/commands`).

Of `serve`, stdout gets exactly one line, once clients can connect; logs go to stderr. What keeps the proxy from serving
is one line on stderr and exit code 1; a bad setting or flag is exit code 2.
"""

from __future__ import annotations

import importlib.metadata
import socket
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from proxy import logs
from proxy.commands import entities, mcp, migrations, top
from proxy.commands.client import ConfigOption as Config
from proxy.commands.client import leave, load_settings
from proxy.dsn import Dsn
from proxy.service import ServiceError, reachable, run

PROBE_TIMEOUT = 3.0
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # Int32(8), Int32(80877103)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Listen = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Where clients connect; port 0 takes a free one.")
]
Upstream = Annotated[
    str | None, typer.Option(metavar="DSN", help="PostgreSQL behind the proxy; without it, the proxy runs one itself.")
]
DataDir = Annotated[Path | None, typer.Option(metavar="DIR", help="Data of the PostgreSQL that the proxy runs itself.")]


def main() -> None:
    app(prog_name="kameleon")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kameleon {importlib.metadata.version('kameleon')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")]


@app.callback()
def root(version: Version = False) -> None:
    """A PostgreSQL proxy that keeps entities in shared JSONB storage and grows them into tables."""


@app.command()
def serve(listen: Listen = None, upstream: Upstream = None, data_dir: DataDir = None, config: Config = None) -> None:
    """Run the proxy until SIGTERM or SIGINT. Every setting is also a variable KAMELEON_* and a key of the TOML file."""
    settings = load_settings(config, {"listen": listen, "upstream": upstream, "data_dir": data_dir})
    logs.configure(settings.log_level, settings.log_format)
    try:
        uvloop.run(run(settings, _announce))
    except ServiceError as error:
        leave(str(error), 1)


@app.command()
def healthcheck(listen: Listen = None, config: Config = None) -> None:
    """Ask the proxy of the same settings whether it answers; exit code 0 says that it does."""
    settings = load_settings(config, {"listen": listen})
    try:
        _probe(reachable(settings.listen_host), settings.listen_port)
    except OSError as error:
        leave(f"no healthy proxy at {settings.listen}: {error}", 1)


def _announce(dsn: Dsn) -> None:
    print(f"kameleon ready: {dsn}", flush=True)


def _probe(host: str, port: int) -> None:
    """Ask for TLS, as every client's library does first. Yes or no: both say that the protocol is spoken."""
    with socket.create_connection((host, port), timeout=PROBE_TIMEOUT) as connection:
        connection.sendall(SSL_REQUEST)
        answer = connection.recv(1)
    if answer not in (b"S", b"N"):
        raise OSError(f"expected S or N in answer to an SSLRequest, got {answer!r}")


for commands in (entities, migrations, mcp, top):
    commands.register(app)
