"""Statements that meet a catalog that has moved on: tried again unseen, or a transaction told to retry."""

import pytest

from proxy.retry import MOST_TRIES, is_stale
from proxy.wire.backend import Column, Diagnostic, RowDescription
from proxy.wire.frontend import PORTAL, STATEMENT, Bind, Close, Describe, Execute, Parse, Query
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    COPY_OUT,
    FAILED,
    FLUSH,
    IN_TRANSACTION,
    NO_DATA,
    PARSE_COMPLETE,
    READY,
    SYNC,
    Message,
    answer,
    as_bytes,
    done,
    entity,
    error,
    notice,
    playbook,
    question,
    row,
)

INSERT = b"INSERT INTO orders VALUES (1)"
INSERT_3 = b"INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES (1)"
INSERT_4 = b"INSERT INTO kameleon.kdb_insert_17_4 AS orders VALUES (1)"

SELECT = b"SELECT id FROM orders"
GONE_READ = error("42P01", 'relation "kameleon.kdb_read_17" does not exist', P="16")
GONE = error("42P01", 'relation "kameleon.kdb_insert_17_3" does not exist', P="13")
GUARDED = error("KDB02", 'table "orders" is kept in shared storage and cannot be used here', s="public", t="orders")
NO_PARAMETERS = b"t\0\0\0\6\0\0"
REFUSED = error("42P01", 'relation "kameleon.refused by Kameleon" does not exist')
UNSCANNED = error(
    "55000", 'materialized view "orders" has not been populated', H="Use the REFRESH.", R="ExecOpenScanRelation"
)
GUARD = "PL/pgSQL function kameleon.refuse_shell(integer) line 6 at RAISE"


@pytest.mark.parametrize(
    ("diagnostic", "stale"),
    [
        (GONE, True),
        (GUARDED, True),
        (error("KDB02", "not here", W=GUARD), True),
        (error("KDB02", "not here", W=GUARD + '\nSQL function "total" statement 1'), False),
        (UNSCANNED, True),
        (error("55000", "« orders »", R="ExecOpenScanRelation", W='SQL function "total" statement 1'), False),
        (error("55000", 'materialized view "totals" has not been populated', R="ExecOpenScanRelation"), False),
        (error("55000", 'materialized view "orders" has not been populated'), False),
        (error("42P01", 'relation "kdb_things" does not exist'), False),
        (error("42P01", 'relation "orders" does not exist'), False),
        (error("22012", "division by zero kdb_insert_17_3"), False),
        (Diagnostic(ord("E"), {"M": b"no SQLSTATE, kdb_"}), False),
    ],
)
def test_what_is_stale(diagnostic, stale):
    knowledge = playbook(entity()).knowledge
    assert knowledge is not None
    assert is_stale(diagnostic.encode(), knowledge) is stale


def test_a_materialized_view_of_the_same_name_is_not_stale():
    knowledge = playbook(entity(has_namesake=True)).knowledge
    assert knowledge is not None
    assert not is_stale(UNSCANNED.encode(), knowledge)


def test_a_query_is_tried_again():
    script = playbook(entity()).client(Query(INSERT)).to_upstream(Query(INSERT_3)).upstream(GONE, READY).to_client()
    assert script.shell.refreshes == 1
    script.client(Query(b"SELECT 2")).refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Query(INSERT_4), Query(b"SELECT 2")).upstream(done("INSERT 0 1"), READY)
    script.to_client(done("INSERT 0 1"), READY)


def test_a_query_that_was_passed_and_met_the_guard():
    """Another proxy made the dedicated entity shared."""
    dedicated = entity(storage_mode="dedicated")
    script = playbook(dedicated).client(Query(INSERT)).to_upstream(Query(INSERT)).upstream(GUARDED, READY).to_client()
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer()).to_upstream(Query(INSERT_4))


def test_a_query_that_was_passed_and_met_a_table_that_may_not_be_scanned():
    dedicated = entity(storage_mode="dedicated")
    only = Query(b"SELECT id FROM ONLY orders")
    script = playbook(dedicated).client(only).to_upstream(only).upstream(UNSCANNED, READY).to_client()
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Query(b"SELECT id FROM kameleon.kdb_read_17 AS orders"))


