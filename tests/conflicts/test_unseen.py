"""Values that nobody's table showed when they were overwritten are in the conflict log, wherever they were known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from tests.support.peers import come_to_rest, replica, send

USERS = "CREATE TABLE u (login TEXT PRIMARY KEY NOT NULL, email TEXT UNIQUE, name TEXT); INSERT INTO u VALUES ('x', 'x', 'one')"


def log(of: Replica) -> list[tuple[Any, ...]]:
    return sorted(
        (one.key[0], one.column, one.lost_value, one.won_value, one.resolved)
        for one in of.conflicts()
        if one.column != "email"
    )


def three(directory: Path) -> list[Replica]:
    """Make replicas of which the first two hold a row that the third shows."""
    found = [replica(directory / f"{site}.db", USERS, site=site) for site in (1, 2, 3)]
    come_to_rest(found)
    a, b, c = found
    a.connection.execute("UPDATE u SET email = 'same' WHERE login = 'x'")
    a.vector()
    b.connection.execute("INSERT INTO u VALUES ('bob', 'same', 'the first')")
    send(b, c)
    come_to_rest([a, b])
    assert [row.key for row in a.held()] == [("bob",)]
    return found


def test_insert_under_the_key_of_a_held_row_logs_its_values(tmp_path: Path) -> None:
    """Who inserts a row under the key of one that is held overwrites values unseen: every replica that had them logs them."""
    a, b, c = three(tmp_path)
    a.connection.execute("INSERT INTO u VALUES ('bob', 'other', 'another')")
    expected = [("bob", "name", "the first", "another", False)]
    assert log(a) == [] or log(a) == expected
    a.vector()
    assert log(a) == expected
    send(a, b)
    assert log(b) == expected
    send(b, c)
    assert log(c) == expected, "it was shown there, and b passes on what it learned"
    assert c.connection.execute("SELECT name FROM u WHERE login = 'bob'").fetchone() == ("another",)


def test_what_was_overwritten_unseen_can_be_taken_back(tmp_path: Path) -> None:
    """Such an entry is resolved like any other one, and so it is on all replicas."""
    a, b, _ = three(tmp_path)
    a.connection.execute("INSERT INTO u VALUES ('bob', 'other', 'another')")
    a.vector()
    send(a, b)
    (entry,) = [one for one in b.conflicts() if one.column == "name"]
    b.resolve(entry.id, "ours")
    assert b.connection.execute("SELECT name FROM u WHERE login = 'bob'").fetchone() == ("the first",)
    send(b, a)
    assert [one[-1] for one in (*log(a), *log(b))] == [True, True]


def test_insert_over_a_shown_row_logs_nothing(tmp_path: Path) -> None:
    """INSERT OR REPLACE of a row that the table shows, and an INSERT after a DELETE, overwrite what their writer saw."""
    a, b = (replica(tmp_path / f"{site}.db", USERS, site=site) for site in (1, 2))
    come_to_rest([a, b])
    a.connection.execute("REPLACE INTO u VALUES ('x', 'x', 'two')")
    send(a, b)
    a.connection.execute("DELETE FROM u")
    a.vector()
    a.connection.execute("INSERT INTO u VALUES ('x', 'x', 'three')")
    send(a, b)
    assert a.conflicts() == b.conflicts() == []


@pytest.mark.parametrize(
    "statement", ["UPDATE u SET email = 'new' WHERE login = 'bob'", "REPLACE INTO u VALUES ('bob', 'new', 'again')"]
)
def test_write_of_a_masked_column_logs_its_value(tmp_path: Path, statement: str) -> None:
    """Who writes a column that is shown as NULL because another row has its value overwrites that value unseen."""
    a, b = (replica(tmp_path / f"{site}.db", USERS, site=site) for site in (1, 2))
    for peer in (a, b):
        peer.set_unique("u", ["email"], "null")
    come_to_rest([a, b])
    a.connection.execute("UPDATE u SET email = 'same' WHERE login = 'x'")
    a.vector()
    b.connection.execute("INSERT INTO u VALUES ('bob', 'same', 'the first')")
    come_to_rest([a, b])
    assert a.connection.execute("SELECT email FROM u WHERE login = 'bob'").fetchone() == (None,)
    a.connection.execute(statement)
    a.vector()
    send(a, b)
    for peer in (a, b):
        logged = [(one.key[0], one.column, one.lost_value, one.won_value) for one in peer.conflicts()]
        assert logged == [("bob", "email", "same", "new")]


def test_insert_after_a_delete_that_had_not_seen_a_write_logs_it(tmp_path: Path) -> None:
    """Where deletes win, an INSERT over a row that a delete took along logs what had been written without knowing of it."""
    a, b = (replica(tmp_path / f"{site}.db", USERS, site=site) for site in (1, 2))
    for peer in (a, b):
        peer.set_rows("u", "delete-wins")
    come_to_rest([a, b])
    a.connection.execute("DELETE FROM u")
    b.connection.execute("UPDATE u SET name = 'edited'")
    come_to_rest([a, b])
    a.connection.execute("INSERT INTO u VALUES ('x', 'x', 'new')")
    a.vector()
    send(a, b)
    for peer in (a, b):
        assert log(peer) == [("x", "name", "edited", "new", False)]
