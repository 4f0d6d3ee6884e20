"""SQLAlchemy's ORM: the unit of work, relationships, eager loading, and its trust in row counts."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
    subqueryload,
)
from sqlalchemy.orm.exc import StaleDataError

from tests.clients.support import Target


class Base(DeclarativeBase):
    pass


class Kind(enum.Enum):
    fiction = 1
    science = 2


book_tag = sa.Table(
    "book_tag",
    Base.metadata,
    sa.Column("book_id", ForeignKey("book.id"), primary_key=True),
    sa.Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Author(Base):
    __tablename__ = "author"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    born: Mapped[dt.date | None]
    settings: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSONB), default=dict)
    books: Mapped[list[Book]] = relationship(back_populates="author", cascade="all, delete-orphan", order_by="Book.id")


class Book(Base):
    __tablename__ = "book"

    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    title: Mapped[str] = mapped_column(index=True)
    kind: Mapped[Kind] = mapped_column(default=Kind.fiction)
    price: Mapped[Decimal] = mapped_column(sa.Numeric(8, 2), server_default="9.99")
    words: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    code: Mapped[uuid.UUID] = mapped_column(server_default=func.gen_random_uuid())
    changed: Mapped[dt.datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )
    version: Mapped[int] = mapped_column()
    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tag, back_populates="books", order_by="Tag.name")

    __mapper_args__ = {"version_id_col": version, "eager_defaults": True}  # noqa: RUF012 - read by the mapper

    @hybrid_property
    def expensive(self) -> bool:
        return self.price > 10


class Tag(Base):
    __tablename__ = "tag"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(secondary=book_tag, back_populates="tags")


class Node(Base):
    """A tree, and joined-table inheritance."""

    __tablename__ = "node"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
    type: Mapped[str]
    children: Mapped[list[Node]] = relationship(order_by="Node.id")

    __mapper_args__ = {"polymorphic_on": "type", "polymorphic_identity": "node"}  # noqa: RUF012 - read by the mapper


class Leaf(Node):
    __tablename__ = "leaf"

    id: Mapped[int] = mapped_column(ForeignKey("node.id"), primary_key=True)
    colour: Mapped[str]

    __mapper_args__ = {"polymorphic_identity": "leaf"}  # noqa: RUF012 - read by the mapper


@pytest.fixture(scope="module")
def engine(target: Target) -> Iterator[sa.Engine]:
    engine = sa.create_engine(target.sqlalchemy_url("postgresql+psycopg"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


TABLES = ["author", "book", "tag", "book_tag", "node", "leaf"]


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A session on a library of two authors, committed; emptied afterwards."""
    with Session(engine) as session:
        ada = Author(name="Ada", born=dt.date(1815, 12, 10), settings={"theme": "dark"})
        ada.books = [
            Book(title="Notes", price=Decimal("12.00")),
            Book(title="Letters", kind=Kind.science, words=["a", "b"]),
        ]
        old, rare = Tag(name="old"), Tag(name="rare")
        ada.books[0].tags = [old, rare]
        ada.books[1].tags = [old]
        session.add_all([ada, Author(name="Bob")])
        session.commit()
        yield session
        session.rollback()
    with engine.begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY"))


def test_what_was_added_is_there(target: Target, session: Session) -> None:
    session.expire_all()
    ada = session.scalars(select(Author).filter_by(name="Ada")).one()
    assert (ada.born, ada.settings) == (dt.date(1815, 12, 10), {"theme": "dark"})
    notes, letters = ada.books
    assert (notes.title, notes.price, notes.kind, notes.version) == ("Notes", Decimal("12.00"), Kind.fiction, 1)
    assert (letters.price, letters.words, letters.kind) == (Decimal("9.99"), ["a", "b"], Kind.science)
    assert [tag.name for tag in notes.tags] == ["old", "rare"]
    assert [book.title for book in session.scalars(select(Tag).filter_by(name="old")).one().books] == [
        "Notes",
        "Letters",
    ]
    for table, count in zip(TABLES, (2, 2, 2, 3, 0, 0), strict=True):
        target.assert_stored(table, count)
    if target.proxied:
        assert {document["title"]: document["kind"] for document in target.documents("book")} == {
            "Notes": "fiction",
            "Letters": "science",
        }


