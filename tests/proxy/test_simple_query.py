"""Simple Query: passed, rewritten, refused; how names are settled first, and what follows a change of the catalog."""

from proxy.renewal import run_once
from proxy.wire.frontend import STATEMENT, Close, Query
from rewriter import Kind
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    FAILED,
    IN_TRANSACTION,
    PARSE_COMPLETE,
    READY,
    SYNC,
    answer,
    as_bytes,
    as_json,
    change,
    done,
    entity,
    error,
    notice,
    playbook,
    question,
    row,
)
from tests.proxy.stand_ins import refused_parse, refused_unanalyzed, several_error, stand_in_error

READ = b"SELECT * FROM orders"
READ_REWRITTEN = b"SELECT * FROM kameleon.kdb_read_17 AS orders"


def test_a_statement_that_names_no_entity_is_passed():
    playbook(entity()).client(Query(b"SELECT 'orders'")).to_upstream(Query(b"SELECT 'orders'"))


def test_a_statement_that_names_an_entity_is_rewritten():
    script = playbook(entity()).client(Query(READ)).to_upstream(Query(READ_REWRITTEN))
    script.upstream(row("1"), done("SELECT 1"), READY).to_client(row("1"), done("SELECT 1"), READY)


def test_without_kameleon_nothing_is_rewritten():
    playbook(entity(), installed=False).client(Query(READ)).to_upstream(Query(READ))


def test_names_are_asked_before_the_first_statement_that_needs_them():
    script = playbook(entity(), names_known=False).client(Query(b"SELECT 1")).to_upstream(Query(b"SELECT 1"))
    script.upstream(done("SELECT 1"), READY).to_client(done("SELECT 1"), READY)
    script.client(Query(READ)).to_upstream(question())
    script.upstream(answer()).to_upstream(Query(READ_REWRITTEN)).to_client()
    script.upstream(done("SELECT 0"), READY).to_client(done("SELECT 0"), READY)
    script.client(Query(READ)).to_upstream(Query(READ_REWRITTEN)).quiet()


def test_what_the_client_sends_meanwhile_waits_its_turn():
    script = playbook(entity(), names_known=False).client(Query(READ), Query(b"SELECT 2")).to_upstream(question())
    script.client(Query(b"SELECT 3")).to_upstream()
    script.upstream(answer()).to_upstream(Query(READ_REWRITTEN), Query(b"SELECT 2"), Query(b"SELECT 3"))


def test_a_name_that_something_hides():
    script = playbook(entity(), names_known=False).client(Query(READ)).to_upstream(question())
    script.upstream(answer("pg_temp_3", "pg_catalog", "public", hiding=[("pg_temp_3", "orders")]))
    script.to_upstream(Query(READ))


def test_a_question_that_fails_fails_the_statement():
    script = playbook(entity(), names_known=False).client(Query(READ)).to_upstream(question())
    cancelled = error("57014", "canceling statement due to user request")
    script.upstream(CLOSE_COMPLETE, cancelled, READY).to_client().to_upstream(refused_unanalyzed(READ, b""), SYNC)
    script.upstream(several_error(), READY).to_client(cancelled, READY).quiet()


def test_a_question_in_a_failed_transaction_leaves_the_answer_to_upstream():
    """The failure was on its way when the statement came."""
    script = playbook(entity(), names_known=False).client(Query(b"BEGIN"), Query(b"bad"), Query(READ))
    script.to_upstream(Query(b"BEGIN"), Query(b"bad"), question())
    script.upstream(done("BEGIN"), IN_TRANSACTION, error("42601", "syntax error"), FAILED)
    script.to_client(done("BEGIN"), IN_TRANSACTION, error("42601", "syntax error"), FAILED)
    aborted = error("25P02", "current transaction is aborted")
    script.upstream(aborted, FAILED).to_client().to_upstream(Query(READ))
    script.upstream(aborted, FAILED).to_client(aborted, FAILED)


def test_in_a_failed_transaction_nothing_is_asked():
    script = playbook(entity(), names_known=False).client(Query(b"bad")).upstream(error("42601", "bad"), FAILED)
    script.to_upstream(Query(b"bad")).client(Query(READ)).to_upstream(Query(READ))


def test_a_refused_statement():
    refused = b"UPDATE orders SET xmin = 1"
    script = (
        playbook(entity())
        .client(Query(refused))
        .quiet()
        .caught_up()
        .to_upstream(refused_parse(refused))
        .upstream(stand_in_error())
    )
    script.upstream(READY)
    shown = as_bytes(script._sent_to_client)
    assert b"C0A000\0" in shown
    assert b"refused by" not in shown
    assert shown.endswith(READY.encode())
    assert script.relay.is_idle


