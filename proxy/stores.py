"""One catalog store per database, opened when the first session to that database has logged in, closed after the last.

The store's connection is the proxy's own, made from the administrator's connection string with the database's name
put in. A database without Kameleon has no store: its sessions are relayed as they are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING

import asyncpg
import structlog

from catalog.metrics import InvalidPolicy, MaterializationPolicy
from catalog.metrics_collector import MetricsCollector
from proxy.notice_rules import NoticeRules
from proxy.notices import Advising
from proxy.row_descriptions import RowDescriptions
from proxy.texts import Texts
from rewriter import Rewriter

if TYPE_CHECKING:
    from catalog.model import Names, Snapshot
    from catalog.store import CatalogStore
    from proxy.tasks import Tasks

log = structlog.get_logger(__name__)

#: Opens the store of one database; None where Kameleon is not installed.
OpenStore = Callable[[str], Awaitable["CatalogStore | None"]]


_REMEMBERED_NAMES = 500
_DEFAULT_POLICY = MaterializationPolicy()


class StoreUnavailable(Exception):
    """The proxy's own connection to the catalog does not work."""


class Database:
    """What all sessions of one database share."""

    def __init__(
        self,
        name: str,
        store: CatalogStore,
        rewriter: Rewriter,
        policy: MaterializationPolicy = _DEFAULT_POLICY,
        rules: NoticeRules | None = None,
    ) -> None:
        """`policy`: the proxy's own, which the database may change."""
        self.name = name
        self.store = store
        self.rewriter = rewriter
        self.collector = MetricsCollector(store.connect, lambda: self.policy)
        self._policy = self._changed_policy = policy
        self._settings: Mapping[str, str] | None = None
        self.advising = Advising(store, lambda: self.policy, self.collector.get_entity_stats, rules)
        self._row_descriptions = RowDescriptions(store.snapshot)
        self._texts: dict[tuple[str | None, bool], Texts] = {}
        self._names: dict[Names, Names] = {}
        self.advising.follow(self.policy)

    @property
    def policy(self) -> MaterializationPolicy:
        """With what the database's own settings say."""
        settings = self.store.settings
        if settings is not self._settings:
            self._settings = settings
            try:
                self._changed_policy = self._policy.changed_by(settings)
            except InvalidPolicy as error:
                log.warning("settings of the database not used", database=self.name, error=str(error))
            self.advising.follow(self._changed_policy)
        return self._changed_policy

    async def close(self) -> None:
        await self.advising.close()
        await self.collector.close()
        await self.store.close()

    def counted(self) -> dict[str, int]:
        collector, rewriter = self.collector, self.rewriter
        return {
            "rewrites_cached": rewriter.hits,
            "rewrites_made": rewriter.misses,
            "recorded": collector.recorded,
            "dropped": collector.dropped,
            "stalls": collector.stalls,
            "pending": collector.pending,
        }

    async def refresh(self, touched: Collection[int]) -> None:
        """Bring the store up to date. Raises StoreUnavailable."""
        try:
            await self.store.refresh(touched or None)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreUnavailable(f"the catalog of database {self.name} cannot be read: {error}") from error

    async def catch_up(self) -> None:
        """Take up what other proxies have changed. Raises StoreUnavailable."""
        try:
            await self.store.catch_up()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreUnavailable(f"the catalog of database {self.name} cannot be read: {error}") from error

    def row_descriptions(self) -> RowDescriptions:
        """For the committed snapshot."""
        if self._row_descriptions.snapshot is not self.store.snapshot:
            self._row_descriptions = RowDescriptions(self.store.snapshot)
        return self._row_descriptions

    def shared_names(self, names: Names) -> Names:
        """One object for all sessions whose names resolve alike: the rewriter knows it again at a glance."""
        if len(self._names) >= _REMEMBERED_NAMES:
            self._names.clear()
        return self._names.setdefault(names, names)

    def texts(self, encoding: str | None, standard_conforming_strings: bool) -> Texts:
        """For the committed snapshot."""
        key = (encoding, standard_conforming_strings)
        texts = self._texts.get(key)
        if texts is None or texts.snapshot is not self.store.snapshot:
            texts = self._texts[key] = Texts(self.store.snapshot, encoding, standard_conforming_strings)
        return texts


#: Seconds for which a store outlives the last session of its database. A connection of ours would make DROP DATABASE
#: fail; PostgreSQL waits five seconds for the connections of others to end.
IDLE_SECONDS = 1.0


class StoreRegistry:
    def __init__(
        self,
        open_store: OpenStore,
        cache_size: int,
        tasks: Tasks,
        policy: MaterializationPolicy,
        rules: NoticeRules | None = None,
    ) -> None:
        self._open_store = open_store
        self.rules = rules
        self._cache_size = cache_size
        self._tasks = tasks
        self._policy = policy
        self._databases: dict[str, Database | None] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._sessions: Counter[str] = Counter()
        self._closing: dict[str, asyncio.TimerHandle] = {}
        #: What databases that were closed since had counted.
        self._past: Counter[str] = Counter()

    async def acquire(self, name: str) -> Database | None:
        """The database, for one session, which must `release` it.

        Raises StoreUnavailable: the next session tries again.
        """
        self._sessions[name] += 1
        try:
            return await self._get(name)
        except BaseException:
            self.release(name)
            raise

    def release(self, name: str) -> None:
        self._sessions[name] -= 1
        if not self._sessions[name]:
            del self._sessions[name]
            # from the last session on: what it did may not have come to the collector yet
            if name in self._closing:
                self._closing[name].cancel()
            self._closing[name] = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._close_if_idle, name)

    def _close_if_idle(self, name: str) -> None:
        self._closing.pop(name, None)
        if name in self._sessions or (name in self._opening and self._opening[name].locked()):
            return
        database = self._databases.pop(name, None)
        if database is not None:
            self._tasks.start(self._close(database), name="close an idle store")

    async def _close(self, database: Database) -> None:
        await database.close()
        self._past.update(database.counted())

    def open_databases(self) -> list[Database]:
        """Those with Kameleon."""
        return [database for database in self._databases.values() if database is not None]

    def counted(self) -> Counter[str]:
        """What `Database.counted` tells of all there are and were."""
        total = Counter(self._past)
        for database in self.open_databases():
            total.update(database.counted())
        return total

    async def _get(self, name: str) -> Database | None:
        if name in self._databases:
            return self._databases[name]
        async with self._opening.setdefault(name, asyncio.Lock()):
            if name not in self._databases:
                try:
                    store = await self._open_store(name)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                    raise StoreUnavailable(f"the catalog of database {name} cannot be read: {error}") from error
                rewriter = Rewriter(self._cache_size)
                database = None if store is None else Database(name, store, rewriter, self._policy, self.rules)
                if database is not None:
                    database.advising.start()
                self._databases[name] = database
                log.debug("database opened", database=name, kameleon=store is not None)
        return self._databases[name]

    def snapshot(self, name: str) -> Snapshot | None:
        """The catalog of a database that is open; None where there is no Kameleon."""
        database = self._databases.get(name)
        return None if database is None else database.store.snapshot

    async def close(self) -> None:
        for database in self._databases.values():
            if database is not None:
                await database.close()
        self._databases.clear()
