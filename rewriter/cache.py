"""Rewrites, remembered by shape: what runs for every statement but the first of its kind.

A statement without literals is its own shape, so the usual ORM statement costs one look-up of its text. Otherwise its
literals are lifted out and the remembered script puts them back between the pieces of the rewritten text.

What a script depends on is in its key: the snapshot, the session's names and the way strings are scanned (its
`_Context`). No rule looks inside a literal, and parameter types change no rewrite: PostgreSQL infers them from the
views' columns.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass

from catalog.model import Names, Snapshot
from rewriter.bulk import LONG, head_end
from rewriter.edits import Edit, apply
from rewriter.lexer import COMMENT_MARK, LITERAL_MARK, names_in, shape
from rewriter.router import QueryRouter, Routed
from rewriter.statements import Kind, classify

# Longer texts are bulk loads and rarely come twice; hashing and keeping them would cost more than it saves.
_LONGEST_CACHED = 100_000
_MAX_ENTRIES = 20_000
_MAX_BYTES = 64 * 1024 * 1024
_ENTRY_OVERHEAD = 600  # objects around the two texts, roughly
_MAX_CONTEXTS = 512
_LONGEST_SHOWN = 2_000
_MARKS = re.compile(f"[{LITERAL_MARK}{COMMENT_MARK}]")


class Rewritten:
    """What becomes of a statement. `sql` is the client's own object when nothing was changed."""

    __slots__ = ("_lifted", "_script", "sql")

    def __init__(self, sql: str, script: _Script, lifted: list[str]) -> None:
        self.sql = sql
        self._script = script
        self._lifted = lifted

    @property
    def kind(self) -> Kind:
        return self._script.kind

    @property
    def entities(self) -> tuple[int, ...]:
        """The entities that the statement names, shared and dedicated."""
        return self._script.entities

    @property
    def used(self) -> tuple[int, ...]:
        """These, and what the routines that it calls may come to."""
        return self._script.used

    @property
    def prelude(self) -> str | None:
        """A statement to run just before this one, in its transaction."""
        return self._script.prelude

    @property
    def analyzed(self) -> bool:
        """Upstream has found nothing wrong with a statement of this shape; also true where nobody would remember it."""
        return self._script.analyzed

    @analyzed.setter
    def analyzed(self, passed: bool) -> None:
        self._script.analyzed = passed

    @property
    def key(self) -> object:
        """The same for all statements of one shape, as long as it is remembered."""
        return self._script

    @property
    def is_quick(self) -> bool:
        """Statements of this shape were seen to take next to no time."""
        return self._script.is_quick

    @is_quick.setter
    def is_quick(self, quick: bool) -> None:
        self._script.is_quick = quick

    @property
    def shape(self) -> str:
        """The statement with its literals lifted out, to be shown; without comments."""
        return _shown(self._script.shape)

    @property
    def outline(self) -> str:
        """The same, but with an empty literal of its kind in the place of each; it can be parsed."""
        return _outlined(self._script.shape, self._lifted)

    @property
    def touched(self) -> bool:
        return bool(self._script.edits)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """On the client's own text, in order."""
        return self._script.edits_with(self._lifted)

    def __repr__(self) -> str:
        return f"Rewritten({self.sql!r}, kind={self.kind.name}, entities={self.entities})"


@dataclass(slots=True, eq=False)
class _Script:
    """A rewrite with the literals lifted out of it. Its last two fields are learnt later."""

    kind: Kind
    entities: tuple[int, ...]
    prelude: str | None
    shape: str  # with its marks
    template: tuple[str | int, ...]  # pieces of the rewritten text, and which literal stands between them
    edits: tuple[Edit, ...]  # on the shape
    marks: tuple[int, ...]  # offsets of the literals in the shape
    size: int
    analyzed: bool = False
    is_quick: bool = False
    used: tuple[int, ...] = ()

    def text_with(self, lifted: list[str]) -> str:
        return "".join([piece if piece.__class__ is str else lifted[piece] for piece in self.template])  # type: ignore[index]

    def edits_with(self, lifted: list[str]) -> tuple[Edit, ...]:
        if not lifted:
            return self.edits
        moved = []
        shift = 0
        following = 0
        for start, end, replacement in self.edits:
            while following < len(self.marks) and self.marks[following] < start:
                shift += len(lifted[following]) - 1
                following += 1
            moved_start = start + shift
            while following < len(self.marks) and self.marks[following] < end:
                shift += len(lifted[following]) - 1
                following += 1
            moved.append(Edit(moved_start, end + shift, replacement))
        return tuple(moved)


