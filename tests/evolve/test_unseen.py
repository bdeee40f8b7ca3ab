"""Rows that came, went or were changed while no trigger looked: what repair makes of them, and what is said until a person settles it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support.command import ok, run

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, done INT DEFAULT 0, votes INT, tags TEXT)"


def blind(replica: Replica, script: str) -> None:
    """Write while no trigger looks, as tools do that rebuild a table, and repair."""
    connection = replica.connection
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_crdt_*'"
    ).fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute(script)
    assert replica.repair().mended


def rows(replica: Replica) -> list[tuple[object, ...]]:
    """Return what the table shows."""
    return replica.connection.execute("SELECT * FROM task ORDER BY id").fetchall()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Replica]]:
    """Open three replicas of a table with rows from before it was enabled, typed columns, and a column that came later."""
    connection = apsw.Connection(str(tmp_path / "0.db"))
    connection.execute(f"{TASK}; INSERT INTO task VALUES ('t1', 'old', 0, 1, '[1]')")
    connection.close()
    with Replica.open(tmp_path / "0.db") as one:
        one.enable("task", types={"votes": "counter", "tags": "set"})
        one.alter("ALTER TABLE task ADD COLUMN late TEXT DEFAULT 'not yet'")
        with one.clone(tmp_path / "1.db") as two, one.clone(tmp_path / "2.db") as third:
            yield [one, two, third]


@pytest.mark.parametrize(
    "later", ["done = 1", "title = 'new'", "votes = votes + 2", "tags = '[7, 8, 9]'", "late = 'now'"]
)
def test_an_unseen_row_goes_out_whole_once_it_is_written(three: list[Replica], later: str) -> None:
    """All cells of a row that came unseen reach every replica with the first write to it, also by way of a third one."""
    one, two, third = three
    blind(one, "INSERT INTO task VALUES ('t2', 'call Ada', 0, 5, '[7, 8]', 'then')")
    sync(one, two)
    assert [row[0] for row in rows(two)] == ["t1"]
    one.connection.execute(f"UPDATE task SET {later} WHERE id = 't2'")
    sync(one, two)
    sync(two, third)
    assert rows(one) == rows(two) == rows(third)
    assert len(rows(third)) == 2 and None not in rows(third)[1]


def test_an_unseen_row_that_is_deleted_is_deleted(three: list[Replica]) -> None:
    """A row that came unseen to two replicas, and is deleted on one, goes on both."""
    one, two, _ = three
    for replica in (one, two):
        blind(replica, "INSERT INTO task (id) VALUES ('t2')")
    one.connection.execute("DELETE FROM task WHERE id = 't2'")
    sync(one, two)
    assert rows(one) == rows(two)


def test_a_value_in_doubt_overwrites_no_write(three: list[Replica]) -> None:
    """With the first write to a row in doubt its other cells go out too, and lose to what anybody wrote, before or after."""
    one, two, third = three
    two.connection.execute("UPDATE task SET title = 'written' WHERE id = 't1'")
    blind(one, "UPDATE task SET title = 'unseen', late = 'unseen' WHERE id = 't1'")
    one.connection.execute("UPDATE task SET done = 1 WHERE id = 't1'")
    sync(one, two)
    sync(one, third)
    assert rows(one) == rows(two) == rows(third) == [("t1", "written", 1, 1, "[1]", "unseen")]


@pytest.mark.parametrize("how", ["--restamp", "--accept"])
def test_what_is_in_doubt_is_reported_until_it_is_settled(three: list[Replica], how: str) -> None:
    """Status and doctor name a table with rows in doubt, and the commands that settle them; then they are silent."""
    one, two, _ = three
    blind(one, "UPDATE task SET title = 'unseen'")
    sync(one, two)
    path = one.connection.filename
    assert rows(one) != rows(two)
    assert "1 rows" in str(one.status().tables[0].problem)
    done = run("doctor", path)
    said = done.stdout.decode()
    assert done.returncode == 1 and f"`crdtsql repair {path} {how} task`" in said, said
    assert not two.doctor().broken
    ok("repair", path, how, "task")
    assert one.status().tables[0].problem is None
    assert [found.about for found in one.doctor().findings if found.level == "broken"] == ["differing"]
    sync(one, two)
    assert (rows(one) == rows(two)) == (how == "--restamp")
    assert one.doctor().broken == (how == "--accept"), "that the rows differ is said as long as they do"
    assert not one.repair().findings


def test_a_dropped_log_leaves_doubts_too(three: list[Replica]) -> None:
    """What only the log knew is in doubt after it was dropped and made anew."""
    one, two, _ = three
    one.connection.execute("UPDATE task SET title = 'lost'; DROP TABLE _crdt_log")
    assert one.repair().mended
    assert one.doctor().broken
    one.repair(restamp=["task"])
    sync(one, two)
    assert not one.doctor().broken and rows(one) == rows(two)


NUMBERS = {
    "used again": "DELETE FROM note WHERE id = 3",
    "came": "INSERT INTO note VALUES (4, 'unseen')",
}


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_of_unseen_rows_stop_no_sync(what: str, tmp_path: Path) -> None:
    """Rows that take the number of one that went unseen, or whose number an unseen one has, reach the others as rows of their own."""
    connection = apsw.Connection(str(tmp_path / "a.db"))
    connection.execute(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note (body) VALUES ('1'), ('2'), ('3')"
    )
    connection.close()
    with Replica.open(tmp_path / "a.db") as one:
        one.enable("note")
        with one.clone(tmp_path / "b.db") as other, one.clone(tmp_path / "c.db") as third:
            blind(one, NUMBERS[what])
            if what == "used again":
                one.connection.execute("INSERT INTO note (body) VALUES ('mine')")
            other.connection.execute("INSERT INTO note (body) VALUES ('theirs')")
            for pair in ((one, other), (one, third), (other, third), (one, other)):
                sync(*pair)
            for replica in (one, other, third):
                bodies = {body for (body,) in replica.connection.execute("SELECT body FROM note")}
                assert {"theirs", *(["mine"] if what == "used again" else [])} <= bodies
            assert one.doctor().broken
