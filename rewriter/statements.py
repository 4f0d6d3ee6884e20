"""A statement before any parsing: where it ends, what kind it is, and whether it can change what names mean.

sqlglot takes `DISCARD ALL`, `LISTEN x`, `SAVEPOINT s` for aliases, so the kind is decided here, by first keywords.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from rewriter.errors import LexError
from rewriter.lexer import PUNCTUATION, SPACES, WORD, Token, tokenize


class Kind(Enum):
    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    MERGE = "MERGE"
    COPY = "COPY"
    TRUNCATE = "TRUNCATE"
    DDL = "DDL"
    TRANSACTION = "TRANSACTION"
    SET = "SET"
    SHOW = "SHOW"
    DISCARD = "DISCARD"
    EXPLAIN = "EXPLAIN"
    PREPARE = "PREPARE"
    EXECUTE = "EXECUTE"
    DEALLOCATE = "DEALLOCATE"
    DECLARE = "DECLARE"
    FETCH = "FETCH"
    CLOSE = "CLOSE"
    LOCK = "LOCK"
    VACUUM = "VACUUM"
    CALL = "CALL"
    DO = "DO"
    UTILITY = "UTILITY"
    EMPTY = "EMPTY"


_BY_FIRST_WORD = {
    "select": Kind.SELECT,
    "values": Kind.SELECT,
    "table": Kind.SELECT,
    "insert": Kind.INSERT,
    "update": Kind.UPDATE,
    "delete": Kind.DELETE,
    "merge": Kind.MERGE,
    "copy": Kind.COPY,
    "truncate": Kind.TRUNCATE,
    "create": Kind.DDL,
    "alter": Kind.DDL,
    "drop": Kind.DDL,
    "comment": Kind.DDL,
    "grant": Kind.DDL,
    "revoke": Kind.DDL,
    "security": Kind.DDL,
    "import": Kind.DDL,
    "refresh": Kind.DDL,
    "reassign": Kind.DDL,
    "reindex": Kind.DDL,
    "cluster": Kind.DDL,
    "repack": Kind.DDL,
    "begin": Kind.TRANSACTION,
    "start": Kind.TRANSACTION,
    "commit": Kind.TRANSACTION,
    "end": Kind.TRANSACTION,
    "rollback": Kind.TRANSACTION,
    "abort": Kind.TRANSACTION,
    "savepoint": Kind.TRANSACTION,
    "release": Kind.TRANSACTION,
    "set": Kind.SET,
    "reset": Kind.SET,
    "show": Kind.SHOW,
    "discard": Kind.DISCARD,
    "explain": Kind.EXPLAIN,
    "prepare": Kind.PREPARE,
    "execute": Kind.EXECUTE,
    "deallocate": Kind.DEALLOCATE,
    "declare": Kind.DECLARE,
    "fetch": Kind.FETCH,
    "move": Kind.FETCH,
    "close": Kind.CLOSE,
    "lock": Kind.LOCK,
    "vacuum": Kind.VACUUM,
    "analyze": Kind.VACUUM,
    "analyse": Kind.VACUUM,
    "call": Kind.CALL,
    "do": Kind.DO,
}

_BY_SECOND_WORD = {
    Kind.PREPARE: {"transaction": Kind.TRANSACTION},
}

# Comments are rare before a statement and nest: those the pattern does not follow go to the tokenizer.
_FIRST_WORD = re.compile(r"(?:[ \t\n\r\f\v(]++|--[^\r\n]*+|/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/)*+([A-Za-z]++)?")
_SECOND_WORD = re.compile(r"[ \t\n\r\f\v]++([A-Za-z]++)")


def classify(sql: str) -> Kind:
    """The kind of one statement by its first keyword; of WITH by the statement it leads to."""
    found = _FIRST_WORD.match(sql)
    word = found.group(1) if found is not None else None
    if word is None:
        return _classify_tokens(sql)
    word = word.lower()
    if word == "with":
        return _classify_with(sql)
    kind = _BY_FIRST_WORD.get(word, Kind.UTILITY)
    if kind in _BY_SECOND_WORD and found is not None:
        second = _SECOND_WORD.match(sql, found.end())
        if second is not None:
            return _BY_SECOND_WORD[kind].get(second.group(1).lower(), kind)
    return kind


def _classify_tokens(sql: str) -> Kind:
    try:
        tokens = tokenize(sql)
    except LexError:
        return Kind.UTILITY
    for token in tokens:
        if token.kind is WORD:
            return _classify_with(sql) if token.value == "with" else _BY_FIRST_WORD.get(token.value, Kind.UTILITY)
        if token.value not in ("(", ";"):
            return Kind.UTILITY
    return Kind.EMPTY


_MAIN_VERBS = frozenset(("select", "values", "table", "insert", "update", "delete", "merge"))


def _classify_with(sql: str) -> Kind:
    try:
        tokens = tokenize(sql)
    except LexError:
        return Kind.SELECT
    depth = 0
    outer = 0  # "(WITH ..." counts its verb at the depth where WITH stands
    for token in tokens:
        if token.kind is PUNCTUATION:
            depth += {"(": 1, ")": -1}.get(token.value, 0)
        elif token.kind is WORD:
            if token.value == "with" and outer == 0:
                outer = depth
            elif depth == outer and token.value in _MAIN_VERBS:
                return _BY_FIRST_WORD[token.value]
    return Kind.SELECT


# --- split ---


class Span(NamedTuple):
    """One statement of a simple Query; `start` is its offset in the text it came from."""

    text: str
    start: int


def split(sql: str, standard_conforming_strings: bool = True) -> list[Span]:
    """The statements of a simple Query, without their semicolons; empty ones are left out.

    >>> split("BEGIN; SELECT ';' ;")
    [Span(text='BEGIN', start=0), Span(text="SELECT ';'", start=7)]

    Text that cannot be scanned is one statement: PostgreSQL refuses it as a whole, before running any of it.
    """
    semicolon = sql.find(";")
    if semicolon < 0 or not sql[semicolon + 1 :].strip(SPACES):
        # The usual case: no lexing unless the semicolon may be inside a comment or string, which changes nothing here.
        text = sql if semicolon < 0 else sql[:semicolon]
        if _may_be_plain(text):
            return _spans(sql, [(0, len(text))])
    try:
        tokens = tokenize(sql, standard_conforming_strings)
    except LexError:
        return [Span(sql, 0)]
    return _spans(sql, _pieces(sql, tokens))


def _may_be_plain(text: str) -> bool:
    """False where an only semicolon could lie within a string or comment, or where the text may hold no statement."""
    return "'" not in text and "--" not in text and "/*" not in text and "$" not in text and '"' not in text


def _pieces(sql: str, tokens: list[Token]) -> list[tuple[int, int]]:
    pieces: list[tuple[int, int]] = []
    start = 0
    depth = 0
    block = 0  # BEGIN ATOMIC ... END nesting, in function bodies of standard SQL only
    words: list[str] = []  # the first few of the statement
    empty = True
    for token in tokens:
        value = token.value
        if token.kind is PUNCTUATION:
            if value == "(":
                depth += 1
            elif value == ")":
                depth -= 1
            elif value == ";" and depth <= 0 and block == 0:
                if not empty:
                    pieces.append((start, token.start))
                start = token.end
                depth = 0
                words = []
                empty = True
                continue
        elif token.kind is WORD:
            if len(words) < 4:
                words.append(value)
            if value in ("begin", "case", "end") and _makes_a_routine(words):
                if value == "end":
                    block = max(0, block - 1)
                elif value == "begin" or block > 0:
                    block += 1
        empty = False
    if not empty:
        pieces.append((start, len(sql)))
    return pieces


def _makes_a_routine(words: list[str]) -> bool:
    if words[:1] != ["create"]:
        return False
    routine = words[3:4] if words[1:3] == ["or", "replace"] else words[1:2]
    return routine == ["function"] or routine == ["procedure"]


def _spans(sql: str, pieces: list[tuple[int, int]]) -> list[Span]:
    spans = []
    for start, end in pieces:
        text = sql[start:end]
        stripped = text.lstrip(SPACES)
        start += len(text) - len(stripped)
        stripped = stripped.rstrip(SPACES)
        if stripped:
            spans.append(Span(stripped, start))
    return spans


# --- what can change the meaning of names ---

# array_nulls is no name's setting, but documents with arrays cannot be read without it: `session_state` says so.
_NAME_SETTINGS = re.compile(r"search_path|array_nulls|\brole\b|\bauthorization\b|\bschema\b|\ball\b", re.IGNORECASE)
_ANY_QUOTED = re.compile(r'"')
_SELECT_THAT_ACTS = re.compile(r"\binto\b|set_config|kameleon", re.IGNORECASE)
_EXPLAIN_THAT_ACTS = re.compile(r"\b(?:execute|create|set_config)\b", re.IGNORECASE)
_TRANSACTION_THAT_UNDOES = re.compile(r"\A\s*(?:rollback|abort)\b", re.IGNORECASE)
_ALWAYS = frozenset((Kind.DDL, Kind.DISCARD, Kind.CALL, Kind.DO, Kind.EXECUTE))


def may_change_names(sql: str) -> bool:
    """Whether search_path, temporary tables or the catalog may differ after this text; errs on True."""
    if ";" in sql.rstrip("; \t\r\n"):
        return any(_may_change_names(span.text) for span in split(sql))
    return _may_change_names(sql)


def _may_change_names(sql: str) -> bool:
    kind = classify(sql)
    if kind in _ALWAYS:
        return True
    if kind is Kind.SET:
        return _NAME_SETTINGS.search(sql) is not None or _ANY_QUOTED.search(sql) is not None
    if kind is Kind.TRANSACTION:
        return _TRANSACTION_THAT_UNDOES.match(sql) is not None
    if kind is Kind.EXPLAIN:
        return _EXPLAIN_THAT_ACTS.search(sql) is not None
    if kind is Kind.SELECT:
        return _SELECT_THAT_ACTS.search(sql) is not None
    return "set_config" in sql.lower() if kind in (Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.MERGE) else False