def shown_shape(sql: str, standard_conforming_strings: bool = True) -> str:
    """How a statement is shown to people who may not see its literals, whether it can be rewritten or not."""
    shaped = shape(sql, standard_conforming_strings) if len(sql) <= _LONGEST_SHOWN else None
    if shaped is not None:
        return _shown(shaped[0])
    return _beginning(sql, classify(sql), standard_conforming_strings)


def outline(sql: str, standard_conforming_strings: bool = True) -> str:
    """As `Rewritten.outline`; empty for a text that has none."""
    shaped = shape(sql, standard_conforming_strings) if len(sql) <= _LONGEST_SHOWN else None
    return "" if shaped is None else _outlined(*shaped)


def _outlined(text: str, lifted: list[str]) -> str:
    pieces = _MARKS.split(text)
    if len(pieces) != len(lifted) + 1:
        return text
    kept = [pieces[0]]
    for literal, piece in zip(lifted, pieces[1:], strict=True):
        kept += (_emptied(literal), piece)
    return "".join(kept).strip()


def _emptied(literal: str) -> str:
    if literal.startswith(("--", "/*")):
        return " "
    if literal[0] in "bBxX" and literal[1:2] == "'":
        return "B''"
    if not (literal[0].isdigit() or literal[0] == "."):
        return "''"
    is_whole = literal[:2].lower() in ("0x", "0o", "0b") or not set(literal) & set(".eE")
    return "0" if is_whole else "0.5"


def _beginning(sql: str, kind: Kind, standard_conforming_strings: bool) -> str:
    """What is shown of a statement that has no shape to be shown: never a literal."""
    end = head_end(sql) if kind is Kind.INSERT else None
    shaped = shape(sql[: end or _LONGEST_SHOWN], standard_conforming_strings)
    shown = _shown(shaped[0]) if shaped is not None else kind.value
    return shown + " ..."


def _shown(text: str) -> str:
    return text.replace(LITERAL_MARK, "?").replace(COMMENT_MARK, "").strip()


def _script(routed: Routed, key: str, lifted: list[str]) -> _Script:
    """Turns edits on the client's text into a script on its shape."""
    marks = [offset for offset, char in enumerate(key) if char in (LITERAL_MARK, COMMENT_MARK)] if lifted else []
    spans = []
    shift = 0
    for mark, text in zip(marks, lifted, strict=True):
        spans.append((mark + shift, mark + shift + len(text)))
        shift += len(text) - 1
    edits = tuple(
        Edit(_to_shape(edit.start, spans), _to_shape(edit.end, spans), edit.replacement) for edit in routed.edits
    )
    template: list[str | int] = []
    position = 0
    numbers = iter(enumerate(marks))
    number, mark = next(numbers, (-1, len(key) + 1))

    def keep(end: int) -> None:
        """Copies the shape up to `end`, each mark as its number."""
        nonlocal position, number, mark
        while mark < end:
            template.append(key[position:mark])
            template.append(number)
            position = mark + 1
            number, mark = next(numbers, (-1, len(key) + 1))
        template.append(key[position:end])
        position = end

    for edit in edits:
        keep(edit.start)
        template.append(edit.replacement)
        while mark < edit.end:  # a literal that the edit takes away
            number, mark = next(numbers, (-1, len(key) + 1))
        position = edit.end
    keep(len(key))
    joined = _joined(template)
    size = len(key) + sum(len(piece) for piece in joined if isinstance(piece, str)) + _ENTRY_OVERHEAD
    script = _Script(routed.kind, routed.entities, routed.prelude, key, joined, edits, tuple(marks), size)
    script.used = routed.entities + routed.reached
    return script


def _to_shape(offset: int, spans: list[tuple[int, int]]) -> int:
    shrunk = 0
    for start, end in spans:
        if offset < end:
            break
        shrunk += end - start - 1
    return offset - shrunk


def _joined(template: list[str | int]) -> tuple[str | int, ...]:
    joined: list[str | int] = []
    for piece in template:
        last = joined[-1] if joined else None
        if isinstance(piece, str) and isinstance(last, str):
            joined[-1] = last + piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)


class _Context:
    """Numbers a (snapshot, names, string syntax); keeps the snapshot alive, so that its id stays its own."""

    __slots__ = ("names", "number", "router", "snapshot", "standard_conforming_strings")

    def __init__(self, number: int, snapshot: Snapshot, names: Names, standard_conforming_strings: bool) -> None:
        self.number = number
        self.snapshot = snapshot
        self.names = names
        self.standard_conforming_strings = standard_conforming_strings
        self.router = QueryRouter(snapshot, names, standard_conforming_strings=standard_conforming_strings)