def test_a_refused_statement_that_is_not_even_sql():
    refused = b"UPDATE orders SET xmin = (1 +)"
    syntax = error("42601", 'syntax error at or near ")"', P="30")
    script = playbook(entity()).client(Query(refused)).quiet().caught_up().to_upstream(refused_parse(refused))
    script.upstream(syntax, READY).to_client(syntax, READY)


def test_a_refused_statement_in_a_failed_transaction_unknown_to_us():
    refused = b"UPDATE orders SET xmin = 1"
    aborted = error("25P02", "current transaction is aborted")
    script = playbook(entity()).client(Query(refused)).quiet().caught_up().to_upstream(refused_parse(refused))
    script.upstream(aborted, FAILED).to_client(aborted, FAILED)


def test_several_statements_that_mention_an_entity_stay_one_message():
    script = playbook(entity()).client(Query(b"SELECT 1; SELECT * FROM orders ;\nDELETE FROM orders -- all"))
    sent = b"SELECT 1; SELECT * FROM kameleon.kdb_read_17 AS orders ;\nDELETE FROM kameleon.kdb_write_17_3 AS orders"
    script.to_upstream(Query(sent + b" -- all"))
    script.upstream(done("SELECT 1"), done("SELECT 0"), done("DELETE 2"), READY)
    script.to_client(done("SELECT 1"), done("SELECT 0"), done("DELETE 2"), READY)
    timings = script.timings.take()
    assert [(each.kind, each.rows, each.entities) for each in timings] == [
        (Kind.SELECT, 1, ()),
        (Kind.SELECT, 0, (17,)),
        (Kind.DELETE, 2, (17,)),
    ]


def test_an_errors_position_in_the_second_of_several():
    sql = b"SELECT 1; SELECT nope FROM orders"
    script = playbook(entity()).client(Query(sql))
    sent = b"SELECT 1; SELECT nope FROM kameleon.kdb_read_17 AS orders"
    script.to_upstream(Query(sent)).upstream(done("SELECT 1"), error("42703", "no", P="18"), READY)
    script.to_client(done("SELECT 1"), error("42703", "no", P="18"), READY)
    behind = b"SELECT * FROM orders; SELECT nope"
    script.client(Query(behind)).upstream(done("SELECT 0"), error("42703", "no", P="54"), READY)
    script.to_client(done("SELECT 0"), error("42703", "no", P="30"), READY)


def test_a_refused_statement_behind_another():
    sql = b"SELECT 1; UPDATE orders SET xmin = 1; SELECT 2"
    script = playbook(entity()).client(Query(sql))
    script.to_upstream(Query(b'SELECT 1; TABLE kameleon."refused by Kameleon"'))
    script.upstream(done("SELECT 1"), error("42P01", "no such relation"), READY)
    shown = b"".join(script._sent_to_client)
    assert shown.startswith(done("SELECT 1").encode())
    assert b"C0A000\0" in shown
    assert b"P29\0" in shown


def test_ddl_is_followed_by_a_refresh_before_the_client_learns_of_its_commit():
    script = playbook().client(Query(b"CREATE TABLE orders (id int)")).upstream(change(17), done("CREATE TABLE"), READY)
    script.to_client(done("CREATE TABLE"))
    assert script.shell.refreshes == 1
    assert script.shell.upstream_held
    script.upstream(notice("01000", "later")).to_client()
    script.refreshed(entity()).to_client(READY, notice("01000", "later"))
    assert not script.shell.upstream_held
    script.to_upstream(Query(b"CREATE TABLE orders (id int)"))
    script.client(Query(READ)).to_upstream(question()).upstream(answer()).to_upstream(Query(READ_REWRITTEN))


def test_a_transaction_sees_its_own_entity():
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"CREATE TABLE orders (id int)")).upstream(change(17), done("CREATE TABLE"), IN_TRANSACTION)
    script.to_client(done("BEGIN"), IN_TRANSACTION, done("CREATE TABLE"), IN_TRANSACTION)
    script.to_upstream(Query(b"BEGIN"), Query(b"CREATE TABLE orders (id int)"))
    script.client(Query(READ)).to_upstream(question(17))
    script.upstream(answer(entities={17: as_json(entity())}, ready=IN_TRANSACTION)).to_upstream(Query(READ_REWRITTEN))
    script.upstream(done("SELECT 0"), IN_TRANSACTION).to_client(done("SELECT 0"), IN_TRANSACTION)
    assert script.shell.refreshes == 0
    script.client(Query(b"ROLLBACK")).upstream(done("ROLLBACK"), READY).to_client(done("ROLLBACK"))
    script.refreshed().to_client(READY).to_upstream(Query(b"ROLLBACK"))
    script.client(Query(READ)).to_upstream(Query(READ))


