"""Rows that share a value of a UNIQUE index with the policy `same` are one thing: one is shown, and whoever refers to the others shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from tests.support import state
from tests.support.peers import come_to_rest, read, three, two, write
from tests.support.settled import assert_settled

TAGS = """
CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE, code TEXT UNIQUE, color);
CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, body, tag TEXT REFERENCES tag ON DELETE {action})
"""


def united(folder: Path, action: str = "NO ACTION") -> tuple[Replica, Replica]:
    """Let both sides create one tag, each with a note that refers to it; 'a' wins."""
    replicas = two(folder, TAGS.format(action=action))
    for one, key in zip(replicas, "ab", strict=True):
        one.set_unique("tag", ["name"], "same")
        write(
            one,
            f"INSERT INTO tag VALUES ('{key}', 'work', NULL, 'red'); INSERT INTO note VALUES ('n{key}', 'of {key}', '{key}')",
        )
        one.vector()
    come_to_rest([*replicas])
    return replicas


def notes(of: Replica) -> list[Any]:
    return read(of, "SELECT id, tag FROM note ORDER BY id")


def held(of: Replica) -> list[tuple[Any, ...]]:
    return sorted((row.table, *row.key, row.reason, row.detail) for row in of.held())


def test_both_sides_create_one_tag(tmp_path: Path) -> None:
    """One tag is shown, every note shows it, and `held` says with which row the other one is one."""
    for one in united(tmp_path):
        assert read(one, "SELECT id, name FROM tag") == [("a", "work")]
        assert notes(one) == [("na", "a"), ("nb", "a")]
        assert held(one) == [("note", "nb", "masked", "tag"), ("tag", "b", "united", "name")]
        note, tag = sorted(one.held(), key=lambda row: row.table)
        assert "one with row 'a'" in tag.release
        assert "row 'b' of 'tag' that it refers to is one with the row that is shown" in note.release


@pytest.mark.parametrize("change", ["DELETE FROM note WHERE tag = 'a'; DELETE FROM tag", "UPDATE tag SET name = 'job'"])
def test_a_union_comes_apart(tmp_path: Path, change: str) -> None:
    """Once the winner is gone, or has another value, the other row is shown; references that nobody wrote lead to it again."""
    one, other = united(tmp_path)
    write(one, change)
    come_to_rest([one, other])
    for replica in (one, other):
        assert ("b", "work") in read(replica, "SELECT id, name FROM tag")
        assert [row for row in notes(replica) if row[0] == "nb"] == ([("nb", "b")] if "UPDATE" in change else [])
        assert held(replica) == []


def test_writes_of_a_row_that_shows_the_winner(tmp_path: Path) -> None:
    """A write of another column leaves the reference as it was; one of the reference means what it says."""
    one, other = united(tmp_path)
    write(one, "UPDATE note SET body = 'new' WHERE id = 'nb'")
    come_to_rest([one, other])
    assert held(other) == [("note", "nb", "masked", "tag"), ("tag", "b", "united", "name")]
    write(other, "INSERT INTO tag VALUES ('c', 'home', NULL, NULL)", "UPDATE note SET tag = 'c' WHERE id = 'nb'")
    come_to_rest([one, other])
    write(one, "UPDATE note SET tag = 'a' WHERE id = 'nb'")
    write(one, "UPDATE tag SET name = 'job' WHERE id = 'a'")
    come_to_rest([one, other])
    assert read(other, "SELECT id, body, tag FROM note ORDER BY id") == [("na", "of a", "a"), ("nb", "new", "a")]
    assert held(other) == []


@pytest.mark.parametrize(("action", "shown"), [("CASCADE", []), ("SET NULL", [("na", None), ("nb", None)])])
def test_deleting_the_winner_reaches_whoever_shows_it(tmp_path: Path, action: str, shown: list[Any]) -> None:
    """SQLite's own action on the winner is a write of all rows that show it; what its writer had not seen stays with the other row."""
    one, other = united(tmp_path, action)
    write(other, "UPDATE tag SET name = 'job' WHERE id = 'a'")
    other.vector()
    write(other, "INSERT INTO note VALUES ('late', 'unseen', 'b')")
    write(one, "DELETE FROM tag WHERE id = 'a'", foreign_keys=True)
    come_to_rest([one, other])
    for replica in (one, other):
        assert notes(replica) == [("late", "b"), *shown]
        assert {"b"} <= {key for (key,) in read(replica, "SELECT id FROM tag")}
        assert_settled(replica)


def test_restrict_keeps_the_winner(tmp_path: Path) -> None:
    """A winner that somebody deletes is shown again for a row that refers to it, and keeps the others with it."""
    one, other = united(tmp_path)
    write(one, "DELETE FROM note; DELETE FROM tag")
    write(other, "INSERT INTO note VALUES ('late', 'unseen', 'a')")
    come_to_rest([one, other])
    for replica in (one, other):
        assert notes(replica)[0][0] == "late"
        assert len(read(replica, "SELECT 1 FROM tag JOIN note ON note.tag = tag.id WHERE note.id = 'late'")) == 1