def test_not_when_nothing_new_is_known():
    script = playbook(entity()).client(Query(INSERT)).upstream(GONE, READY).refreshed(entity(generation=4))
    script.upstream(answer())
    script._sent_to_upstream.clear()
    again = error("42P01", 'relation "kameleon.kdb_insert_17_4" does not exist')
    script.upstream(again, READY).refreshed(entity(generation=4)).upstream(answer())
    assert script.relay.is_idle
    shown = as_bytes(script._sent_to_client)
    assert b"kdb_" not in shown
    assert b"C40001\0" in shown
    assert shown.endswith(READY.encode())


def test_again_when_the_catalog_has_moved_once_more():
    script = playbook(entity()).client(Query(INSERT)).upstream(GONE, READY).refreshed(entity(generation=4))
    script.upstream(answer())
    again = error("42P01", 'relation "kameleon.kdb_insert_17_4" does not exist')
    script.upstream(again, READY).refreshed(entity(storage_mode="dedicated")).upstream(answer())
    assert as_bytes(script._sent_to_upstream).endswith(Query(INSERT).encode())
    script.upstream(done("INSERT 0 1"), READY).to_client(done("INSERT 0 1"), READY)


def test_a_guard_that_persists_is_explained():
    """A function's own statement: the proxy never sees it."""
    script = playbook(entity()).client(Query(b"SELECT f()")).upstream(GUARDED, READY).to_client()
    script.refreshed(entity()).upstream(answer())
    shown = as_bytes(script._sent_to_client)
    assert b"C0A000\0" in shown
    assert b'table "orders" is kept in shared storage' in shown
    assert b"KDB02" not in shown


def test_inside_a_transaction_the_client_has_to_retry():
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"SELECT 2")).upstream(done("SELECT 1"), IN_TRANSACTION)
    script.client(Query(INSERT)).upstream(GONE)
    shown = as_bytes(script._sent_to_client)
    assert b"C40001\0" in shown
    assert b"HThe transaction might succeed if retried.\0" in shown
    assert b"kdb_" not in shown
    assert script.shell.refreshes == 0


@pytest.mark.parametrize("begin", [b"BEGIN", b"begin;", b"START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE"])
def test_the_first_of_a_transaction_is_tried_again_in_a_new_one(begin: bytes):
    script = playbook(entity()).client(Query(begin)).upstream(done("BEGIN"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script._sent_to_client.clear()
    script.client(Query(INSERT)).to_upstream(Query(INSERT_3)).upstream(GONE, FAILED).to_client()
    script.to_upstream(Query(b"ROLLBACK"), Query(begin))
    script.upstream(done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity(generation=4))
    script.to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Query(INSERT_4)).upstream(done("INSERT 0 1"), IN_TRANSACTION)
    script.to_client(done("INSERT 0 1"), IN_TRANSACTION)


def test_a_cycle_that_is_the_first_of_a_transaction_is_tried_again_in_a_new_one():
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    sent = [Parse(b"", INSERT), Bind(b"", b""), Describe(PORTAL, b""), Execute(b""), SYNC]
    script._sent_to_upstream.clear()
    script._sent_to_client.clear()
    script.client(*sent).upstream(GONE, FAILED).to_client()
    script._sent_to_upstream.clear()
    script.upstream(done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity(generation=4))
    script.to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:])


BEGIN: list[Message] = [Parse(b"b", b"BEGIN"), Bind(b"", b"b"), Execute(b"")]
BEGUN: list[Message] = [PARSE_COMPLETE, BIND_COMPLETE, done("BEGIN")]


@pytest.mark.parametrize("first", [0, 1], ids=["parsed", "parsed before"])
def test_the_first_behind_a_begin_of_the_extended_protocol(first):
    script = playbook(entity()).client(BEGIN[0], SYNC).upstream(PARSE_COMPLETE, READY)
    script.client(*BEGIN[first:], SYNC).upstream(*BEGUN[first:], IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script._sent_to_client.clear()
    script.client(Query(INSERT)).to_upstream(Query(INSERT_3)).upstream(GONE, FAILED).to_client()
    script.to_upstream(Query(b"ROLLBACK"), Query(b"BEGIN"))
    script.upstream(done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity(generation=4))
    script.to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Query(INSERT_4)).upstream(done("INSERT 0 1"), IN_TRANSACTION)
    script.to_client(done("INSERT 0 1"), IN_TRANSACTION)