def test_a_transaction_asks_once_for_each_change_of_an_entity():
    first, second = (as_json(entity(entity_id=each, name=f"t{each}")) for each in (17, 18))
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"CREATE TABLE t17 (id int)")).upstream(change(17), done("CREATE TABLE"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    script.client(Query(b"CREATE TABLE t18 (id int)")).to_upstream(question(17))
    script.upstream(answer(entities={17: first}, ready=IN_TRANSACTION)).to_upstream(Query(b"CREATE TABLE t18 (id int)"))
    script.upstream(change(18), done("CREATE TABLE"), IN_TRANSACTION)
    script.client(Query(b"COMMENT ON TABLE t17 IS 'x'")).to_upstream(question(18))
    script.upstream(answer(entities={18: second}, ready=IN_TRANSACTION))
    script.to_upstream(Query(b"COMMENT ON TABLE t17 IS 'x'")).upstream(change(17), done("COMMENT"), IN_TRANSACTION)
    script.client(Query(b"SELECT * FROM t17, t18")).to_upstream(question(17))
    script.upstream(answer(entities={17: first}, ready=IN_TRANSACTION))
    script.to_upstream(Query(b"SELECT * FROM kameleon.kdb_read_17 AS t17, kameleon.kdb_read_18 AS t18"))
    script.upstream(done("SELECT 0"), IN_TRANSACTION).client(Query(b"ROLLBACK TO a"))
    script.upstream(done("ROLLBACK"), IN_TRANSACTION).to_upstream(Query(b"ROLLBACK TO a"))
    script.client(Query(b"SELECT * FROM t17")).to_upstream(question(17, 18))


def test_a_transaction_asks_again_when_others_have_changed_entities():
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"CREATE TABLE orders (id int)")).upstream(change(17), done("CREATE TABLE"), IN_TRANSACTION)
    script.client(Query(READ)).upstream(answer(entities={17: as_json(entity())}, ready=IN_TRANSACTION))
    script.upstream(done("SELECT 0"), IN_TRANSACTION).catalog_moves(entity(entity_id=18, name="items"))
    script._sent_to_upstream.clear()
    script.client(Query(READ)).to_upstream(question(17))


def test_a_change_of_search_path_is_noticed():
    script = playbook(entity()).client(Query(b"SET search_path = archive")).upstream(done("SET"), READY)
    script.to_upstream(Query(b"SET search_path = archive")).client(Query(READ)).to_upstream(question())
    script.upstream(answer("pg_catalog", "archive")).to_upstream(Query(READ))


def test_a_statement_waits_for_a_change_that_is_on_its_way():
    script = playbook(entity()).client(Query(b"SET search_path = archive"), Query(READ))
    script.to_upstream(Query(b"SET search_path = archive")).upstream(done("SET"), READY).to_upstream(question())
    script.upstream(answer("pg_catalog", "archive")).to_upstream(Query(READ))


def test_transaction_commands_do_not_wait():
    script = playbook(entity()).client(Query(b"SET search_path = archive"), Query(b"COMMIT"))
    script.to_upstream(Query(b"SET search_path = archive"), Query(b"COMMIT"))


def test_what_set_local_set_ends_with_the_transaction():
    script = playbook(entity()).client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"SET LOCAL search_path = archive")).upstream(done("SET"), IN_TRANSACTION)
    script.client(Query(READ)).upstream(answer("pg_catalog", "archive", ready=IN_TRANSACTION))
    script.upstream(done("SELECT 0"), IN_TRANSACTION).client(Query(b"COMMIT")).upstream(done("COMMIT"), READY)
    script._sent_to_upstream.clear()
    script.client(Query(READ)).to_upstream(question()).upstream(answer()).to_upstream(Query(READ_REWRITTEN))


def test_another_sessions_change_is_taken_up():
    script = playbook(entity()).client(Query(b"INSERT INTO orders VALUES (1)"))
    script.to_upstream(Query(b"INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES (1)"))
    script.upstream(done("INSERT 0 1"), READY).catalog_moves(entity(generation=4))
    script.client(Query(b"INSERT INTO orders VALUES (1)")).to_upstream(question()).upstream(answer())
    script.to_upstream(Query(b"INSERT INTO kameleon.kdb_insert_17_4 AS orders VALUES (1)"))


