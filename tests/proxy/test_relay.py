"""Framing, forwarding and recovery, by scripted conversations. What is decided per message is tested beside it."""

import pytest

from proxy.wire.backend import (
    Backend,
    Column,
    NegotiateProtocolVersion,
    ParameterDescription,
    ParameterStatus,
    RowDescription,
)
from proxy.wire.framing import frame
from proxy.wire.frontend import (
    PORTAL,
    STATEMENT,
    TERMINATE,
    Bind,
    Close,
    CopyFail,
    Describe,
    Execute,
    Frontend,
    Parse,
    Query,
)
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    COPY_IN,
    COPY_OUT,
    EMPTY,
    FAILED,
    FLUSH,
    IN_TRANSACTION,
    NO_DATA,
    PARSE_COMPLETE,
    READY,
    SYNC,
    as_bytes,
    done,
    entity,
    error,
    fatal,
    notice,
    playbook,
    row,
)

COLUMNS = RowDescription((Column(b"x", 0, 0, 23, 4, -1, 0),))
ROWS = as_bytes([COLUMNS, row("1"), row("2"), done("SELECT 2"), READY])

COPY_DATA = frame(Frontend.COPY_DATA, b"1\t2\n")
COPY_DONE = frame(Frontend.COPY_DONE, b"")


def installed_or_not():
    return pytest.mark.parametrize("installed", [True, False])


@installed_or_not()
def test_simple_query(installed):
    (
        playbook(entity(), installed=installed)
        .client(Query(b"SELECT 1"))
        .to_upstream(Query(b"SELECT 1"))
        .upstream(ROWS)
        .to_client(ROWS)
        .quiet()
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64])
def test_any_cut_of_the_bytes(size):
    (
        playbook(entity())
        .dribble_client(Query(b"SELECT 1"), size=size)
        .to_upstream(Query(b"SELECT 1"))
        .dribble_upstream(ROWS, size=size)
        .to_client(ROWS)
        .dribble_client(Parse(b"", b"SELECT 2"), Bind(b"", b""), Execute(b""), SYNC, size=size)
        .to_upstream(Parse(b"", b"SELECT 2"), Bind(b"", b""), Execute(b""), SYNC)
        .dribble_upstream(PARSE_COMPLETE, BIND_COMPLETE, row("2"), done("SELECT 1"), READY, size=size)
        .to_client(PARSE_COMPLETE, BIND_COMPLETE, row("2"), done("SELECT 1"), READY)
    )


def test_rows_are_passed_on_before_they_are_complete():
    script = playbook(entity()).client(Query(b"SELECT 1")).upstream(COLUMNS).to_client(COLUMNS)
    large = row("x" * 100_000).encode()
    script.upstream(large[:1000]).to_client(large[:1000]).upstream(large[1000:]).to_client(large[1000:])
    script.upstream(done("SELECT 1"), READY).to_client(done("SELECT 1"), READY)


def test_a_large_bind_is_passed_on_before_it_is_complete():
    bind = frame(Frontend.BIND, b"\0\0\0\0\0\1\0\1\x86\xa0" + b"x" * 100_000 + b"\0\0")
    script = playbook(entity()).client(Parse(b"", b"SELECT $1"))
    (
        script.to_upstream(Parse(b"", b"SELECT $1"))
        .client(bind[:5])
        .to_upstream()
        .client(bind[5:100])
        .to_upstream(bind[:100])
        .client(bind[100:] + SYNC)
        .to_upstream(bind[100:] + SYNC)
        .upstream(PARSE_COMPLETE, BIND_COMPLETE, READY)
        .to_client(PARSE_COMPLETE, BIND_COMPLETE, READY)
    )


def test_copy_data_is_passed_on_before_it_is_complete():
    data = frame(Frontend.COPY_DATA, b"x" * 1000)
    script = playbook(entity()).client(Query(b"COPY t FROM STDIN")).upstream(COPY_IN).to_client(COPY_IN)
    script.to_upstream(Query(b"COPY t FROM STDIN"))
    script.client(data[:7]).to_upstream(data[:7]).client(data[7:] + COPY_DONE).to_upstream(data[7:] + COPY_DONE)
    script.upstream(done("COPY 1"), READY).to_client(done("COPY 1"), READY).quiet()


def test_several_replies_in_one_chunk():
    script = playbook(entity()).client(Query(b"SELECT 1"), Query(b"SELECT 2"), Query(b""))
    script.to_upstream(Query(b"SELECT 1"), Query(b"SELECT 2"), Query(b""))
    script.upstream(ROWS, ROWS, EMPTY, READY).to_client(ROWS, ROWS, EMPTY, READY)
    assert script.relay.is_idle


