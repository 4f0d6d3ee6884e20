"""SQLAlchemy Core on psycopg: DDL it makes, statements it writes, values of its types."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, INT4RANGE, JSONB, Range, insert

from tests.clients.support import Target


class Status(enum.Enum):
    NEW = "new"
    PAID = "paid"


metadata = MetaData()

customers = Table(
    "customers",
    metadata,
    Column("id", Integer, sa.Identity(start=10, increment=5), primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("email", String, index=True),
    Column("created", sa.DateTime(timezone=True), server_default=func.now(), nullable=False),
)

number = sa.Sequence("order_number", start=1000, metadata=metadata)

orders = Table(
    "orders",
    metadata,
    Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
    Column("number", Integer, number, server_default=number.next_value(), unique=True),
    Column("customer_id", ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("status", sa.Enum(Status, name="order_status"), nullable=False, default=Status.NEW),
    Column("net", sa.Numeric(10, 2), nullable=False),
    Column("tax", sa.Numeric(10, 2), server_default="0"),
    Column("gross", sa.Numeric(10, 2), sa.Computed("net + tax", persisted=True)),
    Column("tags", ARRAY(String), server_default="{}"),
    Column("details", JSONB),
    Column("token", sa.Uuid, default=uuid.uuid4),
    Column("valid", INT4RANGE),
    Column("duration", sa.Interval),
    Column("due", sa.Date),
    Column("blob", sa.LargeBinary),
    sa.CheckConstraint("net >= 0", name="net_is_not_negative"),
    sa.Index("orders_by_status", "status", "due"),
)


@pytest.fixture(scope="module")
def engine(target: Target) -> Iterator[sa.Engine]:
    engine = sa.create_engine(target.sqlalchemy_url("postgresql+psycopg"))
    metadata.create_all(engine)
    yield engine
    metadata.drop_all(engine)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Three customers, in a transaction that is rolled back."""
    with engine.connect() as connection:
        connection.execute(
            customers.insert(), [{"id": n, "name": name} for n, name in ((1, "Ada"), (2, "Bob"), (3, "Cy"))]
        )
        yield connection


def order(customer: int, net: str, **values: Any) -> dict[str, Any]:
    return {"customer_id": customer, "net": Decimal(net), **values}