@pytest.mark.parametrize("name", [b"", b"b"])
def test_a_begin_and_the_first_of_its_transaction_in_one_cycle(name: bytes):
    """As JDBC sends them."""
    begin: list[Message] = [Parse(name, b"BEGIN"), Bind(b"", name), Execute(b"")]
    sent: list[Message] = [Parse(b"", INSERT), Bind(b"", b""), Describe(PORTAL, b""), Execute(b"")]
    script = playbook(entity()).client(*begin, *sent, SYNC).upstream(*BEGUN, PARSE_COMPLETE).upstream(GONE, FAILED)
    script.to_client(*BEGUN, PARSE_COMPLETE)
    script._sent_to_upstream.clear()
    script.upstream(done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity(generation=4))
    script.to_upstream(question()).upstream(answer(ready=IN_TRANSACTION))
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:], SYNC)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, NO_DATA, done("INSERT 0 1"), IN_TRANSACTION)
    script.to_client(BIND_COMPLETE, NO_DATA, done("INSERT 0 1"), IN_TRANSACTION)
    assert not script.relay.pipeline.queue


def test_not_behind_a_begin_and_more():
    script = playbook(entity()).client(*BEGIN, SYNC).upstream(*BEGUN, IN_TRANSACTION)
    script.client(Query(b"COMMIT")).upstream(done("COMMIT"), READY)
    script.client(Query(b"BEGIN; DELETE FROM others")).upstream(done("BEGIN"), done("DELETE 1"), IN_TRANSACTION)
    script.client(Query(INSERT)).upstream(GONE)
    assert b"C40001\0" in as_bytes(script._sent_to_client)


@pytest.mark.parametrize("sent", [[Query(INSERT)], [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]])
def test_a_transaction_whose_first_statement_fails_again_has_failed(sent):
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(*sent).upstream(GUARDED, FAILED)
    script.upstream(done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity())
    script.upstream(answer(ready=IN_TRANSACTION))
    script.upstream(REFUSED, FAILED)
    assert as_bytes(script._sent_to_client).endswith(FAILED.encode())
    assert not script.relay.pipeline.queue


@pytest.mark.parametrize("begin", [b"BEGIN; DELETE FROM others", b"SAVEPOINT a"])
def test_not_when_more_than_a_transaction_was_begun(begin: bytes):
    script = playbook(entity()).client(Query(begin)).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(INSERT)).upstream(GONE)
    assert b"C40001\0" in as_bytes(script._sent_to_client)


def _nothing_sent_again(script):
    """But what comes next is rewritten for the catalog as it is."""
    assert script.shell.refreshes == 1
    script._sent_to_upstream.clear()
    script.refreshed(entity(generation=4)).to_upstream()


def test_not_after_a_part_of_the_answer_was_shown():
    columns = RowDescription((Column(b"x", 0, 0, 23, 4, -1, 0),))
    script = playbook(entity()).client(Query(INSERT)).upstream(columns, row("1")).to_client(columns, row("1"))
    script.upstream(GONE, READY)
    _nothing_sent_again(script)
    assert b"C40001\0" in as_bytes(script._sent_to_client)


CALL = b"SELECT total()"
COLUMNS = RowDescription((Column(b"x", 0, 0, 23, 4, -1, 0),))
CLOSED = error("XX000", "could not open relation with OID 16500", W='SQL function "total" during startup')
GUARDED_WITHIN = error("KDB02", "not here", s="public", t="orders", W=GUARD + '\nSQL function "total" statement 1')


@pytest.mark.parametrize("failure", [CLOSED, GUARDED_WITHIN])
def test_a_call_of_a_function_that_got_another_body(failure):
    """What its rows are like was told by then."""
    script = playbook(entity(storage_mode="dedicated")).client(Query(CALL)).upstream(COLUMNS, failure, READY)
    script.to_client(COLUMNS).refreshed(entity()).upstream(answer()).to_upstream(Query(CALL), question(), Query(CALL))
    script.upstream(COLUMNS, row("1"), done("SELECT 1"), READY).to_client(row("1"), done("SELECT 1"), READY)


def test_a_cycle_that_called_it():
    sent = [Parse(b"", CALL), Bind(b"", b""), Describe(PORTAL, b""), Execute(b""), SYNC]
    told = [PARSE_COMPLETE, BIND_COMPLETE, COLUMNS]
    script = playbook(entity()).client(*sent).upstream(*told, CLOSED, READY).to_client(*told)
    script.refreshed(entity()).upstream(answer()).upstream(CLOSE_COMPLETE, *told, row("1"), done("SELECT 1"), READY)
    script.to_client(row("1"), done("SELECT 1"), READY)


