"""Brings the catalog's SQL into a database, and up to date.

Files `0nn_*.sql` are run once each, in order, and are never edited afterwards: they make tables. Files `1nn_*.sql`
hold functions, views, event triggers and privileges, which are replaced whenever their text is not the one that
was installed last. All of it is one transaction under an advisory lock, so proxies may start at the same time.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

import asyncpg

from catalog.bodies import Answering, RewriteBody
from catalog.recovery import recover_migrations

MINIMUM_SERVER_VERSION = 150000
# Any number that nobody else uses; one installer at a time.
INSTALL_LOCK = 0x6B616D656C656F6E

VERSION_TABLE = """
CREATE SCHEMA IF NOT EXISTS kameleon;
CREATE TABLE IF NOT EXISTS kameleon.kdb_installed_files (
    file_name    text PRIMARY KEY,
    checksum     text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);
"""
# A routine that cannot be rewritten makes all tables dedicated that it writes to, be they earlier or later in the list.
REBUILD = """
DO $$
DECLARE
    entity int;
BEGIN
    FOR entity IN SELECT e.entity_id FROM kameleon.kdb_entity_definitions e ORDER BY 1 LOOP
        IF (SELECT e.storage_mode FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity) = 'shared' THEN
            PERFORM kameleon.build_storage(entity);
        END IF;
    END LOOP;
END
$$
"""


class InstallError(Exception):
    """The database cannot hold the catalog. The message is one line, fit for a user."""


def sql_files() -> list[tuple[str, str]]:
    """(name, text) in the order in which they are run."""
    folder = resources.files("catalog") / "sql"
    files = (entry for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return sorted((file.name, file.read_text(encoding="utf-8")) for file in files)


def is_repeatable(file_name: str) -> bool:
    return file_name.startswith("1")


async def install(dsn: str, rewrite: RewriteBody | None = None) -> None:
    """Installs or upgrades the catalog in the database that `dsn` names.

    `rewrite`: of what is rebuilt, the routines' bodies that write to tables; without it those tables become dedicated.

    Raises: InstallError.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise InstallError(f"cannot connect to the upstream: {str(error) or type(error).__name__}") from error
    try:
        await install_over(connection, rewrite and Answering(lambda: asyncpg.connect(dsn, timeout=10), rewrite))
        await recover_migrations(connection)
    finally:
        await connection.close()


async def install_over(connection: asyncpg.Connection[Any], answering: Answering | None = None) -> None:
    version = await connection.fetchval("SELECT current_setting('server_version_num')::int")
    if version < MINIMUM_SERVER_VERSION:
        raise InstallError(f"the upstream is PostgreSQL {version // 10000}; Kameleon needs 15 or later")
    if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        raise InstallError("the upstream's role is not a superuser; installing Kameleon's event triggers needs one")
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", INSTALL_LOCK)
            if answering is not None:
                await answering.listen(connection, is_local=True)
            await _run_files(connection)
    except asyncpg.PostgresError as error:
        raise InstallError(f"cannot install into the upstream: {error}") from error


async def _run_files(connection: asyncpg.Connection[Any]) -> None:
    await connection.execute("SET LOCAL client_min_messages = 'error'")
    await connection.execute("SET LOCAL kameleon.internal = 'on'")
    await connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
    await connection.execute(VERSION_TABLE)
    rows = await connection.fetch("SELECT file_name, checksum FROM kameleon.kdb_installed_files")
    installed = {row["file_name"]: row["checksum"] for row in rows}
    files = [(name, text, hashlib.sha256(text.encode()).hexdigest()) for name, text in sql_files()]
    newer = sorted(installed.keys() - {name for name, _, _ in files})
    if newer:
        raise InstallError(f"the database was installed by a later Kameleon (it has {newer[0]}); upgrade the proxy")
    stale = any(installed.get(name) != checksum for name, _, checksum in files)
    for name, text, checksum in files:
        if is_repeatable(name):
            # one that changed may lean on any other: all of them, in order
            if not stale:
                continue
        elif name in installed:
            continue
        await connection.execute(text)
        await connection.execute(
            "INSERT INTO kameleon.kdb_installed_files (file_name, checksum) VALUES ($1, $2)"
            " ON CONFLICT (file_name) DO UPDATE SET checksum = EXCLUDED.checksum, installed_at = now()",
            name,
            checksum,
        )
    if stale:
        # an entity's views and triggers are made by these functions
        await connection.execute(REBUILD)
        await connection.execute("SELECT kameleon.follow_catalogs()")
        await connection.execute(
            "SELECT kameleon.sync_foreign_keys(array_agg(e.entity_id)) FROM kameleon.kdb_entity_definitions e"
        )
