"""What one session knows about the catalog: its entities, how names resolve for it, and whether that still holds.

The entities are the store's snapshot, plus what the session itself changed in a transaction that is not yet
committed (`touched`). How names resolve (search_path, temporary tables that hide an entity) only the session's own
upstream connection can say: `question` asks it, and `learn` takes the answer. `names_dirty` says that it must be
asked again before the next statement that may name an entity.

`version` changes whenever an earlier rewrite may no longer be right; prepared statements compare it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import rewriter
from catalog.loader import parse_session_state, session_state_sql
from proxy import encodings
from proxy.row_descriptions import RowDescriptions
from rewriter import Kind

if TYPE_CHECKING:
    from catalog.model import Names, Snapshot
    from proxy.stores import Database
    from rewriter import Rewritten

#: Texts whose verdict is remembered; more than this, and a stream of ever new texts would only fill memory.
_REMEMBERED_TEXTS = 1000
_LONGEST_REMEMBERED = 4096


class Text:
    """A client's statement text, and what can be said of it without a parse."""

    __slots__ = ("_kind", "changes_names", "mentions", "plain", "several", "sql", "text")

    def __init__(self, sql: bytes, text: str | None, mentions: bool, changes_names: bool) -> None:
        self.sql = sql
        #: None when the bytes are not valid in the session's encoding: upstream will say so itself.
        self.text = text
        self.mentions = mentions
        self.changes_names = changes_names
        #: There may be more than one statement in it.
        self.several = text is not None and ";" in text.rstrip("; \t\r\n")
        self._kind: Kind | None = None
        #: Nothing is to be done about it, as long as nothing else is going on.
        self.plain = not (
            text is None
            or mentions
            or changes_names
            or self.several
            # DEALLOCATE, DISCARD, EXECUTE, PREPARE: their names are kept track of
            or text.lstrip()[:1] in ("d", "D", "e", "E", "p", "P", "/", "-")
        )

    @property
    def kind(self) -> Kind:
        if self._kind is None:
            self._kind = Kind.UTILITY if self.text is None else rewriter.classify(self.text)
        return self._kind


class Knowledge:
    __slots__ = (
        "_base",
        "_changed_in_transaction",
        "_row_descriptions",
        "_texts",
        "database",
        "encoding",
        "names",
        "names_dirty",
        "snapshot",
        "standard_conforming_strings",
        "touched",
        "unknown",
        "version",
    )

    def __init__(self, database: Database) -> None:
        self.database = database
        self.encoding: str | None = "utf-8"
        self.standard_conforming_strings = True
        self.snapshot: Snapshot = database.store.snapshot
        self._base: Snapshot = self.snapshot
        self.names: Names | None = None
        self.names_dirty = True
        self._changed_in_transaction = False
        #: Entities that this session's open transaction made or changed.
        self.touched: set[int] = set()
        #: Some of them are not in `snapshot` yet: until they are, any text may mention one.
        self.unknown = False
        self.version = 1
        self._texts: dict[bytes, Text] = {}
        self._row_descriptions: RowDescriptions | None = None

    @property
    def codec(self) -> str:
        """For what has been decoded, and for messages of our own."""
        return self.encoding or "ascii"

    def follow_store(self) -> None:
        """Take up the store's snapshot, if it has a new one. Cheap when it has not: called for every statement."""
        if self.database.store.snapshot is not self._base:
            self._base = self.snapshot = self.database.store.snapshot
            self.unknown = bool(self.touched)
            # A relation of this session may hide an entity that is new.
            self.spoil()

    def spoil(self) -> None:
        """Names may resolve differently from now on."""
        self.names_dirty = True
        self._changed_in_transaction = True
        self._moved()

    def touch(self, message: str) -> None:
        """The database said, in band, that this session changed an entity, or what hides one."""
        if message.isascii() and message.isdigit():
            self.touched.add(int(message))
            self.unknown = True
        self.spoil()

    def transaction_ended(self) -> None:
        """What SET LOCAL set is gone, and after a rollback everything else too."""
        if self._changed_in_transaction:
            self.spoil()
            self._changed_in_transaction = False

    def committed(self) -> None:
        """The store has been refreshed since the transaction that touched entities ended."""
        self.touched.clear()
        self.unknown = False
        self._base = self.snapshot = self.database.store.snapshot
        self.spoil()
        self._changed_in_transaction = False

    def question(self) -> bytes:
        return session_state_sql(self.touched).encode()

    def learn(self, answer: str) -> None:
        names, changes = parse_session_state(answer)
        self.names = names
        self.names_dirty = False
        self.unknown = False
        self.snapshot = self._base.with_changes(changes)
        self._moved()

    def parameter_changed(self, name: bytes, value: bytes) -> None:
        if name == b"client_encoding":
            self.encoding = encodings.codec(value)
            self._moved()
        elif name == b"standard_conforming_strings":
            self.standard_conforming_strings = value == b"on"
            self._moved()
        elif name in (b"search_path", b"session_authorization", b"role"):
            # PostgreSQL 18 reports search_path: the only word of a function that set it.
            self.spoil()

    def look_at(self, sql: bytes) -> Text:
        text = self._texts.get(sql)
        if text is None:
            text = self._look(sql)
            if len(sql) <= _LONGEST_REMEMBERED:
                if len(self._texts) >= _REMEMBERED_TEXTS:
                    self._texts.clear()
                self._texts[sql] = text
        return text

    def rewrite(self, text: str, param_types: tuple[int, ...] = ()) -> Rewritten:
        """Raises rewriter.RewriteError. `names` must not be dirty."""
        assert self.names is not None
        return self.database.rewriter.rewrite(
            text,
            self.snapshot,
            self.names,
            standard_conforming_strings=self.standard_conforming_strings,
            param_types=param_types,
        )

    def shown_row_description(self, message: bytes) -> bytes:
        """The same object when nothing is to be changed."""
        snapshot = self.snapshot
        if snapshot is self.database.store.snapshot:
            return self.database.row_descriptions().shown(message)
        if self._row_descriptions is None or self._row_descriptions.snapshot is not snapshot:
            self._row_descriptions = RowDescriptions(snapshot)
        return self._row_descriptions.shown(message)

    def _look(self, sql: bytes) -> Text:
        text = encodings.decode(sql, self.encoding)
        if text is None:
            return Text(sql, None, mentions=False, changes_names=True)
        return Text(sql, text, rewriter.mentions_entity(text, self.snapshot), rewriter.may_change_names(text))

    def _moved(self) -> None:
        self.version += 1
        self._texts.clear()
