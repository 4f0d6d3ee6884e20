"""A simple Query that is taken apart, statement by statement, and looks to the client as if it had not been."""

from proxy.piecewise import is_needed
from proxy.wire.backend import Backend, ReadyForQuery
from proxy.wire.framing import frame
from proxy.wire.frontend import STATEMENT, Close, Frontend, Parse, Query
from rewriter import split
from tests.playbook import (
    COPY_IN,
    FAILED,
    IN_TRANSACTION,
    READY,
    SYNC,
    answer,
    as_json,
    change,
    done,
    entity,
    error,
    notice,
    playbook,
    question,
)

OWN = b"kameleon"
SEVERAL = error("42601", "cannot insert multiple commands into a prepared statement")
NO_BLOCK = notice("25P01", "there is no transaction in progress", "WARNING")


def check(sql: bytes) -> list:
    """PostgreSQL is asked whether all of it can be parsed."""
    return [Parse(OWN, sql), Close(STATEMENT, OWN), SYNC]


def begun(sql: bytes, ready: ReadyForQuery = READY):
    """A message whose syntax has been found right."""
    script = playbook().client(Query(sql))
    if ready is READY:
        script.to_upstream(*check(sql)).upstream(SEVERAL, READY).to_client()
    return script


def created(script, create: bytes):
    """In the implicit transaction that is open, the first statement makes the entity; then its shape is asked."""
    script.to_upstream(Query(b"BEGIN"), Query(create))
    script.upstream(done("BEGIN"), IN_TRANSACTION, change(17), done("CREATE TABLE"), IN_TRANSACTION)
    script.to_client(done("CREATE TABLE")).to_upstream(question(17))
    return script.upstream(answer(entities={17: as_json(entity())}, ready=IN_TRANSACTION))


def test_when_it_is_needed():
    def needed(sql):
        return is_needed(split(sql))

    assert needed("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    assert needed("SET search_path = a; SELECT 1")
    assert needed("BEGIN; DROP TABLE t; CREATE TABLE t (a int); COMMIT")
    assert not needed("SELECT 1; CREATE TABLE t (a int)")
    assert not needed("BEGIN; CREATE TABLE t (a int); COMMIT")
    assert not needed("SET DateStyle = 'ISO'; SET extra_float_digits = 2; SHOW transaction_isolation")
    assert not needed("SELECT 1; INSERT INTO t VALUES (1)")


def test_one_implicit_transaction():
    sql = b"CREATE TABLE orders (id int); INSERT INTO orders VALUES (1); SELECT * FROM orders"
    script = created(begun(sql), b"CREATE TABLE orders (id int)")
    script.to_upstream(Query(b"INSERT INTO kameleon.kdb_insert_17_3 AS orders VALUES (1)"))
    script.upstream(done("INSERT 0 1"), IN_TRANSACTION).to_client(done("INSERT 0 1"))
    script.to_upstream(Query(b"SELECT * FROM kameleon.kdb_read_17 AS orders"))
    # The last statement is reported complete when the transaction has ended.
    script.upstream(done("SELECT 1"), IN_TRANSACTION).to_client().to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).to_client().refreshed(entity()).to_client(done("SELECT 1"), READY).quiet()
    assert [each.tag for each in script.timings.take()] == ["CREATE TABLE", "INSERT 0 1", "SELECT 1"]
    assert script.relay.is_idle


def test_an_error_rolls_all_of_it_back():
    script = created(begun(b"CREATE TABLE orders (id int); SELECT 1/0; SELECT 2"), b"CREATE TABLE orders (id int)")
    zero = error("22012", "division by zero")
    script.to_upstream(Query(b"SELECT 1/0")).upstream(zero, FAILED).to_client(zero).to_upstream(Query(b"ROLLBACK"))
    script.upstream(done("ROLLBACK"), READY).to_client().refreshed().to_client(READY).quiet()


def test_an_errors_position_is_the_messages():
    sql = b"CREATE TABLE orders (id int); SELECT nope FROM orders"
    script = created(begun(sql), b"CREATE TABLE orders (id int)")
    script.upstream(error("42703", "no", P="8"), FAILED).to_client(error("42703", "no", P="38"))


def test_an_error_at_commit_comes_instead_of_the_last_completion():
    script = created(begun(b"CREATE TABLE orders (id int); SELECT 2"), b"CREATE TABLE orders (id int)")
    deferred = error("23503", "violates foreign key constraint")
    script.to_upstream(Query(b"SELECT 2")).upstream(done("SELECT 1"), IN_TRANSACTION).to_upstream(Query(b"COMMIT"))
    script.upstream(deferred, READY).refreshed().to_client(deferred, READY)


