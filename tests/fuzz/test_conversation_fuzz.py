"""Random conversations, held with PostgreSQL directly and through the proxy: what comes back must be equal.

Statements about tables are mixed with those that change what names mean, with errors, Flush, named statements, portals,
simple Queries of one and of several statements, inside and outside of transactions.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.wire.backend import Backend, Diagnostic, RowDescription
from proxy.wire.framing import frame
from proxy.wire.frontend import (
    FLUSH,
    PORTAL,
    STATEMENT,
    SYNC,
    Bind,
    Close,
    Describe,
    Execute,
    Frontend,
    Parse,
    Query,
)
from tests.fix_postgres import PostgresServer
from tests.playbook import as_bytes, conversation
from tests.proxy.raw import Raw

STATEMENTS = [
    "SELECT 1 AS one",
    "SELECT * FROM t ORDER BY a",
    "SELECT t, b FROM t ORDER BY a LIMIT 1",
    "INSERT INTO t VALUES (1, 'x')",
    "INSERT INTO t (a) VALUES (2) RETURNING *",
    "INSERT INTO t VALUES (3, 'y') ON CONFLICT (a) DO UPDATE SET b = EXCLUDED.b RETURNING a, b",
    "UPDATE t SET b = b || '!' WHERE a < 3",
    "UPDATE t SET a = a + 10 WHERE a = 1 RETURNING a",
    "DELETE FROM t WHERE a > 10",
    "SELECT count(*) FROM s.t",
    "INSERT INTO s.t VALUES (5, 'five')",
    "SELECT nope FROM t",
    "SELECT 1/0",
    "SELEC 1",
    "INSERT INTO t VALUES (NULL)",
    "TABLE u",
    "CREATE TABLE u (x int PRIMARY KEY, y text DEFAULT 'd')",
    "CREATE TABLE IF NOT EXISTS u (x int PRIMARY KEY, y text DEFAULT 'd')",
    "INSERT INTO u VALUES (1) RETURNING *",
    "DROP TABLE u",
    "ALTER TABLE t ADD COLUMN c int DEFAULT 7",
    "ALTER TABLE t DROP COLUMN c",
    "SET search_path = s, public",
    "SET LOCAL search_path = s",
    "RESET search_path",
    "CREATE TEMP TABLE t (a int, b text)",
    "DROP TABLE IF EXISTS pg_temp.t",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT p",
    "ROLLBACK TO p",
    "PREPARE q AS SELECT a FROM t ORDER BY a",
    "EXECUTE q",
    "DEALLOCATE q",
    "DECLARE k CURSOR FOR SELECT a FROM t ORDER BY a",
    "FETCH 1 FROM k",
    "",
]
# Of a table that is created, a NOTICE or a refusal of ours would be a difference that is meant.
RESET = (
    "ROLLBACK; SET client_min_messages = error; DEALLOCATE ALL; DROP TABLE IF EXISTS pg_temp.t; RESET search_path; "
    "DROP TABLE IF EXISTS public.t, s.t, public.u, s.u; DROP SCHEMA IF EXISTS s; CREATE SCHEMA s"
)
TABLES = [
    "CREATE TABLE public.t (a int PRIMARY KEY, b text)",
    "CREATE TABLE s.t (a int PRIMARY KEY, b text)",
    "INSERT INTO public.t VALUES (20, 'twenty'), (21, 'twenty-one')",
    "RESET client_min_messages",
]


KNOWN_DIFFERENCES = (
    # A cursor or portal reads the documents, and does not keep the table from being altered.
    b"because it is being used by active queries in this session",
    # In a pipeline that has a portal open, the proxy's question is the statement before this one.
    b"DECLARE CURSOR can only be used in transaction blocks",
    # Told to clients that asked for the statement's columns; others get the new ones.
    b"cached plan must not change result type",
)


def messages(chance: random.Random) -> Iterator[bytes]:
    """Some messages of a client that end in a Sync or a Query: what is answered before the next comes."""
    if chance.random() < 0.45:
        count = chance.choice((1, 1, 1, 2, 3, 4))
        yield Query("; ".join(chance.choice(STATEMENTS) for _ in range(count)).encode()).encode()
        return
    for _ in range(chance.randint(1, 4)):
        name = chance.choice((b"", b"", b"n1", b"n2"))
        portal = chance.choice((b"", b"", b"p"))
        sql = ""
        if chance.random() < 0.75:
            sql = chance.choice(STATEMENTS)
            if name:
                yield Close(STATEMENT, name).encode()
            yield Parse(name, sql.encode()).encode()
        if chance.random() < 0.3:
            yield Describe(STATEMENT, name).encode()
        if chance.random() < 0.2:
            yield FLUSH
        if portal:
            yield Close(PORTAL, portal).encode()
        yield Bind(portal, name).encode()
        if chance.random() < 0.6:
            yield Describe(PORTAL, portal).encode()
        # A write that is left in its middle may see its own rows or not.
        yield Execute(portal, 1 if sql.startswith("SELECT") and chance.random() < 0.3 else 0).encode()
    yield SYNC


def comparable(kind: int, body: bytes) -> bytes:
    """A message without what may differ between two databases and two roads to the same error."""
    if kind == Backend.ROW_DESCRIPTION:
        columns = RowDescription.decode(body).columns
        # OIDs of tables and of their row types differ from database to database.
        return RowDescription(
            tuple(
                replace(each, table=int(each.table > 16_000 and each.attnum > 0), type_oid=min(each.type_oid, 16_000))
                for each in columns
            )
        ).encode()
    if kind in (Backend.ERROR_RESPONSE, Backend.NOTICE_RESPONSE):
        fields = Diagnostic.decode(kind, body).fields
        return Diagnostic(kind, {code: value for code, value in fields.items() if code not in "FLRW"}).encode()
    if kind == Backend.PARAMETER_STATUS:
        return b""  # told whenever it changes; PostgreSQL promises no more than that
    return frame(kind, body)


def answers(raw: Raw, sent: bytes) -> bytes:
    raw.send(sent)
    came = raw.until(Backend.READY_FOR_QUERY)
    return b"".join(comparable(kind, body) for kind, body in came)


@pytest.fixture(scope="module")
def both(postgres: PostgresServer, proxy, module_database):
    name = postgres.create_database()
    with Raw("127.0.0.1", postgres.port) as direct, Raw(proxy.host, proxy.port) as proxied:
        direct.log_in(name)
        proxied.log_in(module_database.name)
        yield direct, proxied
    postgres.drop_database(name)


SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 400))]


@pytest.mark.parametrize("seed", SEEDS)
def test_conversations(both: tuple[Raw, Raw], seed: int):
    chance = random.Random(seed)
    direct, proxied = both
    for raw in both:
        for sql in (*RESET.split("; "), *TABLES):
            raw.query(sql)
    held = b""
    for _ in range(8):
        sent = b"".join(messages(chance))
        held += sent
        expected, came = answers(direct, sent), answers(proxied, sent)
        if any(known in expected for known in KNOWN_DIFFERENCES):
            return  # from here on the two tables differ
        if came != expected:
            raise AssertionError(
                "\n".join(
                    [
                        "sent:",
                        *conversation(as_bytes([held]), Frontend),
                        "direct:",
                        *conversation(expected, Backend),
                        "proxied:",
                        *conversation(came, Backend),
                    ]
                )
            )
