"""Columns that were added to a table which has rows: once they are written, their rows go back to the genesis as others do."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.compaction import settled
from tests.support.peers import Clock, come_to_rest, replica, rows, send, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a); INSERT INTO t VALUES ('old', 1), ('other', 2), ('dead', 3)"
LATE = "ALTER TABLE t ADD COLUMN late TEXT DEFAULT 'none'"


def two(folder: Path, late: str = LATE) -> tuple[Replica, Replica]:
    """Make two replicas of a table whose genesis has rows, which got a late column; somebody wrote it."""
    one = replica(folder / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
    other = one.clone(folder / "2.db")
    for each in (one, other):
        each.alter(late)
    write(one, "INSERT INTO t VALUES ('new', 4, 'x')", "INSERT INTO t (id, a) VALUES ('newer', 5)")
    write(other, "UPDATE t SET late = 'y' WHERE id = 'old'", "UPDATE t SET a = 7 WHERE id = 'other'")
    write(other, "DELETE FROM t WHERE id = 'dead'")
    come_to_rest([one, other])
    return one, other


def settle(*replicas: Replica) -> None:
    """Let all of them agree, and forget."""
    for _ in range(3):
        for one in replicas:
            one.compact(keep_ms=0)
        come_to_rest([*replicas])


def clocks(one: Replica) -> int:
    """Count the clock rows."""
    return int(one.connection.execute("SELECT count(*) FROM _crdt_clock_t").get)


SHOWN = [("new", 4, "x"), ("newer", 5, "none"), ("old", 1, "y"), ("other", 7, "none")]


def test_rows_with_a_late_column_that_was_written_need_no_clock(tmp_path: Path) -> None:
    """Nor do rows that were inserted since; whoever comes new gets all values, and whoever compares finds nothing."""
    one, other = two(tmp_path)
    assert clocks(one) == clocks(other) == 5
    settle(one, other)
    assert clocks(one) == clocks(other) == 0
    assert rows(one) == rows(other) == SHOWN
    new = replica(
        tmp_path / "3.db",
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, late TEXT DEFAULT 'mine')",
        now=Clock(),
        site=3,
    )
    send(one, new)
    assert rows(new) == SHOWN and clocks(new) == 0
    assert one.verify(other).equal and one.verify(new).equal
    assert not one.doctor().broken and not other.doctor().broken


def test_a_side_that_forgot_and_one_that_did_not_merge_alike(tmp_path: Path) -> None:
    """What one takes for written by the genesis nobody wrote on the other one; any write takes the place of both."""
    one, other = two(tmp_path)
    one.compact(keep_ms=0)
    send(one, other)
    other.compact(keep_ms=0, dry_run=True)
    send(other, one)
    one.compact(keep_ms=0)
    assert clocks(one) == 0 and clocks(other) == 5
    assert one.verify(other).equal
    write(one, "UPDATE t SET a = 8 WHERE id = 'old'", "UPDATE t SET late = 'z' WHERE id = 'newer'")
    write(
        other,
        "UPDATE t SET late = 'w' WHERE id = 'other'",
        "UPDATE t SET a = 9 WHERE id = 'other'",
        "UPDATE t SET a = 9 WHERE id = 'new'",
    )
    come_to_rest([one, other])
    assert rows(one) == rows(other) == [("new", 9, "x"), ("newer", 5, "z"), ("old", 8, "y"), ("other", 9, "w")]
    third = other.clone(tmp_path / "3.db")
    come_to_rest([one, other, third])
    assert one.verify(third).equal and other.verify(third).equal
    settle(one, other, third)
    assert clocks(one) == clocks(other) == clocks(third) == 0
    assert rows(one) == rows(other) == rows(third)


def test_a_late_column_that_nobody_wrote_stays_one(tmp_path: Path) -> None:
    """Then its rows can do without clocks as they are; whoever comes new is sent what they show there, too."""
    one = replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
    one.alter(LATE)
    write(one, "UPDATE t SET a = 9")
    one.compact(keep_ms=0)
    assert clocks(one) == 0
    assert one.connection.execute("SELECT since FROM _crdt_column WHERE name = 'late'").get == 1
    new = replica(
        tmp_path / "2.db",
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, late TEXT DEFAULT 'mine')",
        now=Clock(),
        site=3,
    )
    send(one, new)
    assert {late for *_, late in rows(new)} == {"none"}


@pytest.mark.parametrize("more", ["CREATE UNIQUE INDEX u ON t (late)", "type"])
def test_late_columns_whose_stamps_decide_more_keep_them(tmp_path: Path, more: str) -> None:
    """Who claims a UNIQUE value first, and what a typed column is made of, hangs on whether anybody wrote it."""
    one, other = two(tmp_path, "ALTER TABLE t ADD COLUMN late TEXT")
    for each in (one, other):
        if more == "type":
            each.set_type("t", "late", "max")
        else:
            each.alter(more)
    come_to_rest([one, other])
    settle(one, other)
    assert one.connection.execute("SELECT since FROM _crdt_column WHERE name = 'late'").get == 1
    assert clocks(one) > 0
    assert rows(one) == rows(other)
    assert one.verify(other).equal


def test_a_column_that_is_dropped_after_that_travels(tmp_path: Path) -> None:
    """Its cells are kept for others, as those of any column of the genesis."""
    one, other = two(tmp_path)
    settle(one, other)
    one.alter("ALTER TABLE t DROP COLUMN late")
    write(one, "UPDATE t SET a = 10 WHERE id = 'old'")
    write(other, "UPDATE t SET late = 'again' WHERE id = 'new'")
    come_to_rest([one, other])
    assert rows(other) == [("new", 4, "again"), ("newer", 5, "none"), ("old", 10, "y"), ("other", 7, "none")]
    assert rows(one) == [("new", 4), ("newer", 5), ("old", 10), ("other", 7)]
    with one.clone(tmp_path / "3.db") as third:
        third.alter(LATE)
        send(other, third)
        assert [row[:2] for row in rows(third)] == rows(one)
        assert third.verify(one).equal


@pytest.mark.parametrize("unique", [False, True])
def test_a_table_that_gets_its_genesis_by_compaction(tmp_path: Path, unique: bool) -> None:
    """Cells that nobody wrote count as written by it, but for those that may claim a UNIQUE value."""
    one = replica(tmp_path / "1.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a)", now=Clock(step=1_000), site=1)
    write(one, "INSERT INTO t VALUES ('k', 1), ('l', 2)")
    one.alter("ALTER TABLE t ADD COLUMN late TEXT")
    if unique:
        one.alter("CREATE UNIQUE INDEX u ON t (late)")
    write(one, "UPDATE t SET late = 'x' WHERE id = 'l'")
    other = one.clone(tmp_path / "2.db")
    settle(one, other)
    assert clocks(one) == clocks(other) == int(unique)
    write(other, "UPDATE t SET late = 'y' WHERE id = 'k'")
    come_to_rest([one, other])
    assert rows(one) == rows(other) == [("k", 1, "y"), ("l", 2, "x")]
    assert one.verify(other).equal


def test_a_write_that_is_not_found_at_once_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the column is late, a row in which it was written needs its clock."""
    monkeypatch.setattr(settled, "_LOOKED_FOR_LATE", 1)
    one = replica(tmp_path / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
    one.alter(LATE)
    write(one, "UPDATE t SET a = 9 WHERE id = 'dead'", "UPDATE t SET late = 'y' WHERE id = 'old'")
    one.compact(keep_ms=0)
    assert clocks(one) == 1
    new = replica(tmp_path / "2.db", "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, late TEXT)", now=Clock(), site=3)
    send(one, new)
    assert ("old", 1, "y") in rows(new)
    write(one, "UPDATE t SET a = 9 WHERE id = 'other'")
    one.compact(keep_ms=0)
    assert clocks(one) == 0