def test_a_syntax_error_anywhere_keeps_all_of_it_from_running():
    sql = b"CREATE TABLE orders (id int); SELEC 1"
    syntax = error("42601", "syntax error", P="31")
    script = playbook().client(Query(sql)).to_upstream(*check(sql)).upstream(syntax, READY).to_client(syntax, READY)
    assert script.relay.is_idle


def test_in_a_block_of_the_clients_nothing_is_added():
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.to_upstream(Query(b"BEGIN")).to_client(done("BEGIN"), IN_TRANSACTION)
    sql = b"CREATE TABLE orders (id int); SELECT 2"
    script.client(Query(sql)).to_upstream(Query(b"SAVEPOINT kameleon"), *check(sql))
    script.upstream(done("SAVEPOINT"), IN_TRANSACTION, SEVERAL, FAILED)
    script.to_upstream(Query(b"ROLLBACK TO kameleon; RELEASE kameleon"))
    script.upstream(done("ROLLBACK"), done("RELEASE"), IN_TRANSACTION).to_client()
    script.to_upstream(Query(b"CREATE TABLE orders (id int)"))
    script.upstream(done("CREATE TABLE"), IN_TRANSACTION).to_client(done("CREATE TABLE"))
    script.to_upstream(Query(b"SELECT 2")).upstream(done("SELECT 1"), IN_TRANSACTION)
    script.to_client(done("SELECT 1"), IN_TRANSACTION).quiet()


def test_an_error_in_a_block_of_the_clients():
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"CREATE TABLE orders (id int); SELECT 2; SELECT 3"))
    script.upstream(done("SAVEPOINT"), IN_TRANSACTION, SEVERAL, FAILED, done("R"), done("R"), IN_TRANSACTION)
    script._sent_to_client.clear()
    bad = error("42P07", "exists")
    script.upstream(bad, FAILED).to_client(bad, FAILED)


def test_a_syntax_error_in_a_block_of_the_clients():
    script = playbook().client(Query(b"BEGIN")).upstream(done("BEGIN"), IN_TRANSACTION)
    script.client(Query(b"CREATE TABLE orders (id int); SELEC 2")).to_client(done("BEGIN"), IN_TRANSACTION)
    syntax = error("42601", "syntax error", P="31")
    script.upstream(done("SAVEPOINT"), IN_TRANSACTION, syntax, FAILED).to_client(syntax, FAILED)
    assert script.relay.status == ord("E")


