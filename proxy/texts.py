"""What can be said of a statement's text without a parse: does it mention a shared entity, may it change names.

This is asked for every statement, so the answers are remembered; and since most texts differ from earlier ones in their
numbers and strings only, they are remembered by the text without them (`facts`). Whatever makes that unsafe (escapes,
dollar quotes, quoted names beside strings) is looked at in full each time. An answer may err towards "mentions" and
"changes": then the rewriter takes a closer look.

A dedicated entity is an ordinary table, and a statement that mentions no other entity is as plain as one that mentions
none: nobody parses it. Only whoever reads the timings wants to know its entities, and has them worked out then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import rewriter
from proxy import encodings
from proxy.timing import LONGEST_REMEMBERED, Passed
from rewriter import Kind
from rewriter.lexer import names_in

if TYPE_CHECKING:
    from catalog.model import Snapshot

_REMEMBERED = 5000
#: Longer texts are scripts and bulk loads; they rarely come twice.
_LONGEST_REMEMBERED = 8192
#: A name of this many bytes may have been cut to its length, and then its digits matter.
_LONGEST_NAME = 63

_DIGITS = b"0123456789"
_DROP_DIGITS = str.maketrans("", "", _DIGITS.decode())
_STRING = re.compile(rb"'[^']*'")
# With none of these in the text a quotation mark begins and ends a string, and nothing else.
_NO_PLAIN_STRINGS = re.compile(rb"[\"\\$]|--|/\*")
# Where a digit may decide what the rest means: U&"\0061", $a1$.
_DIGITS_MATTER = re.compile(rb"[uU]&[\"']|\$[A-Za-z_\x80-\xff$]")
# Encodings in which a digit's byte may be a part of another character.
_DIGITS_INSIDE = frozenset({"gb18030", "johab"})

# Wanting no notices to the end of the transaction. (As a function, or inside one, it is not seen.)
_MUTES = re.compile(r"\bSET\s+LOCAL\s+(?:client_min_messages|kameleon\s*\.\s*suggestions)\b", re.IGNORECASE)
#: DEALLOCATE, DISCARD, EXECUTE, PREPARE: the names that they give and take are kept track of.
_KEPT_TRACK_OF = frozenset({Kind.DEALLOCATE, Kind.DISCARD, Kind.EXECUTE, Kind.PREPARE})


class Facts:
    __slots__ = (
        "changes_names",
        "dedicated",
        "direct",
        "is_quick",
        "is_shape",
        "kind",
        "mentions",
        "mutes",
        "plain",
        "several",
    )

    def __init__(
        self,
        kind: Kind,
        *,
        mentions: bool,
        dedicated: bool,
        changes_names: bool,
        several: bool,
        is_shape: bool = False,
        mutes: bool = False,
        executes: bool = False,
    ) -> None:
        self.kind = kind
        #: All texts that they are remembered for have one shape: what differs is no part of a name.
        self.is_shape = is_shape
        #: Statements of that shape were seen to take next to no time.
        self.is_quick = False
        #: An identifier in it is a shared entity's name, whatever it means there; or it needs the rewriter anyway.
        self.mentions = mentions
        #: An identifier in it is a dedicated entity's name.
        self.dedicated = dedicated
        #: Names may resolve differently after it.
        self.changes_names = changes_names
        #: There may be more than one statement in it.
        self.several = several
        #: The client wants no suggestions in this transaction.
        self.mutes = mutes
        special = changes_names or several or mutes or executes or kind in _KEPT_TRACK_OF
        #: Nothing is to be done about it, as long as nothing else is going on.
        self.plain = not (mentions or special)
        #: It only has to be rewritten.
        self.direct = mentions and not special


class Text:
    """A client's statement."""

    __slots__ = ("facts", "sql", "text")

    def __init__(self, sql: bytes, text: str | None, facts: Facts) -> None:
        self.sql = sql
        #: None when the bytes are not valid in the session's encoding: upstream will say so itself.
        self.text = text
        self.facts = facts


_UNREADABLE = Facts(Kind.UTILITY, mentions=False, dedicated=False, changes_names=True, several=False)