@pytest.mark.parametrize("before", [[COLUMNS, row("1")], [COLUMNS, notice("01000", "x")], [COPY_OUT]])
def test_not_where_a_row_may_have_come_before(before):
    script = playbook(entity()).client(Query(CALL)).upstream(*before, CLOSED, READY)
    assert script.shell.refreshes == 1
    shown = as_bytes(script._sent_to_client)
    assert b"C40001\0" in shown


CYCLE: list[Message] = [Parse(b"", CALL), Bind(b"", b""), Execute(b""), SYNC]


@pytest.mark.parametrize("sent", [[Query(CALL)], CYCLE], ids=["simple", "extended"])
@pytest.mark.parametrize("has_moved", [False, True])
def test_a_call_that_met_a_guard_which_was_known(sent: list[Message], has_moved: bool) -> None:
    """Its body is a string; or the table has moved there and back since the call began."""
    answered: list[Message] = [PARSE_COMPLETE, BIND_COMPLETE] if len(sent) > 1 else []
    script = playbook(entity()).client(*sent).upstream(*answered, GUARDED_WITHIN, READY).to_client(*answered)
    script._sent_to_upstream.clear()
    script.refreshed(entity(generation=5 if has_moved else 3)).upstream(answer())
    if has_moved:
        closing = [Close(STATEMENT, b"")] if len(sent) > 1 else []
        script.to_upstream(question(), *closing, *sent)
    else:
        assert b"C0A000\0" in as_bytes(script._sent_to_client)


@pytest.mark.parametrize("sent", [[Query(CALL)], CYCLE], ids=["simple", "extended"])
@pytest.mark.parametrize("has_moved", [False, True])
def test_a_call_that_met_a_guard_which_was_known_inside_a_transaction(sent: list[Message], has_moved: bool) -> None:
    answered: list[Message] = [PARSE_COMPLETE, BIND_COMPLETE] if len(sent) > 1 else []
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"SELECT 2")).upstream(done("SELECT 1"), IN_TRANSACTION)
    script._sent_to_client.clear()
    script.client(*sent).upstream(*answered, GUARDED_WITHIN, FAILED).to_client(*answered)
    script.refreshed(entity(generation=5 if has_moved else 3))
    shown = as_bytes(script._sent_to_client)
    assert (b"C40001\0" if has_moved else b"C0A000\0") in shown
    assert shown.endswith(FAILED.encode())
    assert not script.relay.pipeline.queue
    script.client(Query(b"ROLLBACK")).upstream(done("ROLLBACK"), READY)
    assert script.relay.is_idle


def test_not_when_more_has_been_sent_behind_it():
    script = playbook(entity()).client(Query(INSERT), Query(INSERT)).upstream(GONE, READY)
    _nothing_sent_again(script)


def test_a_cycle_is_tried_again():
    sent = [Parse(b"", INSERT), Bind(b"", b""), Describe(PORTAL, b""), Execute(b""), SYNC]
    script = playbook(entity()).client(*sent).to_upstream(Parse(b"", INSERT_3), *sent[1:])
    script.upstream(GONE, READY).to_client().refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:])
    columns = RowDescription((Column(b"x", 0, 0, 23, 4, -1, 0),))
    came = [PARSE_COMPLETE, BIND_COMPLETE, columns, done("INSERT 0 1"), READY]
    script.upstream(CLOSE_COMPLETE, *came).to_client(*came).quiet()
    assert script.relay.is_idle


def test_a_cycle_that_was_answered_in_part_is_answered_in_part_unseen():
    sent = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script = playbook(entity()).client(*sent).upstream(PARSE_COMPLETE, BIND_COMPLETE, GUARDED, READY)
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE).refreshed(entity(generation=4)).upstream(answer())
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(done("INSERT 0 1"), READY)


def test_a_cycle_of_a_statement_that_was_parsed_before():
    script = playbook(entity()).client(Parse(b"s", INSERT), SYNC).upstream(PARSE_COMPLETE, READY)
    script.to_upstream(Parse(b"s", INSERT_3), SYNC).to_client(PARSE_COMPLETE, READY)
    sent = [Bind(b"", b"s"), Execute(b""), SYNC]
    script.client(*sent).to_upstream(*sent).upstream(GONE, READY).to_client().refreshed(entity(generation=4))
    script.to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *sent)
    came = [BIND_COMPLETE, done("INSERT 0 1"), READY]
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, *came).to_client(*came)
    script.client(*sent).to_upstream(*sent)


