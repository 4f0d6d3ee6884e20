"""What happens to a statement, by the storage mode of the entities that it names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.model import Snapshot
from rewriter.router import QueryRouter, Routed
from rewriter.statements import Kind
from tests.rewriter.sample import NAMES, ORDERS, SNAPSHOT

ROUTER = QueryRouter(SNAPSHOT, NAMES)
STATEMENTS = (
    "SELECT * FROM orders",
    "INSERT INTO orders (id) VALUES (1)",
    "UPDATE orders SET name = 'a'",
    "DELETE FROM orders WHERE id = 1",
    "COPY orders FROM STDIN",
    "TRUNCATE orders",
)


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_same_statement_goes_by_the_storage_of_its_entity(sql: str) -> None:
    moved = Snapshot(
        SNAPSHOT.version + 1, dict(SNAPSHOT.entities) | {ORDERS.entity_id: replace(ORDERS, storage_mode="dedicated")}
    )
    shared, dedicated = ROUTER.route(sql), QueryRouter(moved, NAMES).route(sql)
    assert shared.edits or shared.prelude
    assert not dedicated.edits
    assert dedicated.prelude is None


def test_each_name_goes_by_its_own_entity() -> None:
    edits = ROUTER.route("SELECT * FROM grown JOIN orders USING (id)").edits
    assert [edit.replacement for edit in edits if "kdb_" in edit.replacement] == [f"{ORDERS.read_view} AS orders"]


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT * FROM elsewhere", "CREATE TABLE other (id int)"])
def test_no_entity_no_change(sql: str) -> None:
    routed = ROUTER.route(sql)
    assert (routed.edits, routed.entities, routed.prelude) == ((), (), None)


def test_what_is_not_understood_is_run_on_tables_if_it_may_mean_a_shared_entity() -> None:
    assert ROUTER.route("SELECT * FROM grown WHERE FROM") == Routed(Kind.SELECT)
    routed = ROUTER.route("SELECT * FROM orders WHERE FROM")
    assert (routed.edits, routed.entities) == ((), (ORDERS.entity_id,))
    assert routed.prelude is not None and 'kameleon.dedicate_or_refuse(ARRAY[\'"public"."orders"\'' in routed.prelude
