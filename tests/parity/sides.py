"""The two sides of a comparison, and how what they answer is made comparable.

The direct side is a database without Kameleon, reached directly. The proxied side is a database with Kameleon, reached
through the proxy. They may differ in nothing but OIDs of their own and their databases' names: OIDs of types and
relations become names before anything is compared, also within binary arrays and composites.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.parity import wire_client as wire
from tests.parity.case_files import Step
from tests.parity.wire_client import Connection, Event

FIRST_USER_OID = 16384

# What a session may be set to. Every case file that says `settings: all` runs under each.
PROFILES: dict[str, dict[str, str]] = {
    "default": {},
    "dmy": {
        "DateStyle": "SQL, DMY",
        "IntervalStyle": "sql_standard",
        "TimeZone": "Asia/Kathmandu",
        "extra_float_digits": "0",
        "bytea_output": "escape",
        "xmlbinary": "hex",
    },
    "german": {
        "DateStyle": "German",
        "IntervalStyle": "iso_8601",
        "TimeZone": "America/New_York",
        "lc_monetary": "C.UTF-8",
        "extra_float_digits": "-3",
        "quote_all_identifiers": "on",
        "array_nulls": "on",
        "transform_null_equals": "on",
        "lc_numeric": "C.UTF-8",
    },
}

# Fields of an error or notice that count. Left out: file, line and routine of the server's source.
ERROR_FIELDS = {
    "S": "shown severity",
    "V": "severity",
    "C": "sqlstate",
    "M": "message",
    "D": "detail",
    "H": "hint",
    "P": "position",
    "p": "internal position",
    "q": "internal query",
    "W": "context",
    "s": "schema",
    "t": "table",
    "c": "column",
    "d": "datatype",
    "n": "constraint",
}


TUPLE = re.compile(r"tuple \(\d+,\d+\)")
TEMPORARY = re.compile(r"\bpg_temp_\d+\b")


@dataclass(frozen=True)
class Type:
    name: str
    kind: str  # pg_type.typtype; 'a' for an array
    element: int
    base: int


class Oids:
    """Names for the OIDs of one database."""

    builtin: dict[int, Type] = {}  # noqa: RUF012 - shared on purpose: the same on every server of a version

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._types: dict[int, Type] = {}
        self._relations: dict[int, str] = {}

    def forget(self) -> None:
        """Names may have changed."""
        self._types.clear()
        self._relations.clear()

    def type(self, oid: int, session: Connection | None = None) -> Type:
        known = Oids.builtin if oid < FIRST_USER_OID else self._types
        if oid not in known:
            known[oid] = self._find_type(oid, session)
        return known[oid]

    def relation(self, oid: int, session: Connection | None = None) -> str:
        if oid not in self._relations:
            sql = f"""SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = {oid}"""
            rows = self._ask(sql, session)
            self._relations[oid] = TEMPORARY.sub("pg_temp", str(rows[0][0])) if rows else "a relation that is gone"
        return self._relations[oid]

    def _find_type(self, oid: int, session: Connection | None) -> Type:
        sql = f"""SELECT n.nspname || '.' || t.typname, CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc
                         AND t.typlen = -1 THEN 'a' ELSE t.typtype END, t.typelem, t.typbasetype
                  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                  WHERE t.oid = {oid}"""
        rows = self._ask(sql, session)
        if not rows:
            return Type("a type that is gone", "b", 0, 0)
        name, kind, element, base = (str(value) for value in rows[0])
        return Type(TEMPORARY.sub("pg_temp", name), kind, int(element), int(base))

    def _ask(self, sql: str, session: Connection | None) -> list[list[str | None]]:
        rows = self._connection.rows(sql)
        if not rows and session and session.status == "T":
            # Not committed yet, so only the session itself can see it.
            rows = session.rows(sql)
        return rows


class Side:
    """One database and the sessions open on it."""

    def __init__(self, database: str, address: tuple[str, int], direct: tuple[str, int], superuser: str) -> None:
        self.database = database
        self.address = address
        self.direct = direct
        self.superuser = superuser
        self.helper = Connection(*direct, superuser, database)
        self.oids = Oids(self.helper)
        self._encoder: Connection | None = None
        self._sessions: dict[str, Connection] = {}
        self._user = superuser
        self._settings: Mapping[str, str] = {}

    def begin(self, user: str, settings: Mapping[str, str]) -> None:
        """From here on, sessions are opened for this user, with these settings."""
        self.close_sessions()
        self._user, self._settings = user, settings
        self._encoder = Connection(*self.direct, self.superuser, self.database, settings)

    def session(self, name: str, settings: Mapping[str, str] | None = None) -> Connection:
        if name not in self._sessions:
            mine = dict(self._settings) | dict(settings or {})
            user = mine.pop("user", self._user)
            self._sessions[name] = Connection(*self.address, user, self.database, mine)
        return self._sessions[name]

    def lost(self, name: str) -> None:
        self._sessions.pop(name).close()

    def close_sessions(self) -> None:
        for session in [*self._sessions.values(), *([self._encoder] if self._encoder else [])]:
            session.close()
        self._sessions.clear()
        self._encoder = None

    def close(self) -> None:
        self.close_sessions()
        self.helper.close()

    # Running a step: in each of the modes, as different drivers would.

    def run(self, name: str, step: Step, mode: str) -> list[list[str]]:
        """The comparable replies, one list of lines for each exchange."""
        session = self.session(name)
        self.oids.forget()
        try:
            exchanges = self._exchanges(session, step, mode)
        except wire.ConnectionLost as error:
            self.lost(name)
            return [[f"connection lost: {error}"]]
        return [self.comparable(session, events, step.ordered, step.shape) for events in exchanges]

    def _exchanges(self, session: Connection, step: Step, mode: str) -> list[list[Event]]:
        copy = wire.CopyInput(step.copy, step.copy_failure)
        types = [self._type_oid(name) for name in step.types]
        if step.pipeline:
            return [session.exchange(*pipeline_frames(step.pipeline, mode), copy, extended=True)]
        if step.prepare:
            return [prepare(session, step.sql, step.prepare, types)]
        if step.execute:
            described = [session.exchange(wire.describe("S", step.execute) + wire.sync())] if mode == "binary" else []
            return described + self._executions(session, step, step.execute, parameter_types(described), copy, mode)
        if step.batch or (mode == "simple" and not step.params and not step.fetch and not step.types):
            return [session.exchange(wire.query(step.sql), copy=copy)]
        if mode == "binary" or len(step.params) > 1:
            return self._prepared(session, step, types, copy, mode)
        params = encode(step.params[0]) if step.params else []
        frames = wire.parse(step.sql, types=types) + wire.describe("S") + wire.bind(params=params)
        frames += wire.describe("P") + fetches("", step.fetch) + wire.sync()
        return [session.exchange(frames, copy=copy, extended=True)]

    def _prepared(
        self, session: Connection, step: Step, types: Sequence[int], copy: wire.CopyInput, mode: str
    ) -> list[list[Event]]:
        """First prepare and describe, then run as often as there are parameters, as asyncpg does."""
        name = "" if len(step.params) < 2 else "parity"
        prepared = prepare(session, step.sql, name, types)
        if wire.only(prepared, "ErrorResponse"):
            return [prepared]
        exchanges = [prepared, *self._executions(session, step, name, parameter_types([prepared]), copy, mode)]
        if name:
            exchanges.append(session.exchange(wire.close("S", name) + wire.sync()))
        return exchanges

    def _executions(
        self, session: Connection, step: Step, name: str, types: Sequence[int], copy: wire.CopyInput, mode: str
    ) -> list[list[Event]]:
        exchanges = []
        for values in step.params or [[]]:
            params, param_formats = self._parameters(values, types, mode == "binary")
            frames = wire.bind("", name, params, param_formats, [1] if mode == "binary" else [])
            frames += wire.describe("P") + fetches("", step.fetch) + wire.sync()
            exchanges.append(session.exchange(frames, copy=copy, extended=True))
        return exchanges

    def _parameters(
        self, values: Sequence[str | None], types: Sequence[int], binary: bool
    ) -> tuple[list[bytes | None], list[int]]:
        if not binary:
            return encode(values), []
        encoded = [self._binary(value, oid) for value, oid in zip(values, types, strict=False)]
        encoded += [(value, 0) for value in encode(values[len(types) :])]
        return [value for value, _ in encoded], [format_ for _, format_ in encoded]

    def _binary(self, value: str | None, oid: int) -> tuple[bytes | None, int]:
        """PostgreSQL itself turns the text into its binary form; what it refuses goes as text."""
        if value is None:
            return None, 1
        assert self._encoder
        frames = wire.parse("SELECT $1", types=[oid]) + wire.bind(params=encode([value]), result_formats=[1])
        rows = wire.only(self._encoder.exchange(frames + wire.execute() + wire.sync()), "DataRow")
        return (rows[0].values[0], 1) if rows else (value.encode(), 0)

    def _type_oid(self, name: str) -> int:
        return int(str(self.helper.rows(f"SELECT '{name}'::regtype::oid")[0][0]))

    # Making replies comparable.

    def comparable(self, session: Connection, events: Iterable[Event], ordered: bool, shape: bool = False) -> list[str]:
        lines: list[str] = []
        rows: list[str] = []
        columns: list[wire.Column] = []
        for event in events:
            if event.kind == "DataRow":
                rows.append("row: " + " | ".join(self._value(session, event.values, columns)))
                continue
            if not shape:
                lines += rows if ordered else sorted(rows)
            rows = []
            if event.kind == "RowDescription":
                columns = event.columns
                lines += [self._column(session, column) for column in columns] or ["no columns"]
            else:
                lines.append(self._line(session, event, shape))
        return lines + rows

    def _line(self, session: Connection, event: Event, shape: bool) -> str:
        match event.kind:
            case "ErrorResponse" | "NoticeResponse":
                named = {label: event.fields[code] for code, label in ERROR_FIELDS.items() if code in event.fields}
                return self._own(f"{event.kind}: " + ", ".join(f"{label}={value!r}" for label, value in named.items()))
            case "ParameterDescription":
                return "parameters: " + ", ".join(self.oids.type(oid, session).name for oid in event.types)
            case "CommandComplete" if shape:
                return "CommandComplete"
            case "CopyData":
                return f"CopyData: {event.data!r}"
        return f"{event.kind} {event.types or ''}{self._own(event.text)}".rstrip()

    def _column(self, session: Connection, column: wire.Column) -> str:
        origin = f" of {self.oids.relation(column.table, session)}.{column.attnum}" if column.table else ""
        kind = self.oids.type(column.type, session).name
        return f"column: {column.name!r} {kind}({column.typmod}) size {column.size} format {column.format}{origin}"

    def _value(self, session: Connection, values: Sequence[bytes | None], columns: Sequence[wire.Column]) -> list[str]:
        shown = []
        for index, value in enumerate(values):
            column = columns[index] if index < len(columns) else None
            if value is None:
                shown.append("NULL")
            elif column and column.format == 1:
                shown.append(self._binary_text(session, value, column.type))
            else:
                shown.append(self._own(value.decode()))
        return shown

    def _binary_text(self, session: Connection, value: bytes, oid: int) -> str:
        """Binary as hexadecimal, with names in place of the OIDs in arrays, composites and references."""
        known = self.oids.type(oid, session)
        if known.base:
            return self._binary_text(session, value, known.base)
        if known.kind == "a":
            return self._binary_array(session, value)
        if known.kind == "c" or known.name == "pg_catalog.record":
            return self._binary_record(session, value)
        if known.name in ("pg_catalog.regclass", "pg_catalog.regtype"):
            (referenced,) = struct.unpack("!I", value)
            if known.name.endswith("regtype"):
                return self.oids.type(referenced, session).name
            return self.oids.relation(referenced, session)
        if known.name in ("pg_catalog.text", "pg_catalog.varchar", "pg_catalog.name", "pg_catalog.bpchar"):
            return self._own(value.decode())
        return value.hex() or "(empty)"

    def _binary_array(self, session: Connection, value: bytes) -> str:
        reader = wire.Reader(value)
        dimensions, has_null, element = reader.numbers("!iiI")
        bounds = [reader.numbers("!ii") for _ in range(dimensions)]
        count = 1 if dimensions else 0
        for size, _ in bounds:
            count *= size
        elements = [self._binary_element(session, reader, element) for _ in range(count)]
        reader.end()
        return f"{self.oids.type(element, session).name}{bounds}{has_null}{{{', '.join(elements)}}}"

    def _binary_record(self, session: Connection, value: bytes) -> str:
        reader = wire.Reader(value)
        (count,) = reader.numbers("!i")
        fields = []
        for _ in range(count):
            (oid,) = reader.numbers("!I")
            fields.append(f"{self.oids.type(oid, session).name} {self._binary_element(session, reader, oid)}")
        reader.end()
        return f"({', '.join(fields)})"

    def _binary_element(self, session: Connection, reader: wire.Reader, oid: int) -> str:
        (size,) = reader.numbers("!i")
        return "NULL" if size < 0 else self._binary_text(session, reader.take(size), oid)

    def _own(self, text: str) -> str:
        """Without what is bound to differ: the databases' names, temporary schemas, and where in its file a row is."""
        return TEMPORARY.sub("pg_temp", TUPLE.sub("tuple (?)", text.replace(self.database, "<database>")))


def prepare(session: Connection, sql: str, name: str, types: Sequence[int]) -> list[Event]:
    return session.exchange(wire.parse(sql, name, types) + wire.describe("S", name) + wire.sync())


def parameter_types(exchanges: Sequence[Sequence[Event]]) -> list[int]:
    return [oid for events in exchanges for event in wire.only(events, "ParameterDescription") for oid in event.types]


def encode(values: Sequence[str | None]) -> list[bytes | None]:
    return [None if value is None else value.encode() for value in values]


def fetches(portal: str, limits: Sequence[int]) -> bytes:
    return b"".join(wire.execute(portal, limit) for limit in limits or [0])


def pipeline_frames(statements: Sequence[str], mode: str) -> tuple[bytes, int]:
    """All the statements without waiting in between; a "" is a Sync, and there is one at the end."""
    formats = [1] if mode == "binary" else []
    frames, syncs = b"", 0
    for sql in [*statements, ""]:
        if sql:
            frames += wire.parse(sql) + wire.bind(result_formats=formats) + wire.describe("P") + wire.execute()
        else:
            frames += wire.sync()
            syncs += 1
    return frames, syncs