class Rewriter:
    """Rewrites statements, remembering how; one serves every session of a process.

    A new snapshot starts with nothing remembered; what belonged to old ones falls out of the cache by age.
    """

    def __init__(self, max_entries: int = _MAX_ENTRIES, max_bytes: int = _MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._scripts: OrderedDict[tuple[int, str], _Script] = OrderedDict()
        self._contexts: OrderedDict[tuple[int, Names, bool], _Context] = OrderedDict()
        self._last: _Context | None = None
        self._count = 0
        #: Statements rewritten as it was remembered, and those that were looked at.
        self.hits = 0
        self.misses = 0

    def rewrite(
        self,
        sql: str,
        snapshot: Snapshot,
        names: Names,
        *,
        standard_conforming_strings: bool = True,
        param_types: tuple[int, ...] = (),
    ) -> Rewritten:
        """What to send upstream for one statement; raises RewriteError for what must not be sent."""
        context = self._last
        if (
            context is None
            or context.snapshot is not snapshot
            or context.names is not names
            or context.standard_conforming_strings is not standard_conforming_strings
        ):
            context = self._context(snapshot, names, standard_conforming_strings)
        key = (context.number, sql)
        script = self._scripts.get(key)
        if script is not None:
            self.hits += 1
            self._scripts.move_to_end(key)
            # What is found by the whole text has no literals in it: a shape's marks occur in no statement.
            return Rewritten(script.template[0] if script.edits else sql, script, [])  # type: ignore[arg-type]
        if len(sql) >= LONG:
            routed = context.router.route_bulk(sql)
            if routed is not None or len(sql) > _LONGEST_CACHED:
                return self._once(sql, routed, context)
        shaped = shape(sql, standard_conforming_strings)
        if shaped is None:
            return self._once(sql, None, context)
        text, lifted = shaped
        if lifted:
            key = (context.number, text)
            script = self._scripts.get(key)
            if script is not None:
                self.hits += 1
                self._scripts.move_to_end(key)
                return Rewritten(script.text_with(lifted) if script.edits else sql, script, lifted)
        return self._first_sight(sql, text, lifted, context)

    def _first_sight(self, sql: str, key: str, lifted: list[str], context: _Context) -> Rewritten:
        self.misses += 1
        routed = context.router.route(sql)
        script = _script(routed, key, lifted)
        self._remember((context.number, key), script)
        return Rewritten(apply(sql, routed.edits) if routed.edits else sql, script, lifted)

    def _once(self, sql: str, routed: Routed | None, context: _Context) -> Rewritten:
        """A statement that is not remembered: too long, or without a shape."""
        self.misses += 1
        if routed is None:
            routed = context.router.route(sql)
        shown = _beginning(sql, routed.kind, context.standard_conforming_strings)
        script = _Script(routed.kind, routed.entities, routed.prelude, shown, (), routed.edits, (), 0, analyzed=True)
        script.used = routed.entities + routed.reached
        return Rewritten(apply(sql, routed.edits) if routed.edits else sql, script, [])

    def _remember(self, key: tuple[int, str], script: _Script) -> None:
        self._scripts[key] = script
        self._bytes += script.size
        while len(self._scripts) > self._max_entries or self._bytes > self._max_bytes:
            _, oldest = self._scripts.popitem(last=False)
            self._bytes -= oldest.size

    def _context(self, snapshot: Snapshot, names: Names, standard_conforming_strings: bool) -> _Context:
        key = (id(snapshot), names, standard_conforming_strings)
        context = self._contexts.get(key)
        if context is None:
            self._count += 1
            context = _Context(self._count, snapshot, names, standard_conforming_strings)
            self._contexts[key] = context
            if len(self._contexts) > _MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        else:
            self._contexts.move_to_end(key)
            context.names = names  # so that the next look-up by identity finds it
        self._last = context
        return context


_SHARED = Rewriter()


def rewrite(
    sql: str,
    snapshot: Snapshot,
    names: Names,
    *,
    standard_conforming_strings: bool = True,
    param_types: tuple[int, ...] = (),
) -> Rewritten:
    """`Rewriter.rewrite` with a cache of the process's own."""
    return _SHARED.rewrite(
        sql, snapshot, names, standard_conforming_strings=standard_conforming_strings, param_types=param_types
    )


def mentions_entity(sql: str, snapshot: Snapshot, standard_conforming_strings: bool = True) -> bool:
    """Whether any identifier in the text is an entity's name, whatever it means there; no parsing, no session names."""
    return not snapshot.by_name.keys().isdisjoint(names_in(sql, standard_conforming_strings))
