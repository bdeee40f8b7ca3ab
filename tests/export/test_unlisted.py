"""Small changesets describe the tables that they have rows of, and name the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import InvalidChangesetError, SchemaMismatchError
from crdtsql.wire.envelope import unpack
from tests.support.forge import with_header
from tests.support.peers import Clock, all_equal, come_to_rest, read, replica, send, write

SCHEMA = "CREATE TABLE note (id INTEGER PRIMARY KEY, body); CREATE TABLE comment (id TEXT PRIMARY KEY, note INTEGER REFERENCES note, v)"


CLOCK = Clock(step=1)
"""The same for all replicas."""


def opened(path: Path) -> Replica:
    """Open a file whose notes are numbered and whose comments have keys."""
    found = replica(path, SCHEMA, identity="row", tables=("note",), now=CLOCK, site=path.name[0] == "b")
    found.enable("comment")
    return found


def test_tables_without_rows_are_named(tmp_path: Path) -> None:
    """A changeset describes the table that has rows; of the others it says what a row of them is."""
    a = opened(tmp_path / "a.db")
    write(a, "INSERT INTO note VALUES (1, 'x')")
    since = a.vector()
    write(a, "INSERT INTO comment VALUES ('c', 1, 1)")
    header = unpack(a.export(since)).header
    assert [table.name for table in header.tables] == ["comment"]
    assert header.others == {"row": {"note"}}
    assert [table.name for table in unpack(a.export()).header.tables] == ["comment", "note"]


def test_tables_that_are_not_as_usual_are_described(tmp_path: Path) -> None:
    """What replicas must agree on is compared also of tables without rows, whoever differs from the usual."""
    schema = "CREATE TABLE a (id TEXT PRIMARY KEY, v UNIQUE); CREATE TABLE b (id TEXT PRIMARY KEY, v)"
    first, second = (replica(tmp_path / f"{n}.db", schema) for n in (1, 2))
    write(first, "INSERT INTO b VALUES ('x', 1)")
    assert [table.name for table in unpack(first.export()).header.tables] == ["b"]
    for change in (
        lambda one: one.set_rows("a", "delete-wins"),
        lambda one: one.set_unique("a", "v", "null"),
    ):
        change(first)
        data = first.export()
        assert {table.name for table in unpack(data).header.tables} == {"a", "b"}
        with pytest.raises(SchemaMismatchError):
            second.merge(data)
        write(second, "INSERT OR REPLACE INTO b VALUES ('y', 1)")
        with pytest.raises(SchemaMismatchError):
            first.merge(second.export())
        change(second)
    come_to_rest([first, second])
    assert all_equal([first, second])


def test_references_to_tables_without_rows_are_translated(tmp_path: Path) -> None:
    """A reference means the row that its writer saw, also where the changeset has no row of the table that it refers to."""
    a, b = (opened(tmp_path / name) for name in ("a.db", "b.db"))
    write(a, "INSERT INTO note VALUES (7, 'of a')")
    a.fold()
    write(b, "INSERT INTO note VALUES (7, 'of b')")
    send(b, a)
    ((_, mine), (moved, theirs)) = read(a, "SELECT id, body FROM note ORDER BY id")
    assert (mine, theirs) == ("of a", "of b")
    write(b, "INSERT INTO comment VALUES ('c', 7, 1)")
    data = b.export(a.vector())
    assert [table.name for table in unpack(data).header.tables] == ["comment"]
    a.merge(data)
    assert read(a, "SELECT note FROM comment") == [(moved,)]
    come_to_rest([a, b])
    assert all_equal([a, b])


WRONG = [
    {"row": ["comment"]},
    {"key": ["a", "a"]},
    {"other": ["a"]},
    {"key": [1]},
    [],
    {"key": 1},
    {"key": ["a\0"]},
    {"key": "ab"},
]


@pytest.mark.parametrize("others", WRONG, ids=str)
def test_wrong_names_are_refused(tmp_path: Path, others: object) -> None:
    """Names that no sender gives are refused, and nothing is changed."""
    a, b = (opened(tmp_path / name) for name in ("a.db", "b.db"))
    write(a, "INSERT INTO comment VALUES ('c', NULL, 1)")
    spoiled = with_header(a.export(), lambda header: header | {"others": others})
    with pytest.raises(InvalidChangesetError):
        b.merge(spoiled)
    assert read(b, "SELECT * FROM comment") == []


@pytest.mark.parametrize(
    "geneses", [{"note": [1, 1]}, {"note": [-(1 << 62), 1]}, {"note": 1}, {"comment": [-1, 1]}, []], ids=str
)
def test_wrong_geneses_are_refused(tmp_path: Path, geneses: object) -> None:
    """A genesis of a table that is not named, or that the vector does not cover, is refused."""
    a, b = (opened(tmp_path / name) for name in ("a.db", "b.db"))
    write(a, "INSERT INTO comment VALUES ('c', NULL, 1)")
    with pytest.raises(InvalidChangesetError):
        b.merge(with_header(a.export(), lambda header: header | {"geneses": geneses}))
