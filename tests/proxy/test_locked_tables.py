"""What goes on while a session holds the strongest lock on a table for long."""

from __future__ import annotations

import threading

import psycopg
import pytest

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


def test_a_check_option_over_a_view_that_is_read(database: Database) -> None:
    """Its condition is looked at, too, and tells of what it refuses; natively nobody waits for who reads the view."""
    with (
        psycopg.connect(database.proxied) as reading,
        psycopg.connect(database.proxied, autocommit=True) as session,
    ):
        session.execute("SET lock_timeout = '5s'")
        session.execute("CREATE TABLE numbers (id int PRIMARY KEY, n int)")
        session.execute("CREATE VIEW lowest AS SELECT id, n FROM numbers WHERE n > 0")
        session.execute("CREATE VIEW lower AS SELECT id, n FROM lowest WHERE n > 1")
        session.execute("CREATE VIEW beside AS SELECT id FROM lower")
        session.execute("INSERT INTO lower VALUES (1, 5)")
        for view in ("lowest", "lower", "beside"):
            assert reading.execute(f"SELECT count(*) FROM {view}".encode()).fetchall() == [(1,)]
        for view in ("checked", "checked_too"):
            session.execute(
                f"CREATE VIEW {view} AS SELECT id, n FROM lower WHERE n < 9 WITH CASCADED CHECK OPTION".encode()
            )
            for violating, violated in ((0, "lowest"), (1, "lower"), (9, view)):
                with pytest.raises(psycopg.errors.WithCheckOptionViolation) as refused:
                    session.execute(f"INSERT INTO {view} VALUES (2, {violating})".encode())
                assert refused.value.diag.message_primary == f'new row violates check option for view "{violated}"'
                assert refused.value.diag.message_detail == f"Failing row contains (2, {violating})."
        session.execute("INSERT INTO lower VALUES (3, 3)")
        session.execute("UPDATE checked SET n = n + 1")
        assert session.execute("SELECT * FROM beside ORDER BY id").fetchall() == [(1,), (3,)]
