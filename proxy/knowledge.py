"""What one session knows about the catalog: its entities, how names resolve for it, and whether that still holds.

The entities are the store's snapshot, plus what the session itself changed in a transaction that is not yet
committed (`touched`). How names resolve (search_path, temporary tables that hide an entity) only the session's own
upstream connection can say: `question` asks it, and `learn` takes the answer. `names_dirty` says that it must be
asked again before the next statement that may name an entity.

`version` changes whenever an earlier rewrite may no longer be right; prepared statements compare it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

import structlog

from catalog.loader import parse_session_state, session_state_sql, unseen_entities
from proxy import encodings
from proxy.row_descriptions import RowDescriptions
from proxy.texts import Texts
from rewriter import RewriteError, shown_shape
from rewriter.errors import INTERNAL_ERROR

if TYPE_CHECKING:
    from catalog.model import Entity, Names, Snapshot
    from proxy.stores import Database
    from rewriter import Rewritten

logger = structlog.get_logger()

#: No row has been told of since the last ReadyForQuery.
NO_ROW: tuple[int, bytes] = (0, b"")


class Basis(NamedTuple):
    """What the names in a statement were resolved by."""

    names: Names
    entities: tuple[Entity, ...]


class Knowledge:
    __slots__ = (
        "_base",
        "_known",
        "_left",
        "_made_temporary",
        "_moved",
        "_temporary",
        "changed_in_transaction",
        "command_tag",
        "database",
        "encoding",
        "failing_row",
        "is_behind",
        "names",
        "names_dirty",
        "row_descriptions",
        "snapshot",
        "standard_conforming_strings",
        "texts",
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
        #: In the transaction that is open: its end changes them back, or for everybody.
        self.changed_in_transaction = False
        #: Entities that this session's open transaction made or changed.
        self.touched: set[int] = set()
        #: Of these, what was asked and has not changed since.
        self._known: dict[int, Entity | None] = {}
        #: Some of them are not in `snapshot` yet: until they are, any text may mention one.
        self.unknown = False
        #: A statement of the open transaction met a newer catalog than the store's.
        self.is_behind = False
        #: What to tell the client of the running command, where the one that was sent for it has another tag.
        self.command_tag: bytes | None = None
        #: The row that a view's check option refuses, and the view's number.
        self.failing_row = NO_ROW
        #: Views of this session only: no snapshot but its own has them.
        self._temporary: dict[int, Entity | None] = {}
        #: There are more of them than that.
        self._made_temporary = False
        #: Entities whose rows others have moved, by transactions that this session may not see yet.
        self._moved: dict[int, str] = {}
        #: Views that left the catalog meanwhile.
        self._left: dict[int, Entity] = {}
        self.version = 1
        self.texts = database.texts(self.encoding, self.standard_conforming_strings)
        self.row_descriptions = database.row_descriptions()

    @property
    def codec(self) -> str:
        """For what has been decoded, and for messages of our own."""
        return self.encoding or "ascii"

    def follow_store(self) -> None:
        """Take up the store's snapshot, if it has a new one. Cheap when it has not: called for every statement."""
        before = self._base
        if self.database.store.snapshot is not before:
            self._known.clear()
            self._take_committed()
            self._look_for_moves(before)
            self.unknown = bool(self.touched) or self._made_temporary
            # A relation of this session may hide an entity that is new.
            self.spoil()

    def _look_for_moves(self, before: Snapshot) -> None:
        """Rows that another transaction has moved may be out of sight of the one that is open here: it is asked."""
        for id_, entity in self._base.entities.items():
            known = before.entities.get(id_)
            if known is not None and known.moved_by != entity.moved_by:
                self._moved[id_] = entity.moved_by
        if self._moved:
            latest = max(self._moved.values(), key=int)
            for id_, known in before.entities.items():
                # a view that reads no documents any more is a stranger to the catalog, but may read moved rows
                if known.is_view and id_ not in self._base.entities:
                    self._moved[id_], self._left[id_] = latest, known
            self._see(self._temporary)

    def _see(self, changes: Mapping[int, Entity | None]) -> None:
        """The committed entities with these changes, less the rows that may be out of sight."""
        self.snapshot = self._base.with_changes(changes)
        if self._moved:
            known = ((id_, self.snapshot.entities.get(id_) or self._left.get(id_)) for id_ in self._moved)
            hidden = {id_: replace(each, is_unseen=True) for id_, each in known if each is not None}
            self.snapshot = self.snapshot.with_changes(hidden)
        self._read_texts()

    def spoil(self, is_undone: bool = False) -> None:
        """Names may resolve differently from now on.

        `is_undone`: what the transaction made of its entities may be undone, too, which nobody tells.
        """
        if is_undone:
            self._known.clear()
        self.names_dirty = True
        self.unknown = self.unknown or bool(self.touched)
        self.changed_in_transaction = True
        self.version += 1

    def touch(self, message: str) -> None:
        """The database said, in band, that this session changed an entity, or what hides one."""
        if message.startswith("tag "):
            self.command_tag = message[4:].encode()
            return
        if message.isascii() and message.isdigit():
            self.touched.add(int(message))
            self._known.pop(int(message), None)
            self.unknown = True
        elif message == "temporary":
            self._made_temporary = self.unknown = True
        self.spoil()

    def transaction_ended(self) -> None:
        """What SET LOCAL set is gone, and after a rollback everything else too."""
        if self.changed_in_transaction:
            self.spoil()
            self.changed_in_transaction = False

    def committed(self) -> None:
        """The store has been refreshed since the transaction that touched entities ended."""
        self._take_committed()
        self.unknown = self._made_temporary
        self.touched.clear()
        self._known.clear()
        self.is_behind = False
        self.spoil()
        self.changed_in_transaction = False

    def question(self) -> bytes:
        return session_state_sql(self.touched - self._known.keys(), self._moved).encode()

    def learn(self, answer: str) -> None:
        names, changes = parse_session_state(answer)
        self.names = self.database.shared_names(names)
        self.names_dirty = False
        self.unknown = False
        self._made_temporary = False
        self._temporary = {id_: each for id_, each in changes.items() if each is not None and each.is_temporary}
        self._known.update((id_, changes[id_]) for id_ in self.touched & changes.keys())
        if self._moved:
            unseen = unseen_entities(answer)
            self._moved = {id_: xid for id_, xid in self._moved.items() if id_ in unseen}
            self._left = {id_: each for id_, each in self._left.items() if id_ in unseen}
        self._see(self._known | changes)
        self.version += 1

    @property
    def made(self) -> set[int]:
        """Entities that are of the open transaction: nobody else can have, or wait for, a lock on them."""
        return self.touched - self._base.entities.keys()

    def basis(self, rewritten: Rewritten) -> Basis | None:
        if self.names is None:
            return None
        entities = self.snapshot.entities
        return Basis(self.names, tuple(entities[each] for each in rewritten.entities if each in entities))

    def still_holds(self, basis: Basis) -> bool:
        """Whether PostgreSQL would go on with a statement's plan: it looks names up again when search_path has changed,
        or a relation that was found; not when a new one has come before it."""
        names = self.names
        return (
            names is not None
            and names.search_path == basis.names.search_path
            and names.hiding >= basis.names.hiding
            and all(self.snapshot.entities.get(each.entity_id) == each for each in basis.entities)
        )

    def parameter_changed(self, name: bytes, value: bytes) -> None:
        if name == b"client_encoding":
            self.encoding = encodings.codec(value)
            self._read_texts()
        elif name == b"standard_conforming_strings":
            self.standard_conforming_strings = value == b"on"
            self._read_texts()
            self.version += 1
        elif name in (b"search_path", b"session_authorization", b"role"):
            # PostgreSQL 18 reports search_path: the only word of a function that set it.
            self.spoil()

    def rewrite(self, text: str, param_types: tuple[int, ...] = ()) -> Rewritten:
        """Raises RewriteError. `names` must not be dirty."""
        assert self.names is not None
        try:
            rewritten = self.database.rewriter.rewrite(
                text,
                self.snapshot,
                self.names,
                standard_conforming_strings=self.standard_conforming_strings,
                param_types=param_types,
            )
        except RewriteError:
            raise
        except Exception as error:
            raise self._mishap(text, error) from error
        if self.encoding != "utf-8" and rewritten.touched:
            self._check_encodable(rewritten.sql)
        return rewritten

    def _mishap(self, text: str, error: Exception) -> RewriteError:
        """A fault of the rewriter's own costs the client this statement, not its session."""
        frames = traceback.extract_tb(error.__traceback__)
        logger.error(
            "the rewriter failed",
            error=type(error).__name__,  # its text may quote the statement
            where=[f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
            statement=shown_shape(text, self.standard_conforming_strings),
        )
        return RewriteError(
            f"Kameleon failed to rewrite this statement: unexpected {type(error).__name__}",
            sqlstate=INTERNAL_ERROR,
            hint="It was not run. Write it in a simpler form, and report it: its shape is in the log of the proxy.",
        )

    def _check_encodable(self, sql: str) -> None:
        """A column that the rewriter spelt out may have a name that the client could not have written."""
        try:
            sql.encode(self.codec)
        except UnicodeEncodeError as error:
            character = sql[error.start].encode().hex(" ")
            raise RewriteError(
                f'character with byte sequence 0x{character} in encoding "UTF8" has no equivalent in the client\'s',
                sqlstate="22P05",
            ) from error

    def _take_committed(self) -> None:
        self._base = self.database.store.snapshot
        self.snapshot = self._base.with_changes(self._temporary)
        self._read_texts()

    def _read_texts(self) -> None:
        """Texts and descriptions are read by what the session sees: its own changes, its encoding."""
        if self.snapshot is self.database.store.snapshot:
            self.texts = self.database.texts(self.encoding, self.standard_conforming_strings)
            self.row_descriptions = self.database.row_descriptions()
        else:
            self.texts = Texts(self.snapshot, self.encoding, self.standard_conforming_strings)
            self.row_descriptions = RowDescriptions(self.snapshot)
