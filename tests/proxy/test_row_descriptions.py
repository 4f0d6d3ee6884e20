from dataclasses import replace

from catalog.model import Snapshot
from proxy.row_descriptions import RowDescriptions
from proxy.wire.backend import Column, RowDescription
from tests.playbook import entity

ORDERS = entity()
DESCRIPTIONS = RowDescriptions(Snapshot(1, {17: ORDERS}))


def shown(*columns: Column) -> tuple[Column, ...]:
    message = RowDescription(columns).encode()
    return RowDescription.decode(DESCRIPTIONS.shown(message)[5:]).columns


def column(table: int, attnum: int, type_oid: int = 23) -> Column:
    return Column(b"x", table, attnum, type_oid, 4, -1, 1)


def test_columns_of_views_are_columns_of_the_table():
    """The third column of the views is the table's fourth: one was dropped."""
    for view in (ORDERS.read_oid, ORDERS.write_oid, ORDERS.insert_oid, ORDERS.child_oid):
        assert shown(column(view, 1), column(view, 3)) == (column(ORDERS.relid, 1), column(ORDERS.relid, 4))


def test_columns_of_ours_belong_to_no_table():
    assert shown(column(ORDERS.read_oid, 4), column(ORDERS.write_oid, 10)) == (column(0, 0), column(0, 0))


def test_system_columns_of_the_write_view_are_the_tables():
    assert shown(*(column(ORDERS.write_oid, number) for number in range(4, 10))) == tuple(
        column(ORDERS.relid, number) for number in (-1, -2, -3, -4, -5, -6)
    )


def test_a_length_behind_a_domain_is_told():
    """The write view's column is of the type behind a domain that has a default, without its length."""
    fields = (ORDERS.fields[0], replace(ORDERS.fields[1], base_modifier=9), *ORDERS.fields[2:])
    descriptions = RowDescriptions(Snapshot(1, {17: replace(ORDERS, fields=fields)}))
    message = RowDescription((column(ORDERS.write_oid, 1), column(ORDERS.write_oid, 2))).encode()
    first, second = RowDescription.decode(descriptions.shown(message)[5:]).columns
    assert (first.type_modifier, second.type_modifier) == (-1, 9)


def test_whole_rows_have_the_tables_type():
    assert shown(column(0, 0, ORDERS.view_row_types[0])) == (column(ORDERS.relid, 0, ORDERS.row_type),)


def test_anything_else_is_the_very_message():
    message = RowDescription((column(0, 0), column(999, 3), column(ORDERS.relid, 4))).encode()
    for _ in range(2):
        assert DESCRIPTIONS.shown(message) is message
