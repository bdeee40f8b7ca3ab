"""Values that nobody's table showed when they were overwritten are in the conflict log, wherever they were known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import InvalidChangesetError
from tests.support import forge
from tests.support.peers import START_MS, come_to_rest, replica, send, write

USERS = "CREATE TABLE u (login TEXT PRIMARY KEY NOT NULL, email TEXT UNIQUE, name TEXT); INSERT INTO u VALUES ('x', 'x', 'one')"
COUNTED = "CREATE TABLE u (login TEXT PRIMARY KEY NOT NULL, email TEXT UNIQUE, name INTEGER); INSERT INTO u VALUES ('x', 'x', 0)"


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


@pytest.mark.parametrize("at_once", [True, False])
def test_a_row_of_another_number_overwrites_nothing(tmp_path: Path, at_once: bool) -> None:
    """Where the number in a held row's key is used again, a row that is inserted under that key is another one; both have their values."""
    schema = """CREATE TABLE label (id INTEGER PRIMARY KEY, name);
    CREATE TABLE tie (label INTEGER NOT NULL REFERENCES label, n INTEGER NOT NULL, v, PRIMARY KEY (label, n))"""
    one, other = (
        replica(tmp_path / f"{site}.db", schema, tables=("label",), site=site, identity="row") for site in (1, 2)
    )
    for found in (one, other):
        found.enable("tie")
    write(one, "INSERT INTO label VALUES (2, 'x')")
    come_to_rest([one, other])
    write(one, "DELETE FROM label")
    write(other, "INSERT INTO tie VALUES (2, 1, 10); DELETE FROM label")
    come_to_rest([one, other])
    again = ["INSERT INTO label VALUES (2, 'new')", "INSERT INTO tie VALUES (2, 1, 46)"]
    for statements in [again] if at_once else [[statement] for statement in again]:
        write(one, *statements)
    come_to_rest([one, other])
    for found in (one, other):
        assert found.conflicts() == []
        assert found.connection.execute("SELECT * FROM tie").fetchall() == [(2, 1, 46)]
        assert [(row.reason, row.values["v"]) for row in found.held("tie")] == [("foreign key", 10)]


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


def test_who_gets_only_what_was_written_over_it_logs_it_too(tmp_path: Path) -> None:
    """What was overwritten unseen is logged also where only a later write of that cell arrives, whose writer saw nothing of it."""
    a, b, c = three(tmp_path)
    a.connection.execute("INSERT INTO u VALUES ('bob', 'other', 'another')")
    send(a, b)
    b.connection.execute("UPDATE u SET name = 'a third' WHERE login = 'bob'")
    b.vector()
    b.connection.execute("UPDATE u SET name = 'a fourth' WHERE login = 'bob'")
    changes, known = b.export(c.vector()), log(c)
    c.merge(changes)
    c.merge(changes)
    send(b, c)
    assert known == []
    assert log(c) == [("bob", "name", "the first", "a fourth", False)]
    send(b, a)
    assert log(a) == [("bob", "name", "the first", "another", True)], "it was logged there before"


def test_who_has_seen_the_write_that_took_its_place_logs_no_later_one(tmp_path: Path) -> None:
    """Who saw the write that overwrote a value unseen, and logged it, sees in those after it writes like any other."""
    a, b, c = three(tmp_path)
    a.connection.execute("INSERT INTO u VALUES ('bob', 'other', 'another')")
    send(a, b)
    send(b, c)
    b.connection.execute("UPDATE u SET name = 'a third' WHERE login = 'bob'")
    c.merge(b.export())
    b.connection.execute("UPDATE u SET name = 'a fourth' WHERE login = 'bob'")
    send(b, c)
    assert log(c) == [("bob", "name", "the first", "another", True)]


