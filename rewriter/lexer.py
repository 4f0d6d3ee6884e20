"""PostgreSQL's lexical rules: tokens, identifiers, and the shape of a statement.

The shape is the statement with its literals lifted out: what a rewrite is cached by. `shape()` runs for every
statement that comes, so it is one pass of one regular expression. `tokenize()` runs at first sight only.

Both follow src/backend/parser/scan.l: what is a string there is a string here, with
`standard_conforming_strings` on and off; nothing here guesses.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from rewriter.errors import LexError

# The building blocks. An identifier may hold any character above ASCII, space or letter, and "$" after its first.
SPACES = " \t\n\r\f\v"
_SPACE = r"[ \t\n\r\f\v]"
_START = r"A-Za-z_\x80-\U0010ffff"
_WORD = rf"[{_START}][{_START}0-9$]*+"
_NOT_A_PREFIX = r"(?![eEbBxXnN]'|[uU]&['\"])"  # of a string or a quoted name
_QUOTED = r'"(?:[^"]++|"")*+"'
_PLAIN_STRING = r"'(?:[^']++|'')*+'"
_ESCAPED_STRING = r"'(?:[^'\\]++|\\.|'')*+'"
# A string goes on behind a line break; only for E'' does the continuation follow other rules than a string by itself.
_E_STRING = rf"[eE]{_ESCAPED_STRING}(?:[ \t\f\v]*+[\r\n]{_SPACE}*+{_ESCAPED_STRING})*+"
_DOLLAR_STRING = rf"\$(?P<tag>(?:[{_START}][{_START}0-9]*+)?)\$(?s:.*?)\$(?P=tag)\$"
_NUMBER = (
    r"(?:0[xX][0-9A-Fa-f_]++|0[oO][0-7_]++|0[bB][01_]++"
    r"|(?:[0-9][0-9_]*+(?:\.(?!\.)[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?)"
)
_LINE_COMMENT = r"--[^\r\n]*+"
_FLAT_COMMENT = r"/\*(?:[^*/]++|\*(?!/)|/(?!\*))*+\*/"
_COMMENT_2 = rf"/\*(?:[^*/]++|\*(?!/)|/(?!\*)|{_FLAT_COMMENT})*+\*/"
_OPERATOR = r"(?:(?!--|/\*)[~!@#^&|`?+\-*/%<>=])++"


def _string(standard_conforming: bool) -> str:
    return _PLAIN_STRING if standard_conforming else _ESCAPED_STRING


class Kind(IntEnum):
    """What a token is. Not to be mixed up with `rewriter.router.Kind`, what a statement is."""

    WORD = 0  # unquoted: a keyword or a name; value is folded to lower case
    QUOTED = 1  # "a quoted name", U&"..." too; value is the name
    LITERAL = 2
    PARAMETER = 3
    OPERATOR = 4
    PUNCTUATION = 5


WORD = Kind.WORD
QUOTED = Kind.QUOTED
LITERAL = Kind.LITERAL
PARAMETER = Kind.PARAMETER
OPERATOR = Kind.OPERATOR
PUNCTUATION = Kind.PUNCTUATION


class Token(NamedTuple):
    kind: Kind
    start: int
    end: int
    value: str

    @property
    def is_name(self) -> bool:
        return self.kind is WORD or self.kind is QUOTED


def _token_pattern(standard_conforming: bool) -> re.Pattern[str]:
    # The groups' order is the order of trial; each group's number selects what is made of it in tokenize().
    string = _string(standard_conforming)
    return re.compile(
        rf"({_SPACE}++|{_LINE_COMMENT}|{_COMMENT_2})"  # 1 nothing
        rf"|({_E_STRING}|[bBxXnN]{string}|[uU]&{_PLAIN_STRING}|{string})"  # 2
        rf"|({_NOT_A_PREFIX}{_WORD})"  # 3
        rf"|((?:[uU]&)?{_QUOTED})"  # 4
        rf"|({_NUMBER})"  # 5
        r"|([()\[\],;]|:=|::?|\.\.?)"  # 6
        rf"|({_OPERATOR})"  # 7
        r"|(\$[0-9]++)"  # 8
        rf"|({_DOLLAR_STRING})"  # 9 (and 10, its tag)
    )


_TOKENS = {True: _token_pattern(True), False: _token_pattern(False)}
_LOOSE_OPERATOR_CHARACTERS = frozenset("~!@#^&|`?%")


def tokenize(sql: str, standard_conforming_strings: bool = True) -> list[Token]:
    """Every token but white space and comments; raises LexError where PostgreSQL's scanner would."""
    match = _TOKENS[standard_conforming_strings].match
    tokens: list[Token] = []
    add = tokens.append
    position = 0
    end = len(sql)
    while position < end:
        found = match(sql, position)
        if found is None:
            position = _skip_deep_comment(sql, position)
            continue
        start, position = position, found.end()
        group = found.lastindex
        if group == 1:
            continue
        if group == 3:
            add(Token(WORD, start, position, fold(found.group())))
        elif group == 6:
            add(Token(PUNCTUATION, start, position, found.group()))
        elif group == 2 or group == 5 or group == 9 or group == 10:
            add(Token(LITERAL, start, position, ""))
        elif group == 4:
            text = found.group()
            if text[0] == '"':
                add(Token(QUOTED, start, position, unquote(text)))
            else:
                name, position = _unicode_name(sql, text, position, standard_conforming_strings)
                add(Token(QUOTED, start, position, name))
        elif group == 8:
            add(Token(PARAMETER, start, position, found.group()))
        else:
            text = found.group()
            # "a=-1" is "=" and "-1": a longer operator ends in + or - only with one of ~!@#^&|`?% in it.
            if len(text) > 1 and text[-1] in "+-" and _LOOSE_OPERATOR_CHARACTERS.isdisjoint(text):
                text = text.rstrip("+-") or text[0]
                position = start + len(text)
            add(Token(OPERATOR, start, position, text))
    return tokens


