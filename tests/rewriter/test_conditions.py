"""What a statement's text tells of how it comes to the rows of its entities."""

import pytest

from catalog.model import Entity, Field
from catalog.uses import EntityUse, Join
from rewriter.conditions import entity_uses

TYPES = {"id": (23, "integer"), "customer_id": (20, "bigint"), "placed": (1184, "timestamp with time zone")}
MORE = {"price": (1700, "numeric(10,2)"), "weight": (701, "double precision"), "code": (1042, "character(8)")}


def entity(number, name, *fields, schema="public"):
    types = TYPES | MORE
    columns = tuple(Field(each, place, each, *types.get(each, (25, "text"))) for place, each in enumerate(fields, 1))
    return Entity(number, schema, name, 100 + number, "shared", 1, columns)


ENTITIES = {
    1: entity(1, "orders", "id", "customer_id", "status", "placed"),
    2: entity(2, "customers", "id", "name", "City"),
    3: entity(3, "goods", "price", "weight", "code", "name"),
}
ALL = frozenset({"id", "customer_id", "status", "placed"})


def used(sql):
    """By entity; no entity is used twice."""
    found = entity_uses(sql, ENTITIES)
    assert len({each.entity_id for each in found}) == len(found)
    return {each.entity_id: each for each in found}


def test_conditions_are_found_by_kind():
    (use,) = entity_uses(
        "SELECT * FROM orders WHERE status = '' AND (customer_id IN (0, 0)) AND placed >= now() - ''::interval",
        ENTITIES,
    )
    assert use == EntityUse(
        1,
        ALL,
        tested=frozenset({"status", "customer_id", "placed"}),
        equal=frozenset({"status", "customer_id"}),
        ranges=frozenset({"placed"}),
        is_plain=True,
    )


@pytest.mark.parametrize(
    "condition",
    [
        "status = '' OR id = 0",
        "lower(status) = ''",
        "NOT status = ''",
        "status LIKE ''",
        "status = (SELECT max(name) FROM x)",
        "status = customer_id::text",
        "(status, id) = ('', 0)",
    ],
)
def test_what_an_index_on_the_column_does_not_serve_is_left_out(condition):
    use = used(f"SELECT id FROM orders WHERE {condition}")[1]
    assert (use.equal, use.ranges, use.has_more) == (frozenset(), frozenset(), True)


@pytest.mark.parametrize(
    ("condition", "is_served"),
    [
        ("o.id = 0", True),
        ("o.id = -0", True),
        ("o.id = ''", True),
        ("o.id = 0.5", False),
        ("o.id = $1", True),
        ("o.id = $2", False),
        ("o.id = $2::int", True),
        ("o.id = ANY ($3)", True),
        ("o.id = ANY ('')", True),
        ("o.id = ANY (ARRAY[0, 0])", True),
        ("o.id IN (0, 0.5)", False),
        ("o.id < 0.5", False),
        ("o.id BETWEEN 0 AND 0.5", False),
        ("o.id > ANY ('')", False),
        ("o.id = ''::bigint", True),
        ("o.id = ''::numeric", False),
        ("o.id = (random() * 0)::int", False),
        ("o.id = my_function(0)", False),
        ("o.status = '' COLLATE \"C\"", False),
        ("o.status = ''::varchar(9)", True),
        ("o.status = lower('')", True),
        ("o.placed > now() - ''::interval", True),
        ("o.placed > current_date - 0", True),
        ("o.placed >= date_trunc('', now())", True),
        ("o.placed > date ''", True),
        ("o.placed > clock_timestamp()", False),
        ("g.price = 0", True),
        ("g.price = 0.5", True),
        ("g.price = ''::float8", False),
        ("g.weight = 0.5", True),
        ("g.code = ''", True),
        ("g.code = ''::text", False),
        ("g.code = ''::char(8)", True),
    ],
)
def test_the_type_of_a_value_decides_whether_an_index_serves_it(condition, is_served):
    found = entity_uses(f"SELECT 1 FROM orders o, goods g WHERE {condition}", ENTITIES, (23, 1700, 1007))
    assert any(each.equal or each.ranges for each in found) is is_served
    assert any(each.has_more for each in found) is not is_served


def test_joins_are_told_to_both_sides():
    found = used('SELECT count(*) FROM orders o JOIN customers AS c ON o.customer_id = c.id WHERE "City" = $1')
    assert found[1].joins == (Join("customer_id", 1, "id"),)
    assert found[2].joins == (Join("id", 0, "customer_id"),)
    assert found[2].equal == {"City"}
    assert found[1].fields == {"customer_id"}
    assert not found[1].is_plain
    comma = used("DELETE FROM orders USING customers c WHERE c.id = customer_id AND name = ''")
    assert comma[1].joins == (Join("customer_id", 1, "id"),)
    assert comma[2].equal == {"name"}
    using = used("SELECT count(*) FROM orders JOIN customers USING (id)")
    assert (using[1].joins, using[2].joins) == ((Join("id", 1, "id"),), (Join("id", 0, "id"),))
    parentheses = used("SELECT count(*) FROM (orders o JOIN customers c ON c.id = o.id) CROSS JOIN goods")
    assert parentheses[1].joins == (Join("id", 1, "id"),)


def test_columns_of_different_types_are_not_found_by_each_other():
    assert used("SELECT count(*) FROM orders JOIN goods ON customer_id = price")[3].joins == ()


