"""Blocks that come to tables that are being moved put their switch off first."""

import pytest

from catalog.model import Move
from proxy.wire.frontend import Bind, Close, Execute, Parse, Query
from tests.playbook import (
    BIND_COMPLETE,
    FAILED,
    FLUSH,
    IN_TRANSACTION,
    PARSE_COMPLETE,
    READY,
    SYNC,
    Playbook,
    answer,
    answered,
    as_bytes,
    asked,
    done,
    entity,
    error,
    playbook,
    question,
)

INSERT = b"INSERT INTO orders VALUES (1)"
INSERT_3 = b"INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES (1)"
PUT_OFF = "SELECT kameleon.put_off_switches('{5}', '{17}')"
YES, NO = answered("t", IN_TRANSACTION), answered("f", IN_TRANSACTION)


def in_block(*, does: bytes | None = b"SELECT 1") -> Playbook:
    script = playbook(entity())
    script.store.moves = (Move(5, 17, frozenset({"orders", "items"})),)
    script.client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    if does is not None:
        script.client(Query(does)).upstream(done("SELECT 1"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script._sent_to_client.clear()
    return script


def test_a_query():
    script = in_block().client(Query(INSERT)).to_upstream(asked(PUT_OFF)).upstream(YES)
    script.to_upstream(Query(INSERT_3)).upstream(done("INSERT 0 1"), IN_TRANSACTION)
    script.to_client(done("INSERT 0 1"), IN_TRANSACTION)
    # once is enough
    script.client(Query(INSERT)).to_upstream(Query(INSERT_3))


def test_once_for_each_block():
    script = in_block().client(Query(INSERT)).upstream(YES, done("INSERT 0 1"), IN_TRANSACTION)
    script.client(Query(b"COMMIT")).upstream(done("COMMIT"), READY)
    script.client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"SELECT 1")).upstream(done("SELECT 1"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script.client(Query(INSERT)).to_upstream(asked(PUT_OFF))


def test_again_when_a_savepoint_may_have_taken_it_back():
    script = in_block().client(Query(INSERT)).upstream(YES, done("INSERT 0 1"), IN_TRANSACTION)
    script.client(Query(b"ROLLBACK TO here")).upstream(done("ROLLBACK"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script.client(Query(INSERT)).to_upstream(asked(PUT_OFF))


def test_what_is_parsed_and_what_was_parsed_before():
    script = in_block()
    cycle = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script.client(*cycle).to_upstream(asked(PUT_OFF)).upstream(YES).to_upstream(Parse(b"", INSERT_3), *cycle[1:])

    script = playbook(entity()).client(Parse(b"s", INSERT), SYNC).upstream(PARSE_COMPLETE, READY)
    script.store.moves = (Move(5, 17, frozenset({"orders"})),)
    script.client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"SELECT 1")).upstream(done("SELECT 1"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    call = [Bind(b"", b"s"), Execute(b""), SYNC]
    script.client(*call).to_upstream(asked(PUT_OFF)).upstream(YES).to_upstream(*call)


def test_in_the_middle_of_a_pipeline():
    script = in_block()
    first = [Parse(b"", b"SELECT 2"), Bind(b"", b""), Execute(b"")]
    second = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script.client(*first, *second)
    script.to_upstream(*first, asked(PUT_OFF, FLUSH))
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1"), answered("t", None))
    script.to_upstream(Parse(b"", INSERT_3), *second[1:])


def test_one_that_has_switched_meanwhile():
    """No notification of it has come yet."""
    script = in_block().client(Query(INSERT)).to_upstream(asked(PUT_OFF)).upstream(NO)
    assert script.shell.refreshes == 1
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Query(INSERT.replace(b"orders", b"kameleon.kdb_insert_17_4 AS orders")))


def test_one_that_has_switched_meanwhile_and_comes_back():
    """The next move of the same table may have begun."""
    script = in_block().client(Query(INSERT)).to_upstream(asked(PUT_OFF))
    script.store.moves = (Move(6, 17, frozenset({"orders"})),)
    script.upstream(NO)
    script.refreshed(entity(generation=4))
    script.to_upstream(asked("SELECT kameleon.put_off_switches('{6}', '{17}')")).upstream(YES)
    script.to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Query(INSERT.replace(b"orders", b"kameleon.kdb_insert_17_4 AS orders")))


def test_a_lock_that_cannot_be_had():
    timeout = error("55P03", "canceling statement due to lock timeout", W="ours")
    script = in_block().client(Query(INSERT)).to_upstream(asked(PUT_OFF))
    script.upstream(b"3\0\0\0\4", PARSE_COMPLETE, BIND_COMPLETE, timeout, FAILED)
    script.upstream(error("25P02", "current transaction is aborted"), FAILED)
    shown = as_bytes(script._sent_to_client)
    assert b"C55P03\0" in shown
    assert b"ours" not in shown
    assert shown.endswith(FAILED.encode())


@pytest.mark.parametrize("sql", [b"SELECT 1", b"SELECT 'orders'", b"SELECT * FROM ordersx"])
def test_not_for_others(sql: bytes):
    in_block().client(Query(sql)).to_upstream(Query(sql))


def test_not_for_the_first_of_a_block():
    """It can be sent again."""
    in_block(does=None).client(Query(INSERT)).to_upstream(Query(INSERT_3))


def test_not_outside_of_blocks():
    script = playbook(entity())
    script.store.moves = (Move(5, 17, frozenset({"orders"})),)
    script.client(Query(INSERT)).to_upstream(Query(INSERT_3))
    script.client(Close(83, b"s"), SYNC).to_upstream(Close(83, b"s"), SYNC)
