"""Whatever comes, the rewriter answers with a statement or a RewriteError: nothing else may end a session."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rewriter import RewriteError, Rewriter, classify, may_change_names, mentions_entity, split
from rewriter.edits import apply
from tests.rewriter.fixture_files import cases
from tests.rewriter.sample import NAMES, SNAPSHOT

_WORDS = tuple(
    sorted(
        {
            word
            for invalid in (False, True)
            for case in cases(invalid=invalid)
            for word in re.findall(r"\"[^\"]*\"|'[^']*'|\$?\w+|\S", case.sql)
        }
    )
)
_SOUP = st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join)
_STATEMENTS = st.sampled_from([case.sql for invalid in (False, True) for case in cases(invalid=invalid)])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A statement with words taken out, put in and swapped."""
    words = re.findall(r"\s+|\"[^\"]*\"|'[^']*'|\$?\w+|\S", draw(_STATEMENTS))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(words) - 1)))
        what = draw(st.sampled_from(("drop", "insert", "swap", "cut")))
        if what == "drop":
            del words[place : place + 1]
        elif what == "insert":
            words.insert(place, f" {draw(st.sampled_from(_WORDS))} ")
        elif what == "swap":
            other = draw(st.integers(0, max(0, len(words) - 1)))
            if words:
                words[place], words[other] = words[other], words[place]
        else:
            del words[place:]
    return "".join(words)


def check(sql: str) -> None:
    classify(sql)
    may_change_names(sql)
    mentions_entity(sql, SNAPSHOT)
    for span in split(sql):
        assert sql[span.start : span.start + len(span.text)] == span.text
    try:
        result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
    except RewriteError as error:
        assert re.fullmatch(r"[0-9A-Z]{5}", error.sqlstate)
        assert error.position is None or 1 <= error.position <= len(sql) + 1
        return
    assert apply(sql, result.edits) == result.sql
    assert result.touched or result.sql is sql


@given(_SOUP)
def test_words_in_any_order(sql: str) -> None:
    check(sql)


@given(damaged())
def test_damaged_statements(sql: str) -> None:
    check(sql)


def test_statements_cut_short() -> None:
    for sql in sorted({case.sql for invalid in (False, True) for case in cases(invalid=invalid)}):
        for word in re.finditer(r"\w\W", sql):
            check(sql[: word.end()])


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))  # NUL ends the message
def test_any_text(sql: str) -> None:
    check(sql)


def test_deep_nesting() -> None:
    for depth in (50, 5000):
        for opening, closing in (("(", ")"), ("(SELECT ", ")"), ("CASE WHEN ", " END")):
            check("SELECT " + opening * depth + "1" + closing * depth + " FROM orders")
    check("SELECT 1 FROM orders WHERE " + " OR ".join(["id = 1"] * 5000))
    check("SELECT 1 FROM orders" + " JOIN log ON true" * 500)
    check("SELECT 1 FROM orders" + " UNION SELECT 1 FROM orders" * 300)