class Texts:
    """For one snapshot and one way of reading text; shared by all sessions that have these."""

    __slots__ = ("_by_key", "_dedicated", "_digits_safe", "_encoding", "_shared", "_standard", "snapshot")

    def __init__(self, snapshot: Snapshot, encoding: str | None, standard_conforming_strings: bool) -> None:
        self.snapshot = snapshot
        self._encoding = encoding
        self._standard = standard_conforming_strings
        # REFRESH of a materialized view reads through its shadow
        shared = {
            e.name for e in snapshot.entities.values() if e.is_shared or e.is_unseen or e.kind == "materialized view"
        }
        shared.update(
            name for name, reached in snapshot.by_routine.items() if any(e.is_shared or e.is_unseen for e in reached)
        )
        # a function may be asked how large an entity is
        others = rewriter.NAMING_NO_TABLE | rewriter.STORAGE_FUNCTIONS
        self._shared = frozenset(shared) | others
        self._dedicated = frozenset(snapshot.by_name.keys() - shared)
        self._digits_safe = encoding not in _DIGITS_INSIDE and all(
            len(name.encode("utf-8", "replace")) < _LONGEST_NAME for name in [*snapshot.by_name, *snapshot.by_routine]
        )
        self._by_key: dict[bytes, Facts] = {}

    def facts(self, sql: bytes) -> Facts:
        key = sql.translate(None, _DIGITS)
        if b"'" in key and _NO_PLAIN_STRINGS.search(key) is None:
            key = _STRING.sub(b"''", key)
        return self._by_key.get(key) or self._look(sql, key)

    def text(self, sql: bytes, facts: Facts | None = None) -> Text:
        text = encodings.decode(sql, self._encoding)
        return Text(sql, text, _UNREADABLE if text is None else facts or self.facts(sql))

    def passed(self, sql: bytes, facts: Facts) -> Passed:
        """What is remembered of a statement that was passed on as it came, for the timings."""
        return Passed(sql if len(sql) <= LONGEST_REMEMBERED else sql[:LONGEST_REMEMBERED], self, facts)

    def part(self, sql: bytes) -> Passed:
        """The same, of one statement of several that came in one text."""
        return self.passed(sql, self.facts(sql))

    def mentions(self, text: str) -> bool:
        """Whether any identifier in it is the name of an entity that the rewriter must see to."""
        names = names_in(text, self._standard)
        if not self._shared.isdisjoint(names):
            return True
        # COPY of a dedicated table has something put before it
        return not self._dedicated.isdisjoint(names) and rewriter.classify(text) is Kind.COPY

    def entities_named(self, text: str) -> tuple[int, ...]:
        """By their names alone: an entity that shares its name with one in another schema is not told."""
        by_name = self.snapshot.by_name
        found = [by_name[name] for name in by_name.keys() & names_in(text, self._standard)]
        return tuple(sorted(entity.entity_id for schemas in found if len(schemas) == 1 for entity in schemas.values()))

    def shown_shape(self, text: str) -> str:
        return rewriter.shown_shape(text, self._standard)

    def outline(self, text: str) -> str:
        return rewriter.outline(text, self._standard)

    def _look(self, sql: bytes, key: bytes) -> Facts:
        if not self._digits_safe or len(key) > _LONGEST_REMEMBERED or _DIGITS_MATTER.search(key) is not None:
            return self._judge(sql, str)
        # What was left out of the key may not decide anything: strings are left out here, and digits of names below.
        facts = self._judge(_STRING.sub(b"''", sql) if _NO_PLAIN_STRINGS.search(sql) is None else sql, _without_digits)
        if len(self._by_key) >= _REMEMBERED:
            self._by_key.clear()
        self._by_key[key] = facts
        return facts

    def _judge(self, sql: bytes, as_compared: Callable[[str], str]) -> Facts:
        text = encodings.decode(sql, self._encoding)
        if text is None:
            return _UNREADABLE
        written = names_in(text, self._standard)
        names = set(map(as_compared, written))
        kind = rewriter.classify(text)
        dedicated = not names.isdisjoint(map(as_compared, self._dedicated))
        shared = not names.isdisjoint(map(as_compared, self._shared))
        return Facts(
            kind,
            is_shape=as_compared is _without_digits and names == written,
            # COPY of a dedicated table has something put before it
            mentions=shared or (dedicated and kind is Kind.COPY),
            dedicated=dedicated,
            changes_names=rewriter.may_change_names(text),
            several=";" in text.rstrip("; \t\r\n"),
            executes=kind is Kind.EXPLAIN and "execute" in written,
            mutes=_MUTES.search(text) is not None,
        )


def _without_digits(name: str) -> str:
    return name.translate(_DROP_DIGITS)
