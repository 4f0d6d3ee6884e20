"""Routines whose bodies write are rewritten by a proxy: the database asks while it makes them (`sql/103_routines.sql`).

The question comes as a message to the session whose command makes the body necessary. That session is busy and can be
told nothing, so the answer is written down, by a connection of its own, where the database looks for it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import asyncpg
import structlog

from catalog.connections import Connect, borrow
from catalog.loader import parse_entities
from catalog.model import Names, Snapshot
from catalog.store import CHANGE_SQLSTATE

log = structlog.get_logger(__name__)

#: What the text of such a message begins with.
QUESTION = "rewrite "

_ANSWER_SQL = """
WITH old AS (DELETE FROM kameleon.kdb_rewritten WHERE written_at < now() - interval '1 min')
INSERT INTO kameleon.kdb_rewritten (question, body, problem) VALUES ($1, $2, $3)
ON CONFLICT (question) DO NOTHING
"""


class Answer(NamedTuple):
    body: str | None
    problem: str | None = None


#: (body, the entities that it names, how its names are looked up) -> the body over documents, or why there is none.
RewriteBody = Callable[[str, Snapshot, Names], Answer]


async def answer(connect: Connect, question: str, rewrite: RewriteBody) -> None:
    """Where it goes wrong nobody answers, and the table becomes dedicated."""
    try:
        asked = base64.b64decode(question)
        told = rewrite(*_parsed(asked))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("a body to rewrite was not understood", error=type(error).__name__)
        return
    # anybody can send such a message: nobody's answer is taken for that to another's question
    name = hashlib.sha256(asked).hexdigest()
    try:
        async with borrow(connect) as connection:
            await connection.execute(_ANSWER_SQL, name, told.body, told.problem)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        log.warning("a rewritten body was not written down", error=str(error))


class Answering:
    """To what a connection of our own asks."""

    def __init__(self, connect: Connect, rewrite: RewriteBody) -> None:
        self._connect = connect
        self._rewrite = rewrite
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, connection: asyncpg.Connection[Any], *, is_local: bool = False) -> None:
        """`is_local`: to the end of the transaction."""
        connection.add_log_listener(self._on_message)
        await connection.execute("SELECT set_config('kameleon.proxied', 'on', $1)", is_local)

    def _on_message(self, _connection: object, message: Any) -> None:
        if message.sqlstate == CHANGE_SQLSTATE and message.message.startswith(QUESTION):
            question = message.message.removeprefix(QUESTION)
            task = asyncio.create_task(answer(self._connect, question, self._rewrite), name="rewrite a body")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _parsed(asked: bytes) -> tuple[str, Snapshot, Names]:
    question = json.loads(asked)
    entities = {id_: each for id_, each in parse_entities(question["entities"]).items() if each is not None}
    temporary = {each.schema for each in entities.values() if each.is_temporary}
    names = Names((*sorted(temporary), "pg_catalog"), frozenset(), question["database"])
    return question["body"], Snapshot(0, entities), names
