"""What the rewriter writes is what PostgreSQL and the installed catalog take: each fixture's statement is
rewritten for real entities and prepared there. What comes out when it runs is the parity tests' subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from catalog.loader import CATALOG_SQL, parse_session_state, parse_snapshot, session_state_sql
from rewriter import Kind, Rewriter
from rewriter.lexer import RESERVED
from tests.catalog.fix_catalog import CatalogDatabase
from tests.fix_postgres import PostgresServer
from tests.rewriter.fixture_files import Case, cases
from tests.rewriter.sample import NOT_ENTITIES, SCHEMA

_KINDS = (Kind.SELECT, Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE)
_SINCE = {"JSON_TABLE": 17, "OLD and NEW": 18, "OLD and NEW by other names": 18}


class Sample:
    def __init__(self, connection: psycopg.Connection[Any], version: int) -> None:
        self.connection = connection
        self.version = version
        self.snapshot = parse_snapshot(self._text(CATALOG_SQL), 1)
        self.names = parse_session_state(self._text(session_state_sql(set())))[0]

    def _text(self, sql: str) -> str:
        value = self.connection.pgconn.exec_(sql.encode()).get_value(0, 0)
        assert value is not None
        return value.decode()


@pytest.fixture(scope="module")
def sample(postgres: PostgresServer, kameleon_template: str) -> Iterator[Sample]:
    name = postgres.create_database(template=kameleon_template, prefix="shop")
    database = CatalogDatabase(postgres, name)
    database.session(storage="dedicated").execute(NOT_ENTITIES)
    connection = database.session()
    connection.execute(SCHEMA)
    yield Sample(connection, postgres.version)
    database.close()
    postgres.drop_database(name)


@pytest.mark.parametrize("case", [case for case in cases(invalid=False) if case.expected is not None], ids=str)
def test_postgres_takes_it(sample: Sample, case: Case) -> None:
    sql = case.sql.replace("shop.", f"{sample.names.database}.")
    result = Rewriter().rewrite(sql, sample.snapshot, sample.names)
    if result.kind not in _KINDS or " INTO TEMP " in sql:
        pytest.skip("cannot be prepared")
    if sample.version < _SINCE.get(case.title, 17 if "MERGE" in sql else 0):  # into views
        pytest.skip("newer than this server")
    assert result.touched
    prepare = f"PREPARE fixture AS {result.sql}".encode()
    if "fails" in case.marks:
        with pytest.raises(psycopg.Error) as caught:
            sample.connection.execute(prepare)
        assert caught.value.sqlstate == case.marks["fails"]
    else:
        sample.connection.execute(prepare)
        sample.connection.execute("DEALLOCATE fixture")


def test_the_reserved_words_are_postgresqls(postgres: PostgresServer) -> None:
    words = {word for (word,) in postgres.execute("SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")}
    assert words <= RESERVED
