"""What stands for a foreign key between a table and documents, past the proxy."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.catalog.fix_catalog import CatalogDatabase, rows

STANDING = """SELECT s.conname, d.conrelid::regclass::text, d.confrelid::regclass::text,
                     d.convalidated, d.conindid = s.conindid
              FROM pg_constraint d JOIN pg_constraint s ON s.oid = d.conparentid
              WHERE d.connamespace = 'kameleon'::regnamespace ORDER BY 1"""
RESTING = """SELECT DISTINCT t.tgconstraint = k.oid, t.tgqual IS NOT NULL FROM pg_trigger t
             JOIN pg_constraint d ON d.oid = t.tgconstraint JOIN pg_constraint k ON k.oid IN (d.oid, d.conparentid)
             WHERE k.conname = 'car_maker_fkey' ORDER BY 1 DESC"""


@pytest.fixture
def session(catalog: CatalogDatabase) -> psycopg.Connection[Any]:
    """Cars and makers, of both some."""
    session = catalog.session()
    session.execute("CREATE TABLE maker (id int PRIMARY KEY)")
    session.execute("CREATE TABLE car (id int PRIMARY KEY, maker int REFERENCES maker ON DELETE CASCADE)")
    session.execute(f"INSERT INTO {catalog.views('maker')['insert']} VALUES (1), (2)".encode())
    session.execute(f"INSERT INTO {catalog.views('car')['insert']} VALUES (7, 1)".encode())
    return session


def materialize(session: psycopg.Connection[Any], *tables: str) -> None:
    for table in tables:
        session.execute(f"CALL kameleon.materialize_entity('{table}')".encode())


def test_it_stands_below_the_declared_one_whose_triggers_rest(
    session: psycopg.Connection[Any], catalog: CatalogDatabase
) -> None:
    cars, makers = (catalog.views(table)["records"] for table in ("car", "maker"))
    assert rows(session, STANDING) == [("car_maker_fkey", cars, makers, True, False)]
    assert rows(session, RESTING) == [(True, False), (False, False)]
    materialize(session, "maker")
    assert rows(session, STANDING) == [("car_maker_fkey", cars, "maker", True, True)]
    assert rows(session, RESTING) == [(True, True), (False, False)]
    materialize(session, "car")
    assert rows(session, STANDING) == []
    assert rows(session, RESTING) == [(True, False)]
    session.execute("CALL kameleon.dematerialize_entity('maker')")
    assert rows(session, STANDING) == [("car_maker_fkey", "car", catalog.views("maker")["records"], True, False)]
    assert rows(session, RESTING) == [(True, True), (False, False)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("INSERT INTO car VALUES (8, 3)")


@pytest.mark.parametrize("table", ["maker", "car"])
def test_ddl_past_the_proxy(table: str, session: psycopg.Connection[Any], catalog: CatalogDatabase) -> None:
    """Types are changed and foreign keys made of both, in functions, too: each time PostgreSQL looks at all rows."""
    materialize(session, table)
    column = "id" if table == "maker" else "maker"
    session.execute(f"ALTER TABLE {table} ALTER {column} TYPE bigint".encode())
    session.execute(f"DO $$ BEGIN ALTER TABLE {table} ALTER {column} TYPE int; END $$".encode())
    assert [name for name, *_ in rows(session, STANDING)] == ["car_maker_fkey"]
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match='"again"'):
        session.execute("ALTER TABLE car ADD CONSTRAINT again FOREIGN KEY (id) REFERENCES maker")
    session.execute("ALTER TABLE car ADD CONSTRAINT again FOREIGN KEY (id) REFERENCES maker NOT VALID")
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match='"again"'):
        session.execute("DO $$ BEGIN ALTER TABLE car VALIDATE CONSTRAINT again; END $$")
    session.execute("ALTER TABLE car DROP CONSTRAINT again")
    session.execute("ALTER TABLE car ADD CONSTRAINT again FOREIGN KEY (maker) REFERENCES maker ON DELETE SET NULL")
    session.execute("ALTER TABLE car DROP CONSTRAINT car_maker_fkey")
    write = "maker" if table == "maker" else catalog.views("maker")["write"]
    session.execute(f"DELETE FROM {write} WHERE id = 1".encode())
    read = "car" if table == "car" else catalog.views("car")["read"]
    assert rows(session, f"SELECT * FROM {read}") == [(7, None)]
    session.execute("DROP TABLE maker CASCADE")
    assert rows(session, STANDING) == []


def test_an_index_that_is_built_anew(session: psycopg.Connection[Any]) -> None:
    materialize(session, "maker")
    session.execute("REINDEX TABLE CONCURRENTLY maker")
    session.execute("CREATE TABLE another (id int)")
    assert [same for *_, same in rows(session, STANDING)] == [True]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
        session.execute("ALTER TABLE maker DROP CONSTRAINT maker_pkey")
    assert refused.value.diag.message_detail == "constraint car_maker_fkey on table car depends on index maker_pkey"


def test_triggers_that_are_off_stay_off(session: psycopg.Connection[Any]) -> None:
    materialize(session, "car")
    session.execute("ALTER TABLE car DISABLE TRIGGER ALL")
    for procedure in ("materialize_entity", "dematerialize_entity"):
        session.execute("INSERT INTO car VALUES (1000 + (SELECT count(*) FROM car), 99)")
        session.execute(f"CALL kameleon.{procedure}('maker')".encode())
    session.execute("INSERT INTO car VALUES (2000, 99)")
    session.execute("ALTER TABLE car ENABLE TRIGGER ALL")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("INSERT INTO car VALUES (2001, 99)")


def test_emptied_past_the_proxy(session: psycopg.Connection[Any], catalog: CatalogDatabase) -> None:
    materialize(session, "maker")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot truncate a table referenced"):
        session.execute("TRUNCATE maker")
    session.execute("TRUNCATE maker CASCADE")
    assert rows(session, "SELECT count(*) FROM {read}".format(**catalog.views("car"))) == [(0,)]


def test_an_open_cursor_keeps_documents_from_being_emptied(
    session: psycopg.Connection[Any], catalog: CatalogDatabase
) -> None:
    with session.transaction(force_rollback=True):
        session.execute("DECLARE c CURSOR FOR SELECT * FROM {read}".format(**catalog.views("car")).encode())
        session.execute("FETCH c")
        with pytest.raises(psycopg.errors.ObjectInUse):
            session.execute("TRUNCATE car")


def test_neither_end_is_forgotten(session: psycopg.Connection[Any]) -> None:
    materialize(session, "maker")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match='ties it to table "car"') as refused:
        session.execute("CALL kameleon.forget_entity('maker')")
    assert refused.value.diag.message_hint == "CALL kameleon.materialize_entity('public.car') first."
    session.execute("SELECT kameleon.dedicate('car', 'its owner wants it so')")
    session.execute("CALL kameleon.forget_entity('maker')")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="that is partitioned, or no entity"):
        session.execute("CALL kameleon.dematerialize_entity('car')")


def test_a_table_that_becomes_a_partition(session: psycopg.Connection[Any], catalog: CatalogDatabase) -> None:
    materialize(session, "car")
    session.execute("CREATE TABLE whole (id int NOT NULL, maker int) PARTITION BY LIST (maker)")
    session.execute("ALTER TABLE whole ATTACH PARTITION car FOR VALUES IN (1)")
    storages = "SELECT entity_name, storage_mode FROM kameleon.entities WHERE entity_name <> 'whole' ORDER BY 1"
    assert rows(session, storages) == [("car", "dedicated"), ("maker", "shared")]
    write = catalog.views("maker")["write"]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute(f"UPDATE {write} SET kdb_rec.id = 3, kdb_keys = '{{id}}' WHERE id = 1".encode())
    session.execute("ALTER TABLE whole ADD FOREIGN KEY (maker) REFERENCES maker ON DELETE CASCADE")
    assert rows(session, storages) == [("car", "dedicated"), ("maker", "dedicated")]
    assert rows(session, STANDING) == []
    assert not any(rests for _, rests in rows(session, RESTING))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute("UPDATE maker SET id = 3 WHERE id = 1")