def test_a_text_that_is_not_valid_in_its_encoding_is_left_to_upstream():
    sql = b"SELECT '\xff' FROM orders"
    playbook(entity()).client(Query(sql)).to_upstream(Query(sql))


def test_a_latin1_client():
    script = playbook(entity(fields=entity().fields, name="pr\xe9cis"))
    assert script.knowledge is not None
    script.knowledge.parameter_changed(b"client_encoding", b"LATIN1")
    script.client(Query(b"SELECT '\xe9' FROM pr\xe9cis"))
    script.to_upstream(Query(b"SELECT '\xe9' FROM kameleon.kdb_read_17 AS pr\xe9cis"))


def test_a_prelude_runs_before_its_statement_and_unseen():
    script = playbook(entity()).client(Query(b"ALTER TABLE orders ADD CHECK (id > 0)"))
    sent = b"".join(script._sent_to_upstream)
    assert b"fill_shell" in sent
    assert sent.endswith(b"; ALTER TABLE orders ADD CHECK (id > 0)\0")
    position = sent.index(b"ALTER") - 5 + 13
    script.upstream(done("DO"), error("42601", "here", P=str(position)), READY)
    script.to_client(error("42601", "here", P="13"), READY)


def test_prepared_by_sql_and_prepared_again_when_the_entity_changes():
    prepare, execute = b"PREPARE p AS INSERT INTO orders VALUES ($1)", b"EXECUTE p(1)"
    script = playbook(entity()).client(Query(prepare))
    script.to_upstream(Query(b"PREPARE p AS INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES ($1)"))
    script.upstream(done("PREPARE"), READY).to_client(done("PREPARE"), READY)
    script.client(Query(execute)).to_upstream(Query(execute)).upstream(done("INSERT 0 1"), READY)
    script.to_client(done("INSERT 0 1"), READY).catalog_moves(entity(generation=4)).client(Query(execute))
    script.to_upstream(question()).upstream(answer())
    again = b"PREPARE p AS INSERT INTO kameleon.kdb_insert_17_4 AS orders VALUES ($1)"
    script.to_upstream(Close(STATEMENT, b"p"), run_once(again), SYNC).to_client()
    ran = [CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("PREPARE"), CLOSE_COMPLETE, CLOSE_COMPLETE]
    script.upstream(CLOSE_COMPLETE, *ran, READY).to_client()
    script.to_upstream(Query(execute)).upstream(done("INSERT 0 1"), READY).to_client(done("INSERT 0 1"), READY)


def test_a_prepare_that_fails_leaves_no_name_behind():
    script = playbook(entity()).client(Query(b"PREPARE p AS SELECT * FROM orders")).upstream(error("1", "x"), READY)
    assert script.relay.statements.by_name == {}


def test_deallocate_all_and_discard_all_forget():
    for forget in (b"DEALLOCATE ALL", b"DISCARD ALL;", b"deallocate prepare all"):
        script = playbook(entity()).client(Query(b"PREPARE p AS SELECT * FROM orders")).upstream(done("PREPARE"), READY)
        assert list(script.relay.statements.by_name) == [b"p"]
        script.client(Query(forget)).upstream(done("X"), READY)
        assert script.relay.statements.by_name == {}


def test_ours_are_private_whatever_their_place():
    """The word about a change is not shown, and a client's own INFO is."""
    info = notice("00000", "17", "INFO")
    script = playbook().client(Query(b"DO 'x'")).upstream(info, change("names"), done("DO"), READY)
    script.to_client(info, done("DO"), READY)
    assert SYNC not in as_bytes(script._sent_to_upstream)


def test_what_the_database_asks_is_answered_and_not_shown():
    script = playbook().client(Query(b"DO 'x'")).upstream(change("rewrite e30="))
    assert script.shell.questions == ["e30="]
    script.upstream(done("DO"), READY).to_client(done("DO"), READY)


def test_an_errors_position_before_a_statement_with_a_prelude():
    sql = b"SELECT 1; SELEC 1; ALTER TABLE orders ADD CHECK (id > 0)"
    wrong = error("42601", 'syntax error at or near "SELEC"', P="11")
    script = playbook(entity()).client(Query(sql)).upstream(wrong, READY)
    assert b"fill_shell" in as_bytes(script._sent_to_upstream)
    script.to_client(wrong, READY)