@pytest.mark.parametrize("answered", range(3))
def test_a_call_that_was_answered_in_part(answered):
    script = playbook(entity()).client(Parse(b"s", INSERT), SYNC).upstream(PARSE_COMPLETE, READY)
    sent = [Bind(b"", b"s"), Describe(PORTAL, b""), Execute(b""), SYNC]
    columns = RowDescription((Column(b"x", 0, 0, 23, 4, -1, 0),))
    came = [BIND_COMPLETE, columns, done("INSERT 0 1"), READY]
    script.to_upstream(Parse(b"s", INSERT_3), SYNC).to_client(PARSE_COMPLETE, READY)
    script.client(*sent).to_upstream(*sent).upstream(*came[:answered], GUARDED, READY).to_client(*came[:answered])
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *sent)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, *came).to_client(*came[answered:]).quiet()
    assert script.relay.is_idle


@pytest.mark.parametrize(
    "sent",
    [
        # another statement's work would be lost with it
        [Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b""), Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC],
        [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), Close(PORTAL, b""), SYNC],
    ],
)
def test_not_a_cycle_about_more_than_one_statement(sent):
    script = playbook(entity()).client(*sent)
    answered = [PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1")] if len(sent) == 7 else []
    script.upstream(*answered, GONE, READY)
    _nothing_sent_again(script)
    assert script.relay.is_idle


def test_not_a_cycle_whose_rows_have_been_shown():
    sent = [Parse(b"", INSERT), Bind(b"", b""), Execute(b"", 1), Execute(b"", 1), SYNC]
    script = (
        playbook(entity()).client(*sent).upstream(PARSE_COMPLETE, BIND_COMPLETE, row("1"), b"s\0\0\0\4", GONE, READY)
    )
    _nothing_sent_again(script)


PREPARED: list[Message] = [Parse(b"s", INSERT), Describe(STATEMENT, b"s"), FLUSH]
CALLED: list[Message] = [Bind(b"", b"s"), Execute(b""), SYNC]


def test_a_cycle_whose_sync_comes_later_is_tried_again():
    """asyncpg prepares with Flush."""
    script = playbook(entity()).client(*PREPARED).to_upstream(Parse(b"s", INSERT_3), *PREPARED[1:])
    script.upstream(GONE).to_client().to_upstream(SYNC).upstream(READY).to_client()
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *PREPARED[1:])
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.to_client(PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.client(*CALLED).to_upstream(*CALLED).upstream(BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)
    assert script.relay.is_idle


@pytest.mark.parametrize("part", [b"", FLUSH[:3]])
def test_a_cycle_that_fails_before_its_flush_comes(part: bytes):
    """libpq's pipelines ask for the answers only when they want them."""
    script = playbook(entity()).client(*PREPARED[:-1], part).to_upstream(Parse(b"s", INSERT_3), *PREPARED[1:-1])
    script.upstream(GONE).to_client().client(FLUSH[len(part) :]).to_upstream(SYNC).upstream(READY).to_client()
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *PREPARED[1:], FLUSH)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.to_client(PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.client(*CALLED).to_upstream(*CALLED).upstream(BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)
    assert script.relay.is_idle


def test_a_begin_and_the_first_of_its_transaction_that_fails_before_its_flush_comes() -> None:
    begin: list[Message] = [Parse(b"", b"BEGIN"), Bind(b"", b""), Execute(b"")]
    sent: list[Message] = [Parse(b"", INSERT), Bind(b"", b""), Execute(b"")]
    script = playbook(entity()).client(*begin).client(*sent).upstream(*BEGUN, GONE).to_client(*BEGUN)
    script.client(FLUSH)
    script._sent_to_upstream.clear()
    script.upstream(FAILED, done("ROLLBACK"), READY, done("BEGIN"), IN_TRANSACTION).refreshed(entity(generation=4))
    script.to_upstream(Query(b"ROLLBACK"), Query(b"BEGIN"), question(end=FLUSH)).upstream(answer(ready=None))
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:], FLUSH, FLUSH)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"))
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"))


def test_what_follows_such_a_cycle_is_tried_again():
    script = playbook(entity()).client(*PREPARED).upstream(PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.to_upstream(Parse(b"s", INSERT_3), *PREPARED[1:]).to_client(PARSE_COMPLETE, NO_PARAMETERS, NO_DATA)
    script.client(*CALLED).to_upstream(*CALLED).upstream(GONE, READY).to_client()
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *CALLED)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)


