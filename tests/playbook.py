"""A wire conversation as a script: what the client and upstream send, and what has to come out on either side.

    playbook()
        .client(Query(b"SELECT 1"))        >> the client sends
        .to_upstream(Query(b"SELECT 1"))   << and this is what upstream gets, all of it
        .upstream(done("SELECT 1"), READY) >> upstream sends
        .to_client(done("SELECT 1"), READY)
        .quiet()                           nothing else came out, on either side

Messages are the values of `proxy.wire`, or the bytes of one or more frames. A mismatch shows both conversations, frame
by frame. The relay under test is the real one; sockets, PostgreSQL and the catalog's database are not there.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, Self, cast

from catalog.model import Entity, Field, Index, Move, Names, Snapshot
from catalog.store import CatalogStore
from proxy.knowledge import Knowledge
from proxy.relay import Relay
from proxy.stores import Database
from proxy.tally import Tally, rows_of
from proxy.timing import Sample, Timings
from proxy.wire import backend, frontend
from proxy.wire.backend import Backend, CommandComplete, DataRow, Diagnostic, ReadyForQuery
from proxy.wire.framing import HEADER_SIZE, frame, unpack_length
from proxy.wire.frontend import Frontend
from rewriter import Kind, Rewriter, Rewritten, classify

READY = ReadyForQuery(backend.IDLE)
IN_TRANSACTION = ReadyForQuery(backend.IN_TRANSACTION)
FAILED = ReadyForQuery(backend.FAILED_TRANSACTION)

PARSE_COMPLETE = frame(Backend.PARSE_COMPLETE, b"")
BIND_COMPLETE = frame(Backend.BIND_COMPLETE, b"")
CLOSE_COMPLETE = frame(Backend.CLOSE_COMPLETE, b"")
NO_DATA = frame(Backend.NO_DATA, b"")
EMPTY = frame(Backend.EMPTY_QUERY_RESPONSE, b"")
COPY_IN = frame(Backend.COPY_IN_RESPONSE, b"\0\0\0")
COPY_OUT = frame(Backend.COPY_OUT_RESPONSE, b"\0\0\0")

SYNC = frontend.SYNC
FLUSH = frontend.FLUSH


class Encodable(Protocol):
    def encode(self) -> bytes: ...


Message = Encodable | bytes


def done(tag: str) -> CommandComplete:
    return CommandComplete(tag.encode())


def row(*values: str | None) -> DataRow:
    return DataRow(tuple(None if value is None else value.encode() for value in values))


def error(sqlstate: str, message: str, **fields: str) -> Diagnostic:
    return _diagnostic(Backend.ERROR_RESPONSE, "ERROR", sqlstate, message, fields)


def fatal(sqlstate: str, message: str) -> Diagnostic:
    return _diagnostic(Backend.ERROR_RESPONSE, "FATAL", sqlstate, message, {})


def notice(sqlstate: str, message: str, severity: str = "NOTICE", **fields: str) -> Diagnostic:
    return _diagnostic(Backend.NOTICE_RESPONSE, severity, sqlstate, message, fields)


def change(what: object) -> Diagnostic:
    """The database's private word that this session changed an entity."""
    return notice("KDB01", str(what), "INFO")


def _diagnostic(kind: int, severity: str, sqlstate: str, message: str, fields: dict[str, str]) -> Diagnostic:
    texts = {"S": severity, "V": severity, "C": sqlstate, "M": message} | fields
    return Diagnostic(kind, {code: text.encode() for code, text in texts.items()})


def entity(entity_id: int = 17, name: str = "orders", generation: int = 3, **changed: Any) -> Entity:
    columns = (("id", 1, 23, "integer"), ("name", 2, 25, "text"), ("total", 4, 1700, "numeric"))
    base = 16_000 + entity_id * 10
    parts: dict[str, Any] = {
        "entity_id": entity_id,
        "schema": "public",
        "name": name,
        "relid": base,
        "storage_mode": "shared",
        "generation": generation,
        "fields": tuple(Field(column, attnum, column, oid, type_name) for column, attnum, oid, type_name in columns),
        "indexes": (Index(f"{name}_pkey", True, True, True, ("id",), f"{name}_pkey"),),
        "child_table": f"kdb_records_{entity_id}_{generation}",
        "child_oid": base + 1,
        "read_oid": base + 2,
        "write_oid": base + 3,
        "insert_oid": base + 4,
        "row_type": base + 5,
        "view_row_types": (base + 6, base + 7),
    }
    return Entity(**parts | changed)


