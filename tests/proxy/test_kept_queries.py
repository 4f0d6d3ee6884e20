"""Views and routines over system catalogs: kept in the database before Kameleon was there, and across upgrades."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from catalog.install import install
from proxy.bodies import rewritten
from tests.fix_proxy import Database

Session = psycopg.Connection[Any]

KEPT = """
    CREATE VIEW relations AS SELECT c.oid, c.relname FROM pg_class c WHERE c.relname ~ '^(kdb_|person)';
    CREATE VIEW over AS SELECT relname FROM relations WHERE oid > 0;
    CREATE VIEW earlier AS SELECT 1 AS nothing;
    CREATE VIEW later AS SELECT tablename FROM pg_tables WHERE tablename ~ '^(kdb_|person)';
    CREATE OR REPLACE VIEW earlier AS SELECT count(*)::int AS nothing FROM later WHERE tablename ~ '^kdb_';
    CREATE MATERIALIZED VIEW told AS SELECT relname FROM over;
    CREATE FUNCTION hidden() RETURNS bigint RETURN (SELECT count(*) FROM pg_class WHERE relname ~ '^kdb_');
"""
SAMPLED = "CREATE VIEW sampled AS SELECT relname FROM pg_class TABLESAMPLE SYSTEM (100) WHERE relname = 'person'"


def rows(session: Session, sql: str) -> list[tuple[Any, ...]]:
    return session.execute(sql.encode()).fetchall()


def _check(session: Session) -> None:
    assert rows(session, "SELECT relname FROM over") == [("person",)]
    assert rows(session, "SELECT * FROM earlier") == [(0,)]
    assert rows(session, "SELECT hidden()") == [(0,)]
    session.execute("REFRESH MATERIALIZED VIEW told")
    assert rows(session, "SELECT * FROM told") == [("person",)]
    assert rows(session, "SELECT * FROM sampled") == [("person",)]


def test_across_an_upgrade(database: Database) -> None:
    with psycopg.connect(database.proxied, autocommit=True, prepare_threshold=None) as session:
        session.execute("CREATE TABLE person (id int)")
        session.execute(KEPT.encode())
        session.execute(SAMPLED.encode())
        session.execute("CREATE TEMP VIEW own AS SELECT relname FROM relations")
        session.execute("CREATE VIEW joined AS SELECT o.relname, p.id FROM over o LEFT JOIN person p ON true")
        _check(session)
        with psycopg.connect(database.direct, autocommit=True) as direct:
            direct.execute("UPDATE kameleon.kdb_installed_files SET checksum = 'older' WHERE file_name ~ '^102'")
        asyncio.run(install(database.direct, rewritten))
        _check(session)
        assert rows(session, "SELECT * FROM own") == [("person",)]
        assert rows(session, "SELECT * FROM joined") == [("person", None)]
        assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("shared",)]


def test_made_before_kameleon_was_there(plain_database: Database) -> None:
    with psycopg.connect(plain_database.direct, autocommit=True, prepare_threshold=None) as session:
        session.execute("CREATE TABLE person (id int)")
        session.execute(KEPT.encode())
        session.execute(SAMPLED.encode())
        asyncio.run(install(plain_database.direct, rewritten))
        # what is called past the proxy runs another body, too
        assert rows(session, "SELECT hidden()") == [(0,)]
    with psycopg.connect(plain_database.proxied, autocommit=True, prepare_threshold=None) as session:
        _check(session)


def test_a_view_that_cannot_be_read_through_ours_makes_no_table_dedicated(database: Database) -> None:
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("CREATE TABLE person (id int)")
        session.execute("INSERT INTO person VALUES (1)")
        session.execute(
            "CREATE VIEW sampled AS SELECT c.relname, p.id FROM pg_class c TABLESAMPLE SYSTEM (100), person p"
            " WHERE c.relname = 'person'"
        )
        assert rows(session, "SELECT * FROM sampled") == [("person", 1)]
        assert rows(session, "SELECT storage_mode FROM kameleon.entities") == [("shared",)]