def test_defaults_are_fetched_with_the_insert(session: Session) -> None:
    book = Book(title="New", author=session.scalars(select(Author)).first())
    session.add(book)
    session.flush()
    assert not sa.inspect(book).expired_attributes
    assert (book.id, book.price, book.version) == (3, Decimal("9.99"), 1)
    assert isinstance(book.code, uuid.UUID)
    assert book.changed.tzinfo is not None


def test_unit_of_work(target: Target, session: Session) -> None:
    ada = session.scalars(select(Author).filter_by(name="Ada")).one()
    notes, letters = ada.books
    notes.title = "Notes, revised"
    notes.tags.remove(notes.tags[0])
    ada.settings["size"] = 12
    ada.books.remove(letters)
    ada.books.append(Book(title="Diagram"))
    session.commit()
    assert [(book.id, book.title, book.version) for book in ada.books] == [(1, "Notes, revised", 2), (3, "Diagram", 1)]
    assert ada.settings == {"theme": "dark", "size": 12}
    target.assert_stored("book", 2)
    target.assert_stored("book_tag", 1)
    session.delete(ada)
    with pytest.raises(sa.exc.NoResultFound):
        session.scalars(select(Book)).one()
    session.rollback()
    assert session.scalar(select(func.count(Book.id))) == 2


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
def test_eager_loading(engine: sa.Engine, session: Session, load: Any) -> None:
    query = select(Author).options(load(Author.books).options(load(Book.tags))).order_by(Author.id)
    with Session(engine) as fresh:
        authors = fresh.scalars(query).unique().all()
    found = [(a.name, [(b.title, [t.name for t in b.tags]) for b in a.books]) for a in authors]
    assert found == [("Ada", [("Notes", ["old", "rare"]), ("Letters", ["old"])]), ("Bob", [])]


def test_a_stale_version_is_noticed(engine: sa.Engine, session: Session) -> None:
    """The row count of an UPDATE that hits nothing is 0, and the ORM acts on it."""
    notes = session.scalars(select(Book).filter_by(title="Notes")).one()
    with Session(engine) as other:
        other.get_one(Book, notes.id).price = Decimal(1)
        other.commit()
    notes.price = Decimal(2)
    with pytest.raises(StaleDataError):
        session.flush()
    session.rollback()
    with Session(engine) as other:
        other.delete(other.get_one(Book, notes.id))
        with pytest.raises(sa.exc.OperationalError), Session(engine) as third:
            other.flush()
            third.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            third.get_one(Book, notes.id, with_for_update=True)


def test_bulk_insert_returns_objects_in_order(target: Target, session: Session) -> None:
    bob = session.scalars(select(Author.id).filter_by(name="Bob")).one()
    rows = [{"author_id": bob, "title": f"Volume {n}", "version": 1} for n in range(1200)]
    books = session.scalars(sa.insert(Book).returning(Book, sort_by_parameter_order=True), rows).all()
    assert [book.title for book in books] == [row["title"] for row in rows]
    assert [book.id for book in books] == sorted(book.id for book in books)
    assert books[7].price == Decimal("9.99")
    session.commit()
    target.assert_stored("book", 1202)


def test_bulk_update_and_delete(session: Session) -> None:
    ids = session.scalars(select(Book.id).order_by(Book.id)).all()
    session.execute(
        sa.update(Book), [{"id": ids[0], "title": "A", "version": 1}, {"id": ids[1], "title": "B", "version": 1}]
    )
    assert session.scalars(select(Book.title).order_by(Book.id)).all() == ["A", "B"]
    titles = session.scalars(
        sa.update(Book).where(Book.expensive).values(title=Book.title + "!").returning(Book.title)
    ).all()
    assert titles == ["A!"]
    assert session.execute(sa.delete(Book).where(Book.author.has(name="Bob"))).rowcount == 0  # type: ignore[attr-defined]
    session.execute(sa.delete(book_tag).where(book_tag.c.book_id.in_(select(Book.id).where(~Book.expensive))))
    assert session.scalar(select(func.count()).select_from(book_tag)) == 2
    assert session.execute(sa.delete(Book).where(~Book.expensive)).rowcount == 1  # type: ignore[attr-defined]


