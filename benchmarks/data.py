"""The tables: the same rows in an ordinary table and in a shared entity.

`accounts` is pgbench's table; `events` are rows as a report would read them: a number, a time, a name, an amount.
"""

from __future__ import annotations

import psycopg

from benchmarks.servers import Servers

ACCOUNTS = 100_000

_COLUMNS = {
    "accounts": "aid int PRIMARY KEY, bid int, abalance int, filler char(84)",
    "events": "id bigint PRIMARY KEY, at timestamptz NOT NULL, name text NOT NULL, amount numeric(10,2)",
}
_ROWS = {
    "accounts": "SELECT n, 1, n % 1000, '' FROM generate_series(1, {count}) AS n",
    "events": (
        "SELECT n, timestamptz '2024-01-01 00:00:00+00' + n * interval '7 s', 'event number ' || n % 5000, n % 9973"
        " FROM generate_series(1, {count}) AS n"
    ),
}


def fill(servers: Servers, events: int) -> None:
    """`accounts_dedicated`, `accounts_shared`, `events_dedicated`, `events_shared`, all made through the proxy."""
    counts = {"accounts": ACCOUNTS, "events": events}
    with psycopg.connect(str(servers.proxied), autocommit=True) as connection:
        for storage in ("dedicated", "shared"):
            connection.execute(f"SET kameleon.default_storage = {storage}")
            for table, columns in _COLUMNS.items():
                connection.execute(f"CREATE TABLE {table}_{storage} ({columns})")
                rows = _ROWS[table].format(count=counts[table])
                connection.execute(f"INSERT INTO {table}_{storage} {rows}".encode())
        modes: dict[str, str] = dict(
            connection.execute("SELECT entity_name::text, storage_mode::text FROM kameleon.entities").fetchall()
        )
    wrong = [name for name, mode in modes.items() if not name.endswith(mode)]
    if wrong or sum(name.endswith("_shared") for name in modes) != len(_COLUMNS):
        raise AssertionError(f"the tables are not stored as asked for: {modes}")
    with psycopg.connect(str(servers.direct), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def read_view(servers: Servers, entity: str) -> str:
    """The view over a shared entity's documents, to be read past the proxy."""
    with psycopg.connect(str(servers.direct)) as connection:
        row = connection.execute("SELECT entity_id FROM kameleon.entities WHERE entity_name = %s", [entity]).fetchone()
    assert row is not None
    return f"kameleon.kdb_read_{row[0]}"
