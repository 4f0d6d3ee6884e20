"""What is remembered, by what, and how much of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import Names, Snapshot
from rewriter import RewriteError, Rewriter, outline, rewrite
from rewriter.edits import apply
from rewriter.lexer import COMMENT_MARK, LITERAL_MARK, shape
from rewriter.router import QueryRouter, Routed
from tests.rewriter.fixture_files import cases
from tests.rewriter.sample import NAMES, ORDERS, SNAPSHOT


@pytest.fixture
def first_sights(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were looked at for the first time."""
    seen: list[str] = []

    route = QueryRouter.route

    def counted(router: QueryRouter, sql: str) -> Routed:
        seen.append(sql)
        return route(router, sql)

    monkeypatch.setattr(QueryRouter, "route", counted)
    return seen


def test_other_literals_are_the_same_statement(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    for number, text in ((1, "a"), (22, "it''s"), (333, ""), (4444, "orders")):
        sql = f"UPDATE orders SET name = '{text}' WHERE id = {number} -- {text}"
        assert rewriter.rewrite(sql, SNAPSHOT, NAMES).sql == (
            f"UPDATE kameleon.kdb_write_17_3 AS orders SET kdb_rec.name = '{text}', kdb_keys = '{{name}}'"
            f" WHERE id = {number} -- {text}"
        )
    assert len(first_sights) == 1


def test_a_literal_that_an_edit_takes_away(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    for number in (5, 66):
        sql = f"INSERT INTO events (id, kind) OVERRIDING USER VALUE VALUES ({number}, 'x{number}')"
        result = rewriter.rewrite(sql, SNAPSHOT, NAMES)
        assert result.sql == f"INSERT INTO kameleon.kdb_insert_21_3 AS events (id, kind)  VALUES (DEFAULT, 'x{number}')"
        assert apply(sql, result.edits) == result.sql
    assert len(first_sights) == 1


def test_comments_do_not_make_a_new_statement(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    for trace in ("a", "b", "c"):
        sql = f"SELECT * FROM orders /*traceparent='00-{trace}'*/"
        assert rewriter.rewrite(sql, SNAPSHOT, NAMES).sql.endswith(f"AS orders /*traceparent='00-{trace}'*/")
    assert len(first_sights) == 1


def test_untouched_statements_are_remembered_too(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    for number in range(3):
        sql = f"SELECT * FROM pg_class WHERE oid = {number}"
        assert rewriter.rewrite(sql, SNAPSHOT, NAMES).sql is sql
    assert len(first_sights) == 1


def test_a_new_snapshot_starts_with_nothing(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    sql = "SELECT * FROM orders"
    rewriter.rewrite(sql, SNAPSHOT, NAMES)
    assert rewriter.rewrite(sql, SNAPSHOT.with_changes({ORDERS.entity_id: None}), NAMES).sql is sql
    assert rewriter.rewrite(sql, SNAPSHOT, NAMES).touched
    assert len(first_sights) == 2


def test_equal_names_share_what_is_remembered(first_sights: list[str]) -> None:
    rewriter = Rewriter()
    for _ in range(3):
        rewriter.rewrite("SELECT * FROM orders", SNAPSHOT, Names(NAMES.search_path, NAMES.hiding, NAMES.database))
    assert len(first_sights) == 1


def test_how_strings_are_scanned_is_part_of_the_key() -> None:
    rewriter = Rewriter()
    sql = r"SELECT 'a\', 'FROM orders --'"
    assert not rewriter.rewrite(sql, SNAPSHOT, NAMES).touched
    off = r"SELECT 'a\', ' FROM orders"
    assert rewriter.rewrite(off, SNAPSHOT, NAMES, standard_conforming_strings=False).touched


def test_a_refusal_is_not_remembered_as_anything_else() -> None:
    rewriter = Rewriter()
    for number in (1, 22):
        with pytest.raises(RewriteError) as caught:
            rewriter.rewrite(f"UPDATE orders SET name = {number}, nope = 1", SNAPSHOT, NAMES)
        assert caught.value.position == len(f"UPDATE orders SET name = {number}, ") + 1


def test_the_cache_is_bounded() -> None:
    rewriter = Rewriter(max_entries=10)
    for number in range(50):
        rewriter.rewrite(f"SELECT c{number} FROM orders", SNAPSHOT, NAMES)
    assert len(rewriter._scripts) == 10
    rewriter = Rewriter(max_bytes=20_000)
    for number in range(50):
        rewriter.rewrite(f"SELECT c{number}, {'x' * 1000} FROM orders", SNAPSHOT, NAMES)
    assert rewriter._bytes <= 20_000
    assert rewriter._bytes == sum(script.size for script in rewriter._scripts.values())


def test_the_shape_to_be_shown() -> None:
    assert rewrite("SELECT 'x', 1 FROM orders /* c */", SNAPSHOT, NAMES).shape == "SELECT ?, ? FROM orders"
    assert rewrite("SELECT $1 FROM orders", SNAPSHOT, NAMES).shape == "SELECT $1 FROM orders"


def many_rows(count: int, row: str = "({0}, 'name {0}', 'select with')") -> str:
    return "INSERT INTO orders (id, name, note) VALUES " + ", ".join(row.format(number) for number in range(count))


class TestLongInserts:
    @pytest.fixture(autouse=True)
    def _counted(self, first_sights: list[str]) -> None:
        self.first_sights = first_sights

    def test_are_not_parsed(self) -> None:
        sql = many_rows(5000)
        result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
        assert result.sql == sql.replace("INTO orders", "INTO kameleon.kdb_insert_17_3 AS orders", 1)
        assert result.entities == (17,)
        assert result.shape == "INSERT INTO orders (id, name, note) VALUES ..."
        assert self.first_sights == []

    def test_with_returning(self) -> None:
        sql = many_rows(500) + " RETURNING orders.id, *"
        assert Rewriter().rewrite(sql, SNAPSHOT, NAMES).sql.endswith(" RETURNING orders.id, *")
        assert self.first_sights == []

    @pytest.mark.parametrize(
        "end",
        [
            " ON CONFLICT DO NOTHING",
            ", ((SELECT max(id) FROM orders), 'a', 'b')",
            " RETURNING public.orders.id",
            " RETURNING (SELECT count(*) FROM log)",
        ],
    )
    def test_are_parsed_where_rows_or_what_follows_matter(self, end: str) -> None:
        sql = many_rows(200) + end
        result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
        assert self.first_sights == [sql]
        assert "public.orders" not in result.sql
        assert len(result.edits) > 1

    def test_are_parsed_where_each_row_must_say_default(self) -> None:
        head = "INSERT INTO log (id, v) VALUES "
        sql = head + ", ".join(f"(DEFAULT, {number})" for number in range(1000))
        assert Rewriter().rewrite(sql, SNAPSHOT, NAMES).touched
        with pytest.raises(RewriteError):
            Rewriter().rewrite(sql + ", (1, 2)", SNAPSHOT, NAMES)

    def test_into_other_tables(self) -> None:
        sql = many_rows(500).replace("orders", "other", 1)
        assert Rewriter().rewrite(sql, SNAPSHOT, NAMES).sql is sql


def test_a_long_statement_without_values() -> None:
    sql = "SELECT * FROM orders WHERE id IN (" + ", ".join(str(number) for number in range(30_000)) + ")"
    result = Rewriter().rewrite(sql, SNAPSHOT, NAMES)
    assert result.sql == sql.replace("FROM orders", "FROM kameleon.kdb_read_17 AS orders")
    assert len(result.shape) < 3000


_SHAPES = [case.sql for case in cases(invalid=False)]
_LITERALS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.text(alphabet="a'\\ -/*$é", max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'"),
)


@given(st.sampled_from(_SHAPES), st.lists(_LITERALS, min_size=8, max_size=8), st.text(alphabet="a-*/ ", max_size=5))
def test_a_hit_gives_what_a_first_sight_gives(sql: str, literals: list[str], comment: str) -> None:
    """Replaces the literals of a known statement and compares the cache with a rewriter that has never seen it."""
    shaped = shape(sql)
    if shaped is None or "*/" in comment or "/*" in comment:
        return
    text, lifted = shaped
    changed = list(lifted)
    for index, literal in enumerate(literals[: len(lifted)]):
        old = lifted[index]
        if old.startswith("/*"):
            changed[index] = f"/*{comment}x*/"
        elif old.startswith("'") == literal.startswith("'") and not old.startswith("--"):
            changed[index] = literal
    pieces = text.replace(COMMENT_MARK, LITERAL_MARK).split("\0")
    other = pieces[0] + "".join(new + piece for new, piece in zip(changed, pieces[1:], strict=True))
    shared = Rewriter()
    shared.rewrite(sql, SNAPSHOT, NAMES)
    from_cache = shared.rewrite(other, SNAPSHOT, NAMES)
    fresh = Rewriter().rewrite(other, SNAPSHOT, NAMES)
    assert (from_cache.sql, from_cache.edits, from_cache.shape) == (fresh.sql, fresh.edits, fresh.shape)
    assert apply(other, from_cache.edits) == from_cache.sql


def test_snapshots_are_kept_while_they_are_in_use() -> None:
    rewriter = Rewriter()
    for number in range(600):
        rewriter.rewrite("SELECT * FROM orders", Snapshot(number, SNAPSHOT.entities), NAMES)
    assert len(rewriter._contexts) <= 512


def test_a_mark_in_a_statement_is_nothing_special() -> None:
    rewriter = Rewriter()
    rewriter.rewrite("SELECT 1 FROM orders /* c */", SNAPSHOT, NAMES)
    for mark in ("\x01", "\x1a"):
        sql = f"SELECT * FROM orders {mark}"
        assert rewriter.rewrite(sql, SNAPSHOT, NAMES).sql is sql  # PostgreSQL cannot scan it either


def test_an_outline_tells_only_the_kind_of_each_literal():
    sql = "SELECT 'x', E'\\n', 1, 1_000, 0x1F, 1.5, .5, 1e5, B'1', $a$x$a$ /* c */ FROM orders -- c"
    expected = "SELECT '', '', 0, 0, 0, 0.5, 0.5, 0.5, B'', ''   FROM orders"
    for _ in range(2):
        assert rewrite(sql, SNAPSHOT, NAMES).outline == expected
    assert outline(sql) == expected
    assert rewrite("SELECT a ? 'b' FROM orders WHERE id = $1", SNAPSHOT, NAMES).outline == (
        "SELECT a ? '' FROM orders WHERE id = $1"
    )
