"""A model of SQLAlchemy's with relationships of every kind, on two machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.programs import tools

MODEL = """
import json, sys
from sqlalchemy import CheckConstraint, Column, ForeignKey, String, Table, UniqueConstraint, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

class Base(DeclarativeBase):
    pass

book_tag = Table(
    "book_tag", Base.metadata,
    Column("book_id", ForeignKey("book.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
)

class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("author.id", ondelete="SET NULL"))
    mentor: Mapped["Author | None"] = relationship(remote_side=[id], back_populates="pupils")
    pupils: Mapped[list["Author"]] = relationship(back_populates="mentor", passive_deletes=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan", passive_deletes=True)

class Book(Base):
    __tablename__ = "book"
    __table_args__ = (UniqueConstraint("author_id", "title"), CheckConstraint("pages > 0", name="has_pages"))
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int] = mapped_column(default=100)
    edition: Mapped[int] = mapped_column()
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id", ondelete="CASCADE"))
    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[list["Tag"]] = relationship(secondary=book_tag, back_populates="books")
    loans: Mapped[list["Loan"]] = relationship(back_populates="book")
    __mapper_args__ = {"version_id_col": edition}

class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    books: Mapped[list[Book]] = relationship(secondary=book_tag, back_populates="tags")

class Loan(Base):
    __tablename__ = "loan"
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id", ondelete="RESTRICT"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    reader: Mapped[str]
    book: Mapped[Book] = relationship(back_populates="loans")

engine = create_engine("sqlite:///" + sys.argv[1])

@event.listens_for(engine, "connect")
def enforce(connection, record):
    connection.execute("PRAGMA foreign_keys = ON")

def the(session, kind, **given):
    return session.scalars(select(kind).filter_by(**given)).one()

session = Session(engine)
"""
CREATE = """
Base.metadata.create_all(engine)
ada = Author(name="Ada", books=[Book(title="Notes", tags=[Tag(label="engines")]), Book(title="Letters")])
session.add_all([ada, Author(name="Charles", mentor=ada)])
session.commit()
"""
AT_A = """
ada = the(session, Author, name="Ada")
grace = Author(name="Grace", mentor=ada, books=[Book(title="Compilers", tags=[Tag(label="languages")])])
session.add_all([grace, Author(name="Both")])
the(session, Book, title="Notes").pages = 66
session.delete(the(session, Book, title="Letters"))
session.commit()
"""
AT_B = """
ada = the(session, Author, name="Ada")
alan = Author(name="Alan", mentor=ada, books=[Book(title="Machines", tags=[Tag(label="logic"), the(session, Tag, label="engines")])])
session.add_all([alan, Author(name="Both", books=[Book(title="Of both")])])
the(session, Book, title="Notes").title = "Notes by the translator"
session.add(Loan(book=the(session, Book, title="Letters"), day="2024-05-01", reader="Mary"))
session.commit()
"""
DESCRIBE = """
print(json.dumps({
    "authors": {a.name: [a.mentor.name if a.mentor else None, sorted(b.title for b in a.books)]
                for a in session.scalars(select(Author).order_by(Author.name))},
    "tags": {b.title: sorted(t.label for t in b.tags) for b in session.scalars(select(Book).order_by(Book.title))},
    "loans": [[loan.book.title, loan.reader] for loan in session.scalars(select(Loan))],
    "pages": the(session, Book, title="Notes by the translator").pages,
}))
"""
GIVE_WAY = """
the(session, Author, name="Both").name = "One of both"
session.commit()
"""
EDIT = """
book = the(session, Book, title="Machines")
book.pages += 1
book.tags.append(the(session, Tag, label="languages"))
session.delete(the(session, Author, name="Grace"))
session.commit()
"""


def orm(path: Path, script: str) -> Any:
    """Run a script with the model."""
    return tools.python(MODEL + script, path, folder=path.parent)


def test_a_model_with_relationships_on_two_machines(tmp_path: Path) -> None:
    """Objects of one number keep their relationships; an object that is on loan elsewhere comes back; equal names wait."""
    orm(tmp_path / "a.db", CREATE)
    a, b = tools.replicate(tmp_path / "a.db", "b")
    orm(a, AT_A)
    orm(b, AT_B)
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        found = orm(path, DESCRIBE)
        assert found["authors"] == {
            "Ada": [None, ["Letters", "Notes by the translator"]],
            "Alan": ["Ada", ["Machines"]],
            "Both": [None, []],
            "Charles": ["Ada", []],
            "Grace": ["Ada", ["Compilers"]],
        }
        assert found["tags"]["Machines"] == ["engines", "logic"]
        assert found["tags"]["Compilers"] == ["languages"]
        assert found["tags"]["Notes by the translator"] == ["engines"]
        assert found["loans"] == [["Letters", "Mary"]]
        assert found["pages"] == 66
        held = tools.held(path)
        assert [reason.partition(":")[0] for reason in held["author"]] == ["unique"]
        assert sorted(reason.partition(":")[0] for reason in held["book"]) == ["deleted, shown", "foreign key"]
    orm(b, GIVE_WAY)
    orm(a, EDIT)
    tools.sync(a, b)
    tools.check(a, b)
    for path in (a, b):
        found = orm(path, DESCRIBE)
        assert found["authors"]["Both"] == [None, ["Of both"]]
        assert found["authors"]["One of both"] == [None, []]
        assert "Grace" not in found["authors"]
        assert found["tags"]["Machines"] == ["engines", "languages", "logic"]