def test_a_cycle_whose_sync_comes_later_fails_up_to_that_sync():
    script = playbook(entity()).client(*PREPARED).upstream(GONE).upstream(READY)
    script.refreshed(entity(generation=3)).upstream(answer())
    script._sent_to_upstream.clear()
    script.client(*CALLED).upstream(REFUSED, READY)
    shown = as_bytes(script._sent_to_client)
    assert b"C40001\0" in shown
    assert shown.endswith(READY.encode())
    assert script.relay.is_idle


def test_not_a_cycle_behind_whose_flush_more_was_sent():
    script = playbook(entity()).client(*PREPARED)
    script.client(Bind(b"", b"s")).upstream(GONE)
    assert script.shell.refreshes == 0
    assert b"C40001\0" in as_bytes(script._sent_to_client)


def test_each_query_is_tried_again_as_often_as_any():
    script = playbook(entity())
    for generation in range(4, 4 + 2 * MOST_TRIES):
        script.client(Query(INSERT)).upstream(GONE, READY).refreshed(entity(generation=generation)).upstream(answer())
        script.upstream(done("INSERT 0 1"), READY).to_client(done("INSERT 0 1"), READY)


def test_a_statement_that_was_passed_and_met_the_guard_in_the_cycle_that_parsed_it():
    sent = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script = playbook(entity(storage_mode="dedicated")).client(*sent).to_upstream(*sent)
    script.upstream(PARSE_COMPLETE, GUARDED, READY).to_client(PARSE_COMPLETE)
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:])
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)


def test_the_catalog_moves_once_more_while_a_statements_columns_are_compared():
    prepared = [Parse(b"s", SELECT), Describe(STATEMENT, b"s"), SYNC]
    columns = RowDescription((Column(b"id", 0, 0, 23, 4, -1, 0),))
    script = playbook(entity(storage_mode="dedicated")).client(*prepared).to_upstream(*prepared)
    script.upstream(PARSE_COMPLETE, NO_PARAMETERS, columns, READY).to_client(
        PARSE_COMPLETE, NO_PARAMETERS, columns, READY
    )
    script.catalog_moves(entity(generation=4))
    sent = [Bind(b"", b"s"), Execute(b""), SYNC]
    script.client(*sent).to_upstream(question()).upstream(answer())
    compared = Parse(b"s", b"SELECT id FROM kameleon.kdb_read_17 AS orders")
    script.to_upstream(Close(STATEMENT, b"s"), compared, Describe(STATEMENT, b"s"), FLUSH)
    script.upstream(CLOSE_COMPLETE, GONE_READ).to_client().to_upstream(SYNC).upstream(READY)
    script.refreshed(entity(storage_mode="dedicated", generation=5))
    script.to_upstream(Close(STATEMENT, b"s"), *prepared[:-1], FLUSH)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, NO_PARAMETERS, columns).to_client().to_upstream(*sent)
    script.upstream(BIND_COMPLETE, row("1"), done("SELECT 1"), READY)
    script.to_client(BIND_COMPLETE, row("1"), done("SELECT 1"), READY)


def test_a_cycle_that_came_in_several_chunks():
    sent = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script = playbook(entity(storage_mode="dedicated")).client(sent[0]).client(*sent[1:]).to_upstream(*sent)
    script.upstream(PARSE_COMPLETE, GUARDED, READY).to_client(PARSE_COMPLETE)
    script.refreshed(entity(generation=4)).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b""), Parse(b"", INSERT_4), *sent[1:])
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)


@pytest.mark.parametrize("sent", [[Query(INSERT)], [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]])
def test_the_table_has_moved_there_and_back(sent):
    """A proxy that has heard of neither met the guard; by the time that it has looked the guard is gone."""
    script = playbook(entity(storage_mode="dedicated")).client(*sent).to_upstream(*sent)
    script.upstream(*([PARSE_COMPLETE] if len(sent) > 1 else []), GUARDED, READY)
    script._sent_to_client.clear()
    script.refreshed(entity(storage_mode="dedicated", generation=5)).to_upstream(question()).upstream(answer())
    again = [Close(STATEMENT, b""), *sent] if len(sent) > 1 else sent
    script.to_upstream(*again)
    if len(sent) > 1:
        script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
        script.to_client(BIND_COMPLETE, done("INSERT 0 1"), READY)
    else:
        script.upstream(done("INSERT 0 1"), READY).to_client(done("INSERT 0 1"), READY)
