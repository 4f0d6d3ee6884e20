"""The client's prepared statements and portals: what it sent, what was sent upstream for it, and when that was right.

A statement keeps the client's own text. When the catalog has moved since it was parsed (`version` is not the
session's any more), the text is rewritten again before its next use, and parsed anew under the same name if the
outcome differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rewriter import Kind

if TYPE_CHECKING:
    from proxy.knowledge import Basis
    from proxy.pipeline import Owed
    from proxy.texts import Facts
    from proxy.timing import Passed, Subject
    from rewriter import Rewritten


#: Of these Bind makes the plan; of other statements, Execute does.
_PLANNED_BY_BIND = frozenset((Kind.SELECT, Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE))
_SPECIAL = frozenset((b"p", b"P", b"e", b"E", b"d", b"D", b"/", b"-"))


class Run(NamedTuple):
    """One statement of a simple Query with several."""

    subject: Subject
    #: Characters before it in the client's text, and in the text that was sent.
    offset: int = 0
    sent_offset: int = 0
    #: Put there by the proxy: its completion is not shown.
    ours: bool = False
    #: Refused by the proxy: what is shown when its stand-in fails.
    refused: bytes | None = None


class Statement:
    """One prepared statement, by Parse or by PREPARE."""

    __slots__ = (
        "basis",
        "changes_names",
        "described",
        "executes",
        "facts",
        "is_special",
        "mutes",
        "name",
        "param_types",
        "passed",
        "prepared_by_sql",
        "refused",
        "rewritten",
        "sent",
        "sql",
        "types_known",
        "version",
    )

    def __init__(
        self,
        name: bytes,
        sql: bytes,
        param_types: tuple[int, ...] = (),
        *,
        sent: bytes,
        passed: bytes | Passed,
        rewritten: Rewritten | None,
        version: int,
        basis: Basis | None = None,
        facts: Facts | None = None,
        prepared_by_sql: bool = False,
    ) -> None:
        self.name = name
        self.sql = sql
        self.param_types = param_types
        #: They are PostgreSQL's answer, no longer the client's wish.
        self.types_known = False
        self.sent = sent
        #: What the timings remember of it as long as it is not rewritten.
        self.passed = passed
        self.rewritten = rewritten
        self.version = version
        #: What names meant when it was rewritten; None when no name in it was an entity's.
        self.basis = basis
        #: Of its text; None where Kameleon is not installed.
        self.facts = facts
        self.changes_names = facts is not None and facts.changes_names
        self.prepared_by_sql = prepared_by_sql
        #: The client wants no suggestions in the transaction in which it is run.
        self.mutes = facts is not None and facts.mutes
        #: May be PREPARE, EXECUTE, DEALLOCATE or DISCARD.
        self.is_special = sql.lstrip()[:1] in _SPECIAL
        #: EXECUTE: the name of the statement that it runs.
        self.executes: bytes | None = None
        #: Of a statement that PostgreSQL looks at when it is run, and not before: what Execute fails with.
        self.refused: bytes | None = None
        #: The RowDescription that the client was shown, if it asked.
        self.described: bytes | None = None

    @property
    def plans_behind_prelude(self) -> bool:
        """What it does first must be done before Bind, which plans it."""
        return (
            self.rewritten is not None
            and self.rewritten.prelude is not None
            and self.rewritten.kind in _PLANNED_BY_BIND
            and not self.rewritten.touched
        )

    @property
    def subject(self) -> Subject:
        return self.passed if self.rewritten is None else self.rewritten

    def spoil(self) -> None:
        """What was sent for it may not be what upstream has: it is parsed anew before its next use."""
        self.version = 0
        self.sent = b""
        self.basis = None


class Statements:
    """By name. Changes are made when a message is sent, and taken back when upstream refuses it."""

    __slots__ = ("by_name", "declared", "portals")

    def __init__(self) -> None:
        self.by_name: dict[bytes, Statement] = {}
        self.portals: dict[bytes, Statement] = {}
        #: What DECLARE made over entities, as the client wrote it.
        self.declared: dict[str, str] = {}

    def parse(self, statement: Statement) -> Statement | None:
        """The statement takes its name; what had the name before is returned, for `take_back`."""
        previous = self.by_name.get(statement.name)
        self.by_name[statement.name] = statement
        return previous

    def run_by(self, statement: Statement) -> Statement:
        """What has to be right before this one is run: of EXECUTE, the statement that it names."""
        if statement.executes is None:
            return statement
        executed = self.by_name.get(statement.executes)
        return executed if executed is not None and executed.prepared_by_sql else statement

    def close(self, name: bytes) -> Statement | None:
        return self.by_name.pop(name, None)

    def close_portal(self, name: bytes) -> None:
        self.portals.pop(name, None)

    def forget_all(self) -> None:
        self.by_name.clear()

    def take_back(self, discarded: list[Owed]) -> None:
        """These messages were refused or thrown away upstream. The latest goes first."""
        for entry in reversed(discarded):
            if entry.renewed is not None:
                entry.renewed.spoil()
            statement = entry.statement
            if statement is None or not entry.renames:
                continue
            if entry.previous is not None and (statement.name or entry is not discarded[0]):
                self.by_name[statement.name] = entry.previous
            elif self.by_name.get(statement.name) is statement:
                # A Parse that fails destroys the unnamed statement all the same.
                del self.by_name[statement.name]
