from proxy.pipeline import Asked, Owed
from proxy.statements import Statement, Statements


def statement(name: bytes, sql: bytes) -> Statement:
    return Statement(name, sql, sent=sql, rewritten=None, passed=sql, version=1)


def parse(statements: Statements, made: Statement) -> Owed:
    owed = Owed(Asked.PARSE)
    owed.statement, owed.renames = made, True
    owed.previous = statements.parse(made)
    return owed


def test_a_parse_that_fails_gives_its_name_back():
    statements = Statements()
    first, second = statement(b"s", b"SELECT 1"), statement(b"s", b"SELECT 2")
    parse(statements, first)
    failed = parse(statements, second)
    assert statements.by_name[b"s"] is second
    statements.take_back([failed])
    assert statements.by_name[b"s"] is first


def test_the_latest_is_taken_back_first():
    statements = Statements()
    made = [statement(b"s", b"SELECT %d" % number) for number in range(3)]
    discarded = [parse(statements, each) for each in made]
    statements.take_back(discarded[1:])
    assert statements.by_name[b"s"] is made[0]


def test_an_unnamed_parse_that_fails_destroys_the_unnamed_statement():
    statements = Statements()
    parse(statements, statement(b"", b"SELECT 1"))
    statements.take_back([parse(statements, statement(b"", b"SELEC"))])
    assert b"" not in statements.by_name


def test_an_unnamed_parse_that_was_thrown_away_destroys_nothing():
    statements = Statements()
    first = statement(b"", b"SELECT 1")
    parse(statements, first)
    statements.take_back([Owed(Asked.BIND), parse(statements, statement(b"", b"SELECT 2"))])
    assert statements.by_name[b""] is first


def test_a_close_that_was_thrown_away():
    statements = Statements()
    first = statement(b"s", b"SELECT 1")
    parse(statements, first)
    closed = Owed(Asked.CLOSE)
    closed.statement = closed.previous = statements.close(b"s")
    closed.renames = True
    assert b"s" not in statements.by_name
    statements.take_back([Owed(Asked.BIND), closed])
    assert statements.by_name[b"s"] is first
