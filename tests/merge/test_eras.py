"""Tables that were disabled and enabled again: whoever never had one of them goes on with all others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import SchemaMismatchError
from tests.support.library import large
from tests.support.peers import read, write
from tests.support.versions import make

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
NOTE = "CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, v)"


@pytest.fixture(params=["rows", "an image"], autouse=True)
def _encoding(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run with both encodings."""
    with large() if request.param == "an image" else nullcontext():
        yield


def apart(folder: Path) -> tuple[Replica, Replica]:
    """Give a replica with a table that was disabled and enabled again since, and a clone that never had it; both have written."""
    one = make(folder / "a.db", TASK, "task")
    other = one.clone(folder / "b.db")
    one.connection.execute(NOTE)
    one.enable("note")
    one.disable("note")
    one.enable("note")
    write(one, "INSERT INTO task VALUES ('a', 1)", "INSERT INTO note VALUES ('n', 1)")
    write(other, "INSERT INTO task VALUES ('b', 2)")
    return one, other


@pytest.mark.parametrize("when", ["before they met", "afterwards"])
def test_who_takes_over_the_schema_has_forgotten_nothing(tmp_path: Path, when: str) -> None:
    """A table that comes with another file's schema is as often disabled as there."""
    one, other = apart(tmp_path)
    if when == "afterwards":
        sync(one, other)
    other.adopt_schema(one)
    write(other, "INSERT INTO note VALUES ('m', 2)")
    sync(other, one)
    assert (
        read(one, "SELECT * FROM note ORDER BY id")
        == read(other, "SELECT * FROM note ORDER BY id")
        == [("m", 2), ("n", 1)]
    )


def test_a_store_is_compared(tmp_path: Path) -> None:
    """The replica that is made of what a store has takes its table for the same one."""
    one, _ = apart(tmp_path)
    folder = tmp_path / "team"
    folder.mkdir()
    one.sync(f"dir:{folder}")
    assert one.verify(f"dir:{folder}").equal


@pytest.mark.parametrize("way", ["folder", "server"])
def test_other_ways_take_it_too(tmp_path: Path, way: str) -> None:
    """By a folder, and where one side answers, all changes arrive, whoever was there first."""
    one, other = apart(tmp_path)
    if way == "folder":
        (tmp_path / "team").mkdir()
        for replica in (other, one, other, one):
            replica.sync(f"dir:{tmp_path / 'team'}")
    else:
        other.sync(one)
    for replica in (one, other):
        assert read(replica, "SELECT * FROM task ORDER BY id") == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("first", ["who had it", "who never had it"])
def test_who_never_had_the_table_has_forgotten_nothing(tmp_path: Path, first: str) -> None:
    """Changes go both ways at the first sync, whoever begins; the table's rows are kept and passed on."""
    one, other = apart(tmp_path)
    with make(tmp_path / "c.db", f"{TASK}; {NOTE}", "task") as third:
        sync(*((one, other) if first == "who had it" else (other, one)))
        for replica in (one, other):
            assert read(replica, "SELECT * FROM task ORDER BY id") == [("a", 1), ("b", 2)]
        third.enable("note")
        write(other, "INSERT INTO task VALUES ('c', 3)")
        sync(one, other)
        assert read(one, "SELECT * FROM task ORDER BY id") == [("a", 1), ("b", 2), ("c", 3)]
    with other.clone(tmp_path / "d.db") as late:
        late.connection.execute(NOTE)
        late.enable("note")
        assert read(late, "SELECT * FROM note") == [("n", 1)]


def test_changes_from_before_are_taken_alone(tmp_path: Path) -> None:
    """A changeset of somebody who had not heard of the table, made before, in between or later, is taken on its own."""
    one, other = apart(tmp_path)
    early = other.export({})
    one.merge(early)
    write(other, "UPDATE task SET title = 5 WHERE id = 'b'")
    one.merge(other.export(one.vector()))
    assert read(one, "SELECT * FROM task ORDER BY id") == [("a", 1), ("b", 5)]


def test_who_had_it_before_is_still_refused(tmp_path: Path) -> None:
    """Whoever has the table from before its history was forgotten is told to disable it too, in both directions; then all goes on."""
    one = make(tmp_path / "a.db", f"{TASK}; {NOTE}", "task", "note")
    other = one.clone(tmp_path / "b.db")
    write(other, "INSERT INTO note VALUES ('b', 2)")
    one.disable("note")
    one.enable("note")
    write(one, "INSERT INTO task VALUES ('a', 1)")
    for sender, receiver in ((one, other), (other, one)):
        with pytest.raises(SchemaMismatchError, match="forgot its history"):
            receiver.merge(sender.export(receiver.vector()))
    other.disable("note")
    other.enable("note")
    sync(one, other)
    assert read(one, "SELECT * FROM note") == read(other, "SELECT * FROM note") == [("b", 2)]


def test_who_forgot_it_is_still_refused(tmp_path: Path) -> None:
    """Whoever disabled the table can't pass its events on, and is not taken for one that never had it."""
    one = make(tmp_path / "a.db", f"{TASK}; {NOTE}", "task", "note")
    other = one.clone(tmp_path / "b.db")
    other.disable("note")
    write(other, "INSERT INTO task VALUES ('b', 2)")
    with pytest.raises(SchemaMismatchError, match="forgot its history"):
        one.merge(other.export(one.vector()))
