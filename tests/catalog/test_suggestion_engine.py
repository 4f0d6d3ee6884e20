"""What is suggested for which statement, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from catalog.metrics import EntityStats, MaterializationPolicy, QueryMetrics
from catalog.suggestion_engine import EntityState, SuggestionEngine
from catalog.uses import EntityUse, Join

ENGINE = SuggestionEngine(MaterializationPolicy())
NOW = datetime(2026, 3, 1, tzinfo=UTC)

ORDERS = EntityState(
    1,
    "orders",
    "shared",
    rows=1_000_000,
    row_us=0.1,
    document_us=0.6,
    sampled=4000,
    distinct={"customer_id": 50_000, "status": 3, "placed": 900_000},
    indexes=(("id",),),
    tied_to=("customers",),
)
CUSTOMERS = replace(
    ORDERS, entity_id=2, name="customers", rows=50_000, distinct={"id": 50_000, "city": 40, "name": 49_000}, tied_to=()
)
ALL = EntityUse(1, frozenset({"customer_id", "status"}))


def metrics(milliseconds, rows=1, kind="SELECT", join=False):
    return QueryMetrics(milliseconds, rows, ("orders",), join, kind)


def stats(**changes):
    none = EntityStats(1, 0, 0, 0, 0.0, 0.0, 0, 0, None)
    return replace(none, **changes)


def suggested(found):
    return [(each.kind, each.suggestion.action) for each in found]


def test_a_scan_of_documents_gains_from_a_table():
    (found,) = ENGINE.evaluate_query(metrics(700), [ORDERS], [ALL])
    assert suggested([found]) == [("materialize", "CALL kameleon.materialize_entity('orders')")]
    assert found.gain == pytest.approx(500 / 700)
    assert found.suggestion.priority == "high"
    assert "about 71 % of the time" in found.suggestion.evidence
    assert "700 ms" in found.suggestion.evidence


def test_a_condition_that_few_rows_meet_wants_an_index():
    use = replace(ALL, equal=frozenset({"customer_id", "status"}))
    (found,) = ENGINE.evaluate_query(metrics(700, rows=20), [ORDERS], [use])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("customer_id", "status")')]
    assert found.gain == pytest.approx(0.95, abs=0.01)


def test_the_same_holds_for_a_table():
    table = replace(ORDERS, storage_mode="dedicated", document_us=0.2, quoted={"customer_id": "customer_id"})
    use = replace(ALL, equal=frozenset({"customer_id"}))
    assert suggested(ENGINE.evaluate_query(metrics(200, rows=20), [table], [use])) == [
        ("index", "CREATE INDEX ON orders (customer_id)")
    ]


def test_an_index_that_is_there_is_not_suggested_nor_is_one_that_leads_to_many_rows():
    use = replace(ALL, equal=frozenset({"customer_id"}))
    indexed = replace(ORDERS, indexes=(("customer_id", "status"),))
    assert ENGINE.evaluate_query(metrics(700, rows=20), [indexed], [use]) == ()
    by_status = replace(ALL, equal=frozenset({"status"}))
    (found,) = ENGINE.evaluate_query(metrics(700, rows=300_000), [ORDERS], [by_status])
    assert found.kind == "materialize"


def test_rows_that_were_returned_tell_how_selective_a_range_is():
    use = replace(ALL, ranges=frozenset({"placed"}), is_plain=True)
    (found,) = ENGINE.evaluate_query(metrics(700, rows=1200), [ORDERS], [use])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("placed")')]
    (found,) = ENGINE.evaluate_query(metrics(700, rows=400_000), [ORDERS], [use])
    assert found.kind == "materialize"


def test_a_join_with_few_rows_wants_an_index_on_its_column():
    orders = replace(ALL, joins=(Join("customer_id", 2, "id"),))
    customers = EntityUse(
        2, frozenset({"id", "name"}), equal=frozenset({"name"}), joins=(Join("id", 1, "customer_id"),)
    )
    states = [ORDERS, replace(CUSTOMERS, indexes=(("id",), ("name",)))]
    (found,) = ENGINE.evaluate_query(metrics(700, join=True), states, [orders, customers])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("customer_id")')]


def test_what_moves_together_gains_together():
    orders = replace(ALL, joins=(Join("customer_id", 2, "id"),))
    customers = EntityUse(2, frozenset({"id", "city"}), joins=(Join("id", 1, "customer_id"),))
    states = [ORDERS, replace(CUSTOMERS, indexes=(("id",),))]
    tied = ENGINE.evaluate_query(metrics(1000, join=True), states, [orders, customers])
    alone = ENGINE.evaluate_query(
        metrics(1000, join=True), [replace(ORDERS, tied_to=()), states[1]], [orders, customers]
    )
    assert tied[0].suggestion.action == alone[0].suggestion.action == "CALL kameleon.materialize_entity('orders')"
    assert tied[0].gain == pytest.approx(0.525)
    assert alone[0].gain == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("what", "state", "use"),
    [
        (metrics(30_000), ORDERS, ALL),  # its time goes elsewhere
        (metrics(500, rows=100_000), replace(ORDERS, rows=100_000), ALL),  # a large result
        (metrics(300), replace(ORDERS, rows=20), ALL),
        (metrics(700), replace(ORDERS, storage_mode="dedicated"), ALL),
        (metrics(700, kind="INSERT"), ORDERS, ALL),
        (metrics(99), ORDERS, ALL),
        (metrics(700), replace(ORDERS, distinct={"id": 1e6}), replace(ALL, equal=frozenset({"id"}))),
    ],
)
def test_what_nothing_helps_gets_no_suggestion(what, state, use):
    assert ENGINE.evaluate_query(what, [state], [use]) == ()


def test_nothing_is_suggested_where_it_is_switched_off():
    engine = SuggestionEngine(MaterializationPolicy(enabled=False))
    assert engine.evaluate_query(metrics(700), [ORDERS], [ALL]) == ()
    assert engine.evaluate_entity(ORDERS, stats(calls=100, joins=100, total_ms=90_000), NOW) == ()


def test_an_entity_that_is_joined_often_is_a_candidate():
    (found,) = ENGINE.evaluate_entity(ORDERS, stats(calls=20, joins=10, total_ms=20_000, slowest_ms=2000), NOW)
    assert found.suggestion.action == "CALL kameleon.materialize_entity('orders')"
    assert "joined often" in found.suggestion.reason
    assert found.gain == pytest.approx(0.5)
    assert ENGINE.evaluate_entity(ORDERS, stats(calls=20, joins=9, total_ms=20_000), NOW) == ()
    (used,) = ENGINE.evaluate_entity(ORDERS, stats(calls=50, joins=9, total_ms=40_000), NOW)
    assert "used often" in used.suggestion.reason


def test_statements_that_are_quick_already_make_no_candidate():
    assert ENGINE.evaluate_entity(ORDERS, stats(calls=500, joins=500, total_ms=50), NOW) == ()


def test_a_table_that_nobody_uses_may_go_back():
    table = replace(ORDERS, storage_mode="dedicated", can_be_shared=True, moved_at=NOW - timedelta(days=2))
    (found,) = ENGINE.evaluate_entity(table, stats(), NOW)
    assert found.suggestion.action == "CALL kameleon.dematerialize_entity('orders')"
    assert found.suggestion.priority == "low"
    for kept, used in [
        (replace(table, can_be_shared=False), stats()),
        (replace(table, moved_at=NOW - timedelta(hours=23)), stats()),
        (table, stats(last_used=NOW - timedelta(hours=23))),
    ]:
        assert ENGINE.evaluate_entity(kept, used, NOW) == ()
