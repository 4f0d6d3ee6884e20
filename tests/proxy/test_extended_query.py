"""Parse, Bind, Describe, Execute, Close: rewritten, renewed when the catalog moves, refused inside a pipeline."""

from proxy.renewal import run_once
from proxy.wire.backend import Column, ParameterDescription, RowDescription
from proxy.wire.frontend import PORTAL, STATEMENT, Bind, Close, Describe, Execute, Parse, Query
from tests.playbook import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    FAILED,
    FLUSH,
    IN_TRANSACTION,
    NO_DATA,
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
    playbook,
    question,
    row,
)
from tests.proxy.stand_ins import refused_in_pipeline, refused_unanalyzed, several_error, stand_in_error

INSERT = b"INSERT INTO orders VALUES ($1)"
INSERT_3 = b"INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES ($1)"
INSERT_4 = b"INSERT INTO kameleon.kdb_insert_17_4 AS orders VALUES ($1)"
READ = b"SELECT * FROM orders"
READ_REWRITTEN = b"SELECT * FROM kameleon.kdb_read_17 AS orders"

RUN = [Bind(b"", b"s"), Execute(b""), SYNC]
RAN = [BIND_COMPLETE, done("INSERT 0 1"), READY]

REFUSED = b"UPDATE orders SET xmin = 1"


def prepared(sql=INSERT, rewritten=INSERT_3, name=b"s"):
    script = playbook(entity()).client(Parse(name, sql), SYNC).to_upstream(Parse(name, rewritten), SYNC)
    return script.upstream(PARSE_COMPLETE, READY).to_client(PARSE_COMPLETE, READY)


def test_parse_is_rewritten_and_the_rest_passed():
    script = prepared().client(*RUN).to_upstream(*RUN).upstream(*RAN).to_client(*RAN)
    timing = script.timings.take()[0]
    assert timing.entities == (17,)
    assert timing.rows == 1


def test_parameter_types_are_kept():
    playbook(entity()).client(Parse(b"", INSERT, (20,))).to_upstream(Parse(b"", INSERT_3, (20,)))


def test_a_statement_is_renewed_when_its_entity_has_changed():
    script = prepared().catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question()).upstream(answer())
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *RUN)
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, *RAN).to_client(*RAN)
    script.client(*RUN).to_upstream(*RUN).upstream(*RAN).to_client(*RAN).quiet()


def test_a_statement_that_comes_out_the_same_is_not_parsed_again():
    script = prepared(READ, READ_REWRITTEN).catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question())
    script.upstream(answer()).to_upstream(*RUN)


def test_a_renewal_that_fails_is_the_clients_error():
    script = prepared().catalog_moves(entity(generation=4)).client(*RUN).upstream(answer())
    gone = error("42703", "column does not exist")
    script.to_client().upstream(CLOSE_COMPLETE, gone, READY).to_client(gone, READY)
    assert script.relay.is_idle


def test_a_changed_result_type_is_refused_as_a_cached_plan():
    script = prepared(INSERT + b" RETURNING *", INSERT_3 + b" RETURNING *")
    before = RowDescription((Column(b"id", 0, 0, 23, 4, -1, 0),))
    after = RowDescription((Column(b"id", 0, 0, 20, 8, -1, 0),))
    described = [ParameterDescription((23,)), before, READY]
    script.client(Describe(STATEMENT, b"s"), SYNC).upstream(*described).to_client(*described)
    script.to_upstream(Describe(STATEMENT, b"s"), SYNC)
    script.catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question()).upstream(answer())
    script.to_upstream(
        Close(STATEMENT, b"s"), Parse(b"s", INSERT_4 + b" RETURNING *", (23,)), Describe(STATEMENT, b"s"), FLUSH
    )
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, ParameterDescription((23,)), after).to_client()
    script.to_upstream(refused_unanalyzed(INSERT + b" RETURNING *"), *RUN)
    script.upstream(several_error(), READY)
    changed = error("0A000", "cached plan must not change result type", R="RevalidateCachedQuery")
    script.to_client(changed, READY)
    assert script.relay.is_idle


