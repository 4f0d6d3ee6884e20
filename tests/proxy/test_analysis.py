"""A shape that was not seen before: PostgreSQL says first what it thinks of the client's own text."""

from proxy.pipeline import Asked
from proxy.wire.backend import RowDescription
from proxy.wire.frontend import FLUSH, STATEMENT, SYNC, Bind, Close, Execute, Parse, Query
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    FAILED,
    IN_TRANSACTION,
    PARSE_COMPLETE,
    READY,
    Playbook,
    done,
    entity,
    error,
    notice,
    playbook,
)

READ = b"SELECT id FROM orders WHERE id = %d"
READ_REWRITTEN = b"SELECT id FROM kameleon.kdb_read_17 AS orders WHERE id = %d"
PASSED = (CLOSE_COMPLETE, PARSE_COMPLETE, CLOSE_COMPLETE)
NOPE = error("42703", 'column "nope" does not exist', P="8")


def asked(sql: bytes, types: tuple[int, ...] = ()) -> tuple[Close | Parse | bytes, ...]:
    close = Close(STATEMENT, b"kameleon")
    return close, Parse(b"kameleon", sql, types), close, FLUSH


def fresh() -> Playbook:
    return playbook(entity(), analyzed=False)


def test_a_query_is_sent_once_its_text_has_passed():
    script = fresh().client(Query(READ % 1)).to_upstream(*asked(READ % 1))
    script.upstream(*PASSED).to_client().to_upstream(Query(READ_REWRITTEN % 1))
    script.upstream(RowDescription(()), done("SELECT 0"), READY).to_client(RowDescription(()), done("SELECT 0"), READY)
    assert script.relay.is_idle


def test_a_shape_is_asked_about_once():
    script = fresh().client(Query(READ % 1)).upstream(*PASSED, done("SELECT 0"), READY)
    script.to_upstream(*asked(READ % 1), Query(READ_REWRITTEN % 1))
    script.client(Query(READ % 2)).to_upstream(Query(READ_REWRITTEN % 2))


def test_what_is_wrong_with_a_query_is_told_in_the_place_of_its_answer():
    sql = b"SELECT nope FROM orders"
    script = fresh().client(Query(sql)).to_upstream(*asked(sql))
    script.upstream(CLOSE_COMPLETE, NOPE).to_client(NOPE).to_upstream(SYNC)
    script.upstream(READY).to_client(READY)
    assert script.relay.is_idle
    assert [(each.failed, each.entities) for each in script.timings.take()] == [(True, (17,))]
    # Not remembered as right.
    script.client(Query(sql)).to_upstream(*asked(sql))


def test_nobody_waits_for_a_query_that_was_not_sent():
    """INTO might have made a table, after which names may mean something else."""
    sql = b"WITH w AS (INSERT INTO nope SELECT 1 RETURNING 1) SELECT * FROM w, orders"
    script = fresh().client(Query(sql)).to_upstream(*asked(sql))
    script.upstream(CLOSE_COMPLETE, NOPE, READY).to_client(NOPE, READY).to_upstream(SYNC)
    script.client(Query(b"SELECT 1")).to_upstream(Query(b"SELECT 1"))


def test_queries_sent_behind_it_wait():
    script = fresh().client(Query(b"SELECT nope FROM orders"), Query(b"SELECT 1"))
    script.to_upstream(*asked(b"SELECT nope FROM orders"))
    script.upstream(CLOSE_COMPLETE, NOPE).to_client(NOPE).to_upstream(SYNC, Query(b"SELECT 1"))
    script.upstream(READY, done("SELECT 1"), READY).to_client(READY, done("SELECT 1"), READY)


def test_notices_are_shown_once():
    told = notice("42622", "identifier will be truncated")
    script = fresh().client(Query(READ % 1)).upstream(told, *PASSED, told, done("SELECT 0"), READY)
    script.to_client(told, done("SELECT 0"), READY)


def test_in_a_failed_transaction_that_is_what_is_told():
    aborted = error("25P02", "current transaction is aborted")
    script = fresh().client(Query(READ % 1)).upstream(CLOSE_COMPLETE, aborted).to_client(aborted)
    script.upstream(FAILED).to_client(FAILED)