def test_the_whole_extended_protocol():
    sent = [
        Parse(b"s", b"SELECT $1", (23,)),
        Describe(STATEMENT, b"s"),
        FLUSH,
        Bind(b"p", b"s"),
        Describe(PORTAL, b"p"),
        Execute(b"p", 1),
        Execute(b"p", 1),
        Close(PORTAL, b"p"),
        Close(STATEMENT, b"s"),
        SYNC,
    ]
    came = [
        PARSE_COMPLETE,
        ParameterDescription((23,)),
        COLUMNS,
        BIND_COMPLETE,
        COLUMNS,
        row("1"),
        frame(Backend.PORTAL_SUSPENDED, b""),
        done("SELECT 0"),
        CLOSE_COMPLETE,
        CLOSE_COMPLETE,
        READY,
    ]
    playbook(entity()).client(*sent).to_upstream(*sent).upstream(*came).to_client(*came).quiet()


CALLS = {"described": [Describe(PORTAL, b""), Execute(b""), SYNC], "blind": [Execute(b""), SYNC]}


@pytest.mark.parametrize("rest", CALLS.values(), ids=CALLS)
def test_a_prepared_statement_is_run_in_one_go(rest):
    script = playbook(entity()).client(Parse(b"s", b"SELECT 1"), SYNC).upstream(PARSE_COMPLETE, READY)
    script.to_upstream(Parse(b"s", b"SELECT 1"), SYNC).to_client(PARSE_COMPLETE, READY)
    call = [Bind(b"", b"s"), *rest]
    script.client(*call, *call).to_upstream(*call, *call)
    assert len(script.relay.pipeline.queue) == 2
    answer = [BIND_COMPLETE, *([COLUMNS] if len(rest) == 3 else []), row("1"), done("SELECT 1"), READY]
    script.upstream(*answer, *answer).to_client(*answer, *answer)
    assert script.relay.is_idle
    assert [timing.tag for timing in script.timings.take()] == ["SELECT 1", "SELECT 1"]


@pytest.mark.parametrize("rest", CALLS.values(), ids=CALLS)
def test_a_prepared_statement_that_fails(rest):
    script = playbook(entity()).client(Parse(b"s", b"SELECT 1"), SYNC).upstream(PARSE_COMPLETE, READY)
    call = [Bind(b"", b"s"), *rest]
    script.client(*call, *call, *call).upstream(BIND_COMPLETE, error("22012", "division by zero"), READY)
    answer = [BIND_COMPLETE, done("SELECT 1"), READY]
    script.upstream(error("22P02", "bad value"), READY, *answer)
    assert script.relay.is_idle
    assert [timing.failed for timing in script.timings.take()] == [True, True, False]


def test_a_call_after_a_failure_is_skipped_up_to_its_sync():
    script = playbook(entity()).client(Parse(b"s", b"SELECT 1"), SYNC).upstream(PARSE_COMPLETE, READY)
    call = [Bind(b"", b"s"), Execute(b""), SYNC]
    script.client(Parse(b"t", b"SELEC"), *call).upstream(error("42601", "syntax error"), READY)
    assert script.relay.is_idle
    assert b"t" not in script.relay.statements.by_name


def test_a_call_that_copies_in():
    script = playbook(entity()).client(Parse(b"s", b"COPY t FROM STDIN"), SYNC).upstream(PARSE_COMPLETE, READY)
    script.client(Bind(b"", b"s"), Execute(b""), SYNC).upstream(BIND_COMPLETE, COPY_IN)
    script.client(COPY_DATA, COPY_DONE, SYNC).upstream(done("COPY 1"), READY)
    assert script.relay.is_idle