def test_the_end_of_a_transaction_that_changed_names():
    script = playbook(entity()).client(Query(b"BEGIN"), Query(b"SET LOCAL search_path = s"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("SET"), IN_TRANSACTION)
    script._sent_to_upstream.clear()
    sql = b"COMMIT; SELECT * FROM orders"
    script.client(Query(sql)).to_upstream(Query(b"SAVEPOINT kameleon"), *check(sql))


def test_what_stands_behind_the_end_of_a_failed_transaction():
    script = playbook(entity(), names_known=False).client(Query(b"bad")).upstream(error("42601", "bad"), FAILED)
    sql = b"ROLLBACK; SELECT * FROM orders"
    script.to_upstream(Query(b"bad")).client(Query(sql)).to_upstream(*check(sql)).upstream(SEVERAL, FAILED)
    script.to_upstream(Query(b"ROLLBACK"))
    script.upstream(done("ROLLBACK"), READY).to_upstream(Query(b"BEGIN"), question())


def test_begin_turns_the_implicit_transaction_into_a_block():
    script = begun(b"DROP TABLE a; BEGIN; SELECT 1")
    script.to_upstream(Query(b"BEGIN"), Query(b"DROP TABLE a"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION)
    script.to_client(done("DROP TABLE"), done("BEGIN")).to_upstream(Query(b"SELECT 1"))
    script.upstream(done("SELECT 1"), IN_TRANSACTION).to_client(done("SELECT 1"), IN_TRANSACTION).quiet()


def test_a_begin_with_modes():
    script = begun(b"DROP TABLE a; START TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1")
    script.to_upstream(Query(b"BEGIN"), Query(b"DROP TABLE a"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION).to_client(done("DROP TABLE"))
    script.to_upstream(Query(b"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
    late = error("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query")
    script.upstream(late, FAILED).to_client(late).to_upstream(Query(b"ROLLBACK"))
    script.upstream(done("ROLLBACK"), READY).to_client(READY)


def test_a_begin_of_the_clients_comes_first():
    script = begun(b"BEGIN; DROP TABLE a; SELECT 1; COMMIT").to_upstream(Query(b"BEGIN"))
    script.upstream(done("BEGIN"), IN_TRANSACTION).to_client(done("BEGIN")).to_upstream(Query(b"DROP TABLE a"))
    script.upstream(done("DROP TABLE"), IN_TRANSACTION).to_upstream(Query(b"SELECT 1"))
    script.upstream(done("SELECT 1"), IN_TRANSACTION).to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).to_client(done("DROP TABLE"), done("SELECT 1"), done("COMMIT"), READY)


def test_commit_in_the_implicit_transaction_warns_and_another_one_begins():
    script = begun(b"DROP TABLE a; COMMIT; SELECT 1").to_upstream(Query(b"BEGIN"), Query(b"DROP TABLE a"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION)
    script.to_client(done("DROP TABLE"), NO_BLOCK).to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).to_client(done("COMMIT")).to_upstream(Query(b"BEGIN"), Query(b"SELECT 1"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("SELECT 1"), IN_TRANSACTION).to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).to_client(done("SELECT 1"), READY)


def test_savepoints_need_a_block():
    for command, what in (
        (b"SAVEPOINT s", "SAVEPOINT"),
        (b"RELEASE s", "RELEASE SAVEPOINT"),
        (b"ROLLBACK TO s", "ROLLBACK TO SAVEPOINT"),
        (b"COMMIT AND CHAIN", "COMMIT AND CHAIN"),
    ):
        script = begun(b"DROP TABLE a; SELECT 1; " + command)
        script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION)
        script.upstream(done("SELECT 1"), IN_TRANSACTION)
        script._sent_to_client.clear()
        script.upstream(error("42P01", "the stand-in's"), FAILED)
        script.to_client(error("25P01", f"{what} can only be used in transaction blocks"))


def test_copy_from_in_the_middle():
    script = created(begun(b"CREATE TABLE orders (id int); COPY orders FROM STDIN"), b"CREATE TABLE orders (id int)")
    script.to_upstream(Query(b"COPY kameleon.kdb_insert_17_3 FROM STDIN")).upstream(COPY_IN).to_client(COPY_IN)
    data = [frame(Frontend.COPY_DATA, b"1\tx\t2\n"), frame(Frontend.COPY_DONE, b"")]
    script.client(*data).to_upstream(*data).upstream(done("COPY 1"), IN_TRANSACTION).to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).refreshed(entity()).to_client(done("COPY 1"), READY)


def test_what_the_client_sent_behind_it_waits():
    script = begun(b"DROP TABLE a; SELECT 1").client(Query(b"SELECT 2"))
    script.to_upstream(Query(b"BEGIN"), Query(b"DROP TABLE a"))
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION).to_upstream(Query(b"SELECT 1"))
    script.upstream(done("SELECT 1"), IN_TRANSACTION).to_upstream(Query(b"COMMIT"))
    script.upstream(done("COMMIT"), READY).to_upstream(Query(b"SELECT 2"))


def test_what_is_still_owed_is_awaited_first():
    script = playbook().client(Query(b"SELECT 0"), Query(b"DROP TABLE a; SELECT 1")).to_upstream(Query(b"SELECT 0"))
    script.upstream(done("SELECT 1"), READY).to_client(done("SELECT 1"), READY)
    script.to_upstream(*check(b"DROP TABLE a; SELECT 1"))


def test_a_refused_statement_in_the_middle():
    sql = b"DROP TABLE a; UPDATE orders SET xmin = 1; SELECT 1"
    script = playbook(entity()).client(Query(sql)).upstream(SEVERAL, READY)
    script.upstream(done("BEGIN"), IN_TRANSACTION, done("DROP TABLE"), IN_TRANSACTION)
    script.upstream(answer(ready=IN_TRANSACTION)).to_client(done("DROP TABLE"))
    script.upstream(error("42P01", "the stand-in's"), FAILED)
    shown = b"".join(script._sent_to_client)
    assert b"C0A000\0" in shown
    script.upstream(done("ROLLBACK"), READY)
    assert b"".join(script._sent_to_client).endswith(READY.encode())
    assert script.relay.is_idle


def test_its_rows_are_passed_on():
    script = begun(b"DROP TABLE a; SELECT 1").upstream(done("BEGIN"), IN_TRANSACTION, done("D"), IN_TRANSACTION)
    script._sent_to_client.clear()
    half = frame(Backend.DATA_ROW, b"\0\1\0\0\3\xe8" + b"x" * 1000)
    script.upstream(half[:500]).to_client(half[:500]).upstream(half[500:]).to_client(half[500:])
