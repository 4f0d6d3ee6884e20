"""Clients that write to one table in every way, and a model of what was acknowledged to them.

Each client owns the rows whose `owner` is its number: nobody else writes them, so what it finds of them must be exactly
what it was told is committed. The rows 1 to SHARED belong to everybody: their `n` is only counted up.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.migration.drivers import Client, Failed, Row

SHARED = 5
#: How many keys each client has to itself.
KEYS = 60
#: Each client has some rows to begin with, so that there is something to copy.
FIRST_ROWS = 25

CREATE = (
    "CREATE TABLE ledger (id int PRIMARY KEY, owner int NOT NULL, n int NOT NULL, note text UNIQUE, stamp timestamptz)"
)

SERIALIZATION_FAILURE = "40001"

#: Seconds between two long transactions, for the switch, which has at most 180 ms to get its locks each time it tries.
PAUSE = 0.4

#: A client rests for up to so many seconds between its transactions.
THINKING = 0.06

#: A client's rows, by key: n and note.
Rows = dict[int, tuple[int, str | None]]


@dataclass
class Tally:
    """What all clients saw together."""

    done: Counter[str] = field(default_factory=Counter)
    #: 40001 by isolation level
    retried: Counter[str] = field(default_factory=Counter)
    #: how often a row that all share was counted up, as acknowledged
    counted: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0


class Surprise(AssertionError):
    """Something that no client of plain PostgreSQL would see."""


def first_key(owner: int) -> int:
    return 1000 * owner


def first_rows(owner: int) -> Rows:
    return {first_key(owner) + i: (i, f"{owner}:{i}" if i % 3 else None) for i in range(FIRST_ROWS)}


async def fill(session: Client, owners: range) -> None:
    """Makes the table; rows that were deleted between leave room in its blocks."""
    await session.run(CREATE)
    await session.run("INSERT INTO ledger SELECT i, 0, 0, NULL, now() FROM generate_series(1, $1::int) AS i", SHARED)
    for owner in owners:
        rows = first_rows(owner)
        await session.run(
            "INSERT INTO ledger SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::text[])",
            list(rows),
            [owner] * len(rows),
            [n for n, _ in rows.values()],
            [note for _, note in rows.values()],
        )


class Writer:
    """One client: a connection that it writes through, and another, through the other proxy, to look with."""

    def __init__(self, owner: int, isolation: str, session: Client, other: Client, tally: Tally, seed: int) -> None:
        self.owner = owner
        self.isolation = isolation
        self.session = session
        self.other = other
        self.tally = tally
        self.random = random.Random(seed)
        self.rows = first_rows(owner)
        self._notes = 0
        #: The open transaction's own view.
        self._pending: Rows = {}

    async def run(self, over: Callable[[], bool]) -> None:
        while not over():
            in_block = self.isolation != "read committed" or self.random.random() < 0.4
            began = asyncio.get_running_loop().time()
            try:
                await (self._block() if in_block else self._statement())
            except Failed as error:
                raise Surprise(f"client {self.owner}, {self.isolation}, block: {in_block}: {error}") from error
            self.tally.slowest = max(self.tally.slowest, asyncio.get_running_loop().time() - began)
            await self.check()
            await asyncio.sleep(self.random.random() * THINKING)

    async def check(self) -> None:
        """What was acknowledged is there, and nothing else, through both proxies."""
        for session in (self.session, self.other):
            found = await session.run("SELECT id, n, note FROM ledger WHERE owner = $1", self.owner)
            self._compare(found, self.rows, "after a commit")

    def _compare(self, found: list[Row], expected: Rows, when: str) -> None:
        if sorted(found) != sorted((id_, *values) for id_, values in expected.items()):
            there, should = set(found), {(id_, *values) for id_, values in expected.items()}
            raise Surprise(
                f"client {self.owner} {when}: lost {sorted(should - there)}, unexpected {sorted(there - should)},"
                f" {len(found)} rows"
            )

    async def _statement(self) -> None:
        """Autocommit: it must never fail."""
        self._pending = dict(self.rows)
        counted = await self._write(self.session)
        self.rows = self._pending
        self.tally.counted[counted] += 1

    async def _block(self) -> None:
        self._pending = dict(self.rows)
        counted: list[int] = []
        run = self.session.run
        await run(f"BEGIN ISOLATION LEVEL {self.isolation.upper()}")
        try:
            for _ in range(self.random.randint(1, 3)):
                if self.random.random() < 0.3:
                    kept = dict(self._pending)
                    await run("SAVEPOINT here")
                    await self._write(self.session, owned_only=True)
                    await run("ROLLBACK TO SAVEPOINT here")
                    self._pending = kept
                await self._write(self.session, owned_only=True)
                found = await run("SELECT id, n, note FROM ledger WHERE owner = $1", self.owner)
                self._compare(found, self._pending, "in its transaction")
            # a row of everybody's only as the last thing, so that two clients cannot deadlock
            if self.random.random() < 0.3:
                counted.append(await self._count_up(self.session))
            await asyncio.sleep(self.random.choice((0, 0, 0.01)))
            if self.random.random() < 0.1:
                await run("ROLLBACK")
                self.tally.done["rolled back"] += 1
                return
            await run("COMMIT")
        except Failed as error:
            if error.sqlstate != SERIALIZATION_FAILURE:
                raise
            self.tally.retried[self.isolation] += 1
            await run("ROLLBACK")
            return
        self.rows = self._pending
        self.tally.counted.update(counted)
        self.tally.done["blocks"] += 1

    async def _write(self, session: Client, owned_only: bool = False) -> int:
        """One statement that writes; returns the shared row that it counted up, or 0."""
        kinds = [
            self._insert,
            self._update,
            self._move,
            self._delete,
            self._upsert,
            self._insert_many,
            self._update_all,
        ]
        if not owned_only and self.random.random() < 0.15:
            return await self._count_up(session)
        kind = self.random.choices(kinds, (4, 6, 3, 4, 4, 1, 1))[0]
        await kind(session)
        self.tally.done[kind.__name__.strip("_")] += 1
        return 0

    async def _count_up(self, session: Client) -> int:
        row = self.random.randint(1, SHARED)
        if self.random.random() < 0.5:
            found = await session.run("UPDATE ledger SET n = n + 1 WHERE id = $1 RETURNING id", row)
        else:
            found = await session.run(
                "INSERT INTO ledger VALUES ($1, 0, 0) ON CONFLICT (id) DO UPDATE SET n = ledger.n + 1 RETURNING id", row
            )
        self._expect(found, [(row,)])
        return row

    async def _insert(self, session: Client) -> None:
        keys = self._free_keys()
        if not keys:
            return
        key, row = self.random.choice(keys), (self.random.randint(0, 999), self._note())
        await session.run("INSERT INTO ledger (id, owner, n, note) VALUES ($1, $2, $3, $4)", key, self.owner, *row)
        self._pending[key] = row

    async def _insert_many(self, session: Client) -> None:
        keys = self._free_keys()[:5]
        found = await session.run(
            "INSERT INTO ledger (id, owner, n) SELECT k, $1, 7 FROM unnest($2::int[]) AS k RETURNING id, n, note",
            self.owner,
            keys,
        )
        self._expect(found, [(key, 7, None) for key in keys])
        self._pending |= dict.fromkeys(keys, (7, None))

    async def _update(self, session: Client) -> None:
        if not self._pending:
            return
        key, note = self.random.choice(list(self._pending)), self._note()
        n = self._pending[key][0] + 1
        found = await session.run("UPDATE ledger SET n = n + 1, note = $2 WHERE id = $1 RETURNING n", key, note)
        self._expect(found, [(n,)])
        self._pending[key] = (n, note)

    async def _update_all(self, session: Client) -> None:
        found = await session.run("UPDATE ledger SET n = n + 1 WHERE owner = $1 RETURNING id, n", self.owner)
        self._pending = {key: (n + 1, note) for key, (n, note) in self._pending.items()}
        self._expect(found, [(key, n) for key, (n, _) in self._pending.items()])

    async def _move(self, session: Client) -> None:
        keys = self._free_keys()
        if not self._pending or not keys:
            return
        key, to = self.random.choice(list(self._pending)), self.random.choice(keys)
        found = await session.run("UPDATE ledger SET id = $2 WHERE id = $1 RETURNING id", key, to)
        self._expect(found, [(to,)])
        self._pending[to] = self._pending.pop(key)

    async def _delete(self, session: Client) -> None:
        if len(self._pending) < FIRST_ROWS // 2:
            return
        key = self.random.choice(list(self._pending))
        self._expect(
            await session.run("DELETE FROM ledger WHERE id = $1 RETURNING n, note", key), [self._pending.pop(key)]
        )

    async def _upsert(self, session: Client) -> None:
        key, note = self.random.choice(self._keys()), self._note()
        n = self._pending[key][0] + 1 if key in self._pending else 0
        found = await session.run(
            "INSERT INTO ledger AS l (id, owner, n, note) VALUES ($1, $2, 0, $3)"
            " ON CONFLICT (id) DO UPDATE SET n = l.n + 1, note = excluded.note RETURNING n",
            key,
            self.owner,
            note,
        )
        self._expect(found, [(n,)])
        self._pending[key] = (n, note)

    def _expect(self, found: list[Row], expected: list[Any]) -> None:
        if sorted(found) != sorted(expected):
            raise Surprise(f"client {self.owner} was answered {found} instead of {expected}")

    def _keys(self) -> list[int]:
        return list(range(first_key(self.owner), first_key(self.owner) + KEYS))

    def _free_keys(self) -> list[int]:
        return [key for key in self._keys() if key not in self._pending]

    def _note(self) -> str | None:
        self._notes += 1
        return None if self.random.random() < 0.3 else f"{self.owner}:new:{self._notes}"


async def in_turn(
    works: Sequence[Callable[[int, Tally], Awaitable[None]]], over: Callable[[], bool], seed: int, tally: Tally
) -> None:
    """Long transactions, one after another."""
    chance = random.Random(seed)
    while not over():
        await chance.choice(works)(chance.randrange(1 << 31), tally)
        await asyncio.sleep(PAUSE)


async def look_twice(session: Client, seed: int, tally: Tally) -> None:
    """A REPEATABLE READ transaction sees one state, however it is asked for, and whatever moves meanwhile."""
    chance = random.Random(seed)
    questions = (
        "SELECT id, owner, n, note FROM ledger",
        "SELECT l.id, l.owner, l.n, l.note FROM ledger l ORDER BY l.note, l.id",
        "WITH all_rows AS (SELECT * FROM ledger) SELECT id, owner, n, note FROM all_rows WHERE id > 0",
    )
    seen: list[Row] | None = None
    try:
        await session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if chance.random() < 0.5:
            # the snapshot is older than the first look at the table
            await session.run("SELECT 1")
            await asyncio.sleep(chance.choice((0, 0.05, 0.3)))
        for _ in range(3):
            found = sorted(await session.run(chance.choice(questions)), key=lambda row: row[0])
            if seen is not None and found != seen:
                raise Surprise(f"two answers in one snapshot: {set(found) ^ set(seen)}")
            seen = found
            await asyncio.sleep(chance.choice((0, 0.02, 0.2)))
        tally.done["looked twice"] += 1
        await session.run("COMMIT")
    except Failed as error:
        if error.sqlstate != SERIALIZATION_FAILURE:
            raise Surprise(f"a reader at REPEATABLE READ: {error}") from error
        tally.retried["reader at repeatable read"] += 1
        await session.run("ROLLBACK")


async def fetch_slowly(session: Client, seed: int, tally: Tally) -> None:
    """A cursor goes on with what it was declared over: the rows that it began with, whatever became of them."""
    chance = random.Random(seed)
    try:
        await session.run("BEGIN")
        await session.run("DECLARE slow CURSOR FOR SELECT id, n FROM ledger ORDER BY id")
        found: list[Row] = []
        while page := await session.run("FETCH 40 FROM slow"):
            found += page
            await asyncio.sleep(chance.choice((0, 0.01, 0.1)))
        if len({id_ for id_, _ in found}) != len(found) or [row[0] for row in found[:SHARED]] != [1, 2, 3, 4, 5]:
            raise Surprise(f"a cursor returned {[row[0] for row in found]}")
        tally.done["cursors read"] += 1
        await session.run("COMMIT")
    except Failed as error:
        if error.sqlstate != SERIALIZATION_FAILURE:
            raise Surprise(f"a cursor's reader: {error}") from error
        tally.retried["cursor at read committed"] += 1
        await session.run("ROLLBACK")