def test_a_result_type_that_stays():
    script = prepared(INSERT + b" RETURNING *", INSERT_3 + b" RETURNING *")
    columns = RowDescription((Column(b"id", 0, 0, 23, 4, -1, 0),))
    script.client(Describe(STATEMENT, b"s"), SYNC).upstream(ParameterDescription((23,)), columns, READY)
    script.catalog_moves(entity(generation=4)).client(*RUN).upstream(answer())
    script._sent_to_upstream.clear()
    script._sent_to_client.clear()
    script.upstream(CLOSE_COMPLETE, PARSE_COMPLETE, ParameterDescription((23,)), columns).to_upstream(*RUN)
    script.upstream(*RAN).to_client(*RAN)


def test_names_are_asked_inside_a_pipeline_without_ending_its_transaction():
    script = playbook(entity(), names_known=False)
    first = [Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"")]
    second = [Parse(b"", READ), Bind(b"", b""), Execute(b""), SYNC]
    script.client(*first, *second).to_upstream(*first, question(end=FLUSH))
    ran = [PARSE_COMPLETE, BIND_COMPLETE, row("1"), done("SELECT 1")]
    script.upstream(*ran, answer(ready=None)).to_client(*ran)
    script.to_upstream(Parse(b"", READ_REWRITTEN), *second[1:])
    rest = [PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 0"), READY]
    script.upstream(*rest).to_client(*rest).quiet()


def test_before_the_first_bind_a_question_may_end_in_sync():
    """So that what the client executes is not, to PostgreSQL, in a pipeline behind ours."""
    script = playbook(entity(), names_known=False).client(Close(STATEMENT, b"s"), Parse(b"s", READ))
    script.to_upstream(Close(STATEMENT, b"s"), FLUSH).upstream(CLOSE_COMPLETE).to_client(CLOSE_COMPLETE)
    script.to_upstream(question()).upstream(answer()).to_upstream(Parse(b"s", READ_REWRITTEN))


def test_an_error_before_the_question_skips_it():
    script = playbook(entity(), names_known=False).client(Parse(b"", b"SELEC"), Parse(b"s", READ), SYNC)
    syntax = error("42601", "syntax error")
    script.to_upstream(Parse(b"", b"SELEC"), FLUSH).upstream(syntax).to_client(syntax)
    script.to_upstream(Parse(b"s", READ), SYNC).upstream(READY).to_client(READY)


def test_a_plan_goes_on_when_a_new_relation_comes_before_the_one_it_found():
    """PostgreSQL looks a name up again when search_path changes or what it found does, and not otherwise."""
    script = prepared().client(Query(b"CREATE TEMP TABLE x (a int)")).upstream(done("CREATE TABLE"), READY)
    script.to_upstream(Query(b"CREATE TEMP TABLE x (a int)")).client(*RUN).to_upstream(question())
    script.upstream(answer(hiding=[("pg_temp_3", "orders")])).to_upstream(*RUN)
    script.client(Query(b"SET search_path = other")).upstream(*RAN, done("SET"), READY).client(*RUN)
    script.to_upstream(Query(b"SET search_path = other"), question())
    script.upstream(answer("pg_catalog", "other")).to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT), *RUN)


def test_a_simple_query_gives_up_the_unnamed_statement():
    script = prepared(name=b"").client(Query(b"SELECT 1")).upstream(done("SELECT 1"), READY)
    assert script.relay.statements.by_name == {}


def test_a_question_that_fails_inside_a_pipeline_is_its_one_error():
    script = playbook(entity(), names_known=False)
    script.client(Parse(b"", b"SELECT 1"), Bind(b"", b""), Parse(b"", READ), Bind(b"", b""), SYNC)
    script.to_upstream(Parse(b"", b"SELECT 1"), Bind(b"", b""), question(end=FLUSH))
    cancelled = error("57014", "canceling statement due to user request")
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, CLOSE_COMPLETE, cancelled).to_client(
        PARSE_COMPLETE, BIND_COMPLETE, cancelled
    )
    script.to_upstream(Parse(b"", READ), Bind(b"", b""), SYNC).upstream(READY).to_client(READY)
    assert script.relay.is_idle