def test_an_error_in_the_middle_of_a_pipeline():
    """EDGE-CASES 10: P/B/E ok, P bad, B/E, S, P/B/E ok, S."""
    first = [Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"")]
    bad = [Parse(b"", b"SELEC"), Bind(b"", b""), Execute(b""), SYNC]
    syntax = error("42601", "syntax error")
    complete = [PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1")]
    script = playbook(entity()).client(*first, *bad, *first, SYNC).to_upstream(*first, *bad, *first, SYNC)
    script.upstream(*complete, syntax, READY).to_client(*complete, syntax, READY)
    script.upstream(*complete, READY).to_client(*complete, READY).quiet()
    assert script.relay.is_idle


def test_what_comes_between_an_error_and_sync_is_not_owed():
    syntax = error("42601", "syntax error")
    script = playbook(entity()).client(Parse(b"", b"SELEC"), FLUSH).upstream(syntax).to_client(syntax)
    script.client(Bind(b"", b""), Query(b"SELECT 1"), SYNC).upstream(READY).to_client(READY)
    assert script.relay.is_idle


def test_a_sync_may_fail_as_it_commits():
    deferred = error("23503", "violates foreign key constraint")
    sent = [Parse(b"", b"SELECT 1"), SYNC]
    playbook(entity()).client(*sent).upstream(PARSE_COMPLETE, deferred, READY).to_client(
        PARSE_COMPLETE, deferred, READY
    )


def test_copy_in_and_out():
    script = playbook(entity()).client(Query(b"COPY t FROM STDIN")).upstream(COPY_IN)
    script.client(COPY_DATA, COPY_DATA, COPY_DONE).upstream(done("COPY 2"), READY)
    script.to_client(COPY_IN, done("COPY 2"), READY)
    script.to_upstream(Query(b"COPY t FROM STDIN"), COPY_DATA, COPY_DATA, COPY_DONE)
    out = [COPY_OUT, COPY_DATA, COPY_DATA, COPY_DONE, done("COPY 2"), READY]
    script.client(Query(b"COPY t TO STDOUT")).upstream(*out).to_client(*out)
    assert script.relay.is_idle


def test_copy_in_that_the_client_fails():
    fail = CopyFail(b"changed my mind")
    failed = error("57014", "COPY from stdin failed: changed my mind")
    script = playbook(entity()).client(Query(b"COPY t FROM STDIN")).upstream(COPY_IN).to_client(COPY_IN)
    script.client(COPY_DATA, fail).upstream(failed, READY).to_client(failed, READY)
    assert script.relay.is_idle


def test_copy_in_that_upstream_fails_while_data_is_on_its_way():
    failed = error("22P02", "invalid input syntax")
    script = playbook(entity()).client(Query(b"COPY t FROM STDIN")).upstream(COPY_IN)
    script.client(COPY_DATA).upstream(failed, READY).client(COPY_DATA, COPY_DONE)
    script.to_client(COPY_IN, failed, READY)
    script.client(Query(b"SELECT 1")).upstream(ROWS).to_client(ROWS)
    assert script.relay.is_idle


def test_copy_in_of_the_extended_protocol_as_libpq_sends_it():
    """Execute and Sync go out together; the Sync is read as a part of the COPY, and a second one follows it."""
    script = playbook(entity()).client(Parse(b"", b"COPY t FROM STDIN"), Bind(b"", b""), Execute(b""), SYNC)
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, COPY_IN).to_client(PARSE_COMPLETE, BIND_COMPLETE, COPY_IN)
    script.client(COPY_DATA, COPY_DONE, SYNC).upstream(done("COPY 1"), READY).to_client(done("COPY 1"), READY)
    assert script.relay.is_idle


def test_copy_in_of_the_extended_protocol_that_fails_at_once():
    """COPY into a view: upstream has read no Sync by then, so each is answered, whichever way they cross."""
    failed = error("42809", 'cannot copy to view "v"')
    for is_late in (False, True):
        script = playbook(entity()).client(Parse(b"", b"COPY v FROM STDIN"), Bind(b"", b""), Execute(b""), SYNC)
        script.upstream(PARSE_COMPLETE, BIND_COMPLETE, COPY_IN)
        if not is_late:
            script.upstream(failed, READY)
        script.client(COPY_DATA, COPY_DONE, SYNC)
        if is_late:
            script.upstream(failed, READY)
        script.upstream(READY).to_client(PARSE_COMPLETE, BIND_COMPLETE, COPY_IN, failed, READY, READY)
        assert script.relay.is_idle


def test_the_client_goes_on_before_both_syncs_of_a_failed_copy_are_answered():
    failed = error("42809", 'cannot copy to view "v"')
    copying = (PARSE_COMPLETE, BIND_COMPLETE, COPY_IN)
    script = playbook(entity()).client(Parse(b"", b"COPY v FROM STDIN"), Bind(b"", b""), Execute(b""), SYNC)
    script.upstream(*copying).client(COPY_DATA, COPY_DONE, SYNC).upstream(failed, READY)
    script.client(Parse(b"", b"SELECT 1"), SYNC).upstream(READY, PARSE_COMPLETE, READY)
    script.to_client(*copying, failed, READY, READY, PARSE_COMPLETE, READY)
    assert script.relay.is_idle


def test_function_call():
    call = frame(Frontend.FUNCTION_CALL, b"\0\0\0\1\0\0\0\0\0\0")
    result = frame(Backend.FUNCTION_CALL_RESPONSE, b"\xff\xff\xff\xff")
    script = playbook(entity()).client(call).to_upstream(call).upstream(result, READY).to_client(result, READY)
    script.client(call).upstream(error("42883", "no such function"), READY)
    script.to_client(error("42883", "no such function"), READY)
    assert script.relay.is_idle


