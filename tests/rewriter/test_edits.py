"""Edits and positions: every place of the edited text has its place in the client's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter import Edit, Rewriter, original_position
from rewriter.edits import apply, in_order
from tests.rewriter.sample import NAMES, SNAPSHOT


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT nope FROM orders", "nope"),
        ("SELECT * FROM orders WHERE nope = 'x'", "nope"),
        ("SELECT 'ä€𝄞' FROM orders,\n log WHERE nope", "nope"),
        ("UPDATE orders SET name = nope, note = 'b' RETURNING *", "nope"),
        ("UPDATE orders SET name = 'a' WHERE nope RETURNING *", "nope"),
        ("INSERT INTO orders (id, name) VALUES (1, nope) ON CONFLICT DO NOTHING", "nope"),
        ("SELECT * FROM orders JOIN log ON public.orders.id = nope", "nope"),
    ],
)
def test_a_position_behind_edits(sql: str, word: str) -> None:
    result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
    assert result.touched
    sent = result.sql.index(word) + 1
    assert original_position(result.edits, sent) == sql.index(word) + 1


def test_a_position_within_an_edit_is_where_the_client_wrote_it() -> None:
    sql = "SELECT * FROM orders"
    result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
    for position in range(15, len(result.sql) + 1):
        assert original_position(result.edits, position) == 15


def test_positions_from_the_cache_follow_the_literals_at_hand() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("SELECT 'a' FROM orders WHERE x = 1 AND nope", SNAPSHOT, NAMES)
    sql = "SELECT 'a much longer one' FROM orders WHERE x = 123456 AND nope"
    result = rewriter.rewrite(sql, SNAPSHOT, NAMES)
    assert original_position(result.edits, result.sql.index("nope") + 1) == sql.index("nope") + 1
    assert apply(sql, result.edits) == result.sql


@st.composite
def edited_texts(draw: st.DrawFn) -> tuple[str, tuple[Edit, ...]]:
    text = draw(st.text(max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edits = [Edit(start, end, draw(st.text(max_size=5))) for start, end in zip(cuts[::2], cuts[1::2], strict=False)]
    return text, in_order(edits)


@given(edited_texts())
def test_text_outside_edits_stays_and_is_found_again(given_text: tuple[str, tuple[Edit, ...]]) -> None:
    text, edits = given_text
    edited = apply(text, edits)
    kept = set(range(len(text)))
    for edit in edits:
        kept -= set(range(edit.start, edit.end))
    shift = 0
    remaining = list(edits)
    for offset in range(len(text)):
        while remaining and remaining[0].end <= offset and remaining[0].start <= offset:
            edit = remaining.pop(0)
            shift += len(edit.replacement) - (edit.end - edit.start)
        if offset in kept:
            assert edited[offset + shift] == text[offset]
            assert original_position(edits, offset + shift + 1) == offset + 1


def test_edits_that_overlap_are_a_bug() -> None:
    with pytest.raises(AssertionError):
        in_order([Edit(0, 3, "a"), Edit(2, 4, "b")])
