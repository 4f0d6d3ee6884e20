"""Names as PostgreSQL looks them up: schemas, search_path, temporary tables, databases."""

from __future__ import annotations

import pytest

from catalog.model import Names
from rewriter import Rewriter, mentions_entity
from rewriter.names import Resolver
from tests.rewriter.sample import ARCHIVED, GROWN, MIXED_CASE, NAMES, ORDERS, SNAPSHOT


def found(
    *parts: str, path: tuple[str, ...] = ("pg_catalog", "public"), hiding: set[tuple[str, str]] | None = None
) -> str:
    names = Names(path, frozenset(hiding or ()), "shop")
    entity = Resolver(SNAPSHOT, names).entity(parts)
    return "nothing" if entity is None else f"{entity.schema}.{entity.name}"


def test_search_path() -> None:
    assert found("orders") == "public.orders"
    assert found("orders", path=("archive", "public")) == "archive.orders"
    assert found("orders", path=("public", "archive")) == "public.orders"
    assert found("orders", path=("pg_catalog",)) == "nothing"
    assert found("log", path=("archive", "public")) == "public.log"
    assert found("nothing_at_all") == "nothing"


def test_what_hides_an_entity() -> None:
    temporary = ("pg_temp_3", "orders")
    path = ("pg_temp_3", "pg_catalog", "public")
    assert found("orders", path=path) == "public.orders"
    assert found("orders", path=path, hiding={temporary}) == "nothing"
    assert found("public", "orders", path=path, hiding={temporary}) == "public.orders"
    assert found("orders", path=("public", "other"), hiding={("other", "orders")}) == "public.orders"
    assert found("orders", path=("other", "public"), hiding={("other", "orders")}) == "nothing"


def test_schemas_and_databases() -> None:
    assert found("archive", "orders") == "archive.orders"
    assert found("pg_temp", "orders") == "nothing"
    assert found("shop", "public", "orders") == "public.orders"
    assert found("elsewhere", "public", "orders") == "nothing"
    assert found("a", "shop", "public", "orders") == "nothing"


def test_case_matters() -> None:
    assert found("Order") == "public.Order"
    assert found("order") == "nothing"


def test_a_dedicated_entity_is_found_but_not_shared() -> None:
    resolver = Resolver(SNAPSHOT, NAMES)
    assert resolver.entity(["grown"]) is GROWN
    assert resolver.shared(["grown"]) is None


def test_search_path_is_part_of_what_is_remembered() -> None:
    rewriter = Rewriter()
    sql = "SELECT * FROM orders WHERE id = 1"
    archive = Names(("archive", "public"), frozenset(), "shop")
    hidden = Names(("pg_temp_3", "public"), frozenset({("pg_temp_3", "orders")}), "shop")
    for _ in range(2):
        assert ORDERS.read_view in rewriter.rewrite(sql, SNAPSHOT, NAMES).sql
        assert ARCHIVED.read_view in rewriter.rewrite(sql, SNAPSHOT, archive).sql
        assert rewriter.rewrite(sql, SNAPSHOT, hidden).sql is sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM orders", True),
        ('SELECT 1 AS "Order"', True),
        ("SELECT order FROM x", False),
        ("SELECT 'orders' /* orders */", False),
        ("SELECT grown.id", True),
        ("SELECT $$orders$$", False),
        ('SELECT * FROM U&"\\006frders"', True),
    ],
)
def test_mentions_entity(sql: str, expected: bool) -> None:
    assert mentions_entity(sql, SNAPSHOT) is expected
    assert MIXED_CASE.name in SNAPSHOT.by_name