def test_upsert_of_objects(session: Session) -> None:
    rows = [
        {"name": "Ada", "born": dt.date(1900, 1, 1), "settings": {}},
        {"name": "Cy", "born": None, "settings": {"x": 1}},
    ]
    statement = insert(Author).values(rows)
    upsert = statement.on_conflict_do_update(index_elements=[Author.name], set_={Author.born: statement.excluded.born})
    authors = session.scalars(upsert.returning(Author), execution_options={"populate_existing": True}).all()
    assert sorted((a.name, a.born, a.settings) for a in authors) == [
        ("Ada", dt.date(1900, 1, 1), {"theme": "dark"}),
        ("Cy", None, {"x": 1}),
    ]
    assert session.scalar(select(func.count()).select_from(Author)) == 3


def test_queries(session: Session) -> None:
    other = aliased(Book)
    pairs = select(Book.title, other.title).join(other, Book.author_id == other.author_id).where(Book.id < other.id)
    assert session.execute(pairs).all() == [("Notes", "Letters")]
    assert session.scalars(select(Author.name).where(Author.books.any(Book.tags.any(Tag.name == "rare")))).all() == [
        "Ada"
    ]
    assert session.scalars(select(Author.name).where(~Author.books.any())).all() == ["Bob"]
    assert session.scalars(select(Book.title).where(Book.kind == Kind.science)).all() == ["Letters"]
    assert session.scalars(select(Book.title).where(Book.words.contains(["a"]))).all() == ["Letters"]
    assert session.scalars(select(Author.name).where(Author.settings["theme"].astext == "dark")).all() == ["Ada"]
    counted = select(Author.name, func.count(Book.id), func.array_agg(Book.title)).outerjoin(Book).group_by(Author.id)
    assert session.execute(counted.order_by(Author.name)).all() == [
        ("Ada", 2, ["Notes", "Letters"]),
        ("Bob", 0, [None]),
    ]
    assert session.get(Book, 999) is None


def test_inheritance_and_a_tree(target: Target, session: Session) -> None:
    root = Node(children=[Leaf(colour="red"), Node(children=[Leaf(colour="blue")])])
    session.add(root)
    session.commit()
    session.expire_all()
    red, branch = root.children
    assert isinstance(red, Leaf)
    assert (red.colour, [type(child) for child in branch.children]) == ("red", [Leaf])
    leaves = session.scalars(select(Leaf).where(Leaf.colour == "blue")).all()
    assert [leaf.parent_id for leaf in leaves] == [branch.id]
    target.assert_stored("node", 4)
    target.assert_stored("leaf", 2)
    red.colour = "green"
    session.delete(branch.children[0])
    session.commit()
    target.assert_stored("leaf", 1)


def test_savepoints(session: Session) -> None:
    session.add(Tag(name="kept"))
    with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
        session.add(Tag(name="old"))
        session.flush()
    session.commit()
    assert session.scalars(select(Tag.name).order_by(Tag.name)).all() == ["kept", "old", "rare"]


@pytest.fixture
async def async_session(target: Target, session: Session) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(target.sqlalchemy_url("postgresql+asyncpg"))
    async with AsyncSession(engine, expire_on_commit=False) as async_session:
        yield async_session
    await engine.dispose()


async def test_on_asyncpg(target: Target, async_session: AsyncSession) -> None:
    query = select(Author).options(selectinload(Author.books).selectinload(Book.tags)).order_by(Author.id)
    ada, bob = (await async_session.scalars(query)).all()
    assert [[tag.name for tag in book.tags] for book in ada.books] == [["old", "rare"], ["old"]]
    bob.books.append(Book(title="Async", words=["x"], tags=[ada.books[0].tags[0]]))
    ada.settings["n"] = [1, None]
    await async_session.commit()
    assert bob.books[0].id == 3
    found = await async_session.execute(select(Book.title, Book.code, Book.price, Book.kind).where(Book.id == 3))
    [(title, code, price, kind)] = found.all()
    assert (title, price, kind) == ("Async", Decimal("9.99"), Kind.fiction)
    assert isinstance(code, uuid.UUID)
    result = await async_session.stream_scalars(select(Book.title).order_by(Book.id))
    assert [title async for title in result] == ["Notes", "Letters", "Async"]
    with pytest.raises(sa.exc.IntegrityError):
        async with async_session.begin_nested():
            async_session.add(Tag(name="old"))
            await async_session.flush()
    rows = [{"name": f"t{n}"} for n in range(300)]
    tags = (await async_session.scalars(sa.insert(Tag).returning(Tag, sort_by_parameter_order=True), rows)).all()
    assert [tag.name for tag in tags] == [row["name"] for row in rows]
    await async_session.commit()
    target.assert_stored("tag", 302)