def test_a_row_loses_by_one_index_and_is_united_by_another(tmp_path: Path) -> None:
    """A row that is one with another one is held as that, whatever else it lost; a row that only lost a value is held for that."""
    one, other = united(tmp_path)
    write(one, "INSERT INTO tag VALUES ('c', 'home', 'x', 1), ('f', 'shed', 'z', 1)")
    write(other, "INSERT INTO tag VALUES ('d', 'home', 'x', 2), ('e', 'garden', 'z', 3)")
    come_to_rest([one, other])
    assert held(one)[2:] == [("tag", "d", "united", "name"), ("tag", "e", "unique", "code")]


def test_rows_that_come_to_be_equal_are_united_too(tmp_path: Path) -> None:
    """Where a tree's rows are one by parent and name, the children of united rows are compared as children of the winner."""
    one, other = two(
        tmp_path,
        "CREATE TABLE dir (id TEXT PRIMARY KEY NOT NULL, up TEXT REFERENCES dir ON DELETE CASCADE, name TEXT, UNIQUE (up, name))",
    )
    for replica in (one, other):
        replica.set_unique("dir", ["up", "name"], "same")
    write(one, "INSERT INTO dir VALUES ('root', NULL, '')")
    come_to_rest([one, other])
    for replica, key in ((one, "a"), (other, "b")):
        write(
            replica,
            f"INSERT INTO dir VALUES ('{key}1', 'root', 'src'), ('{key}2', '{key}1', 'lib'), ('{key}3', '{key}2', '{key}.py')",
        )
    come_to_rest([one, other])
    for replica in (one, other):
        assert sorted(read(replica, "SELECT * FROM dir")) == [
            ("a1", "root", "src"),
            ("a2", "a1", "lib"),
            ("a3", "a2", "a.py"),
            ("b3", "a2", "b.py"),
            ("root", None, ""),
        ]
        assert_settled(replica)


def test_three_replicas_and_numbers(tmp_path: Path) -> None:
    """Tags with automatic ids that three replicas create are one tag, and all that refers to them follows, renumbered or not."""
    replicas = three(
        tmp_path,
        "CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body, tag INTEGER NOT NULL REFERENCES tag)",
        identity="row",
    )
    for number, one in enumerate(replicas):
        one.set_unique("tag", ["name"], "same")
        write(one, "INSERT INTO tag (name) VALUES ('work')")
        write(one, f"INSERT INTO note (body, tag) SELECT 'n{number}', id FROM tag")
        one.vector()
    come_to_rest(replicas)
    for one in replicas:
        found = read(one, "SELECT note.body, tag.name FROM note JOIN tag ON tag.id = note.tag ORDER BY 1")
        assert found == [("n0", "work"), ("n1", "work"), ("n2", "work")]
        assert read(one, "SELECT count(*) FROM tag") == [(1,)]
    shared = [state.shared(one.connection) for one in replicas]
    assert shared[0] == shared[1] == shared[2]


def test_a_value_that_a_row_of_its_own_has_means_that_row(tmp_path: Path) -> None:
    """A reference to a value that a united row has leads to another row of that value, if there is one, and not to the winner."""
    one, other = two(
        tmp_path,
        "CREATE TABLE tag (id TEXT PRIMARY KEY NOT NULL, name TEXT UNIQUE, code TEXT UNIQUE);"
        "CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, code TEXT REFERENCES tag (code))",
    )
    for replica in (one, other):
        replica.set_unique("tag", ["name"], "same")
    write(one, "INSERT INTO tag VALUES ('w', 'x', 'q'), ('v', 'y', 'p')")
    one.vector()
    write(
        other, "INSERT INTO tag VALUES ('l', 'x', 'p'), ('m', 'y', 'r'); INSERT INTO note VALUES ('1', 'p'), ('2', 'r')"
    )
    come_to_rest([one, other])
    assert held(one) == [
        ("note", "2", "masked", "code"),
        ("tag", "l", "united", "name"),
        ("tag", "m", "united", "name"),
    ]
    assert read(one, "SELECT * FROM note ORDER BY id") == [("1", "p"), ("2", "p")]


def test_a_reference_to_a_column_that_shows_the_winner_shows_it_too(tmp_path: Path) -> None:
    """Where the column referred to is itself a reference that shows the winner, whoever refers to it shows the same, and returns with it."""
    schema = (
        TAGS.format(action="NO ACTION")
        + "; CREATE TABLE pin (id TEXT PRIMARY KEY NOT NULL, tag TEXT REFERENCES main (tag))"
    )
    schema += "; CREATE TABLE main (id TEXT PRIMARY KEY NOT NULL, tag TEXT UNIQUE REFERENCES tag)"
    one, other = two(tmp_path, schema)
    for replica in (one, other):
        replica.set_unique("tag", ["name"], "same")
    write(one, "INSERT INTO tag (id, name) VALUES ('a', 'work')")
    write(
        other,
        "INSERT INTO tag (id, name) VALUES ('b', 'work'); INSERT INTO main VALUES ('m', 'b'); INSERT INTO pin VALUES ('p', 'b')",
    )
    one.vector()
    come_to_rest([one, other])
    for replica in (one, other):
        assert read(replica, "SELECT main.tag, pin.tag FROM main, pin") == [("a", "a")]
    write(one, "UPDATE tag SET name = 'job' WHERE id = 'a'")
    come_to_rest([one, other])
    for replica in (one, other):
        assert read(replica, "SELECT main.tag, pin.tag FROM main, pin") == [("b", "b")]
        assert held(replica) == []
