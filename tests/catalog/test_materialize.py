"""CALL kameleon.materialize_entity and dematerialize_entity: the rows move into the table itself, and back."""

from __future__ import annotations

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows, rows_in_shell


def _shop(catalog: CatalogDatabase) -> psycopg.Connection[tuple[object, ...]]:
    session = catalog.session()
    session.execute("CREATE TABLE maker (id int PRIMARY KEY, name text)")
    session.execute("CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker)")
    session.execute("INSERT INTO {insert} VALUES (1, 'Ada')".format(**catalog.views("maker")))
    session.execute("INSERT INTO {insert} VALUES (7, 1), (8, NULL)".format(**catalog.views("car")))
    return session


def test_the_rows_are_the_tables_own(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    told: list[str | None] = []
    session.add_notice_handler(lambda notice: told.append(notice.message_primary))
    session.execute("CALL kameleon.materialize_entity('car', 'joins are slow')")
    assert [text for text in told if text is not None and not text.isdigit()] == [
        'table "car" is now kept in dedicated storage: joins are slow',
    ]
    assert rows(session, "SELECT * FROM car ORDER BY 1") == [(7, 1), (8, None)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("DELETE FROM {write}".format(**catalog.views("maker")).encode())
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("UPDATE car SET maker = 2")
    assert rows(session, "SELECT entity_name, storage_mode FROM kameleon.entities ORDER BY 1") == [
        ("car", "dedicated"),
        ("maker", "shared"),
    ]
    changes = "SELECT reason FROM kameleon.kdb_schema_changelog WHERE command_tag = 'MATERIALIZE ENTITY' ORDER BY 1"
    assert rows(session, changes) == [("joins are slow",)]


def test_and_back(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    session.execute("CREATE VIEW of_ada AS SELECT car.id FROM car JOIN maker ON maker.id = maker WHERE name = 'Ada'")
    session.execute("CALL kameleon.materialize_entity('maker')")
    session.execute("CALL kameleon.materialize_entity('car')")
    session.execute("INSERT INTO car VALUES (9, 1)")
    session.execute("ALTER TABLE car ADD COLUMN colour text DEFAULT 'red'")
    assert rows(session, "SELECT * FROM of_ada ORDER BY 1") == [(7,), (9,)]
    session.execute("CALL kameleon.dematerialize_entity('car')")
    views = catalog.views("car")
    assert rows(session, "SELECT * FROM {read} ORDER BY 1".format(**views)) == [
        (7, 1, "red"),
        (8, None, "red"),
        (9, 1, "red"),
    ]
    assert rows_in_shell(session, "car") == 0
    for statement in ("INSERT INTO {insert} VALUES (10, 2)", "INSERT INTO {insert} VALUES (7, 1)"):
        with pytest.raises(psycopg.errors.IntegrityError):
            session.execute(statement.format(**views).encode())
    with pytest.raises(psycopg.Error, match="kept in shared storage"):
        session.execute("SELECT * FROM of_ada")
    for _ in range(2):
        for table, other in (("car", "maker"), ("maker", "car")):
            session.execute(f"CALL kameleon.materialize_entity('{table}')".encode())
            session.execute(f"CALL kameleon.dematerialize_entity('{other}')".encode())
    session.execute("CALL kameleon.materialize_entity('car')")
    assert rows(session, "SELECT * FROM of_ada ORDER BY 1") == [(7,), (9,)]
    session.execute("DROP TABLE car, maker CASCADE")


def test_what_documents_cannot_honour_stays(catalog: CatalogDatabase) -> None:
    session = catalog.session()
    session.execute("CREATE UNLOGGED TABLE fast (id int)")
    with pytest.raises(
        psycopg.errors.FeatureNotSupported, match='table "fast" cannot be kept in shared storage: it is unl'
    ):
        session.execute("CALL kameleon.dematerialize_entity('fast')")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM v; END", "function public.f() uses it"),
        (
            "CREATE TRIGGER g INSTEAD OF UPDATE ON v FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger('x')",
            "trigger g on view public.v uses it",
        ),
        ("CREATE RULE r AS ON UPDATE TO v DO INSTEAD NOTHING", "rule r on view public.v uses it"),
        ("GRANT UPDATE (id) ON v TO PUBLIC", 'view "v" has column privileges'),
    ],
)
def test_what_uses_a_table_that_is_to_come_back(catalog: CatalogDatabase, made: str, why: str) -> None:
    """It would make the table dedicated, were it made later."""
    session = catalog.session()
    session.execute("CREATE TABLE used (id int); CREATE VIEW v AS SELECT id FROM used")
    session.execute("CALL kameleon.materialize_entity('used')")
    session.execute(made.encode())
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        session.execute("CALL kameleon.dematerialize_entity('used')")
    assert refused.value.diag.message_primary == f'table "used" cannot be kept in shared storage: {why}'
    session.execute("DROP VIEW v CASCADE")
    session.execute("CALL kameleon.dematerialize_entity('used')")
    session.execute("CREATE VIEW v AS SELECT id FROM used")
    session.execute(made.encode())
    assert rows(session, "SELECT storage_mode, reason FROM kameleon.entities") == [("dedicated", why)]


@pytest.mark.parametrize(
    ("made", "called", "why"),
    [
        ("CREATE VIEW v AS SELECT id FROM ONLY used", "TABLE v", 'view "v" reads it with ONLY'),
        (
            "CREATE FUNCTION v() RETURNS SETOF int BEGIN ATOMIC SELECT id FROM ONLY used; END",
            "SELECT v()",
            "function public.v() uses it",
        ),
    ],
)
def test_only_keeps_a_table_from_coming_back(catalog: CatalogDatabase, made: str, called: str, why: str) -> None:
    session = catalog.session()
    session.execute("CREATE TABLE used (id int)")
    session.execute(made.encode())
    session.execute("CALL kameleon.materialize_entity('used')")
    session.execute("INSERT INTO used VALUES (1)")
    assert rows(session, called) == [(1,)]
    with pytest.raises(psycopg.errors.FeatureNotSupported) as refused:
        session.execute("CALL kameleon.dematerialize_entity('used')")
    assert refused.value.diag.message_primary == f'table "used" cannot be kept in shared storage: {why}'
    session.execute(made.replace("CREATE", "CREATE OR REPLACE").replace("ONLY ", "").encode())
    session.execute("CALL kameleon.dematerialize_entity('used')")


def test_a_transaction_block_refuses_the_move(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    with pytest.raises(psycopg.errors.ActiveSqlTransaction) as refused, session.transaction():
        session.execute("CALL kameleon.materialize_entity('car')")
    message = "CALL kameleon.materialize_entity() cannot run inside a transaction block"
    assert refused.value.diag.message_primary == message
    assert refused.value.diag.message_hint is not None
    assert refused.value.diag.message_hint.startswith("End the transaction first")
    session.execute("CALL kameleon.materialize_entity('car')")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nope", psycopg.errors.UndefinedTable, 'relation "nope" does not exist'),
        ("pg_class", psycopg.errors.WrongObjectType, '"pg_class" is not an entity'),
    ],
)
def test_what_it_cannot_be_called_for(
    catalog: CatalogDatabase, name: str, error: type[psycopg.Error], message: str
) -> None:
    with pytest.raises(error, match=message):
        catalog.session().execute("CALL kameleon.materialize_entity(%s)", [name])


def test_only_once(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    session.execute("CALL kameleon.materialize_entity('public.car')")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="in dedicated storage already"):
        session.execute("CALL kameleon.materialize_entity('public.car')")


def test_only_by_its_owner(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    session.execute("GRANT ALL ON car TO PUBLIC")
    session.execute("CREATE ROLE materialize_reader")
    try:
        session.execute("SET ROLE materialize_reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of table car"):
            session.execute("CALL kameleon.materialize_entity('car')")
        session.execute("RESET ROLE")
    finally:
        session.execute("RESET ROLE")
        session.execute("DROP OWNED BY materialize_reader")
        session.execute("DROP ROLE materialize_reader")


def test_the_guards_hint_does_what_it_says(catalog: CatalogDatabase) -> None:
    session = _shop(catalog)
    session.execute("CREATE FUNCTION cars() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM car'")
    with pytest.raises(psycopg.Error) as caught:
        session.execute("SELECT cars()")
    hint = caught.value.diag.message_hint or ""
    session.execute(hint[hint.index("CALL") :].rstrip(".").encode())
    assert rows(session, "SELECT cars()") == [(2,)]
