"""Changes that have no bearing on held rows: they cost what they do in a table that holds none."""

from __future__ import annotations

import apsw
import pytest

from crdtsql import Replica, sync

SCHEMA = """
CREATE TABLE team (id TEXT PRIMARY KEY NOT NULL, name UNIQUE, motto);
CREATE TABLE person (id TEXT PRIMARY KEY NOT NULL, mail UNIQUE, note, team REFERENCES team (id));
"""


def replicas(held: int) -> list[Replica]:
    """Return two replicas with so many rows of `person` held for their mail, and one shown that nobody rivals."""
    found = []
    for name in "ab":
        connection = apsw.Connection(":memory:")
        connection.execute(SCHEMA)
        replica = Replica.on(connection)
        replica.enable("team", "person")
        rows = [(f"{name}{number}", number) for number in range(held)]
        connection.executemany("INSERT INTO person (id, mail) VALUES (?, ?)", rows)
        found.append(replica)
    found[0].connection.execute(
        "INSERT INTO team VALUES ('t', 'red', 'go'); INSERT INTO person VALUES ('p', 'p@x', 'n', 't')"
    )
    sync(*found)
    assert sum(len(replica.held()) for replica in found) == 2 * held
    found[0].connection.execute("UPDATE team SET motto = 'first'")  # what is read once is known from here on
    found[1].merge(found[0].export(found[1].vector()))
    return found


def statements(replica: Replica, work: str, other: Replica) -> int:
    """Count the statements of an export of one write, and of its merge."""
    replica.connection.execute(work)
    since, counted = other.vector(), [0]

    def count(_event: object) -> None:
        counted[0] += 1

    for one in (replica, other):
        one.connection.trace_v2(apsw.SQLITE_TRACE_STMT, count)
    other.merge(replica.export(since))
    for one in (replica, other):
        one.connection.trace_v2(0, None)
    return counted[0]


@pytest.mark.parametrize("work", ["UPDATE person SET note = 'm' WHERE id = 'p'", "UPDATE team SET motto = 'on'"])
def test_held_rows_cost_nothing_where_no_constraint_is_named(work: str) -> None:
    """An update of a column that no constraint names takes as many statements with a hundred held rows as with two."""
    few, many = (statements(pair[0], work, pair[1]) for pair in (replicas(2), replicas(100)))
    assert few == many


@pytest.mark.parametrize(
    "work",
    [
        "UPDATE person SET mail = 'other' WHERE mail = 1",
        "DELETE FROM person WHERE mail = 1",
        "UPDATE OR REPLACE person SET id = 'z' WHERE mail = 1",
    ],
)
def test_a_value_that_becomes_free_releases_its_row(work: str) -> None:
    """Where the row in the way changes its UNIQUE value or goes, the held one is shown, here and where the write arrives."""
    one, other = replicas(3)
    (before,) = one.connection.execute("SELECT id FROM person WHERE mail = 1").fetchall()[0]
    one.connection.execute(work)
    sync(one, other)
    shown = [replica.connection.execute("SELECT id FROM person WHERE mail = 1").fetchall() for replica in (one, other)]
    assert shown[0] == shown[1] != [(before,)]


def test_an_update_of_a_held_row_counts() -> None:
    """A held row whose own UNIQUE value arrives changed is shown; one that shows NULL for its parent gets the rest of its columns."""
    one, other = replicas(3)
    held = one.held()[0]
    assert held.key
    one.connection.execute("DELETE FROM team; UPDATE person SET note = 'late' WHERE id = 'p'")
    other.connection.execute("UPDATE person SET note = 'other' WHERE id = 'p'; UPDATE team SET motto = 'kept'")
    sync(one, other)
    sync(one, other)
    rows = [replica.connection.execute("SELECT * FROM person ORDER BY id").fetchall() for replica in (one, other)]
    assert rows[0] == rows[1]
    assert not one.doctor().broken


def test_an_undelete_has_a_bearing() -> None:
    """A row that is undeleted releases the references to it, though it writes no column."""
    one, other = replicas(0)
    for replica in (one, other):
        replica.connection.execute(
            "CREATE TABLE badge (id TEXT PRIMARY KEY NOT NULL, team REFERENCES team (id) ON DELETE SET NULL)"
        )
        replica.enable("badge")
    one.connection.execute("DELETE FROM person; DELETE FROM team")
    other.connection.execute("INSERT INTO badge VALUES ('b', 't')")
    sync(one, other)
    assert one.connection.execute("SELECT team FROM badge").fetchall() == [(None,)]
    one.undelete("team", "t")
    one.fold()
    assert one.connection.execute("SELECT team FROM badge").fetchall() == [("t",)]
    sync(one, other)
    assert other.connection.execute("SELECT team FROM badge").fetchall() == [("t",)]
