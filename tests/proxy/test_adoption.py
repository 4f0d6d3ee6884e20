"""An ordinary table is adopted, moved there and back, and forgotten, while sessions of two proxies work with it."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import Database, ProxyProcess

ADD = "INSERT INTO old VALUES (%s, 1) RETURNING n"
COUNT = "SELECT count(*), sum(n) FROM old WHERE id >= %s"


@pytest.mark.parametrize("prepared", [False, True])
def test_clients_of_two_proxies_go_on(
    database: Database, postgres: PostgresServer, new_proxy: Callable[..., ProxyProcess], prepared: bool
) -> None:
    postgres.execute("CREATE TABLE old (id int PRIMARY KEY, n int)", database.name)
    other = new_proxy(upstream=postgres.dsn(database.name))
    rows = 0
    with (
        psycopg.connect(database.proxied, autocommit=True) as one,
        psycopg.connect(other.url(database.name, user=SUPERUSER), autocommit=True) as two,
    ):

        def both_work() -> None:
            nonlocal rows
            for session, elsewhere in ((one, two), (two, one)):
                rows += 1
                assert session.execute(ADD, (rows,), prepare=prepared).fetchall() == [(1,)]
                assert elsewhere.execute(COUNT, (0,), prepare=prepared).fetchall() == [(rows, rows)]

        both_work()
        for _ in range(2):
            for session in (one, two):
                for procedure in ("adopt", "dematerialize", "materialize", "forget"):
                    session.execute(f"CALL kameleon.{procedure}_entity('old')".encode())
                    both_work()
        two.execute("ALTER TABLE old ADD COLUMN more text DEFAULT 'x', ALTER n TYPE bigint")
        assert one.execute("SELECT n, more FROM old WHERE id = 1").fetchall() == [(1, "x")]
        assert one.execute("SELECT * FROM kameleon.entities").fetchall() == []
        one.execute("DROP TABLE old")
        with pytest.raises(psycopg.errors.UndefinedTable):
            two.execute("SELECT * FROM old")


def test_adoption_is_transactional(database: Database, postgres: PostgresServer) -> None:
    postgres.execute("CREATE TABLE old (id int PRIMARY KEY, n int)", database.name)
    with psycopg.connect(database.proxied, autocommit=True) as session:
        with session.transaction(force_rollback=True):
            session.execute("CALL kameleon.adopt_entity('old')")
            session.execute("ALTER TABLE old ADD COLUMN more int")
            assert session.execute("SELECT field_count FROM kameleon.entities").fetchall() == [(3,)]
        assert session.execute("SELECT * FROM kameleon.entities").fetchall() == []
        session.execute("CALL kameleon.adopt_entity('old')")
        with session.transaction(force_rollback=True):
            session.execute("CALL kameleon.forget_entity('old')")
            session.execute("INSERT INTO old VALUES (1, 1)")
        session.execute("CALL kameleon.dematerialize_entity('old')")
        session.execute("INSERT INTO old VALUES (1, 1)")
        assert session.execute("SELECT * FROM old").fetchall() == [(1, 1)]