def test_ddl_in_a_pipeline_is_waited_for():
    script = playbook()
    create = [Parse(b"", b"CREATE TABLE orders (id int)"), Bind(b"", b""), Execute(b"")]
    insert = [Parse(b"", INSERT), Bind(b"", b""), Execute(b""), SYNC]
    script.client(*create, *insert).to_upstream(*create, FLUSH)
    created = [PARSE_COMPLETE, BIND_COMPLETE, done("CREATE TABLE")]
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, change(17), done("CREATE TABLE")).to_client(*created)
    script.to_upstream(question(17, end=FLUSH)).upstream(answer(entities={17: as_json(entity())}, ready=None))
    script.to_upstream(Parse(b"", INSERT_3), *insert[1:])
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1"), READY)
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE, done("INSERT 0 1")).refreshed(entity()).to_client(READY)


def test_a_refused_statement_in_a_pipeline():
    """EDGE-CASES 11: what came before is answered, in order; the transaction fails upstream; the rest is skipped."""
    first = [Parse(b"", b"SELECT 1"), Bind(b"", b""), Execute(b"")]
    rest = [Bind(b"", b""), Execute(b""), SYNC]
    script = playbook(entity()).client(*first, Parse(b"", REFUSED), *rest).to_upstream(*first).caught_up()
    script.to_upstream(refused_in_pipeline(REFUSED, name=b""), *rest)
    ran = [PARSE_COMPLETE, BIND_COMPLETE, done("SELECT 1")]
    script.upstream(*ran, stand_in_error(), FAILED)
    shown = as_bytes(script._sent_to_client)
    assert shown.startswith(as_bytes(ran))
    assert b"C0A000\0" in shown
    assert b"refused by" not in shown
    assert shown.endswith(FAILED.encode())


def test_a_refused_named_statement_leaves_the_unnamed_one_alone():
    playbook(entity()).client(Parse(b"s", REFUSED)).caught_up().to_upstream(refused_in_pipeline(REFUSED))


def test_a_parse_that_fails_takes_its_name_back():
    script = prepared().client(Parse(b"s", b"SELECT 1"), SYNC).upstream(error("42P05", "exists"), READY)
    assert script.relay.statements.by_name[b"s"].sql == INSERT
    script.client(Parse(b"t", b"SELEC"), SYNC).upstream(error("42601", "syntax error"), READY)
    assert b"t" not in script.relay.statements.by_name


def test_a_close_that_was_thrown_away_takes_nothing():
    script = prepared().client(Parse(b"", b"SELEC"), Close(STATEMENT, b"s"), SYNC)
    script.upstream(error("42601", "syntax error"), READY)
    assert b"s" in script.relay.statements.by_name


def test_a_closed_statement_is_forgotten():
    script = prepared().client(Close(STATEMENT, b"s"), SYNC).upstream(CLOSE_COMPLETE, READY)
    assert script.relay.statements.by_name == {}


def test_a_prelude_runs_before_execute_and_unseen():
    sql = b"ALTER TABLE orders ADD CHECK (id > 0)"
    script = playbook(entity()).client(Parse(b"", sql), Bind(b"", b""), Describe(PORTAL, b""), Execute(b""), SYNC)
    sent = as_bytes(script._sent_to_upstream)
    assert sent.startswith(as_bytes([Parse(b"", sql), Bind(b"", b""), Describe(PORTAL, b"")]))
    assert sent.endswith(as_bytes([Execute(b""), SYNC]))
    assert b"fill_shell" in sent
    hidden = [CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("DO"), CLOSE_COMPLETE, CLOSE_COMPLETE]
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, NO_DATA, *hidden, done("ALTER TABLE"), READY)
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE, NO_DATA, done("ALTER TABLE"), READY)


def test_a_prelude_that_fails_fails_its_statement():
    sql = b"ALTER TABLE orders ADD CHECK (id > 0)"
    script = playbook(entity()).client(Parse(b"", sql), Bind(b"", b""), Execute(b""), SYNC)
    locked = error("55P03", "could not obtain lock")
    script.upstream(PARSE_COMPLETE, BIND_COMPLETE, CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, locked, READY)
    script.to_client(PARSE_COMPLETE, BIND_COMPLETE, locked, READY)