class FakeStore:
    """A catalog whose next snapshot the test decides."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.settings: dict[str, str] = {}
        self.moves: tuple[Move, ...] = ()

    async def connect(self) -> NoReturn:
        raise OSError("no database here")


@dataclass(frozen=True)
class TimedStatement:
    kind: Kind
    entities: tuple[int, ...]
    rows: int
    failed: bool
    tag: str
    duration: float  # seconds


class TimedStatements:
    """The relay's samples, in words."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings

    def __len__(self) -> int:
        return len(self._timings)

    def take(self) -> list[TimedStatement]:
        return [_in_words(sample) for sample in self._timings.take()]


def _in_words(sample: Sample) -> TimedStatement:
    subject, started, ended, tag, _ = sample
    if isinstance(subject, Rewritten):
        kind, entities = subject.kind, subject.entities
    else:
        sql = subject if isinstance(subject, bytes) else subject.sql
        kind = classify(sql.decode())
        entities = () if isinstance(subject, bytes) else subject.texts.entities_named(sql.decode())
    told = tag or b""
    return TimedStatement(kind, entities, rows_of(told), tag is None, told.decode(), ended - started)


class FakeShell:
    def __init__(self) -> None:
        self.refreshes = 0
        self.catch_ups = 0
        self.upstream_held = False
        self.client_held = False
        self.closed = False
        self.idle_seen = 0
        self.works: list[Coroutine[Any, Any, None]] = []
        self.questions: list[str] = []

    def refresh(self, whole: bool = True) -> None:
        if whole:
            self.refreshes += 1
        else:
            self.catch_ups += 1

    def work(self, work: Coroutine[Any, Any, None]) -> None:
        self.works.append(work)

    def answer(self, question: str) -> None:
        self.questions.append(question)

    def hold_upstream(self, held: bool) -> None:
        self.upstream_held = held

    def hold_client(self, held: bool) -> None:
        self.client_held = held

    def close(self) -> None:
        self.closed = True

    def idle(self) -> None:
        self.idle_seen += 1


class _Analyzed(Rewriter):
    """Every shape has been sent once before: most tests are about what comes after that."""

    def rewrite(self, *args: Any, **options: Any) -> Rewritten:
        rewritten = super().rewrite(*args, **options)
        rewritten.analyzed = True
        return rewritten


class Playbook:
    def __init__(
        self, entities: Sequence[Entity], *, names_known: bool, installed: bool, analyzed: bool, precise: bool
    ) -> None:
        self.store = FakeStore(Snapshot(1, {each.entity_id: each for each in entities}))
        self.knowledge: Knowledge | None = None
        if installed:
            self.knowledge = Knowledge(
                Database("shop", cast(CatalogStore, self.store), _Analyzed() if analyzed else Rewriter())
            )
            if names_known:
                self.knowledge.names = Names(("pg_catalog", "public"), frozenset(), "shop")
                self.knowledge.names_dirty = False
        self.shell = FakeShell()
        self.tally = Tally(1000)
        # There is no event loop to be woken up in.
        self.tally.timings = Timings(1000, is_precise=precise)
        self.timings = TimedStatements(self.tally.timings)
        self._sent_to_client: list[bytes] = []
        self._sent_to_upstream: list[bytes] = []
        self.relay = Relay(
            self._sent_to_client.append,
            self._sent_to_upstream.append,
            self.shell,
            self.tally.timings,
            self.knowledge,
            self.tally.callers.get(self.knowledge.database if self.knowledge else None, "ada", "psql"),
        )

    # --- what is sent ---

    def client(self, *messages: Message) -> Self:
        self.relay.receive_client(as_bytes(messages))
        return self

    def upstream(self, *messages: Message) -> Self:
        self.relay.receive_upstream(as_bytes(messages))
        return self

    def dribble_client(self, *messages: Message, size: int = 1) -> Self:
        for piece in pieces(as_bytes(messages), size):
            self.relay.receive_client(piece)
        return self

    def dribble_upstream(self, *messages: Message, size: int = 1) -> Self:
        for piece in pieces(as_bytes(messages), size):
            self.relay.receive_upstream(piece)
        return self

    # --- what has to come out ---

    def to_client(self, *messages: Message) -> Self:
        self._compare("client", self._sent_to_client, messages, Backend)
        return self

    def to_upstream(self, *messages: Message) -> Self:
        self._compare("upstream", self._sent_to_upstream, messages, Frontend)
        return self

    def quiet(self) -> Self:
        return self.to_client().to_upstream()

    def _compare(
        self, side: str, sent: list[bytes], expected: tuple[Message, ...], names: type[Frontend] | type[Backend]
    ) -> None:
        __tracebackhide__ = True
        came, wanted = b"".join(sent), as_bytes(expected)
        sent.clear()
        if came != wanted:
            diff = difflib.ndiff(conversation(wanted, names), conversation(came, names))
            raise AssertionError(f"to {side} (- expected, + came):\n" + "\n".join(diff))

    # --- the catalog ---

    def refreshed(self, *entities: Entity) -> Self:
        """The store has been read: these are its entities now."""
        self.store.snapshot = Snapshot(self.store.snapshot.version + 1, {each.entity_id: each for each in entities})
        self.relay.refreshed()
        return self

    def caught_up(self) -> Self:
        """Nobody else has changed anything."""
        self.relay.refreshed()
        return self

    def catalog_moves(self, *entities: Entity) -> Self:
        """Somebody else changed the catalog, and the store has learnt of it."""
        self.store.snapshot = Snapshot(self.store.snapshot.version + 1, {each.entity_id: each for each in entities})
        return self


