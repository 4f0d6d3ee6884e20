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
)
CUSTOMERS = replace(
    ORDERS, entity_id=2, name="customers", rows=50_000, distinct={"id": 50_000, "city": 40, "name": 49_000}
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


def test_an_index_that_cannot_be_made_is_not_suggested():
    use = replace(ALL, equal=frozenset({"customer_id"}))
    (found,) = ENGINE.evaluate_query(metrics(700), [replace(ORDERS, unfit=frozenset({"customer_id"}))], [use])
    assert found.kind == "materialize"


def test_rows_that_were_returned_tell_how_selective_a_range_is():
    use = replace(ALL, ranges=frozenset({"placed"}), is_plain=True)
    (found,) = ENGINE.evaluate_query(metrics(700, rows=1200), [ORDERS], [use])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("placed")')]
    (found,) = ENGINE.evaluate_query(metrics(700, rows=400_000), [ORDERS], [use])
    assert found.kind == "materialize"


def test_a_join_with_few_rows_wants_an_index_on_its_column():
    orders = replace(ALL, joins=(Join("customer_id", 1, "id"),))
    customers = EntityUse(
        2, frozenset({"id", "name"}), number=1, equal=frozenset({"name"}), joins=(Join("id", 0, "customer_id"),)
    )
    states = [ORDERS, replace(CUSTOMERS, indexes=(("id",), ("name",)))]
    (found,) = ENGINE.evaluate_query(metrics(700, join=True), states, [orders, customers])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("customer_id")')]


BY_STATUS = replace(ALL, equal=frozenset({"status"}))


def test_rows_that_meet_all_conditions_do_not_tell_how_many_meet_one():
    """status = 'new' AND note LIKE '%x%'"""
    more = replace(BY_STATUS, has_more=True, is_plain=True)
    assert "index" not in [kind for kind, _ in suggested(ENGINE.evaluate_query(metrics(700, rows=5), [ORDERS], [more]))]


def test_a_value_that_is_rare_is_worth_an_index_and_one_that_is_frequent_is_not():
    """Of 50,000 customers one has most of the orders."""
    uneven = replace(ORDERS, frequent={"customer_id": 0.6})
    use = replace(ALL, equal=frozenset({"customer_id"}))
    plain = replace(use, is_plain=True)
    wanted = [("index", 'CREATE INDEX ON orders ("customer_id")')]
    assert suggested(ENGINE.evaluate_query(metrics(700, rows=20), [uneven], [plain])) == wanted
    for rows, each in ((600_000, plain), (1, use)):
        (found,) = ENGINE.evaluate_query(metrics(700, rows=rows), [uneven], [each])
        assert found.kind == "materialize"


def test_an_equality_and_a_range_want_one_index():
    use = replace(ALL, equal=frozenset({"status"}), ranges=frozenset({"placed"}), is_plain=True)
    found = ENGINE.evaluate_query(metrics(700, rows=100), [ORDERS], [use])
    assert suggested(found) == [("index", 'CREATE INDEX ON orders ("status", "placed")')]
    assert ENGINE.evaluate_query(metrics(700, rows=100), [ORDERS], [replace(use, has_more=True)])[0].kind != "index"


def test_the_first_rows_in_an_order_want_an_index_on_that():
    first = replace(ALL, order=("placed",), is_sorted=True, is_limited=True, is_plain=True)
    (found,) = ENGINE.evaluate_query(metrics(700, rows=10), [ORDERS], [first])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("placed")')]
    assert 'about 10 of them are the first by "placed".' in found.suggestion.evidence
    (found,) = ENGINE.evaluate_query(metrics(700, rows=10), [ORDERS], [replace(first, equal=frozenset({"status"}))])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("status", "placed")')]
    for other in (
        replace(first, has_more=True),
        replace(first, is_plain=False),
        replace(first, ranges=frozenset({"customer_id"})),
    ):
        (found,) = ENGINE.evaluate_query(metrics(700, rows=10), [ORDERS], [other])
        assert found.kind == "materialize"
    indexed = replace(ORDERS, indexes=(("placed",),))
    assert ENGINE.evaluate_query(metrics(700, rows=10), [indexed], [first]) == ()
    any_rows = replace(ALL, is_limited=True, is_plain=True)
    assert ENGINE.evaluate_query(metrics(700, rows=10), [ORDERS], [any_rows]) == ()


def test_a_sub_select_for_each_row_wants_an_index():
    orders = replace(ALL, number=1, joins=(Join("customer_id", 0, "id", is_repeated=True),))
    customers = EntityUse(2, frozenset({"id"}))
    few = replace(ORDERS, rows=2000, distinct={"customer_id": 400})
    (found,) = ENGINE.evaluate_query(metrics(900), [few, replace(CUSTOMERS, rows=400)], [customers, orders])
    assert suggested([found]) == [("index", 'CREATE INDEX ON orders ("customer_id")')]
    assert "all of about 2,000 rows of orders, about 400 times" in found.suggestion.evidence


def test_an_index_that_leads_to_many_rows_does_not_stand_in_the_way_of_a_better_one():
    indexed = replace(ORDERS, indexes=(("id",), ("status",)))
    use = replace(ALL, equal=frozenset({"customer_id", "status"}))
    assert suggested(ENGINE.evaluate_query(metrics(700, rows=20), [indexed], [use]))[0][0] == "index"


def test_a_partial_index_that_may_do_stands_in_the_way_of_another():
    use = replace(ALL, equal=frozenset({"customer_id"}))
    live = replace(ORDERS, partial=(("customer_id", "status"),))
    assert ENGINE.evaluate_query(metrics(700, rows=20), [live], [use]) == ()
    other = replace(ORDERS, partial=(("customer_id", "deleted"),))
    assert suggested(ENGINE.evaluate_query(metrics(700, rows=20), [other], [use]))[0][0] == "index"


def test_what_is_in_no_condition_is_read_of_few_rows():
    """SELECT * FROM orders WHERE note ~ 'slow': its time is the condition's."""
    state = replace(ORDERS, document_us=6.0, tested_us=0.4)
    use = replace(ALL, tested=frozenset({"status"}), has_more=True, is_plain=True)
    assert ENGINE.evaluate_query(metrics(3000, rows=10), [state], [use]) == ()
    (found,) = ENGINE.evaluate_query(metrics(800, rows=10), [state], [use])
    assert found.gain == pytest.approx(300 / 800, abs=0.01)
    (found,) = ENGINE.evaluate_query(metrics(9000, rows=900_000), [state], [use])
    assert found.gain > 0.5


def test_documents_do_not_cost_more_than_they_do_though_several_processes_read_them():
    (found,) = ENGINE.evaluate_query(metrics(200), [ORDERS], [ALL])
    assert found.gain == pytest.approx(5 / 6)


def test_where_nothing_could_be_measured_nothing_is_suggested():
    use = replace(ALL, ranges=frozenset({"placed"}), is_plain=True)
    assert ENGINE.evaluate_query(metrics(700, rows=3), [replace(ORDERS, sampled=0)], [use]) == ()


def test_of_a_join_only_the_table_that_moves_gains():
    orders = replace(ALL, joins=(Join("customer_id", 1, "id"),))
    customers = EntityUse(2, frozenset({"id", "city"}), number=1, joins=(Join("id", 0, "customer_id"),))
    states = [ORDERS, replace(CUSTOMERS, indexes=(("id",),))]
    (found,) = ENGINE.evaluate_query(metrics(1000, join=True), states, [orders, customers])
    assert found.suggestion.action == "CALL kameleon.materialize_entity('orders')"
    assert found.gain == pytest.approx(0.5)


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


def test_an_entity_that_grows_is_a_candidate_before_its_statements_are_slow():
    grown = replace(ORDERS, rows=20_000, document_us=4.5, row_us=0.5, rows_before=10_000, days_before=3)
    used = stats(calls=5, total_ms=450, slowest_ms=95)
    (found,) = ENGINE.evaluate_entity(grown, used, NOW)
    assert found.suggestion.action == "CALL kameleon.materialize_entity('orders')"
    assert found.suggestion.reason == "orders: it grows, and is kept in shared storage"
    # 80 of 90 ms are the documents'; with half as many rows again these are 120 of 130
    assert found.gain == pytest.approx(120 / 130)
    assert "about 20,000 rows, and had about 10,000 3 days ago" in found.suggestion.evidence
    assert "about 130 ms" in found.suggestion.evidence
    for state, use in [
        (replace(grown, rows_before=15_000), used),  # not by half
        (replace(grown, rows_before=None), used),
        (replace(grown, document_us=0.6), used),  # not for the documents
        (grown, stats(calls=5, total_ms=300)),  # nor slow then
        (grown, stats()),
    ]:
        assert ENGINE.evaluate_entity(state, use, NOW) == ()


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
