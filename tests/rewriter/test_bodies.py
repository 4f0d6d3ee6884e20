"""Bodies of routines in standard SQL, as PostgreSQL prints them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.model import Names, Snapshot
from rewriter import RewriteError, rewrite_body
from tests.rewriter.sample import ORDERS, SNAPSHOT

NAMES = Names(("pg_catalog",), frozenset(), "shop")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RETURN 1", "RETURN 1"),
        (
            'RETURN ( SELECT "orders"."id" FROM "public"."orders" FOR UPDATE OF "orders")',
            'RETURN ( SELECT "orders"."id" FROM kameleon.kdb_read_17 AS "orders" FOR UPDATE OF "orders")',
        ),
        (
            'BEGIN ATOMIC\n DELETE FROM "public"."orders"\n   WHERE ("orders"."id" = "kdb_body_1"."i");\nEND',
            'BEGIN ATOMIC DELETE FROM kameleon.kdb_write_17_3 AS "orders"'
            '\n   WHERE ("orders"."id" = "kdb_body_1"."i"); END',
        ),
        (
            'BEGIN ATOMIC\n UPDATE "public"."orders" SET "name" = \'; END\';\n RETURN 1;\nEND',
            'BEGIN ATOMIC UPDATE kameleon.kdb_write_17_3 AS "orders" SET kdb_rec."name" = \'; END\','
            " kdb_keys = '{name}'; RETURN 1; END",
        ),
        ("BEGIN ATOMIC\nEND", "BEGIN ATOMIC END"),
    ],
)
def test_each_statement_is_rewritten(body: str, expected: str) -> None:
    assert rewrite_body(body, SNAPSHOT, NAMES) == expected


def test_names_are_not_looked_up_by_the_clients_path() -> None:
    body = 'BEGIN ATOMIC DELETE FROM "orders"; END'
    assert rewrite_body(body, SNAPSHOT, NAMES) == body


def test_what_must_run_on_the_table_itself_is_refused() -> None:
    old = Snapshot(1, {ORDERS.entity_id: replace(ORDERS, merges=False)})
    with pytest.raises(RewriteError, match="MERGE of a table in shared storage"):
        rewrite_body(
            'BEGIN ATOMIC MERGE INTO "public"."orders" USING (VALUES (1)) s(id) ON s.id = orders.id'
            " WHEN MATCHED THEN DELETE; END",
            old,
            NAMES,
        )
