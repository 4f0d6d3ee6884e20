"""Whoever ran a slow statement is told what would make it faster, in a NOTICE before ReadyForQuery.

    NOTICE:  01K01: orders: no index fits the conditions of this statement
    DETAIL:  what was measured, and the gain expected
    HINT:    the exact statement to run

The relay only compares each statement's time with a threshold. For the rare one above it, the ReadyForQuery behind it
is kept back until the advice is there: what the database knows of the entity is asked over a connection of our own
(`Advising`), and only if there is something to say, the session itself is asked whether it wants to be told. That is
never done inside a transaction block, where a question that is cancelled would abort the block: there the notice comes
when the block ends, and behind a pipeline of several Syncs with the last of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import asyncpg
import structlog

import rewriter
from catalog.advisor import advise_query, claim, review_entities
from catalog.metrics import EntityStats, MaterializationPolicy, QueryMetrics, StatementShape
from catalog.quoting import quote_names
from catalog.suggestion_engine import Advice
from catalog.suggestion_notices import SQLSTATE, routine
from proxy.errors import notice_response
from proxy.notice_rules import NoticeRules
from proxy.pipeline import Asked, Fate, Outcome, Owed
from proxy.refusal import OWN_NAME, PARSE_OWN, parse_own
from proxy.tally import rows_of
from proxy.timing import Passed, Subject
from proxy.verdicts import Script, Work
from proxy.wire.backend import Backend, DataRow, ReadyForQuery
from proxy.wire.frontend import PORTAL, STATEMENT, SYNC, Bind, Close, Execute
from rewriter import Rewritten
from rewriter.conditions import entity_uses

if TYPE_CHECKING:
    from catalog.model import Entity, Snapshot
    from catalog.store import CatalogStore
    from proxy.knowledge import Knowledge
    from proxy.relay import Relay

log = structlog.get_logger(__name__)

#: Slow statements that are looked at before one ReadyForQuery.
MOST_SLOW = 4
#: More entities in one statement, and it is not looked at.
_MOST_ENTITIES = 6
_REMEMBERED_SHAPES = 1000
#: Seconds after which all entities are looked at, and between such looks.
_REVIEWED_FIRST, _REVIEWED_EVERY = 60.0, 600.0
#: Seconds that a ReadyForQuery is kept back at most.
_PATIENCE = 2.0
#: Seconds for which nothing is looked at after the database took longer than that, or refused: twice as long each time.
_REST = 10.0
_PREPARE = re.compile(
    r"""\s*PREPARE\s*(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)\s*(?:\((?:[^()]|\([^()]*\))*\)\s*)?AS\b\s*""", re.IGNORECASE
)

# client_min_messages is not reported by ParameterStatus, and a setting of ours need not be one that PostgreSQL knows.
_QUESTION = (
    b"SELECT pg_catalog.current_setting('client_min_messages'),"
    b" pg_catalog.current_setting('kameleon.suggestions', true),"
    b" session_user::pg_catalog.text, current_user::pg_catalog.text, pg_catalog.current_setting('application_name')"
)
_OFF = frozenset(("off", "false", "no", "0", "f", "n", "of", "fa", "fal", "fals"))
_CLOSE_BOTH = Close(PORTAL, OWN_NAME).encode() + Close(STATEMENT, OWN_NAME).encode()
_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


#: An entity, what is suggested for it, and the columns of an index.
Reason: TypeAlias = tuple[int | str, ...]


class Slow(NamedTuple):
    """A statement that took longer than the threshold."""

    subject: Subject
    seconds: float
    tag: bytes
    #: The session's when it was run, as SQL; names that have their schema are right under any.
    search_path: str
    #: What is known of its parameters' types.
    param_types: tuple[int, ...] = ()


class _Looked(NamedTuple):
    until: float  # monotonic(): then it is looked at again
    advice: tuple[Advice, ...]
    tries: int


class Advising:
    """One per database: the advice that was worked out lately, and to whom what was told."""

    def __init__(
        self,
        store: CatalogStore,
        policy: Callable[[], MaterializationPolicy],
        stats_of: Callable[[int], Awaitable[EntityStats]],
        rules: NoticeRules | None = None,
    ) -> None:
        """`policy` is asked whenever it matters."""
        self.rules = rules or NoticeRules()
        self._store = store
        self._stats_of = stats_of
        self._reviewing: asyncio.Task[None] | None = None
        self._policy = policy
        self._connection: asyncpg.Connection[Any] | None = None
        self._busy = asyncio.Lock()
        self._looked: dict[tuple[str, str, tuple[int, ...], tuple[Entity, ...]], _Looked] = {}
        self._failures = 0
        self._rests_until = 0.0  # monotonic()
        self._told: dict[Reason, float] = {}
        #: Seconds; the relay compares each statement with it.
        self.slow_after = float("inf")

    def follow(self, policy: MaterializationPolicy) -> None:
        """The policy is this now."""
        on = policy.enabled and self.rules.is_on
        self.slow_after = policy.execution_time_threshold_ms / 1000 if on else float("inf")

    async def look(self, slow: Slow, snapshot: Snapshot) -> tuple[Advice, ...]:
        """What would make it faster, as far as that has not been told lately."""
        shown, entities = named(slow.subject, snapshot)
        if not 0 < len(entities) <= _MOST_ENTITIES:
            return ()
        text = _outline(slow.subject)
        key = (text, slow.search_path, slow.param_types, entities)
        looked = self._looked.get(key)
        if looked is None or monotonic() > looked.until:
            if self._busy.locked() or monotonic() < self._rests_until:
                return ()  # somebody else's is being looked at, say: the next call will do
            async with self._busy:
                # as proxy/tally.py has it recorded
                modes = {each.entity_id: each.storage_mode for each in entities}
                shape_id = StatementShape.of("", shown, modes, 0).shape_id
                advice = await self._ask(slow, text, entities, shape_id)
            if advice is None:
                return ()
            if len(self._looked) >= _REMEMBERED_SHAPES:
                self._looked.clear()
            # Where nothing was found, the time may have been another's: it is tried again, ever less often.
            tries = 0 if looked is None else looked.tries + 1
            wait = self.rules.interval if advice else min(4.0**tries - 1, self.rules.interval)
            looked = self._looked[key] = _Looked(monotonic() + wait, advice, tries)
        return tuple(each for each in looked.advice if self.is_due(each))

    async def _ask(
        self, slow: Slow, text: str, entities: tuple[Entity, ...], shape_id: int
    ) -> tuple[Advice, ...] | None:
        known = {each.entity_id: each for each in entities}
        uses = entity_uses(text, known, slow.param_types)
        if not uses:
            return ()
        metrics = QueryMetrics(
            execution_time_ms=slow.seconds * 1000,
            row_count=rows_of(slow.tag),
            entities_accessed=tuple(each.name for each in entities),
            has_join=any(use.joins for use in uses),
            query_type=rewriter.classify(text).value,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                connection = await self._connected()
                found = await advise_query(connection, self._policy(), metrics, uses, slow.search_path, shape_id)
        except _FAILURES as error:
            log.warning("no advice on a slow statement", error=str(error) or type(error).__name__)
            self._drop_connection()
            self._rests_until = monotonic() + min(_REST * 2**self._failures, _REVIEWED_EVERY)
            self._failures += 1
            return None
        self._failures = 0
        return found

    def is_due(self, advice: Advice) -> bool:
        if self.rules.is_repeated:
            return True
        told = self._told.get(_reason(advice))
        return told is None or monotonic() - told > self.rules.interval

    async def claim(self, advice: Advice) -> bool:
        """Whether a client may be told of it, with a view to other proxies."""
        if self.rules.is_repeated or not self.rules.interval:
            return True
        try:
            async with asyncio.timeout(_PATIENCE), self._busy:
                return await claim(await self._connected(), advice, self.rules.interval)
        except _FAILURES as error:
            log.warning("a suggestion is not told", error=str(error) or type(error).__name__)
            self._drop_connection()
            return False

    def told(self, advice: Advice) -> None:
        """To a client, or by another proxy."""
        self._told[_reason(advice)] = monotonic()

    async def _connected(self) -> asyncpg.Connection[Any]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._store.connect()
            await self._connection.execute("SET application_name = 'kameleon advice'; SET synchronous_commit = off")
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    # --- what the use of the entities suggests ---

    async def review(self) -> tuple[Advice, ...]:
        """Looks at all entities that are used much, or not at all; what it finds is in kameleon.suggestions.

        Raises: asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError.
        """
        async with self._busy:
            connection = await self._connected()
            return await review_entities(connection, self._policy(), self._store.snapshot, self._stats_of)

    async def review_for_ever(self) -> None:
        wait = _REVIEWED_FIRST
        while True:
            await asyncio.sleep(wait)
            wait = _REVIEWED_EVERY
            if self._policy().enabled:
                try:
                    await self.review()
                except _FAILURES as error:
                    log.warning("entities not reviewed", error=str(error) or type(error).__name__)
                    self._drop_connection()

    def start(self) -> None:
        self._reviewing = asyncio.get_running_loop().create_task(self.review_for_ever(), name="review of entities")

    async def close(self) -> None:
        if self._reviewing is not None:
            self._reviewing.cancel()
            await asyncio.gather(self._reviewing, return_exceptions=True)
        self._drop_connection()


def names_entities(subject: Subject) -> bool:
    """As far as can be told at once."""
    if isinstance(subject, Passed):
        return subject.facts.dedicated or subject.executed is not None
    return isinstance(subject, Rewritten)


def slow_statement(
    subject: Subject, seconds: float, tag: bytes, knowledge: Knowledge, param_types: tuple[int, ...]
) -> Slow:
    names = knowledge.names
    known = names is not None and not knowledge.names_dirty
    search_path = quote_names(names.search_path) if known and names is not None else "pg_catalog"
    return Slow(subject, seconds, tag, search_path, param_types)


def tell(relay: Relay, slow: list[Slow]) -> Script:
    """Run where ReadyForQuery was due; ends with sending it."""
    knowledge = relay.knowledge
    assert knowledge is not None
    advising = knowledge.database.advising
    found: list[Advice] = []

    async def look() -> None:
        for each in slow:
            found.extend(await advising.look(each, knowledge.snapshot))

    yield Work(look())
    repeated = advising.rules.is_repeated
    due = {_reason(each): each for each in found if repeated or _reason(each) not in relay.told}
    if due:
        owed = _ask(relay)
        yield owed[-1]
        execute = owed[3]
        rows = [frame for frame in execute.frames or () if frame[0] == Backend.DATA_ROW]
        if execute.outcome is Outcome.DONE and rows and _wants_it(DataRow.decode(rows[0][5:]).values, advising.rules):
            claimed: list[Reason] = []

            async def claim_all() -> None:
                for reason, advice in due.items():
                    if advising.is_due(advice) and _can_be_written(advice, knowledge.codec):
                        advising.told(advice)
                        if await advising.claim(advice):
                            claimed.append(reason)

            yield Work(claim_all())
            for reason in claimed:
                relay.told.add(reason)
                relay.write_client(_notice(due[reason], knowledge.codec))
    relay.write_client(ReadyForQuery(relay.status).encode())


def _ask(relay: Relay) -> list[Owed]:
    owed = [Owed(each, Fate.SWALLOW) for each in (*PARSE_OWN, Asked.BIND, Asked.EXECUTE, Asked.CLOSE, Asked.CLOSE)]
    owed.append(Owed(Asked.SYNC, Fate.SWALLOW))
    owed[3].frames = []
    messages = (
        parse_own(_QUESTION) + Bind(OWN_NAME, OWN_NAME).encode() + Execute(OWN_NAME).encode() + _CLOSE_BOTH + SYNC
    )
    relay.inject(messages, *owed)
    return owed


def _wants_it(values: tuple[bytes | None, ...], rules: NoticeRules) -> bool:
    level, suggestions, *who = ((value or b"").decode("utf-8", "replace") for value in values)
    if level in ("warning", "error") or suggestions.strip().lower() in _OFF:
        return False
    session_user, current_user, application = who
    return rules.quiet_roles.isdisjoint((session_user, current_user)) and application not in rules.quiet_applications


def _can_be_written(advice: Advice, encoding: str) -> bool:
    """A statement with another name in it would not be the one to run."""
    try:
        advice.suggestion.action.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _notice(advice: Advice, encoding: str) -> bytes:
    told = advice.suggestion
    return notice_response(
        told.reason,
        sqlstate=SQLSTATE,
        severity="NOTICE",
        detail=told.evidence,
        hint=told.action,
        table=told.entity_name,
        routine=routine(told),
        encoding=encoding,
    )


def _reason(advice: Advice) -> Reason:
    """The same for what differs in how it is written only; in the order of an index's columns chance has a part."""
    return advice.entity_id, advice.kind, *sorted(advice.columns)


def named(subject: Subject, snapshot: Snapshot) -> tuple[str, tuple[Entity, ...]]:
    """A statement's text without its literals, and the entities that it names; of EXECUTE, those of what it runs."""
    ids: tuple[int, ...] = ()
    text = ""
    if isinstance(subject, Passed) and subject.executed is not None:
        return named(subject.executed, snapshot)
    if isinstance(subject, Rewritten):
        text, ids = subject.shape, subject.entities
    elif isinstance(subject, Passed):
        sql = subject.sql.decode("utf-8", "replace")
        ids = subject.texts.entities_named(sql) if subject.facts.dedicated else ()
        text = subject.texts.shown_shape(sql) if ids else ""
    found = (snapshot.entities.get(each) for each in ids)
    return text, tuple(each for each in found if each is not None and not each.is_catalog)


def _outline(subject: Subject) -> str:
    """A statement's text with literals that tell nothing but their kind."""
    if isinstance(subject, Rewritten):
        text = subject.outline
    elif not isinstance(subject, Passed):
        return ""
    elif subject.executed is not None:
        return _outline(subject.executed)
    else:
        text = subject.texts.outline(subject.sql.decode("utf-8", "replace"))
    return _PREPARE.sub("", text, count=1)