def test_what_was_overwritten_by_who_saw_it_is_not_logged(tmp_path: Path) -> None:
    """Of a cell that was overwritten unseen, a value that went before, by the hand of somebody who saw it, is in no log."""
    a, _, c = three(tmp_path)
    c.clone(tmp_path / "late.db")
    late = Replica.open(tmp_path / "late.db")
    write(c, "UPDATE u SET name = 'the second' WHERE login = 'bob'")
    send(c, a)
    a.connection.execute("INSERT INTO u VALUES ('bob', 'other', 'another')")
    for other in (c, late):
        send(a, other)
    assert log(a) == log(c) == [("bob", "name", "the second", "another", False)]
    assert log(late) == []


def typed(directory: Path, kind: str, schema: str, value: object) -> list[Replica]:
    """Make replicas of which the first two hold a row with a typed value that the third shows."""
    found = [replica(directory / f"{site}.db", schema, site=site) for site in (1, 2, 3)]
    for one in found:
        one.set_type("u", "name", kind)
    come_to_rest(found)
    a, b, c = found
    write(a, "UPDATE u SET email = 'same' WHERE login = 'x'")
    write(b, f"INSERT INTO u VALUES ('bob', 'same', {value})")
    send(b, c)
    come_to_rest([a, b])
    return found


def test_a_set_that_was_overwritten_unseen_is_logged(tmp_path: Path) -> None:
    """A typed cell that was overwritten unseen is logged too, whichever write of it arrives first, and once."""
    a, b, c = typed(tmp_path, "set", USERS.replace("one", "[]"), "'[1]'")
    write(a, "INSERT INTO u VALUES ('bob', 'other', '[2]')")
    send(a, b)
    early = b.export(c.vector())
    write(b, "UPDATE u SET name = '[2,3]' WHERE login = 'bob'")
    send(b, c)
    c.merge(early)
    write(b, "UPDATE u SET name = '[2,3,4]' WHERE login = 'bob'")
    send(b, c)
    assert log(c) == [("bob", "name", "[1]", "[2,3]", True)]


def without_overwrites(data: bytes) -> bytes:
    """Make a changeset as an earlier version writes it."""

    def changed(header: dict[str, Any]) -> None:
        del header["overwrites"]

    return forge.with_header(data, changed)


def test_changesets_that_do_not_say_what_was_lost_are_read(tmp_path: Path) -> None:
    """Of an earlier sender the writes themselves are known: whoever takes one logs what it had, and passes the write on."""
    a, b, c = three(tmp_path)
    write(a, "INSERT INTO u VALUES ('bob', 'other', 'another')")
    b.merge(without_overwrites(a.export(b.vector())))
    write(b, "UPDATE u SET name = 'a third' WHERE login = 'bob'")
    send(b, c)
    assert log(b) == [("bob", "name", "the first", "another", True)]
    assert log(c) == [("bob", "name", "the first", "a third", False)]


def test_files_that_do_not_say_what_was_lost_are_read(tmp_path: Path) -> None:
    """What an earlier version wrote down in a file of such writes goes on to others."""
    a, b, c = three(tmp_path)
    write(a, "INSERT INTO u VALUES ('bob', 'other', 'another')")
    send(a, b)
    ((noted,),) = b.connection.execute("SELECT value FROM _crdt_meta WHERE name = 'unseen'")
    shorter = json.dumps([entry[:3] for entry in json.loads(noted)])
    b.connection.execute("UPDATE _crdt_meta SET value = ? WHERE name = 'unseen'", (shorter,))
    write(b, "UPDATE u SET name = 'a third' WHERE login = 'bob'")
    send(b, c)
    assert log(c) == [("bob", "name", "the first", "a third", False)]