def test_a_parse_is_sent_once_its_text_has_passed():
    rest = (Bind(b"", b""), Execute(b""), SYNC)
    script = fresh().client(Parse(b"s", READ % 1, (23,)), *rest).to_upstream(*asked(READ % 1, (23,)))
    script.upstream(*PASSED).to_client().to_upstream(Parse(b"s", READ_REWRITTEN % 1, (23,)), *rest)
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 0"), READY)
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 0"), READY)


def test_what_is_wrong_with_a_parse_throws_away_all_up_to_sync():
    sql = b"SELECT nope FROM orders"
    first = (Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b""))
    rest = (Parse(b"s", sql), Bind(b"", b"s"), Execute(b""), SYNC)
    script = fresh().client(*first, *rest).to_upstream(*first, *asked(sql))
    ran = (PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1"))
    script.upstream(*ran, CLOSE_COMPLETE, NOPE).to_client(*ran, NOPE).to_upstream(*rest)
    script.upstream(READY).to_client(READY)
    assert b"s" not in script.relay.statements.by_name
    assert script.relay.is_idle


def test_a_question_that_was_thrown_away():
    """What came before it in the pipeline has failed: the client's Parse is thrown away too."""
    first = (Parse(b"", b"SELEC"),)
    rest = (Parse(b"s", READ % 1), SYNC)
    wrong = error("42601", "syntax error")
    script = fresh().client(*first, *rest).to_upstream(*first, *asked(READ % 1))
    script.upstream(wrong).to_client(wrong).to_upstream(*rest)
    script.upstream(READY).to_client(READY)
    assert [each.asked for each in script.relay.pipeline.queue] == []
    assert Asked.PARSE not in {each.asked for each in script.relay.pipeline.queue}


def test_what_is_not_analyzed_is_not_asked_about():
    sql = b"COPY orders FROM STDIN"
    fresh().client(Query(sql)).to_upstream(Query(b"COPY kameleon.kdb_insert_17_3 FROM STDIN"))


def test_a_transaction_that_has_used_documents_is_not_asked_for_their_table():
    """It would wait for it behind an ALTER TABLE that waits for the documents."""
    script = fresh().client(Query(READ % 1)).upstream(*PASSED, done("SELECT 0"), READY)
    script.client(Query(b"BEGIN"), Query(READ % 2)).upstream(done("BEGIN"), IN_TRANSACTION)
    script.upstream(done("SELECT 0"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script.client(Query(b"DELETE FROM orders")).to_upstream(Query(b"DELETE FROM kameleon.kdb_write_17_3 AS orders"))
    script.upstream(done("DELETE 0"), IN_TRANSACTION).client(Query(b"COMMIT")).upstream(done("COMMIT"), READY)
    script._sent_to_upstream.clear()
    script.client(Query(b"DELETE FROM orders")).to_upstream(*asked(b"DELETE FROM orders"))


def test_a_transaction_that_has_the_table_may_be_asked_again():
    script = fresh().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION).client(Query(READ % 1))
    script.upstream(*PASSED, done("SELECT 0"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script.client(Query(b"DELETE FROM orders")).to_upstream(*asked(b"DELETE FROM orders"))


SAMPLE = b"SELECT * FROM orders TABLESAMPLE custom (1)"
MOVED_FIRST = (
    b'DO $kameleon$BEGIN PERFORM kameleon.dedicate_or_refuse(ARRAY[\'"public"."orders"\'::regclass],'
    b" 'TABLESAMPLE custom is not supported on the shared entity \"orders\"', 'Its methods are BERNOULLI and SYSTEM.');"
    b" END$kameleon$; " + SAMPLE
)


def test_no_table_is_moved_for_a_statement_that_means_nothing():
    script = fresh().client(Query(SAMPLE)).to_upstream(*asked(SAMPLE))
    script.upstream(CLOSE_COMPLETE, NOPE).to_client(NOPE).to_upstream(SYNC)


def test_a_table_that_is_to_be_moved_is_not_locked_any_more():
    script = fresh().client(Query(SAMPLE)).to_upstream(*asked(SAMPLE))
    script.upstream(*PASSED).to_client().to_upstream(SYNC, Query(MOVED_FIRST))
    script.upstream(READY, done("DO"), done("SELECT 1"), READY).to_client(done("SELECT 1"), READY)
    assert script.relay.is_idle


def test_in_a_block_nobody_is_asked_for_its_table_would_stay_locked():
    script = fresh().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION).to_upstream(Query(b"BEGIN"))
    script.client(Query(SAMPLE)).to_upstream(Query(MOVED_FIRST))
