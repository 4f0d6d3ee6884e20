"""What a statement's text tells of how it comes to the rows of its entities."""

import pytest

from catalog.model import Entity, Field
from catalog.uses import EntityUse, Join
from rewriter.conditions import entity_uses


def entity(number, name, *fields, schema="public"):
    columns = tuple(Field(each, place, each, 25, "text") for place, each in enumerate(fields, 1))
    return Entity(number, schema, name, 100 + number, "shared", 1, columns)


ENTITIES = {
    1: entity(1, "orders", "id", "customer_id", "status", "placed"),
    2: entity(2, "customers", "id", "name", "City"),
}
ALL = frozenset({"id", "customer_id", "status", "placed"})


def used(sql):
    return {each.entity_id: each for each in entity_uses(sql, ENTITIES)}


def test_conditions_are_found_by_kind():
    (use,) = entity_uses(
        "SELECT * FROM orders WHERE status = ? AND (customer_id IN (?, ?)) AND placed >= now() - ?::interval", ENTITIES
    )
    assert use == EntityUse(
        1, ALL, equal=frozenset({"status", "customer_id"}), ranges=frozenset({"placed"}), is_plain=True
    )


@pytest.mark.parametrize(
    "condition",
    [
        "status = ? OR id = ?",
        "lower(status) = ?",
        "NOT status = ?",
        "status LIKE ?",
        "status = (SELECT max(name) FROM x)",
    ],
)
def test_what_an_index_on_the_column_does_not_serve_is_left_out(condition):
    use = used(f"SELECT id FROM orders WHERE {condition}")[1]
    assert (use.equal, use.ranges) == (frozenset(), frozenset())


def test_joins_are_told_to_both_sides():
    found = used('SELECT count(*) FROM orders o JOIN customers AS c ON o.customer_id = c.id WHERE "City" = $1')
    assert found[1].joins == (Join("customer_id", 2, "id"),)
    assert found[2].joins == (Join("id", 1, "customer_id"),)
    assert found[2].equal == {"City"}
    assert found[1].fields == {"customer_id"}
    assert not found[1].is_plain
    comma = used("DELETE FROM orders USING customers c WHERE c.id = customer_id AND name = ?")
    assert comma[1].joins == (Join("customer_id", 2, "id"),)
    assert comma[2].equal == {"name"}


def test_a_sub_select_sees_the_query_around_it():
    found = used(
        "SELECT name FROM customers c WHERE EXISTS (SELECT FROM orders WHERE customer_id = c.id AND status = ?)"
    )
    assert found[1].joins == (Join("customer_id", 2, "id"),)
    assert found[1].equal == {"status"}


def test_order_and_limit():
    use = used("SELECT id FROM orders WHERE status = ? ORDER BY placed DESC, id DESC LIMIT ?")[1]
    assert (use.order, use.is_limited) == (("placed", "id"), True)
    assert used("SELECT id FROM orders ORDER BY placed DESC, id")[1].order == ()
    assert used("SELECT id FROM orders ORDER BY placed + id LIMIT 1")[1].order == ()


@pytest.mark.parametrize(
    ("sql", "is_plain"),
    [
        ("SELECT id FROM orders WHERE status = ?", True),
        ("UPDATE orders SET status = ? WHERE placed < ?", True),
        ("SELECT count(*) FROM orders", False),
        ("SELECT DISTINCT id FROM orders", False),
        ("SELECT id FROM orders LIMIT 5", False),
        ("SELECT id FROM orders WHERE id IN (SELECT id FROM customers)", False),
    ],
)
def test_a_plain_statement_returns_each_row_that_it_finds(sql, is_plain):
    assert used(sql)[1].is_plain is is_plain


def test_what_hides_an_entity_is_not_taken_for_it():
    assert 1 not in used("WITH orders AS (SELECT 1 AS id) SELECT * FROM orders WHERE id = ?")
    assert 1 not in used("SELECT * FROM archive.orders WHERE id = ?")
    assert used("SELECT * FROM public.orders o WHERE o.id = ?")[1].equal == {"id"}


@pytest.mark.parametrize(
    "sql", ["", "SELEC * FROM orders", "CREATE INDEX ON orders (id)", "SELECT 1; SELECT 2 FROM orders"]
)
def test_a_text_that_is_not_understood_has_no_uses(sql):
    assert entity_uses(sql, ENTITIES) == ()