def test_messages_at_any_time():
    notification = frame(Backend.NOTIFICATION_RESPONSE, b"\0\0\0\1channel\0payload\0")
    status = ParameterStatus(b"TimeZone", b"UTC")
    warning = notice("01000", "careful", "WARNING")
    script = playbook(entity()).upstream(notification, status, warning).to_client(notification, status, warning)
    script.client(Query(b"SELECT 1")).upstream(
        COLUMNS, notification, row("1"), warning, done("SELECT 1"), status, READY
    )
    script.to_client(COLUMNS, notification, row("1"), warning, done("SELECT 1"), status, READY)


def test_the_transactions_state_is_followed():
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    assert not script.relay.is_idle
    script.client(Query(b"x")).upstream(error("42601", "syntax error"), FAILED)
    assert script.relay.status == ord("E")
    script.client(Query(b"ROLLBACK")).upstream(done("ROLLBACK"), READY)
    assert script.relay.is_idle


def test_terminate():
    script = playbook(entity()).client(TERMINATE).to_upstream(TERMINATE)
    assert script.relay.terminated


def test_an_unknown_message_of_the_client():
    script = playbook(entity()).client(Query(b"SELECT 1"), frame(ord("!"), b"")).to_upstream(Query(b"SELECT 1"))
    script.to_client(fatal("08P01", "invalid frontend message type 33"))
    assert script.shell.closed
    script.client(Query(b"SELECT 2")).upstream(ROWS).quiet()


@pytest.mark.parametrize("length", [0, 3, 10_001, 0x4000_0000, 0x8000_0000, 0xFFFF_FFFF])
def test_a_length_that_lies(length):
    script = playbook(entity()).client(b"D" + length.to_bytes(4, "big"))
    script.to_client(fatal("08P01", "invalid message length")).to_upstream()
    assert script.shell.closed


def test_a_body_that_lies():
    script = playbook(entity()).client(frame(Frontend.DESCRIBE, b"Xs\0")).to_upstream()
    script.to_client(fatal("08P01", "invalid message format: neither a statement nor a portal is named"))


def test_an_answer_that_is_not_owed():
    """Replies must never shift: rather no connection than another statement's answer."""
    script = playbook(entity()).upstream(done("SELECT 1"))
    script.to_client(fatal("08P01", "upstream sent an unexpected message of type 'C'"))
    assert script.shell.closed


def test_an_answer_of_the_wrong_kind():
    script = playbook(entity()).client(Parse(b"", b"SELECT 1"), SYNC).upstream(BIND_COMPLETE)
    script.to_client(fatal("08P01", "upstream sent an unexpected message of type '2'"))


def test_negotiation_after_login_is_not_expected():
    playbook(entity()).upstream(NegotiateProtocolVersion(0)).to_client(
        fatal("08P01", "upstream sent an unexpected message of type 'v'")
    )


def test_upstreams_last_words_while_nothing_is_owed():
    words = fatal("57P01", "terminating connection due to administrator command")
    script = playbook(entity()).upstream(words).to_client(words)
    assert script.relay.upstream_said_why


def test_an_error_is_not_written_into_a_row():
    script = playbook(entity()).client(Query(b"SELECT 1")).upstream(COLUMNS, row("x" * 100).encode()[:20])
    script.to_client(COLUMNS, row("x" * 100).encode()[:20])
    script.client(frame(ord("!"), b"")).to_client()
    assert script.shell.closed


def test_a_client_is_not_read_while_much_of_it_waits():
    script = playbook(entity(), names_known=False).client(Query(b"SELECT * FROM orders"))
    assert not script.shell.client_held
    script.client(Query(b"SELECT '" + b"x" * 300_000 + b"'"))
    assert script.shell.client_held


def test_told_when_idle():
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.relay.tell_when_idle = True
    script.client(Query(b"SELECT 1")).upstream(done("SELECT 1"), IN_TRANSACTION)
    assert not script.shell.idle_seen
    script.client(Query(b"COMMIT")).upstream(done("COMMIT"), READY)
    assert script.shell.idle_seen


def test_nothing_to_describe():
    sent = [Parse(b"", b""), Bind(b"", b""), Describe(PORTAL, b""), Execute(b""), SYNC]
    came = [PARSE_COMPLETE, BIND_COMPLETE, NO_DATA, EMPTY, READY]
    playbook(entity()).client(*sent).to_upstream(*sent).upstream(*came).to_client(*came)