def test_an_outer_join_keeps_its_rows_whatever_its_condition_says_of_them():
    left = used("SELECT * FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND o.status = '' AND name = ''")
    assert (left[1].equal, left[1].joins) == (frozenset(), ())
    assert (left[2].equal, left[2].joins) == ({"name"}, (Join("id", 0, "customer_id"),))
    right = used(
        "SELECT * FROM orders o RIGHT JOIN customers c ON c.id = o.customer_id AND o.status = '' AND name = ''"
    )
    assert (right[1].equal, right[1].joins) == ({"status"}, (Join("customer_id", 1, "id"),))
    assert (right[2].equal, right[2].joins) == (frozenset(), ())
    full = used("SELECT * FROM orders o FULL JOIN customers c ON c.id = o.customer_id AND o.status = '' AND name = ''")
    assert all(not (each.equal or each.joins) for each in full.values())
    where = used("SELECT * FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE o.status = ''")
    assert where[1].equal == {"status"}


def test_an_entity_is_looked_at_for_each_use_of_it():
    one, other = entity_uses("SELECT a.id FROM orders a, orders b WHERE a.status = '' AND b.customer_id = 0", ENTITIES)
    assert (one.number, one.equal) == (0, {"status"})
    assert (other.number, other.equal) == (1, {"customer_id"})
    union = entity_uses("SELECT id FROM orders WHERE id = 0 UNION SELECT id FROM orders WHERE status = ''", ENTITIES)
    assert [each.equal for each in union] == [{"id"}, {"status"}]


def test_a_sub_select_sees_the_query_around_it_which_reads_its_rows_anyway():
    found = used(
        "SELECT name FROM customers c WHERE EXISTS (SELECT FROM orders WHERE customer_id = c.id AND status = '')"
    )
    assert found[1].joins == (Join("customer_id", 0, "id"),)
    assert found[1].equal == {"status"}
    assert found[2].joins == ()


@pytest.mark.parametrize(
    ("sql", "is_repeated"),
    [
        ("SELECT (SELECT count(*) FROM orders WHERE customer_id = c.id) FROM customers c", True),
        ("SELECT id FROM customers c WHERE 0 < (SELECT count(*) FROM orders WHERE customer_id = c.id)", True),
        ("SELECT * FROM customers c, LATERAL (SELECT * FROM orders o WHERE customer_id = c.id LIMIT 0) AS l", True),
        ("SELECT * FROM customers c, LATERAL (SELECT * FROM orders o WHERE customer_id = c.id) AS l", False),
        ("SELECT id FROM customers c WHERE NOT EXISTS (SELECT FROM orders WHERE customer_id = c.id)", False),
        ("SELECT id FROM customers c WHERE id IN (SELECT o.id FROM orders o WHERE o.customer_id = c.id)", False),
    ],
)
def test_a_sub_select_that_gives_a_value_is_run_for_each_row(sql, is_repeated):
    assert used(sql)[1].joins == (Join("customer_id", 0, "id", is_repeated),)


def test_order_and_limit():
    use = used("SELECT id FROM orders WHERE status = '' ORDER BY placed DESC, id DESC LIMIT 0")[1]
    assert (use.order, use.is_sorted, use.is_limited, use.is_plain) == (("placed", "id"), True, True, True)
    for not_by_index in (
        "placed DESC, id",
        "placed + id",
        "placed DESC NULLS LAST",
        "placed NULLS FIRST",
        "status || ''",
    ):
        assert used(f"SELECT id FROM orders ORDER BY {not_by_index} LIMIT 1")[1].order == ()


def test_what_is_read_of_every_row_is_what_the_conditions_are_about():
    assert used("SELECT * FROM orders WHERE status LIKE '' AND id > 0")[1].tested == {"status", "id"}
    assert used("SELECT * FROM orders")[1].tested is None


@pytest.mark.parametrize(
    ("sql", "is_plain"),
    [
        ("SELECT id FROM orders WHERE status = ''", True),
        ("UPDATE orders SET status = '' WHERE placed < ''", True),
        ("SELECT id FROM orders LIMIT 5", True),
        ("SELECT id FROM orders LIMIT 5 OFFSET 5", False),
        ("SELECT unnest(status) FROM orders", False),
        ("SELECT several(status) FROM orders", False),
        ("SELECT count(*) FROM orders", False),
        ("SELECT DISTINCT id FROM orders", False),
        ("SELECT id FROM orders WHERE id IN (SELECT id FROM customers)", False),
    ],
)
def test_a_plain_statement_returns_each_row_that_it_finds(sql, is_plain):
    assert used(sql)[1].is_plain is is_plain


def test_what_hides_an_entity_is_not_taken_for_it():
    assert 1 not in used("WITH orders AS (SELECT 1 AS id) SELECT * FROM orders WHERE id = 0")
    assert 1 not in used("SELECT * FROM archive.orders WHERE id = 0")
    assert used("SELECT * FROM public.orders o WHERE o.id = 0")[1].equal == {"id"}


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELEC * FROM orders",
        "CREATE INDEX ON orders (id)",
        "SELECT 1; SELECT 2 FROM orders",
        "DELETE orders",
        "SELECT s ?# lseg '' FROM orders",
    ],
)
def test_a_text_that_is_not_understood_has_no_uses(sql):
    assert entity_uses(sql, ENTITIES) == ()


def test_what_is_parsed_is_quoted_in_no_log(caplog):
    for sql in ("EXPLAIN ANALYZE SELECT id FROM orders", "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders"):
        assert entity_uses(sql, ENTITIES) == ()
    assert caplog.text == ""
