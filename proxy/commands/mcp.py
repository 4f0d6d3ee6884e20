"""`kameleon mcp`: a server of the Model Context Protocol. What it needs is an extra: `pip install 'kameleon[mcp]'`."""

from __future__ import annotations

import ipaddress
import socket
from typing import Annotated

import typer

from proxy.commands.client import (
    EXIT_CODES,
    FAILED,
    USAGE,
    ConfigOption,
    leave,
    load_settings,
    proxy_dsn,
    run,
)
from proxy.dsn import Dsn, DsnError, parse_dsn
from proxy.settings import split_listen

Http = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="[HOST:]PORT",
        help="Serve streamable HTTP here, in place of stdio; by default on 127.0.0.1. There is no authentication:"
        " whoever reaches the port has the rights of the connection string.",
    ),
]
ProxyOption = Annotated[
    str | None,
    typer.Option("--dsn", metavar="DSN", help="The proxy's port; by default that of the proxy of the same settings."),
]


def mcp(http: Http = None, dsn: ProxyOption = None, config: ConfigOption = None) -> None:
    """Serve entities and SQL as tools of the Model Context Protocol, over stdio until it ends, or over HTTP."""
    try:
        from proxy import mcp_server
    except ModuleNotFoundError as error:
        leave(f"{error.name} is not installed; expected pip install 'kameleon[mcp]'", FAILED)
    server = _dsn(dsn, config)
    if http is None:
        run(server, mcp_server.serve_stdio(server), interrupted="stopping")
        return
    listening = _listen(http)
    run(server, mcp_server.serve_http(server, listening, _announce), interrupted="stopping")


def register(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(mcp)


def _dsn(given: str | None, config: ConfigOption) -> Dsn:
    if given is None:
        return proxy_dsn(load_settings(config, {}))
    try:
        return parse_dsn(given)
    except DsnError as error:
        leave(f"flag --dsn: expected a connection string: {error}", USAGE)


def _listen(http: str) -> socket.socket:
    try:
        host, port = split_listen(http if ":" in http else f"127.0.0.1:{http}")
    except ValueError:
        leave(f"flag --http: expected a port, or host:port such as 127.0.0.1:7000; got {http!r}", USAGE)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        leave(f"cannot listen on {http}: {error.strerror or error}", FAILED)
    if not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        typer.echo(f"kameleon: warning: anybody who reaches {http} can run SQL: there is no authentication", err=True)
    return listening


def _announce(url: str) -> None:
    print(f"kameleon mcp ready: {url}", flush=True)
