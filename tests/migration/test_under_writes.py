"""An entity goes there and back while ten clients write to it through two proxies, one of which hears no notification.

Every client knows what was acknowledged to it, and looks again after each of its commits, through either proxy.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from functools import partial

import pytest

from tests.fix_proxy import Database
from tests.migration.drivers import Client, connect
from tests.migration.workload import Tally, Writer, fetch_slowly, fill, in_turn, look_twice

WRITERS = [
    ("psycopg", "read committed"),
    ("psycopg-prepared", "read committed"),
    ("asyncpg", "read committed"),
    ("asyncpg", "read committed"),
    ("asyncpg-uncached", "read committed"),
    ("psycopg", "repeatable read"),
    ("asyncpg", "repeatable read"),
    ("psycopg-prepared", "serializable"),
]


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(2, id="short"), pytest.param(10, id="long", marks=pytest.mark.slow)],
)
async def test_no_row_is_lost_doubled_or_stale(database: Database, deaf: str, rounds: int) -> None:
    seed = int(os.environ.get("KAMELEON_TEST_SEED", "0")) or random.randrange(1 << 31)
    print(f"KAMELEON_TEST_SEED={seed}")
    sessions: list[Client] = []

    async def session(driver: str, through_deaf: bool) -> Client:
        dsn = deaf if through_deaf else database.proxied
        sessions.append(await connect(driver, dsn))
        return sessions[-1]

    try:
        caller = await session("psycopg", False)
        await fill(caller, range(1, len(WRITERS) + 1))
        tally, over, chance = Tally(), asyncio.Event(), random.Random(seed)
        writers = []
        for owner, (driver, isolation) in enumerate(WRITERS, 1):
            mine, other = await session(driver, owner % 2 == 0), await session("asyncpg", owner % 2 == 1)
            writers.append(Writer(owner, isolation, mine, other, tally, chance.randrange(1 << 31)))

        async def migrate() -> None:
            callers = (caller, await session("psycopg", True))
            try:
                for number in range(2 * rounds):
                    procedure = ("materialize_entity", "dematerialize_entity")[number % 2]
                    batch_size = (1, 40, 3, 5000, 17)[number % 5]
                    began = time.monotonic()
                    await chance.choice(callers).run(
                        f"CALL kameleon.{procedure}('ledger', batch_size => {batch_size}, timeout => '60 s')"
                    )
                    print(f"{procedure}, {batch_size} rows at a time: {time.monotonic() - began:.1f} s")
            finally:
                over.set()

        async with asyncio.TaskGroup() as clients:
            for writer in writers:
                clients.create_task(writer.run(over.is_set))
            long_ones = [
                partial(work, await session(driver, through_deaf))
                for work, driver in ((look_twice, "asyncpg"), (fetch_slowly, "psycopg"))
                for through_deaf in (False, True)
            ]
            clients.create_task(in_turn(long_ones, over.is_set, chance.randrange(1 << 31), tally))
            clients.create_task(migrate())

        for writer in writers:
            await writer.check()
        for each in sessions[:4]:
            found = await each.run("SELECT count(*) FROM ledger WHERE owner > 0")
            assert found == [(sum(len(writer.rows) for writer in writers),)]
            shared = await each.run("SELECT id, n FROM ledger WHERE owner = 0 ORDER BY id")
            assert shared == [(row, tally.counted[row]) for row in range(1, 6)]
        print(f"done {dict(tally.done)}, told to retry {dict(tally.retried)}, slowest {tally.slowest * 1000:.0f} ms")
    finally:
        for each in sessions:
            await each.close()
