"""The unprivileged user that PostgreSQL runs under when we are root, and what that user can reach.

PostgreSQL refuses to run as root. Its files must then be reachable by somebody else, and the folders above
them are not ours to open up. So what the user only reads is copied to where it can (`may_read`), and a closed
folder that is to be the user's own is handed over as an open descriptor (`way_into`).
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

USER_NAME = "kameleon"

# Nothing of our own environment is handed on: libpq and the C library would obey it (PGDATA, LC_ALL, LD_*).
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


class ServerUserError(Exception):
    """There is no unprivileged user to run PostgreSQL under. The message is one line."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    name: str
    uid: int
    gid: int
    is_self: bool

    def own(self, path: Path) -> None:
        if not self.is_self:
            os.chown(path, self.uid, self.gid)

    def may(self, path: Path, wanted: int) -> bool:
        """Judge by the mode bits whether the user may do `wanted` (of 4 read, 2 write, 1 enter) to a file or folder."""
        if self.is_self:
            return os.access(path, wanted)
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & wanted == wanted

    def may_enter(self, path: Path) -> bool:
        """Whether the user gets as far as into this folder."""
        resolved = path.resolve()
        return all(self.may(folder, os.X_OK) for folder in (*reversed(resolved.parents), resolved))

    def may_read(self, tree: Path) -> bool:
        """Whether the user can read a whole folder with all that is in it."""
        if not self.may_enter(tree):
            return False
        for folder, _, files in os.walk(tree):
            if not self.may(Path(folder), os.R_OK | os.X_OK):
                return False
            if not all(self.may(Path(folder, name), os.R_OK) for name in files):
                return False
        return True

    @contextlib.contextmanager
    def way_into(self, folder: Path) -> Iterator[tuple[Path, tuple[int, ...]]]:
        """A path that leads a program of the user into a folder, and the descriptors to be passed to it.

        Where a folder further up is closed to the user (a data directory below root's home, say), the path goes
        through the program's own descriptor of the folder, which root opens: nothing has to be made passable.
        """
        if self.is_self or self.may_enter(folder):
            yield folder, ()
            return
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield Path(f"/proc/self/fd/{descriptor}"), (descriptor,)
        finally:
            os.close(descriptor)

    def run(self, arguments: Sequence[str | Path], pass_fds: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program to its end under this user."""
        return subprocess.run(
            arguments,
            user=None if self.is_self else self.uid,
            group=None if self.is_self else self.gid,
            extra_groups=None if self.is_self else [],
            pass_fds=pass_fds,
            cwd="/",  # our own working directory may be closed to the user
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def spawn(
        self, arguments: Sequence[str | Path], output: int | IO[bytes], pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a server under this user, in a session of its own: Ctrl-C in a terminal is for us, not for it."""
        return subprocess.Popen(
            arguments,
            user=None if self.is_self else self.uid,
            group=None if self.is_self else self.gid,
            extra_groups=None if self.is_self else [],
            pass_fds=pass_fds,
            cwd="/",
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def server_user() -> ServerUser:
    """Ourselves; for root, the system user `kameleon`, which is created if it is missing."""
    if os.geteuid() != 0:
        return ServerUser(name=str(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), is_self=True)
    try:
        entry = pwd.getpwnam(USER_NAME)
    except KeyError:
        entry = _create()
    if entry.pw_uid == 0:
        raise ServerUserError(f"the user {USER_NAME} has the user id 0, and PostgreSQL does not run as root")
    return ServerUser(name=USER_NAME, uid=entry.pw_uid, gid=entry.pw_gid, is_self=False)


def _create() -> pwd.struct_passwd:
    advice = f"PostgreSQL does not run as root: create a system user {USER_NAME}, or start as an ordinary user"
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        raise ServerUserError(f"no useradd to create the user {USER_NAME} with; {advice}")
    command = [program, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    # With --user-group useradd fails where the group is left over from an earlier installation.
    command += ["--gid", USER_NAME] if _group_exists() else ["--user-group"]
    done = subprocess.run([*command, USER_NAME], capture_output=True, text=True, check=False)
    try:
        return pwd.getpwnam(USER_NAME)  # also when another start was faster, and our useradd failed for that
    except KeyError:
        raise ServerUserError(f"cannot create the user {USER_NAME} ({done.stderr.strip()}); {advice}") from None


def _group_exists() -> bool:
    try:
        grp.getgrnam(USER_NAME)
    except KeyError:
        return False
    return True
