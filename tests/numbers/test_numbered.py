"""Automatic numbers and the references to them, across replicas that lack the tables or columns."""

from __future__ import annotations

from pathlib import Path

from crdtsql import Replica
from tests.support.peers import exchange, read, write
from tests.support.versions import OLD, is_at_rest, make, told

TICKET = "CREATE TABLE ticket (id INTEGER PRIMARY KEY, title TEXT, prio TEXT)"
NOTE = "CREATE TABLE note (id INTEGER PRIMARY KEY, ticket INTEGER REFERENCES ticket (id), body TEXT)"
BOTH = "SELECT t.title, t.prio, n.body FROM ticket AS t LEFT JOIN note AS n ON n.ticket = t.id ORDER BY 1"


def writers(folder: Path) -> tuple[Replica, Replica]:
    """Give two replicas that gave the same numbers to different rows, with a row each that refers to one of them."""
    made = []
    for name in "ac":
        replica = make(folder / f"{name}.db", f"{TICKET}; {NOTE}", "ticket", "note")
        for number in (1, 2):
            write(replica, f"INSERT INTO ticket (title, prio) VALUES ('{name}{number}', '{name}p')")
            write(replica, f"INSERT INTO note (ticket, body) VALUES ({number}, '{name}{number}')")
        made.append(replica)
    return made[0], made[1]


SHOWN = [("a1", "ap", "a1"), ("a2", "ap", "a2"), ("c1", "cp", "c1"), ("c2", "cp", "c2")]


def test_references_follow_through_a_replica_without_the_tables(tmp_path: Path) -> None:
    """Rows that are renumbered where their tables are absent take the references to them along, to whom they are passed on."""
    a, c = writers(tmp_path)
    b = make(tmp_path / "b.db", OLD, "task")
    exchange(a, b, c)
    assert read(a, BOTH) == read(c, BOTH) == SHOWN
    b.adopt_schema(a)
    assert read(b, BOTH) == SHOWN
    exchange(a, b, c)
    assert told(a) == told(b) == told(c)
    assert is_at_rest(a, b, c)


def test_references_follow_where_only_the_parents_are_absent(tmp_path: Path) -> None:
    """A table that refers to one that is not in the file refers to the same rows once it is."""
    a, c = writers(tmp_path)
    b = make(tmp_path / "b.db", NOTE, "note")
    exchange(a, b, c)
    assert read(a, BOTH) == read(c, BOTH) == SHOWN
    b.adopt_schema(a)
    exchange(a, b, c)
    assert read(b, BOTH) == SHOWN


def test_references_in_parked_cells_follow(tmp_path: Path) -> None:
    """A reference in a column that the file lacks follows its row, and is right once the column is there."""
    a, c = writers(tmp_path)
    b = make(tmp_path / "b.db", f"{TICKET}; CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)", "ticket", "note")
    exchange(a, b, c)
    assert read(a, BOTH) == read(c, BOTH) == SHOWN
    b.adopt_schema(c)
    assert read(b, BOTH) == SHOWN
    exchange(a, b, c)
    assert is_at_rest(a, b, c)


def test_parked_cells_follow_their_rows(tmp_path: Path) -> None:
    """Cells of a column that the file lacks stay with their rows when these get other numbers."""
    a, c = writers(tmp_path)
    b = make(tmp_path / "b.db", "CREATE TABLE ticket (id INTEGER PRIMARY KEY, title TEXT)", "ticket")
    write(b, "INSERT INTO ticket (title) VALUES ('b1')")
    exchange(a, b, c)
    b.adopt_schema(a)
    assert sorted(read(b, "SELECT title, prio FROM ticket")) == [
        ("a1", "ap"),
        ("a2", "ap"),
        ("b1", None),
        ("c1", "cp"),
        ("c2", "cp"),
    ]
    exchange(a, b, c)
    assert read(a, BOTH) == read(b, BOTH) == read(c, BOTH)