def playbook(
    *entities: Entity,
    names_known: bool = True,
    installed: bool = True,
    analyzed: bool = True,
    precise: bool = False,
) -> Playbook:
    """`precise`: with a Flush around each Execute in the middle of a pipeline, so that it can be timed."""
    return Playbook(entities, names_known=names_known, installed=installed, analyzed=analyzed, precise=precise)


def question(*touched: int, end: bytes = SYNC) -> bytes:
    """What a session sends to learn how its names resolve."""
    ids = ",".join(map(str, touched))
    return asked(f"SELECT kameleon.session_state('{{{ids}}}')", end)


def asked(sql: str, end: bytes = SYNC) -> bytes:
    """A query of the proxy's own, on the client's connection."""
    own = b"kameleon"
    return as_bytes(
        (
            frontend.Close(frontend.STATEMENT, own),
            frontend.Parse(own, sql.encode()),
            frontend.Bind(own, own),
            frontend.Execute(own),
            frontend.Close(frontend.PORTAL, own),
            frontend.Close(frontend.STATEMENT, own),
            end,
        )
    )


def answer(
    *search_path: str,
    hiding: Iterable[tuple[str, str]] = (),
    entities: dict[int, Any] | None = None,
    ready: ReadyForQuery | None = READY,
) -> bytes:
    """Upstream's answer to `question`. Without `ready`, to one that a Flush ended."""
    state = {
        "search_path": list(search_path or ("pg_catalog", "public")),
        "hiding": list(hiding),
        "database": "shop",
        "entities": {str(key): value for key, value in (entities or {}).items()},
    }
    return answered(json.dumps(state), ready)


def answered(value: str, ready: ReadyForQuery | None = READY) -> bytes:
    """Upstream's answer to `asked`."""
    frames: tuple[Message, ...] = (CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, row(value), done("SELECT 1"))
    frames += (CLOSE_COMPLETE, CLOSE_COMPLETE)
    return as_bytes(frames if ready is None else (*frames, ready))


def as_json(of: Entity) -> dict[str, Any]:
    """An entity as the database describes it in its answer."""
    return {
        "entity_id": of.entity_id,
        "schema": of.schema,
        "name": of.name,
        "relid": of.relid,
        "storage_mode": of.storage_mode,
        "generation": of.generation,
        "child_name": of.child_table,
        "row_type": of.row_type,
        "row_array": of.row_array,
        "fields": [
            {"name": each.name, "attnum": each.attnum, "key": each.key, "type_oid": each.type_oid}
            | {"type_name": each.type_name}
            for each in of.fields
        ],
        "indexes": [],
        "foreign_keys": [],
        "views": {
            "records": [of.child_oid, 0, 0],
            "read": [of.read_oid, of.view_row_types[0], 0],
            "write": [of.write_oid, of.view_row_types[1], 0],
            "insert": [of.insert_oid, 0, 0],
        },
    }


def as_bytes(messages: Iterable[Message]) -> bytes:
    return b"".join(message if isinstance(message, bytes) else message.encode() for message in messages)


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """(type byte, body) of each frame; what is left over is a frame of type 0."""
    found = []
    position = 0
    while len(data) - position >= HEADER_SIZE:
        after = position + 1 + unpack_length(data, position + 1)[0]
        if after > len(data):
            break
        found.append((data[position], data[position + HEADER_SIZE : after]))
        position = after
    if position < len(data):
        found.append((0, data[position:]))
    return found


def conversation(data: bytes, names: type[Frontend] | type[Backend]) -> list[str]:
    lines = []
    known = {int(each): each.name for each in names}
    for kind, body in frames(data):
        lines.append(f"{known.get(kind, repr(chr(kind)))} {body!r}")
    return lines
