"""References that SQLite itself set to NULL, while the row that they led to survived elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from tests.support.peers import come_to_rest, replica, send

SCHEMA = """
CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL, code TEXT UNIQUE, t);
CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, up {reference}, v);
INSERT INTO p VALUES ('p0', 'c0', 0), ('p1', 'c1', 1);
INSERT INTO c VALUES ('c', {value}, 1);
"""
REFERENCES = {
    "null": ("TEXT REFERENCES p (id) ON DELETE SET NULL", "'p1'", None),
    "default": ("TEXT DEFAULT 'p0' REFERENCES p (id) ON DELETE SET DEFAULT", "'p1'", "p0"),
    "unique": ("TEXT REFERENCES p (code) ON DELETE SET NULL", "'c1'", None),
    "nocase": ("TEXT COLLATE NOCASE REFERENCES p ON DELETE SET NULL", "'p1'", None),
}


def three(directory: Path, reference: str, value: str) -> list[Replica]:
    schema = SCHEMA.format(reference=reference, value=value)
    found = [replica(directory / f"{site}.db", schema, site=site) for site in (1, 2, 3)]
    come_to_rest(found)
    return found


def run(on: Replica, statements: str) -> None:
    on.connection.execute(f"PRAGMA foreign_keys = ON; {statements}; PRAGMA foreign_keys = OFF")
    on.vector()


def log(of: Replica) -> list[tuple[Any, ...]]:
    return [(one.table, one.key[0], one.column, one.lost_value, one.won_value, one.resolved) for one in of.conflicts()]


@pytest.mark.parametrize("kind", REFERENCES)
def test_reference_to_a_row_that_survived_is_a_conflict(tmp_path: Path, kind: str) -> None:
    """A reference that SQLite set to NULL is an open conflict once its row turns out to live, on every replica that had it."""
    reference, value, nothing = REFERENCES[kind]
    a, b, c = three(tmp_path, reference, value)
    run(a, "DELETE FROM p WHERE id = 'p1'")
    send(a, c)
    entry = ("c", "c", "up", value.strip("'"), nothing)
    assert log(a) == log(c) == [(*entry, True)], "noted, and nothing to do while the row is gone"
    run(b, "UPDATE p SET t = 'edited' WHERE id = 'p1'")
    come_to_rest([a, b, c])
    for peer in (a, b, c):
        assert log(peer) == [(*entry, False)]
    (found,) = b.conflicts()
    b.resolve(found.id, "ours")
    come_to_rest([b, a, c])
    for peer in (a, b, c):
        assert peer.connection.execute("SELECT up FROM c").fetchone() == (value.strip("'"),)
        assert log(peer) == [(*entry, True)]


def test_references_that_go_with_their_row_are_no_conflict(tmp_path: Path) -> None:
    """Nothing is open where the row is gone, where it was inserted anew, or where a person took the reference away."""
    reference, value, _ = REFERENCES["null"]
    a, b, c = three(tmp_path, reference, value)
    run(a, "UPDATE c SET up = NULL")
    run(b, "UPDATE p SET t = 'edited'")
    come_to_rest([a, b, c])
    assert log(a) == log(b) == log(c) == []
    run(b, "UPDATE c SET up = 'p1'")
    run(b, "DELETE FROM p WHERE id = 'p1'; INSERT INTO p VALUES ('p1', 'again', 'again')")
    come_to_rest([a, b, c])
    for peer in (a, b, c):
        assert [one for one in log(peer) if not one[-1]] == []
        assert peer.connection.execute("SELECT up FROM c").fetchone() == (None,)


def test_reference_by_several_columns_is_opened_by_its_own_row(tmp_path: Path) -> None:
    """Of a reference by several columns each is logged, and opened by the row that all of them name, not by one that shares a part."""
    schema = """
    CREATE TABLE p (x TEXT NOT NULL, y TEXT NOT NULL, t, PRIMARY KEY (x, y));
    CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, x TEXT, y TEXT, FOREIGN KEY (x, y) REFERENCES p ON DELETE SET NULL);
    INSERT INTO p VALUES ('x', 'y1', 1), ('x', 'y2', 2);
    INSERT INTO c VALUES ('c', 'x', 'y1');
    """
    a, b = (replica(tmp_path / f"{site}.db", schema, site=site) for site in (1, 2))
    come_to_rest([a, b])
    run(a, "DELETE FROM p WHERE y = 'y1'")
    run(b, "UPDATE p SET t = 'edited' WHERE y = 'y2'")
    come_to_rest([a, b])
    assert {one[-1] for one in (*log(a), *log(b))} == {True}
    run(a, "UPDATE p SET t = 'x'")
    a.undelete("p", "x", "y1")
    come_to_rest([a, b])
    assert sorted((one[2], one[3], one[-1]) for one in log(a)) == [("x", "x", False), ("y", "y1", False)]