def test_several_statements_in_one_parse_are_left_to_upstream():
    sql = b"SELECT * FROM orders; SELECT 1"
    playbook(entity()).client(Parse(b"", sql)).to_upstream(Parse(b"", sql))


def test_every_execute_of_a_pipeline_is_timed():
    script = prepared().client(*[*RUN[:2]] * 3, SYNC)
    script.upstream(*[*RAN[:2]] * 3, READY)
    assert len(script.timings.take()) == 3


def test_a_statement_prepared_by_sql_is_bound_by_the_protocol():
    script = playbook(entity()).client(Query(b"PREPARE s AS " + INSERT)).upstream(done("PREPARE"), READY)
    script._sent_to_upstream.clear()
    script.catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question()).upstream(answer())
    sent = as_bytes(script._sent_to_upstream)
    assert sent.startswith(Close(STATEMENT, b"s").encode())
    assert b"PREPARE s AS " + INSERT_4 in sent
    hidden = [CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("X"), CLOSE_COMPLETE, CLOSE_COMPLETE]
    script._sent_to_client.clear()
    script.upstream(CLOSE_COMPLETE, *hidden, *RAN).to_client(*RAN)


def test_a_parse_in_a_failed_transaction_is_left_to_upstream():
    script = playbook(entity(), names_known=False).client(Query(b"bad")).upstream(error("42601", "bad"), FAILED)
    script.to_upstream(Query(b"bad")).client(Parse(b"", READ), SYNC).to_upstream(Parse(b"", READ), SYNC)


def test_in_a_transaction_a_statement_is_renewed_too():
    script = prepared().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.to_client(done("BEGIN"), IN_TRANSACTION).to_upstream(Query(b"BEGIN"))
    script.catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question())
    script.upstream(answer(ready=IN_TRANSACTION)).to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *RUN)


def test_a_statement_that_is_gone_is_refused_as_any_other_in_a_failed_transaction():
    script = prepared().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.to_client(done("BEGIN"), IN_TRANSACTION).to_upstream(Query(b"BEGIN"))
    script.catalog_moves(entity(generation=4)).client(*RUN).to_upstream(question())
    script.upstream(answer(ready=IN_TRANSACTION)).to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT_4), *RUN)
    gone = error("42P01", 'relation "orders" does not exist')
    script.upstream(CLOSE_COMPLETE, gone, FAILED).to_client(gone, FAILED)
    # upstream has no statement of this name any more, and would say that first
    script.catalog_moves(entity(generation=5)).client(*RUN)
    script.to_upstream(Close(STATEMENT, b"s"), Parse(b"s", INSERT), *RUN)
    aborted = error("25P02", "current transaction is aborted, commands ignored until end of transaction block")
    script.upstream(CLOSE_COMPLETE, aborted, FAILED).to_client(aborted, FAILED)


SAMPLE = b"SELECT * FROM orders TABLESAMPLE custom (1)"
MOVED_FIRST = (
    b'DO $kameleon$BEGIN PERFORM kameleon.dedicate_or_refuse(ARRAY[\'"public"."orders"\'::regclass],'
    b" 'TABLESAMPLE custom is not supported on the shared entity \"orders\"', 'Its methods are BERNOULLI and SYSTEM.');"
    b" END$kameleon$"
)


def test_tables_are_moved_before_each_plan_while_they_have_to_be():
    first = (Close(PORTAL, b""), run_once(MOVED_FIRST), *RUN)
    moved = [CLOSE_COMPLETE, CLOSE_COMPLETE, PARSE_COMPLETE, BIND_COMPLETE, done("DO"), CLOSE_COMPLETE, CLOSE_COMPLETE]
    script = prepared(SAMPLE, SAMPLE).client(*RUN).to_upstream(*first).upstream(*moved, *RAN).to_client(*RAN)
    script.catalog_moves(entity(generation=4, storage_mode="dedicated")).client(*RUN, *RUN).to_upstream(*RUN, *RUN)
    script.upstream(*RAN, *RAN).to_client(*RAN, *RAN)
    script.catalog_moves(entity(generation=5)).client(*RUN).to_upstream(question()).upstream(answer())
    script.to_upstream(*first).upstream(*moved, *RAN).to_client(*RAN)
