"""Tables of every kind go there and back while their rows change, and are what they would have been natively.

The same random writes are made to a plain table past the proxy: at the end, and on the way, both hold the same rows.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest

from tests.fix_proxy import Database
from tests.migration.conftest import Session


@dataclass(frozen=True)
class Kind:
    """`{}` is a random small number, `{t}` the table."""

    setup: tuple[str, ...]
    fill: tuple[str, ...]
    writes: tuple[str, ...]
    tables: tuple[str, ...] = ("thing",)


KINDS = {
    "no key, rows that are equal": Kind(
        ("CREATE TABLE thing (a int, b text)",),
        ("INSERT INTO thing SELECT i % 7, repeat('x', i % 5) FROM generate_series(1, 300) AS i",),
        (
            "INSERT INTO thing VALUES ({}, 'x'), ({}, NULL), ({}, NULL)",
            "UPDATE thing SET b = b || '.' WHERE a = {}",
            "UPDATE thing SET a = a + 1 WHERE a = {} AND length(b) > 2",
            "DELETE FROM thing WHERE a = {} + 6 AND b IS NOT NULL",
        ),
    ),
    "a composite key with a generated part": Kind(
        (
            "CREATE TABLE thing (a int, b int, twice int GENERATED ALWAYS AS (b * 2) STORED, n int DEFAULT 0,"
            " PRIMARY KEY (a, twice))",
        ),
        ("INSERT INTO thing SELECT i / 10, i % 10 FROM generate_series(0, 299) AS i",),
        (
            "INSERT INTO thing (a, b) VALUES ({}, {}) ON CONFLICT (a, twice) DO UPDATE SET n = thing.n + 1",
            "UPDATE thing SET b = b + 1000 WHERE a = {} AND b < 1000",
            "UPDATE thing SET a = a + 40 WHERE a = {}",
            "DELETE FROM thing WHERE (a, b) IN (({}, {}), ({}, {}))",
        ),
    ),
    "a text key whose collation takes different letters for equal": Kind(
        (
            "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            "CREATE TABLE thing (name text COLLATE loose PRIMARY KEY, n int)",
        ),
        ("INSERT INTO thing SELECT 'Name ' || i, i FROM generate_series(1, 250) AS i",),
        (
            "UPDATE thing SET name = upper(name) WHERE n % 40 = {}",
            "UPDATE thing SET n = n + 1 WHERE name = 'NAME {}'",
            "DELETE FROM thing WHERE name = 'nAME 1{}'",
            "INSERT INTO thing VALUES ('naME {}', 0) ON CONFLICT (name) DO UPDATE SET name = excluded.name",
        ),
    ),
    "a key of a domain": Kind(
        (
            "CREATE DOMAIN label AS varchar(20) CHECK (value <> '')",
            "CREATE TABLE thing (name label PRIMARY KEY, price numeric(10, 2) NOT NULL CHECK (price >= 0))",
        ),
        ("INSERT INTO thing SELECT 'l' || i, i / 3.0 FROM generate_series(1, 300) AS i",),
        (
            "UPDATE thing SET price = price * 1.5 WHERE name LIKE 'l{}%'",
            "UPDATE thing SET name = 'm{}' || name WHERE name = 'l{}'",
            "DELETE FROM thing WHERE name = 'l4{}'",
        ),
    ),
    "identity, jsonb, arrays, dates": Kind(
        (
            "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
            "CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, doc jsonb, tags text[], f float8,"
            " at timestamptz, span int4range, m mood, raw bytea, net inet, full_name text GENERATED ALWAYS AS"
            " (doc ->> 'name') STORED)",
            "CREATE INDEX ON thing USING gin (doc)",
        ),
        (
            "INSERT INTO thing (doc, tags, f, at, span, m, raw, net) SELECT"
            " jsonb_build_object('name', 'n' || i, 'x', i),"
            " ARRAY['a', NULL, 'b' || i], i / 3.0, timestamptz '2024-01-01 00:00+00' + i * interval '1.000001 hour',"
            " int4range(i, i + 5), (ARRAY['sad', 'ok', 'happy'])[i % 3 + 1]::mood,"
            " decode(lpad(to_hex(i), 4, '0'), 'hex'),"
            " '10.0.0.1'::inet + i FROM generate_series(1, 250) AS i",
        ),
        (
            "INSERT INTO thing (doc, tags) VALUES ('{{\"name\": null, \"k\": {}}}', '{{}}')",
            "UPDATE thing SET doc = doc || '{{\"y\": [{}]}}', tags[2] = 'set' WHERE id % 40 = {}",
            "UPDATE thing SET f = 'NaN', m = NULL, doc = NULL WHERE id % 40 = {}",
            "DELETE FROM thing WHERE id % 40 = {} AND m = 'ok'",
        ),
    ),
    "a unique constraint besides, and a partial index": Kind(
        (
            "CREATE TABLE thing (id int PRIMARY KEY, place int UNIQUE, active bool)",
            "CREATE UNIQUE INDEX ON thing ((id / 20)) WHERE active",
        ),
        ("INSERT INTO thing SELECT i, 2000 - i, false FROM generate_series(1, 300) AS i",),
        (
            "UPDATE thing SET active = NOT active WHERE id = {} * 20",
            "WITH gone AS (DELETE FROM thing WHERE id % 40 = {} RETURNING *)"
            " INSERT INTO thing SELECT id + 1000000, place - 1000000, false FROM gone ON CONFLICT DO NOTHING",
            "UPDATE thing SET place = place + 10000 WHERE id % 40 = {}",
        ),
    ),
    "columns named like words and variables of PL/pgSQL": Kind(
        (
            "CREATE TABLE thing (begin int, by int, declare int, execute text, foreach int, if int, loop int,"
            ' while int, "end" int GENERATED ALWAYS AS (begin + by) STORED, kdb_old int, kdb_kept int,'
            " PRIMARY KEY (begin, kdb_old))",
        ),
        ("INSERT INTO thing (begin, kdb_old, by, loop) SELECT i, i % 3, i, i FROM generate_series(1, 300) AS i",),
        (
            "UPDATE thing SET begin = begin + 1000 WHERE loop = {}",
            "UPDATE thing SET by = begin, execute = 'e', if = kdb_old, while = {} WHERE begin % 40 = {}",
            "INSERT INTO thing (begin, kdb_old) VALUES ({}, 1) ON CONFLICT (begin, kdb_old) DO UPDATE SET declare = 1",
            "DELETE FROM thing WHERE begin % 100 = {}",
        ),
    ),
    "such columns, and no key": Kind(
        ("CREATE TABLE thing (begin int, by int, told int, carried int, kdb_old int, kdb_kept int, place int)",),
        ("INSERT INTO thing (begin, by, place) SELECT i % 40, i, i FROM generate_series(1, 300) AS i",),
        (
            "UPDATE thing SET told = begin, kdb_kept = {} WHERE by % 40 = {}",
            "INSERT INTO thing (begin, carried) VALUES ({}, 1)",
            "DELETE FROM thing WHERE place % 100 = {}",
        ),
    ),
    "tables that refer to each other and to themselves": Kind(
        (
            "CREATE TABLE person (id int PRIMARY KEY, boss int REFERENCES person ON DELETE SET NULL ON UPDATE CASCADE)",
            "CREATE TABLE task (id int PRIMARY KEY, of int NOT NULL REFERENCES person"
            " ON DELETE CASCADE ON UPDATE CASCADE)",
            "CREATE TABLE note (task int REFERENCES task ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, words text)",
        ),
        (
            "INSERT INTO person SELECT i, nullif(i / 2, 0) FROM generate_series(1, 100) AS i",
            "INSERT INTO task SELECT i, i % 100 + 1 FROM generate_series(1, 250) AS i",
            "INSERT INTO note SELECT i % 250 + 1, 'w' FROM generate_series(1, 300) AS i",
        ),
        (
            "DELETE FROM person WHERE id = 3 * {}",
            "UPDATE person SET id = id + 10000 WHERE id = {}",
            "INSERT INTO person VALUES ({} + 300, NULL) ON CONFLICT DO NOTHING",
            "INSERT INTO task SELECT {} + 600, min(id) FROM person ON CONFLICT (id) DO UPDATE SET of = excluded.of",
            "UPDATE task SET id = -id WHERE id = {} + 100",
            "INSERT INTO note SELECT id, 'new' FROM task WHERE id % 40 = {}",
        ),
        ("person", "task", "note"),
    ),
}


def _statement(template: str, chance: random.Random) -> str:
    text = template
    while "{}" in text:
        text = text.replace("{}", str(chance.randint(0, 39)), 1)
    return text.replace("{{", "{").replace("}}", "}")


def _rows(session: Session, table: str) -> list[tuple[object, ...]]:
    return session.execute(
        f"SELECT row({table}.*)::text AS r, count(*) FROM {table} GROUP BY 1 ORDER BY 1".encode()
    ).fetchall()


@pytest.mark.parametrize(
    "batch_sizes", [pytest.param((9,), id="once"), pytest.param((1, 3, 50, 5000), id="often", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", KINDS)
def test_it_moves_like_a_table(
    name: str,
    batch_sizes: tuple[int, ...],
    database: Database,
    plain_database: Database,
    session_of: Callable[[str], Session],
) -> None:
    kind = KINDS[name]
    ours, native, caller = session_of(database.proxied), session_of(plain_database.direct), session_of(database.proxied)
    if "provider = icu" in kind.setup[0]:
        try:
            native.execute(kind.setup[0].encode())
            native.execute("DROP COLLATION loose")
        except psycopg.errors.FeatureNotSupported as error:
            pytest.skip(str(error))
    for statement in (*kind.setup, *kind.fill):
        native.execute(statement.encode())
        ours.execute(statement.encode())
    if len(kind.tables) == 1:
        ours.execute("CREATE VIEW seen AS SELECT count(*) AS n FROM thing")
        ours.execute("CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM thing")
    failures: list[BaseException] = []
    over = threading.Event()

    def move() -> None:
        try:
            for batch_size in batch_sizes:
                for procedure in ("materialize_entity", "dematerialize_entity"):
                    caller.execute(
                        f"CALL kameleon.{procedure}('{kind.tables[0]}', batch_size => {batch_size})".encode()
                    )
        except BaseException as error:
            failures.append(error)
        finally:
            over.set()

    chance = random.Random(name)
    mover = threading.Thread(target=move)
    mover.start()
    written = 0
    while not over.is_set() or written < 100:
        statement = _statement(chance.choice(kind.writes), chance)
        outcomes = []
        for each in (native, ours):
            try:
                outcomes.append(each.execute(statement.encode()).statusmessage)
            except psycopg.Error as error:
                outcomes.append(f"{error.sqlstate} {error.diag.message_primary}")
        assert outcomes[0] == outcomes[1], statement
        written += 1
        if written % 10 == 0:
            for table in kind.tables:
                assert _rows(ours, table) == _rows(native, table), f"{table} after {statement}"
    mover.join()
    assert failures == []
    for table in kind.tables:
        assert _rows(ours, table) == _rows(native, table)
    if len(kind.tables) == 1:
        ours.execute("REFRESH MATERIALIZED VIEW kept")
        count = native.execute("SELECT count(*) FROM thing").fetchall()
        assert ours.execute("SELECT n FROM seen").fetchall() == count
        assert ours.execute("SELECT n FROM kept").fetchall() == count
