"""Statements about foreign keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.model import ForeignKey, Snapshot
from rewriter.edits import apply
from rewriter.router import QueryRouter
from tests.rewriter.sample import GROWN, LOG, NAMES, ORDERS

KEYS = (ForeignKey("fk", "kdb_foreign_17_1"), ForeignKey("Odd one", "kdb_foreign_17_2"))
ENTITIES = (replace(ORDERS, foreign_keys=KEYS), LOG, GROWN)
SNAPSHOT = Snapshot(1, {entity.entity_id: entity for entity in ENTITIES})


@pytest.mark.parametrize("name", ["fk", '"Odd one"', "public.fk", "ALL", "orders"])
def test_set_constraints_stays_as_it_is(name: str) -> None:
    assert QueryRouter(SNAPSHOT, NAMES).route(f"SET CONSTRAINTS {name} DEFERRED").edits == ()


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
