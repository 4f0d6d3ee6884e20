"""What the rules work on: one statement, taken apart, and the edits made so far."""

from __future__ import annotations

from rewriter.edits import Edit
from rewriter.errors import FEATURE_NOT_SUPPORTED, NeedsTable, RewriteError
from rewriter.lexer import QUOTED, RESERVED, Token, quote
from rewriter.names import Resolver
from rewriter.parts import Chain
from rewriter.reader import closing_of


class Statement:
    def __init__(self, sql: str, tokens: list[Token], resolver: Resolver, standard_conforming_strings: bool) -> None:
        self.sql = sql
        self.tokens = tokens
        self.resolver = resolver
        self.standard_conforming_strings = standard_conforming_strings
        self.edits: list[Edit] = []
        self.entities: dict[int, None] = {}  # ids, in the order they are named
        self.prelude: str | None = None
        self.settled: set[int] = set()  # column references that a rule has replaced whole
        self.closing = closing_of(tokens)

    # --- reading ---

    def word(self, token: int) -> str:
        """The keyword or unquoted name there; "" past the end and for anything else."""
        if 0 <= token < len(self.tokens) and self.tokens[token].kind is not QUOTED:
            return self.tokens[token].value
        return ""

    def words(self, first: int, *expected: str) -> bool:
        return all(self.word(first + offset) == word for offset, word in enumerate(expected))

    def is_name(self, token: int) -> bool:
        return 0 <= token < len(self.tokens) and self.tokens[token].is_name

    def chain(self, first: int) -> Chain | None:
        """The qualified name that begins there."""
        if not self.is_name(first):
            return None
        end = first + 1
        while self.word(end) == "." and self.is_name(end + 1):
            end += 2
        return Chain(first, end)

    def parts(self, chain: Chain) -> list[str]:
        return [self.tokens[token].value for token in range(chain.first, chain.end, 2)]

    def text(self, first: int, end: int) -> str:
        """The client's own text of tokens [first, end)."""
        return self.sql[self.tokens[first].start : self.tokens[end - 1].end]

    def bare_name(self, token: int) -> str:
        """The name there, as it can be written where nothing stands before it: behind a schema any word is a name."""
        text = self.text(token, token + 1)
        return quote(self.word(token)) if self.word(token) in RESERVED else text

    def partner(self, token: int) -> int:
        """The closing parenthesis of the one at `token`; the end of the statement when there is none."""
        partner = self.closing[token]
        return partner if partner >= 0 else len(self.tokens)

    def items(self, first: int, end: int) -> list[tuple[int, int]]:
        """The comma-separated parts of [first, end), as token ranges."""
        if first >= end:
            return []
        parts = []
        start = token = first
        while token < end:
            value = self.word(token)
            if value == "(" or value == "[":
                token = self.partner(token)
            elif value == ",":
                parts.append((start, token))
                start = token + 1
            token += 1
        parts.append((start, end))
        return parts

    # --- writing ---

    def is_edited(self, token: int) -> bool:
        start, end = self.tokens[token].start, self.tokens[token].end
        return any(edit.start < end and edit.end > start for edit in self.edits)

    def replace(self, first: int, end: int, text: str) -> None:
        """Tokens [first, end), with what lies between them, become `text`."""
        self._edit(self.tokens[first].start, self.tokens[end - 1].end, text)

    def cut(self, first: int, following: int) -> None:
        """Takes out all text from one token to the start of another."""
        self._edit(self.tokens[first].start, self.tokens[following].start, "")

    def insert_before(self, token: int, text: str) -> None:
        start = self.tokens[token].start
        self._edit(start, start, text)

    def insert_after(self, token: int, text: str) -> None:
        end = self.tokens[token].end
        self._edit(end, end, text)

    def _edit(self, start: int, end: int, text: str) -> None:
        """Keeps words apart that a quoted name has stood between: FROM"orders"WHERE."""
        before = self.sql[start - 1 : start]
        after = self.sql[end : end + 1]
        if _in_word(before) and _in_word(text[:1] or after):
            text = " " + text
        if text and _in_word(after) and _in_word(text[-1:]):
            text += " "
        self.edits.append(Edit(start, end, text))

    def name(self, entity_id: int) -> None:
        self.entities[entity_id] = None

    def refuse(
        self,
        token: int,
        message: str,
        *,
        sqlstate: str = FEATURE_NOT_SUPPORTED,
        detail: str | None = None,
        hint: str | None = None,
    ) -> RewriteError:
        """An error that points at a token."""
        return RewriteError(message, sqlstate=sqlstate, detail=detail, hint=hint, position=self._position(token))

    def needs_table(self, token: int, message: str, *, hint: str) -> NeedsTable:
        """What the statement asks for at a token cannot be had of documents."""
        return NeedsTable(message, hint=hint, position=self._position(token))

    def _position(self, token: int) -> int:
        return self.tokens[token].start + 1 if token < len(self.tokens) else len(self.sql) + 1

    def string_literal(self, text: str) -> str:
        if "\\" in text:
            return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
        return "'" + text.replace("'", "''") + "'"

    def keys_literal(self, keys: list[str]) -> str:
        """A text[] literal; any string may be a key."""
        if all(key.isascii() and key.replace("_", "a").isalnum() and key.lower() != "null" for key in keys):
            return "'{" + ",".join(keys) + "}'"
        quoted = ",".join('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
        return "E'{" + quoted.replace("\\", "\\\\").replace("'", "\\'") + "}'"


def _in_word(character: str) -> bool:
    return character.isalnum() or character in ("_", "$") or character > "\x7f"


def field_list(names: list[str], qualifier: str) -> str:
    return ", ".join(f"{qualifier}.{quote(name)}" for name in names)
