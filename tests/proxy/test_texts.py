"""What is said of a text without a parse, and that remembering it by its shape never says anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import Snapshot
from proxy.texts import Texts
from rewriter import Kind
from tests.playbook import entity


def texts(*entities, encoding="utf-8", standard=True):
    return Texts(Snapshot(1, {each.entity_id: each for each in entities}), encoding, standard)


ORDERS, ORDERS_2, LEDGER = entity(17, "orders"), entity(18, "orders2"), entity(19, "ledger", storage_mode="dedicated")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", ""),
        ("SELECT * FROM orders", "mentions"),
        ("SELECT $1 FROM orders WHERE id = $2", "mentions"),
        ("SELECT 'orders'", ""),
        ('SELECT "orders" -- it\'s', "mentions"),
        ("SELECT E'it\\'s' FROM orders", "mentions"),
        ("SELECT $a1$ $a2$ orders $a1$", ""),
        ("SELECT $a1$ $a1$ FROM orders", "mentions"),
        ('SELECT U&"ord\\0065rs"', "mentions"),
        ("SELECT * FROM ledger", "dedicated"),
        ("SELECT 1; SELECT 2", "several"),
        ("SELECT 1;", ""),
        ("SET search_path = a", "changes_names"),
        ("SET datestyle = 'search_path'", ""),
        ("CREATE TABLE t (a int)", "changes_names"),
        ("SELECT set_config('search_path', '', false)", "changes_names"),
        ("WITH x AS (SELECT $1::int) INSERT INTO t SELECT * FROM x", ""),
    ],
)
def test_facts(sql, expected):
    known = texts(ORDERS, LEDGER)
    for _ in range(2):  # first sight, and remembered
        facts = known.facts(sql.encode())
        found = [name for name in ("mentions", "dedicated", "changes_names", "several") if getattr(facts, name)]
        assert found == expected.split()


def test_plain_and_direct():
    known = texts(ORDERS)
    assert known.facts(b"SELECT 1").plain
    assert known.facts(b"SELECT * FROM orders").direct
    for sql in (b"EXECUTE p(1)", b"DEALLOCATE p", b"PREPARE p AS SELECT 1", b"DISCARD ALL"):
        assert not known.facts(sql).plain
    assert known.facts(b"PREPARE p AS SELECT 1").kind is Kind.PREPARE


def test_names_that_differ_in_their_digits_only():
    known = texts(ORDERS_2)
    assert known.facts(b"SELECT * FROM orders2").mentions
    # May err, so that the shape can be remembered: the rewriter takes a closer look.
    assert known.facts(b"SELECT * FROM orders3").mentions
    assert not known.facts(b"SELECT * FROM other3").mentions


def test_a_name_that_may_have_been_cut():
    known = texts(entity(name="o" * 60 + "123"))
    assert known.facts(b"SELECT * FROM " + b"o" * 60 + b"123456").mentions
    assert not known.facts(b"SELECT * FROM " + b"o" * 60 + b"9").mentions


def test_text_that_cannot_be_read():
    text = texts(ORDERS).text(b"SELECT '\xff' FROM orders")
    assert text.text is None
    assert not text.facts.mentions
    assert text.facts.changes_names
    assert texts(ORDERS, encoding=None).text(b"SELECT '\xff'").text is None
    assert texts(ORDERS, encoding="iso8859-1").text(b"SELECT '\xff' FROM orders").facts.mentions


def test_digits_inside_other_characters():
    """GB18030 has digits as second bytes: left out, they would join their neighbours."""
    known = texts(entity(name="丂"), encoding="gb18030")
    sql = 'SELECT * FROM "丂"'.encode("gb18030")
    assert known.facts(sql).mentions


def test_without_standard_strings_a_backslash_escapes():
    sql = b"SELECT 'it\\'s' FROM orders -- '"
    assert texts(ORDERS, standard=False).facts(sql).mentions


PIECES = [
    "orders",
    "ledger",
    '"orders"',
    "'x'",
    "'it''s'",
    "''",
    "1",
    "23",
    "$1",
    "$t1$ a $t1$",
    "--c\n",
    "/*'*/",
    '"',
    "'",
]
PIECES += [
    "SELECT",
    "INTO",
    "SET",
    "search_path",
    "=",
    ";",
    " ",
    "E'\\''",
    'U&"a"',
    "x1",
    "orders2",
    "set_config",
    "\\",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.lists(st.sampled_from(PIECES), max_size=8))
def test_what_is_remembered_is_never_less_than_the_truth(before: list[str], pieces: list[str]):
    """Whatever was looked at before, a mention or a change is not overlooked."""
    known = texts(ORDERS, LEDGER)
    sql = " ".join(pieces).encode()
    digits_changed = bytes(ord("7") if byte in b"123" else byte for byte in sql)
    for seen in (" ".join(before).encode(), digits_changed):
        known.facts(seen)
    remembered, fresh = known.facts(sql), texts(ORDERS, LEDGER).facts(sql)
    for name in ("mentions", "dedicated", "changes_names", "several"):
        assert getattr(remembered, name) >= getattr(fresh, name), (name, sql, before)


@pytest.mark.parametrize(
    ("sql", "mutes"),
    [
        ("SET LOCAL client_min_messages = error", True),
        ("begin; set local kameleon.suggestions to off; select 1", True),
        ("SET client_min_messages = error", False),
        ("SELECT 'SET LOCAL client_min_messages = error'", False),
        ("SET LOCAL work_mem = '1MB'", False),
    ],
)
def test_what_wants_no_notices_in_its_transaction(sql, mutes):
    facts = texts(ORDERS).facts(sql.encode())
    assert facts.mutes is mutes
    assert not (facts.mutes and facts.plain)


def test_no_literal_is_shown_whatever_strings_are_like():
    sql = "SELECT * FROM ledger WHERE a = 'it\\'s' AND b = 'a \\'secret\\' b'"
    known = texts(LEDGER, standard=False)
    assert known.shown_shape(sql) == "SELECT * FROM ledger WHERE a = ? AND b = ?"
    assert known.outline(sql) == "SELECT * FROM ledger WHERE a = '' AND b = ''"