WRONG = {
    "too short": [1, 1, "name"],
    "half a stamp": [1, 1, "name", 1, 1, 1],
    "a site that is none": [1, 9, "name", 1, 1, 1, 1],
    "the write's site is none": [1, 1, "name", 1, 0, 1, 1],
    "the value's site is none": [1, 1, "name", 1, 1, 1, 9],
    "a stamp before any": [1, 1, "name", 1, 1, -(1 << 62) - 1, 1],
    "a stamp after all": [1 << 63, 1, "name", 1, 1, 1, 1],
    "no number": [1, 1, "name", "1", 1, 1, 1],
    "no name": [1, 1, 7, 1, 1, 1, 1],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_no_sender_says_is_refused(wrong: str, tmp_path: Path) -> None:
    """A changeset that says nonsense of such writes is refused."""
    a, b, _ = three(tmp_path)
    write(a, "INSERT INTO u VALUES ('bob', 'other', 'another')")
    data = forge.with_header(a.export(b.vector()), lambda header: header["overwrites"].append(WRONG[wrong]))
    with pytest.raises(InvalidChangesetError):
        b.merge(data)


@pytest.fixture
def copied(tmp_path: Path) -> list[Replica]:
    """Make two replicas and a copy of the first: one log began with an INSERT over a row that nobody saw, which the copy folded first.

    The first file went on by itself, and the second one still shows the row.
    """
    a, b, c = (replica(tmp_path / f"{site}.db", USERS, site=site) for site in (1, 2, 3))
    for peer in (a, b, c):
        peer.set_rows("u", "delete-wins")
    come_to_rest([a, b, c])
    a.connection.execute("DELETE FROM u")
    b.connection.execute("UPDATE u SET name = 'edited'")
    send(b, c)
    come_to_rest([a, b])
    a.connection.execute("INSERT INTO u VALUES ('x', 'x', 'new')")
    shutil.copyfile(tmp_path / "1.db", tmp_path / "copy.db")
    copy = Replica.open(tmp_path / "copy.db", now=lambda: START_MS)
    copy.vector()
    a.connection.execute("UPDATE u SET name = 'newer'")
    a.vector()
    return [a, c, copy]


def test_what_an_insert_took_unseen_is_logged_if_it_arrives_with_what_was_written_next(copied: list[Replica]) -> None:
    """An INSERT over what nobody saw and an UPDATE in one log are one step to who sees both, also if a copy folded the INSERT first."""
    a, c, _ = copied
    send(a, c)
    for peer in (a, c):
        assert log(peer) == [("x", "name", "edited", "newer", False)]


def test_what_was_written_since_such_an_insert_was_seen(copied: list[Replica]) -> None:
    """Who has that INSERT loses nothing unseen by the UPDATE: its writer's table showed what the INSERT wrote."""
    a, c, copy = copied
    assert log(copy) == [("x", "name", "edited", "new", False)]
    send(a, c)
    for sender in (a, c):
        send(sender, copy)
        assert log(copy) == [("x", "name", "edited", "new", True)]


def test_a_counter_that_was_overwritten_unseen_is_logged_where_more_was_added(tmp_path: Path) -> None:
    """Of a counter that was overwritten unseen, the value is logged as it stood, also with what was added there since."""
    a, b, c = typed(tmp_path, "counter", COUNTED, 1)
    write(a, "INSERT INTO u VALUES ('bob', 'other', 10)")
    write(c, "UPDATE u SET name = name + 5 WHERE login = 'bob'")
    write(a, "UPDATE u SET name = name + 100 WHERE login = 'bob'")
    send(a, c)
    assert log(c) == [("bob", "name", 6, 115, False)]
    assert c.connection.execute("SELECT name FROM u WHERE login = 'bob'").get == 115


def test_a_counter_that_was_written_anew_is_not_logged_again(tmp_path: Path) -> None:
    """Where the value that was overwritten unseen had been replaced before, by somebody who saw it, nothing is lost by that write."""
    a, _, c = typed(tmp_path, "counter", COUNTED, 1)
    write(c, "UPDATE u SET name = name + 5 WHERE login = 'bob'")
    write(c, "DELETE FROM u WHERE login = 'bob'; INSERT INTO u VALUES ('bob', 'third', 7)")
    write(a, "INSERT INTO u VALUES ('bob', 'other', 10)")
    write(a, "UPDATE u SET name = name + 100 WHERE login = 'bob'")
    send(a, c)
    assert [log(a), log(c)] == [[("bob", "name", 1, 10, True)], []]