def _skip_deep_comment(sql: str, start: int) -> int:
    """The end of a comment nested deeper than the pattern follows; anything else that matched nothing is an error."""
    if not sql.startswith("/*", start):
        what = {"'": "string", '"': "quoted identifier", "$": "dollar-quoted string"}.get(sql[start])
        raise LexError(f"unterminated {what}" if what else f"unexpected character {sql[start]!r}", start)
    depth = 0
    for mark in re.finditer(r"/\*|\*/", sql[start:]):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return start + mark.end()
    raise LexError("unterminated /* comment", start)


# --- names ---

_RESERVED_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role current_schema
    current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch
    for foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
    leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer
    overlaps placing primary references returning right select session_user similar some symmetric system_user
    table tablesample then to trailing true union unique user using variadic verbose when where window with
"""
# Words that are no names of relations without quotation marks.
RESERVED = frozenset(_RESERVED_WORDS.split())

_MAX_NAME_BYTES = 63
_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def fold(word: str) -> str:
    """An unquoted name as PostgreSQL stores it: only ASCII letters change their case."""
    return _clip(word.lower() if word.isascii() else word.translate(_FOLD))


def unquote(text: str) -> str:
    return _clip(text[1:-1].replace('""', '"'))


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _clip(name: str) -> str:
    """PostgreSQL cuts a name at 63 bytes, never inside a character."""
    if len(name) * 4 <= _MAX_NAME_BYTES:
        return name
    encoded = name.encode("utf-8", "surrogatepass")
    if len(encoded) <= _MAX_NAME_BYTES:
        return name
    return encoded[:_MAX_NAME_BYTES].decode("utf-8", "ignore")


_UESCAPE = re.compile(rf"(?i:{_SPACE}+UESCAPE{_SPACE}*)({_PLAIN_STRING})")


def _unicode_name(sql: str, text: str, end: int, standard_conforming: bool) -> tuple[str, int]:
    """U&"d\\0061t\\+000061" [UESCAPE '!'] -> data; the UESCAPE clause belongs to the token."""
    escape = "\\"
    clause = _UESCAPE.match(sql, end)
    if clause is not None:
        escape = clause.group(1)[1:-1]
        end = clause.end()
    mark = re.escape(escape)
    pattern = re.compile(rf"{mark}(?:([0-9A-Fa-f]{{4}})|\+([0-9A-Fa-f]{{6}})|({mark}))")

    def decode(found: re.Match[str]) -> str:
        digits = found.group(1) or found.group(2)
        return chr(int(digits, 16)) if digits else escape

    raw = text[3:-1].replace('""', '"')
    return _clip(pattern.sub(decode, raw)), end


# --- identifiers, without the rest ---


def _names_pattern(standard_conforming: bool) -> re.Pattern[str]:
    # One match per name: everything between is skipped inside the match, at the speed of the regex engine.
    skipped = (
        rf"(?:[^'\"$/\-{_START}0-9]++|{_E_STRING}|[bBxXnN]{_string(standard_conforming)}|[uU]&{_PLAIN_STRING}"
        rf"|{_string(standard_conforming)}|{_NUMBER}|{_LINE_COMMENT}|{_COMMENT_2}|\$[0-9]++|{_DOLLAR_STRING}"
        r"|-|/(?!\*))*+"
    )
    return re.compile(rf"{skipped}(?:([uU]&{_QUOTED})|({_NOT_A_PREFIX}{_WORD})|({_QUOTED})|\Z|(?s:(.)))")


_NAMES = {True: _names_pattern(True), False: _names_pattern(False)}


def names_in(sql: str, standard_conforming_strings: bool = True) -> set[str]:
    """Every identifier that occurs, keywords included; text that cannot be scanned gives what a scan can find."""
    names: set[str] = set()
    rows = _NAMES[standard_conforming_strings].findall(sql)
    words = {row[2] for row in rows if row[2]}
    for word in words:
        names.add(fold(word))
    for quoted in {row[3] for row in rows if row[3]}:
        names.add(unquote(quoted))
    if any(row[1] or row[4] for row in rows):
        try:
            return {token.value for token in tokenize(sql, standard_conforming_strings) if token.is_name}
        except LexError:
            pass  # PostgreSQL will refuse the text; what was found before the broken place is all there is
    return names


# --- the shape ---

LITERAL_MARK = "\0"  # cannot occur in a statement: the protocol ends strings with it
COMMENT_MARK = "\ud800"  # nor does half a character: no encoding decodes to it


def _shape_pattern(standard_conforming: bool) -> re.Pattern[str]:
    # A name takes along what usually follows it: fewer turns of the loop. ("a""b" is skipped as two quoted names.)
    skipped = (
        rf"(?:\"[^\"]*+\"[., ]*+|{_NOT_A_PREFIX}{_WORD}[., ]*+|[^'\"$/\-.{_START}0-9]++"
        r"|\$[0-9]++|-(?!-)|/(?!\*)|\.(?![0-9]))*+"
    )
    literal = (
        rf"{_string(standard_conforming)}|{_NUMBER}|{_E_STRING}|[bBxXnN]{_string(standard_conforming)}"
        rf"|[uU]&{_PLAIN_STRING}|{_DOLLAR_STRING}"
    )
    return re.compile(rf"({skipped})(?:({literal})|({_LINE_COMMENT}|{_COMMENT_2})|(\Z)|(?s:(.)))")


_SHAPES = {True: _shape_pattern(True), False: _shape_pattern(False)}


def shape(sql: str, standard_conforming_strings: bool = True) -> tuple[str, list[str]] | None:
    """The statement with each literal and comment replaced by a mark, and what was lifted out, in order.

    >>> shape("SELECT a1 FROM t WHERE b = 'x' AND c < 2")
    ('SELECT a1 FROM t WHERE b = \\x00 AND c < \\x00', ["'x'", '2'])

    None for text that has no shape: it cannot be scanned, or a literal decides a name (U&"..." UESCAPE '!').
    """
    rows = _SHAPES[standard_conforming_strings].findall(sql)
    if rows[-1][-1]:
        return None
    kept = []
    lifted = []
    for before, literal, _tag, comment, _end, bad in rows:
        kept.append(before)
        if literal:
            kept.append(LITERAL_MARK)
            lifted.append(literal)
        elif comment:
            kept.append(COMMENT_MARK)
            lifted.append(comment)
        elif bad:
            return None
    return "".join(kept), lifted
