"""Where a client is pointed at, and what an administrator sees behind it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.fix_postgres import PostgresServer

OWNER = "clients"


def required(what: str, path: str | None) -> str:
    """A client's program or library. Without it its tests are skipped, but not where all must be there: in CI."""
    if path is not None and Path(path).exists():
        return path
    if os.environ.get("KAMELEON_TEST_ALL_CLIENTS"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")


def required_program(name: str) -> str:
    return required(name, shutil.which(name))


@dataclass(frozen=True)
class Target:
    """A database owned by an ordinary role, reached directly or through the proxy."""

    postgres: PostgresServer
    proxied: bool
    host: str
    port: int
    dbname: str
    user: str = OWNER

    @property
    def url(self) -> str:
        return self.sqlalchemy_url("postgresql")

    def sqlalchemy_url(self, scheme: str) -> str:
        return f"{scheme}://{self.user}@{self.host}:{self.port}/{self.dbname}"

    @property
    def environment(self) -> dict[str, str]:
        """What libpq's programs and Django's settings read."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "KAMELEON_"))}
        return kept | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGCONNECT_TIMEOUT": "10",
        }

    def run(
        self, command: list[str | Path], stdin: str | None = None, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            env=self.environment | variables,
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def admin(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, past the proxy; returns its rows."""
        with self.postgres.connect(self.dbname) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def documents(self, table: str) -> list[Mapping[str, Any]]:
        """The documents of an entity ("name" or "schema.name", unquoted), as they lie in shared storage."""
        return [
            row[0]
            for row in self.admin(
                "SELECT r.data FROM kameleon.kdb_records r JOIN kameleon.kdb_entity_definitions e USING (entity_id)"
                " WHERE e.relid = %s::regclass AND e.storage_mode = 'shared'",
                sql.Identifier(*table.split(".")).as_string(),
            )
        ]

    def assert_stored(self, table: str, count: int) -> None:
        """All the rows are committed: as documents behind the proxy, as plain rows without one."""
        with self.postgres.connect(self.dbname) as connection:
            # which nothing refuses past the proxy
            query = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*table.split(".")))
            with connection.cursor().copy(query) as copy:
                in_table = sum(1 for _ in copy.rows())
        if self.proxied:
            assert (len(self.documents(table)), in_table) == (count, 0), f"documents and rows of {table}"
        else:
            assert in_table == count, f"rows of {table}"
