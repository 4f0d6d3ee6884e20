"""What goes on while a session holds the strongest lock on a table for long."""

from __future__ import annotations

import threading

import psycopg

from tests.fix_proxy import Database


def test_others_change_tables_meanwhile(database: Database) -> None:
    """The catalog is read without a lock on tables: natively the first COMMIT waits for nobody, either."""
    with (
        psycopg.connect(database.proxied) as altering,
        psycopg.connect(database.proxied) as locking,
        psycopg.connect(database.proxied, autocommit=True) as other,
    ):
        other.execute("CREATE TABLE locked (id int PRIMARY KEY, v text)")
        other.execute("CREATE UNIQUE INDEX ON locked (lower(v)) WHERE id > 0")
        altering.execute("ALTER TABLE locked ADD COLUMN w text DEFAULT 'x'")
        waiting = threading.Thread(target=locking.execute, args=("LOCK TABLE locked",))
        waiting.start()
        other.execute("SELECT pg_sleep(0.3)")  # until it waits for the lock
        committing = threading.Thread(target=altering.commit)
        committing.start()
        waiting.join(20)
        committing.join(20)
        hangs = committing.is_alive()
        if not hangs:
            other.execute("CREATE TABLE another (id int DEFAULT 5)")
            assert other.execute("INSERT INTO another DEFAULT VALUES RETURNING id").fetchall() == [(5,)]
        locking.rollback()
        committing.join()
        assert not hangs
        assert other.execute("INSERT INTO locked VALUES (1, 'a') RETURNING w").fetchall() == [("x",)]


def test_a_pipeline_that_changes_a_table_twice(database: Database) -> None:
    with psycopg.connect(database.proxied, autocommit=True) as session:
        session.execute("SET statement_timeout = '20s'")
        session.execute("CREATE TABLE twice (id int PRIMARY KEY)")
        session.execute("INSERT INTO twice VALUES (1)")
        with session.pipeline() as pipeline:
            session.execute("ALTER TABLE twice ADD COLUMN v text DEFAULT 'x'")
            first = session.execute("SELECT * FROM twice")
            pipeline.sync()
            session.execute("ALTER TABLE twice ADD COLUMN w int DEFAULT 5")
            second = session.execute("SELECT * FROM twice")
        assert (first.fetchall(), second.fetchall()) == ([(1, "x")], [(1, "x", 5)])
