"""What the commands that are clients share: where they connect to, what they answer with, how they end."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import typer

from catalog.bodies import Answering
from proxy.bodies import rewritten
from proxy.dsn import Dsn, DsnError, parse_dsn
from proxy.embedded import DATABASE, SUPERUSER
from proxy.service import reachable, upstream_dsn
from proxy.settings import BadSettings, Settings, load

T = TypeVar("T")

CONNECT_TIMEOUT = 15.0
_MAY_ANSWER = """
SELECT coalesce(current_setting('kameleon.proxied', true), '') <> 'on'
   AND has_table_privilege(to_regclass('kameleon.kdb_rewritten'), 'INSERT')
"""
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = "Exit code: 0 done, 1 the server refused or failed, 2 wrong usage, 130 interrupted."

DsnOption = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        metavar="DSN",
        help="Where to connect; by default the upstream of the settings, or without one the running proxy, which"
        " has the embedded server behind it.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="TOML file of settings; else $KAMELEON_CONFIG, or ./kameleon.toml if it exists.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is logged.")]


def load_settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    try:
        return load(config, flags)
    except BadSettings as error:
        leave(str(error), USAGE)


def leave(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"kameleon: {line}", err=True)
    raise typer.Exit(code)


def server_dsn(given: str | None, config: Path | None) -> Dsn:
    """Where the database is: as given, the upstream of the settings, or the proxy before the embedded server."""
    if given is not None:
        try:
            return parse_dsn(given)
        except DsnError as error:
            leave(f"flag --dsn: expected a connection string: {error}", USAGE)
    settings = load_settings(config, {})
    return proxy_dsn(settings) if settings.upstream is None else upstream_dsn(settings)


def proxy_dsn(settings: Settings) -> Dsn:
    """The proxy of the same settings, as its ready line has it."""
    if settings.listen_port == 0:
        leave("the settings let the proxy listen on any free port; expected --dsn", USAGE)
    if settings.upstream is not None:
        return upstream_dsn(settings).at(reachable(settings.listen_host), settings.listen_port)
    file = settings.data_dir / "password"
    try:
        password = file.read_text().strip()
    except OSError as error:
        leave(
            f"there is no upstream in the settings, and no embedded server in {settings.data_dir}: {error.strerror}\n"
            "expected --dsn, or `kameleon serve` to have been run",
            USAGE,
        )
    return Dsn(SUPERUSER, password, reachable(settings.listen_host), settings.listen_port, DATABASE)


async def connect(dsn: Dsn) -> asyncpg.Connection[Any]:
    return await asyncpg.connect(str(dsn), timeout=CONNECT_TIMEOUT, server_settings={"application_name": "kameleon"})


async def connect_answering(dsn: Dsn) -> asyncpg.Connection[Any]:
    """What the server asks while it moves entities (`catalog.bodies`) is answered here, where no proxy hears it."""
    connection = await connect(dsn)
    if await connection.fetchval(_MAY_ANSWER):
        await Answering(lambda: connect(dsn), rewritten).listen(connection)
    return connection


UNDOING = "interrupted; waiting until the server has undone it"


def run(dsn: Dsn, work: Coroutine[Any, Any, T], *, as_json: bool = False, interrupted: str = UNDOING) -> T:
    """Does the work, or ends the command. SIGINT and SIGTERM cancel it, and its end is waited for."""
    try:
        return asyncio.run(_interruptible(work, interrupted))
    except asyncio.CancelledError:
        raise typer.Exit(INTERRUPTED) from None
    except asyncpg.PostgresError as error:
        fail(error_fields(error), as_json)
    except (OSError, asyncpg.InterfaceError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        fail({"message": f"no connection to {dsn.place}: {why}"}, as_json)


def error_fields(error: asyncpg.PostgresError) -> dict[str, str]:
    """SQLSTATE, message, detail and hint: those that there are."""
    fields = {name: getattr(error, name, None) for name in ("sqlstate", "message", "detail", "hint")}
    fields["message"] = fields["message"] or str(error)
    return {name: value for name, value in fields.items() if value}


def fail(fields: dict[str, str], as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"error": fields}), err=True)
        raise typer.Exit(FAILED)
    state = f" (SQLSTATE {fields['sqlstate']})" if "sqlstate" in fields else ""
    more = [f"{name}: {fields[name]}" for name in ("detail", "hint") if name in fields]
    leave("\n".join([fields["message"] + state, *more]), FAILED)


async def _interruptible(work: Coroutine[Any, Any, T], told: str) -> T:
    task = asyncio.create_task(work)

    def interrupt() -> None:
        if not task.cancelling():
            typer.echo(f"kameleon: {told}", err=True)
            task.cancel()

    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, interrupt)
    return await task
