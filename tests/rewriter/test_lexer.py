"""PostgreSQL's lexical rules: tokens, names, and the shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.errors import LexError
from rewriter.lexer import (
    COMMENT_MARK,
    LITERAL,
    LITERAL_MARK,
    OPERATOR,
    PARAMETER,
    PUNCTUATION,
    QUOTED,
    WORD,
    names_in,
    shape,
    tokenize,
)


def texts(sql: str, standard_conforming_strings: bool = True) -> list[str]:
    return [sql[token.start : token.end] for token in tokenize(sql, standard_conforming_strings)]


@pytest.mark.parametrize(
    "sql",
    [
        "'it''s'",
        "E'it\\'s'",
        "e'a\\\\'",
        "E'a' \n 'b\\'c'",
        "B'01'",
        "x'1F'",
        "N'text'",
        "U&'d\\0061t'",
        "u&'a''b'",
        "$$it's$$",
        "$tag$ $$ $tag$",
        "$ä$ö$ä$",
        "1",
        "1.",
        ".5",
        "1.5e-10",
        "1_000_000",
        "0x1F",
        "0o17",
        "0b11",
        "'a\nb'",
        "'--'",
        "'/*'",
    ],
)
def test_one_literal(sql: str) -> None:
    (token,) = tokenize(sql)
    assert token.kind is LITERAL
    assert (token.start, token.end) == (0, len(sql))
    assert shape(sql) == (LITERAL_MARK, [sql])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a.b", ["a", ".", "b"]),
        ("$1,$2", ["$1", ",", "$2"]),
        ("$1::int+$2::int", ["$1", "::", "int", "+", "$2", "::", "int"]),
        ("a$1 $2", ["a$1", "$2"]),
        ("a=-1", ["a", "=", "-", "1"]),
        ("a<>-1", ["a", "<>", "-", "1"]),
        ("a@-1", ["a", "@-", "1"]),
        ("a*-b", ["a", "*", "-", "b"]),
        ("a-- b\n-c", ["a", "-", "c"]),
        ("a/* x */+b", ["a", "+", "b"]),
        ("a+/* x */b", ["a", "+", "b"]),
        ("/* a /* b /* c */ */ -- */ x", ["x"]),
        ("a ->> 'b'", ["a", "->>", "'b'"]),
        ("a::b[1:2]", ["a", "::", "b", "[", "1", ":", "2", "]"]),
        ("f(a => 1, b := 2)", ["f", "(", "a", "=>", "1", ",", "b", ":=", "2", ")"]),
        ("1..2", ["1", "..", "2"]),
        ('"a""b"."c d"', ['"a""b"', ".", '"c d"']),
        ("ex'a'", ["ex", "'a'"]),
        ("e 'a'", ["e", "'a'"]),
        ("schön_äöü\u00a0b", ["schön_äöü\u00a0b"]),  # a no-break space is a letter to PostgreSQL
        ("'a' 'b'", ["'a'", "'b'"]),
    ],
)
def test_tokens(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


def test_kinds() -> None:
    assert [token.kind for token in tokenize("a \"b\" 'c' $1 + (")] == [
        WORD,
        QUOTED,
        LITERAL,
        PARAMETER,
        OPERATOR,
        PUNCTUATION,
    ]


def test_backslashes_with_standard_conforming_strings_off() -> None:
    assert texts(r"'a\'b' c", standard_conforming_strings=False) == [r"'a\'b'", "c"]
    assert texts(r"'a\' c") == [r"'a\'", "c"]
    assert shape(r"x = 'a\'b'", standard_conforming_strings=False) == ("x = \0", [r"'a\'b'"])


@pytest.mark.parametrize("sql", ["'a", 'a "b', "/* a /* b */", "$x$ a $y$", "E'a\\'", "x.e'a\\'", 'U&"a'])
def test_what_cannot_be_scanned(sql: str) -> None:
    with pytest.raises(LexError):
        tokenize(sql)
    assert shape(sql) is None


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("Orders", "orders"),
        ('"Orders"', "Orders"),
        ('"a""b"', 'a"b'),
        ("ÄPFEL", "ÄpfEL".replace("EL", "el")),
        ('U&"\\006frders"', "orders"),
        ("U&\"d!0061t!+000061\" UESCAPE '!'", "data"),
        ('u&"a\\\\b"', "a\\b"),
        ("x" * 70, "x" * 63),
        ('"' + "ä" * 40 + '"', "ä" * 31),
    ],
)
def test_names(sql: str, name: str) -> None:
    (token,) = tokenize(sql)
    assert token.is_name
    assert token.value == name
    assert name in names_in(sql)


def test_names_of_a_statement() -> None:
    sql = """SELECT "A b", c1 FROM D.e WHERE x = 'no' AND y = E'no\\'no' /* no */ AND $$no$$ = $tag$ no $tag$ -- no"""
    assert names_in(sql) == {"select", "A b", "c1", "from", "d", "e", "where", "x", "and", "y"}


def test_shape_of_a_statement() -> None:
    sql = "SELECT a1, t2.b3 FROM t4 /* c */ WHERE x = 'y''z' AND n IN (1, 2.5, $1) -- end"
    assert shape(sql) == (
        "SELECT a1, t2.b3 FROM t4 ? WHERE x = \0 AND n IN (\0, \0, $1) ?".replace("?", COMMENT_MARK),
        ["/* c */", "'y''z'", "1", "2.5", "-- end"],
    )


def test_a_literal_that_decides_a_name_has_no_shape() -> None:
    assert shape("SELECT * FROM U&\"!006frders\" UESCAPE '!'") is None


_MARKS = ("'", '"', "''", "$$", "$a$", "--", "/*", "*/", "\n", "\\", "E'", 'U&"', "U&'", ".", "-", "/", "$1", "e", " ")
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
_PIECES = st.lists(st.sampled_from(_MARKS) | _TEXT, max_size=12).map("".join)


@given(_PIECES, st.booleans())
def test_tokens_are_in_order_and_hold_no_space(sql: str, standard: bool) -> None:
    try:
        tokens = tokenize(sql, standard)
    except LexError as error:
        assert 0 <= error.offset < len(sql)
        return
    position = 0
    for token in tokens:
        assert position <= token.start < token.end <= len(sql)
        position = token.end
    between = sql
    for token in reversed(tokens):
        between = between[: token.start] + " " + between[token.end :]
    assert tokenize(between, standard) == []  # what is left is white space and comments


@given(_PIECES, st.booleans())
def test_the_shape_gives_the_text_back(sql: str, standard: bool) -> None:
    result = shape(sql, standard)
    if result is None:
        return
    text, lifted = result
    pieces = text.replace(COMMENT_MARK, LITERAL_MARK).split(LITERAL_MARK)
    assert len(pieces) == len(lifted) + 1
    rebuilt = pieces[0] + "".join(literal + piece for literal, piece in zip(lifted, pieces[1:], strict=True))
    assert rebuilt == sql


@given(_PIECES, st.booleans())
def test_shape_and_tokens_agree_on_what_is_a_literal(sql: str, standard: bool) -> None:
    result = shape(sql, standard)
    try:
        tokens = tokenize(sql, standard)
    except LexError:
        return
    if result is None:
        return
    names = {token.value for token in tokens if token.is_name}
    in_shape = {
        token.value
        for token in tokenize(result[0].replace("\0", " 1 ").replace(COMMENT_MARK, " "), standard)
        if token.is_name
    }
    assert names == in_shape == names_in(sql, standard)
