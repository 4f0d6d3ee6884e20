"""Statements that name a foreign key rather than a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.model import ForeignKey, Names, Snapshot
from rewriter.edits import apply
from rewriter.router import QueryRouter
from tests.rewriter.sample import ARCHIVED, GROWN, LOG, NAMES, ORDERS

SNAPSHOT = Snapshot(
    1,
    {
        entity.entity_id: entity
        for entity in (
            replace(
                ORDERS,
                foreign_keys=(
                    ForeignKey("fk", "kdb_foreign_17_1", is_deferrable=True),
                    ForeignKey("Odd one", "kdb_foreign_17_2", is_deferrable=True),
                    ForeignKey("firm", "kdb_foreign_17_3", is_deferrable=False),
                ),
            ),
            replace(LOG, foreign_keys=(ForeignKey("fk", "kdb_foreign_18_1", is_deferrable=True),)),
            replace(ARCHIVED, foreign_keys=(ForeignKey("fk", "kdb_foreign_20_1", is_deferrable=True),)),
            replace(GROWN, foreign_keys=(ForeignKey("native", "kdb_foreign_22_1", is_deferrable=True),)),
        )
    },
)


def rewritten(sql: str, names: Names = NAMES) -> str:
    routed = QueryRouter(SNAPSHOT, names).route(sql)
    return apply(sql, routed.edits)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SET CONSTRAINTS fk DEFERRED",
            "SET CONSTRAINTS fk, kameleon.kdb_foreign_17_1, kameleon.kdb_foreign_18_1 DEFERRED",
        ),
        (
            "set constraints archive . FK immediate;",
            "set constraints archive . FK, kameleon.kdb_foreign_20_1 immediate;",
        ),
        (
            'SET CONSTRAINTS other, "Odd one" , public.fk DEFERRED',
            'SET CONSTRAINTS other, "Odd one", kameleon.kdb_foreign_17_2 , public.fk, kameleon.kdb_foreign_17_1,'
            " kameleon.kdb_foreign_18_1 DEFERRED",
        ),
    ],
)
def test_set_constraints_reaches_the_documents(sql: str, expected: str) -> None:
    assert rewritten(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SET CONSTRAINTS ALL DEFERRED",
        "SET CONSTRAINTS firm DEFERRED",  # PostgreSQL says that it is not deferrable
        "SET CONSTRAINTS nowhere.fk DEFERRED",
        "SET CONSTRAINTS native DEFERRED",
        "SET fk = 1",
        "SET search_path = fk",
        "SELECT fk FROM other",
    ],
)
def test_other_statements_stay_as_they_are(sql: str) -> None:
    assert rewritten(sql) == sql


def test_the_search_path_decides() -> None:
    names = replace(NAMES, search_path=("pg_catalog", "archive", "public"))
    assert rewritten("SET CONSTRAINTS fk DEFERRED", names) == "SET CONSTRAINTS fk, kameleon.kdb_foreign_20_1 DEFERRED"


@pytest.mark.parametrize(
    ("sql", "filled"),
    [
        ("ALTER TABLE orders VALIDATE CONSTRAINT fk", False),
        ("ALTER TABLE orders VALIDATE CONSTRAINT a_check", True),
        ("ALTER TABLE orders ALTER CONSTRAINT fk DEFERRABLE", False),
        ("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES log", False),
        ("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES orders", False),
        ("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES grown", True),
        ("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES plain", True),
    ],
)
def test_rows_are_moved_only_where_the_table_must_see_them(sql: str, filled: bool) -> None:
    prelude = QueryRouter(SNAPSHOT, NAMES).route(sql).prelude
    assert (prelude is not None) == filled


def test_the_other_table_is_filled_too() -> None:
    prelude = QueryRouter(SNAPSHOT, NAMES).route("ALTER TABLE orders ADD x int UNIQUE REFERENCES public.log").prelude
    assert prelude is not None and f"referenced => ARRAY[{LOG.relid}]" in prelude
    prelude = QueryRouter(SNAPSHOT, NAMES).route("ALTER TABLE grown ADD x int DEFAULT 1 REFERENCES log").prelude
    assert prelude is not None and f"to_regclass('grown'), referenced => ARRAY[{LOG.relid}]" in prelude


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "UPDATE orders SET id = 5",
            "UPDATE kameleon.kdb_write_17_3 AS orders SET kdb_rec.id = 5, kdb_keys = '{id}', \"id\" = NULL",
        ),
        (
            "UPDATE orders SET id = 5, name = 'x'",
            "UPDATE kameleon.kdb_write_17_3 AS orders SET kdb_rec.id = 5, kdb_rec.name = 'x', kdb_keys = '{id,name}'",
        ),
        (
            "UPDATE orders SET name = 'x'",
            "UPDATE kameleon.kdb_write_17_3 AS orders SET kdb_rec.name = 'x', kdb_keys = '{name}'",
        ),
    ],
)
def test_a_key_that_is_changed_is_named(sql: str, expected: str) -> None:
    fields = tuple(replace(field, is_referenced=field.name == "id") for field in ORDERS.fields)
    snapshot = Snapshot(1, {ORDERS.entity_id: replace(ORDERS, fields=fields)})
    assert apply(sql, QueryRouter(snapshot, NAMES).route(sql).edits) == expected
