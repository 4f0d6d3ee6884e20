"""Statements before any parsing: where they end, their kind, what may change the meaning of names."""

from __future__ import annotations

import pytest

from rewriter import Kind, classify, may_change_names, split


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        (" SELECT 1 ;\n", ["SELECT 1"]),
        ("", []),
        (";;", []),
        ("-- nothing", []),
        ("/* nothing */;", []),
        ("BEGIN; SELECT 1; COMMIT;", ["BEGIN", "SELECT 1", "COMMIT"]),
        ("SELECT ';'; SELECT \";\"; SELECT $$;$$; SELECT 1 -- ;\n; SELECT /* ; */ 2", None),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", None),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END; SELECT 2",
            None,
        ),
        ("create or replace procedure p() begin atomic select 1; end; select 2", None),
        ("BEGIN; SELECT CASE WHEN true THEN 1 END; END", None),
        ("SELECT 'open; SELECT 2", ["SELECT 'open; SELECT 2"]),
        ("SELECT 1 /* last ; */;", ["SELECT 1 /* last ; */"]),
    ],
)
def test_split(sql: str, expected: list[str] | None) -> None:
    spans = split(sql)
    for span in spans:
        assert sql[span.start : span.start + len(span.text)] == span.text
    if expected is None:
        counts = {"SELECT ';'": 5, "CREATE RULE": 2, "CREATE FUNCTION": 2, "create or": 2, "BEGIN;": 3}
        assert len(spans) == next(count for start, count in counts.items() if sql.startswith(start))
    else:
        assert [span.text for span in spans] == expected


def test_split_follows_standard_conforming_strings() -> None:
    assert len(split(r"SELECT 'a\'; SELECT 2")) == 2
    assert len(split(r"SELECT 'a\'; SELECT 2'", standard_conforming_strings=False)) == 1


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", Kind.SELECT),
        ("  (select 1)", Kind.SELECT),
        ("/* c */ -- d\n values (1)", Kind.SELECT),
        ("/* a /* b */ c */ table x", Kind.SELECT),
        ("WITH a AS (DELETE FROM t) SELECT 1", Kind.SELECT),
        ("WITH a AS (SELECT 1), b AS (SELECT 2) INSERT INTO t SELECT 1", Kind.INSERT),
        ("(WITH a AS (INSERT INTO t VALUES (1)) SELECT 1)", Kind.SELECT),
        ("insert into t values (1)", Kind.INSERT),
        ("MERGE INTO t", Kind.MERGE),
        ("COPY t FROM STDIN", Kind.COPY),
        ("TRUNCATE t", Kind.TRUNCATE),
        ("CREATE TABLE t ()", Kind.DDL),
        ("GRANT SELECT ON t TO x", Kind.DDL),
        ("DISCARD ALL", Kind.DISCARD),
        ("DEALLOCATE ALL", Kind.DEALLOCATE),
        ("LISTEN x", Kind.UTILITY),
        ("SAVEPOINT s", Kind.TRANSACTION),
        ("START TRANSACTION", Kind.TRANSACTION),
        ("PREPARE TRANSACTION 'x'", Kind.TRANSACTION),
        ("PREPARE x AS SELECT 1", Kind.PREPARE),
        ("CLOSE c", Kind.CLOSE),
        ("set x to 1", Kind.SET),
        ("set constraints all deferred", Kind.SET),
        ("", Kind.EMPTY),
        ("-- nothing", Kind.EMPTY),
        ("1", Kind.UTILITY),
    ],
)
def test_classify(sql: str, kind: Kind) -> None:
    assert classify(sql) is kind


@pytest.mark.parametrize(
    "sql",
    [
        "SET search_path TO a",
        "set local SEARCH_PATH = a",
        "SET ROLE x",
        "SET SESSION AUTHORIZATION x",
        "SET SCHEMA 'x'",
        'SET "search_path" TO a',
        "RESET ALL",
        "RESET search_path",
        "DISCARD TEMP",
        "CREATE TEMP TABLE x ()",
        "DROP TABLE x",
        "SELECT * INTO TEMP x FROM y",
        "SELECT set_config('search_path', 'a', false)",
        "DO $$ $$",
        "CALL p()",
        "EXECUTE p",
        "ROLLBACK",
        "rollback to s",
        "SELECT 1; SET search_path TO a",
        "EXPLAIN ANALYZE EXECUTE p",
    ],
)
def test_may_change_names(sql: str) -> None:
    assert may_change_names(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SET extra_float_digits TO 3",
        "SET TIME ZONE 'UTC'",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT s",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "SHOW search_path",
        "FETCH 1 FROM c",
        "BEGIN; SELECT 1; COMMIT",
    ],
)
def test_leaves_names_alone(sql: str) -> None:
    assert not may_change_names(sql)