def test_rows_are_documents(target: Target, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        result = connection.execute(customers.insert().values(name="Kept", email="kept@example.org"))
        key = result.inserted_primary_key
        assert key is not None
        new = key.id
        assert (new - 10) % 5 == 0
        connection.execute(orders.insert(), [order(new, "10"), order(new, "20", tags=["a"])])
    target.assert_stored("customers", 1)
    target.assert_stored("orders", 2)
    if target.proxied:
        assert [document["email"] for document in target.documents("customers")] == ["kept@example.org"]
        assert sorted(document["gross"] for document in target.documents("orders")) == [10, 20]
        assert {document["status"] for document in target.documents("orders")} == {"NEW"}
    with engine.begin() as connection:
        assert connection.execute(orders.delete()).rowcount == 2
        assert connection.execute(customers.delete()).rowcount == 1


def test_every_type_there_and_back(connection: sa.Connection) -> None:
    values = {
        "status": Status.PAID,
        "net": Decimal("99.99"),
        "tax": Decimal("19.00"),
        "tags": ["x", "y,z", ""],
        "details": {"lines": [{"sku": "a", "n": 1.5}], "note": None},
        "token": uuid.UUID(int=7),
        "valid": Range(1, 10),
        "duration": dt.timedelta(days=1, seconds=2.5),
        "due": dt.date(2024, 2, 29),
        "blob": b"\x00\xff",
    }
    [row] = connection.execute(orders.insert().values(customer_id=1, **values).returning(orders)).mappings().all()
    assert {name: row[name] for name in values} == values
    assert row["gross"] == Decimal("118.99")
    assert connection.execute(select(orders)).mappings().all() == [row]
    empty = connection.execute(
        orders.insert().values(**order(1, "0")).returning(orders.c.tags, orders.c.details, orders.c.gross)
    )
    assert empty.one() == ([], None, Decimal(0))


def test_server_side_defaults_come_back(connection: sa.Connection) -> None:
    result = connection.execute(orders.insert().values(**order(2, "5")))
    key = result.inserted_primary_key
    assert key is not None
    row = connection.execute(select(orders).where(orders.c.id == key.id)).mappings().one()
    assert row["number"] >= 1000
    assert (row["tax"], row["gross"], row["status"]) == (Decimal(0), Decimal(5), Status.NEW)
    assert isinstance(row["token"], uuid.UUID)
    upcoming = connection.execute(sa.text("SELECT nextval('order_number')")).scalar_one()
    assert upcoming == row["number"] + 1


def test_insertmanyvalues_returning(connection: sa.Connection) -> None:
    rows = [order(1 + n % 3, str(n)) for n in range(2500)]
    result = connection.execute(
        orders.insert().returning(orders.c.id, orders.c.net, sort_by_parameter_order=True), rows
    ).all()
    assert [row.net for row in result] == [Decimal(n) for n in range(2500)]
    assert len({row.id for row in result}) == 2500
    assert connection.execute(select(func.count()).select_from(orders)).scalar_one() == 2500


def test_joins_groups_and_windows(connection: sa.Connection) -> None:
    connection.execute(orders.insert(), [order(1, "10"), order(1, "30"), order(2, "5")])
    totals = (
        select(
            customers.c.name,
            func.count(orders.c.id).label("n"),
            func.coalesce(func.sum(orders.c.gross), 0).label("total"),
        )
        .join_from(customers, orders, isouter=True)
        .group_by(customers.c.name)
        .having(func.count(orders.c.id) < 3)
        .order_by(sa.desc("total"))
    )
    assert connection.execute(totals).all() == [("Ada", 2, Decimal(40)), ("Bob", 1, Decimal(5)), ("Cy", 0, Decimal(0))]
    ranked = select(
        orders.c.net, func.rank().over(partition_by=orders.c.customer_id, order_by=orders.c.net.desc()).label("r")
    )
    ranked_cte = ranked.cte("ranked")
    best = select(ranked_cte.c.net).where(ranked_cte.c.r == 1).order_by(ranked_cte.c.net)
    assert connection.scalars(best).all() == [Decimal(5), Decimal(30)]
    inner = orders.alias("inner")
    above = select(orders.c.net).where(
        orders.c.net
        > select(func.avg(inner.c.net)).where(inner.c.customer_id == orders.c.customer_id).scalar_subquery()
    )
    assert connection.scalars(above).all() == [Decimal(30)]
    latest = (
        select(orders.c.net)
        .where(orders.c.customer_id == customers.c.id)
        .order_by(orders.c.net.desc())
        .limit(1)
        .lateral("latest")
    )
    found = (
        select(customers.c.name, latest.c.net)
        .select_from(customers.outerjoin(latest, sa.true()))
        .order_by(customers.c.id)
    )
    assert connection.execute(found).all() == [("Ada", Decimal(30)), ("Bob", Decimal(5)), ("Cy", None)]
    union = sa.union_all(select(customers.c.id), select(orders.c.customer_id)).subquery()
    assert connection.execute(select(func.sum(union.c.id))).scalar_one() == 6 + 4
    exists = select(customers.c.name).where(~sa.exists().where(orders.c.customer_id == customers.c.id))
    assert connection.scalars(exists).all() == ["Cy"]


def test_recursive_cte(connection: sa.Connection) -> None:
    chain = select(customers.c.id, customers.c.name).where(customers.c.id == 1).cte("chain", recursive=True)
    chain = chain.union_all(select(customers.c.id, customers.c.name).where(customers.c.id == chain.c.id + 1))
    assert connection.scalars(select(chain.c.name).order_by(chain.c.id)).all() == ["Ada", "Bob", "Cy"]


def test_update_and_delete(connection: sa.Connection) -> None:
    connection.execute(orders.insert(), [order(1, "10"), order(2, "20"), order(3, "30")])
    changed = connection.execute(
        orders.update()
        .where(orders.c.customer_id == customers.c.id, customers.c.name.in_(["Ada", "Bob"]))
        .values(net=orders.c.net * 2, status=Status.PAID)
        .returning(customers.c.name, orders.c.net, orders.c.gross)
    ).all()
    assert sorted(changed) == [("Ada", Decimal(20), Decimal(20)), ("Bob", Decimal(40), Decimal(40))]
    many = orders.update().where(orders.c.customer_id == sa.bindparam("who")).values(tax=sa.bindparam("new_tax"))
    assert connection.execute(many, [{"who": 1, "new_tax": 1}, {"who": 3, "new_tax": 3}]).rowcount == 2
    average = select(func.avg(orders.c.net)).scalar_subquery()
    assert connection.execute(orders.update().where(orders.c.net < average).values(tags=["low"])).rowcount == 1
    removed = connection.execute(
        orders.delete()
        .where(orders.c.customer_id == customers.c.id, customers.c.name == "Cy")
        .returning(orders.c.net, orders.c.tax)
    ).all()
    assert removed == [(Decimal(30), Decimal(3))]
    assert connection.scalars(select(orders.c.gross).order_by(orders.c.gross)).all() == [Decimal(21), Decimal(40)]


def test_upsert(connection: sa.Connection) -> None:
    statement = insert(customers).values([{"name": "Ada", "email": "new"}, {"name": "Dee", "email": "dee"}])
    upsert = statement.on_conflict_do_update(
        index_elements=[customers.c.name],
        set_={"email": statement.excluded.email, "name": func.upper(customers.c.name)},
        where=customers.c.email.is_(None),
    ).returning(customers.c.name, customers.c.email)
    assert sorted(connection.execute(upsert).all()) == [("ADA", "new"), ("Dee", "dee")]
    ignored = insert(customers).values(name="Bob").on_conflict_do_nothing(constraint="customers_name_key")
    assert connection.execute(ignored.returning(customers.c.id)).all() == []
    by_constraint = (
        insert(customers)
        .values(name="Bob", email="b")
        .on_conflict_do_update(constraint="customers_name_key", set_={"email": "b2"})
    )
    assert connection.execute(by_constraint.returning(customers.c.email)).all() == [("b2",)]
    assert connection.execute(select(customers.c.email).where(customers.c.name == "Bob")).scalar_one() == "b2"


def test_insert_from_select_and_cte(connection: sa.Connection) -> None:
    source = select(customers.c.id, sa.literal(7).label("net")).where(customers.c.id < 3)
    connection.execute(orders.insert().from_select(["customer_id", "net"], source))
    assert connection.execute(select(orders.c.customer_id, orders.c.net).order_by(orders.c.id)).all() == [
        (1, 7),
        (2, 7),
    ]
    moved = orders.delete().where(orders.c.customer_id == 1).returning(orders.c.net).cte("moved")
    source = select(sa.literal(3), moved.c.net, sa.literal(Status.PAID, orders.c.status.type))
    copied = orders.insert().from_select(["customer_id", "net", "status"], source).returning(orders.c.customer_id)
    assert connection.execute(copied).all() == [(3,)]
    assert connection.scalars(select(orders.c.customer_id).order_by(orders.c.customer_id)).all() == [2, 3]


def test_json_and_array_operators(connection: sa.Connection) -> None:
    connection.execute(
        orders.insert(),
        [
            order(1, "1", details={"kind": "a", "deep": {"n": 5}}, tags=["x", "y"]),
            order(2, "2", details={"kind": "b"}, tags=["y"]),
            order(3, "3", details=None, tags=None),
        ],
    )
    assert connection.scalars(select(orders.c.net).where(orders.c.details["kind"].astext == "b")).all() == [Decimal(2)]
    assert connection.scalars(select(orders.c.net).where(orders.c.details[("deep", "n")].as_integer() == 5)).all() == [
        Decimal(1)
    ]
    assert connection.scalars(select(orders.c.net).where(orders.c.details.contains({"kind": "a"}))).all() == [
        Decimal(1)
    ]
    assert connection.scalars(
        select(orders.c.net).where(orders.c.tags.contains(["y"])).order_by(orders.c.id)
    ).all() == [1, 2]
    assert connection.scalars(select(orders.c.net).where(sa.literal("x") == sa.any_(orders.c.tags))).all() == [
        Decimal(1)
    ]
    assert connection.scalars(select(orders.c.details.is_(None)).order_by(orders.c.net)).all() == [False, False, False]
    assert connection.scalars(select(func.jsonb_typeof(orders.c.details)).order_by(orders.c.net)).all() == [
        "object",
        "object",
        "null",
    ]


def test_constraints(engine: sa.Engine, connection: sa.Connection) -> None:
    def refused(statement: sa.Executable) -> Any:
        with pytest.raises(sa.exc.IntegrityError) as caught, connection.begin_nested():
            connection.execute(statement)
        assert "kdb_" not in str(caught.value.orig)
        return caught.value.orig.diag  # type: ignore[union-attr]

    assert refused(orders.insert().values(**order(1, "-1"))).constraint_name == "net_is_not_negative"
    assert refused(customers.insert().values(name="Ada")).constraint_name == "customers_name_key"
    assert refused(customers.insert().values(name=None)).column_name == "name"
    assert connection.execute(select(func.count()).select_from(customers)).scalar_one() == 3


def test_streaming_and_cursors(connection: sa.Connection) -> None:
    connection.execute(orders.insert(), [order(1, str(n)) for n in range(300)])
    query = select(orders.c.net).order_by(orders.c.net)
    with connection.execution_options(yield_per=50).execute(query) as result:
        sizes = [len(part) for part in result.partitions()]
    assert sizes == [50] * 6


def test_locking_and_distinct_on(connection: sa.Connection) -> None:
    connection.execute(orders.insert(), [order(1, "1"), order(1, "2"), order(2, "3")])
    assert len(connection.execute(select(orders.c.id).with_for_update(skip_locked=True)).all()) == 3
    joined = select(orders.c.net).join(customers).where(customers.c.name == "Ada").with_for_update(of=orders)
    assert len(connection.execute(joined).all()) == 2
    distinct = (
        select(orders.c.customer_id, orders.c.net)
        .ext(postgresql.distinct_on(orders.c.customer_id))
        .order_by(orders.c.customer_id, orders.c.net.desc())
    )
    assert connection.execute(distinct).all() == [(1, Decimal(2)), (2, Decimal(3))]


def test_schema_names_and_translation(target: Target, engine: sa.Engine) -> None:
    """Every column qualified with its schema: "tenant"."things"."id"."""
    tenants = MetaData(schema="per_tenant")
    things = Table("things", tenants, Column("id", Integer, primary_key=True), Column("Mixed Case", String))
    translated = engine.execution_options(schema_translate_map={"per_tenant": "Tenant 1"})
    with translated.begin() as connection:
        connection.execute(sa.schema.CreateSchema("Tenant 1"))
        tenants.create_all(connection)
        connection.execute(things.insert(), [{"id": 1, "Mixed Case": "a"}, {"id": 2, "Mixed Case": None}])
        assert connection.execute(things.update().values({"Mixed Case": "b"}).where(things.c.id == 2)).rowcount == 1
        assert connection.execute(select(things).order_by(things.c.id)).all() == [(1, "a"), (2, "b")]
    target.assert_stored("Tenant 1.things", 2)
    with translated.begin() as connection:
        assert connection.execute(things.delete().where(things.c["Mixed Case"] == "b")).rowcount == 1
        connection.execute(sa.schema.DropSchema("Tenant 1", cascade=True))
