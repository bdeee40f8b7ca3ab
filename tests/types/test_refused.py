"""Cells whose parts say something that the user's table does not allow: the writer's replica holds the row like all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import sync
from tests.support import peers
from tests.support.peers import read, write
from tests.support.settled import assert_settled


@pytest.mark.parametrize("affinity", ["INTEGER", "REAL"])
def test_the_writer_shows_what_all_others_do(affinity: str, tmp_path: Path) -> None:
    """A row that must show what a CHECK refuses is held where it was written too, and shown again once that changed.

    A counter that is written as NULL counts on from 0, and shows that once somebody has added to it.
    """
    schema = f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n {affinity}, w, CHECK (n IS NULL OR n <> 0))"
    one = peers.replica(tmp_path / "a.db", schema, site=1)
    one.set_type("t", "n", "counter")
    write(one, "INSERT INTO t VALUES ('k', 5, 1), ('other', 5, 1)")
    other = one.clone(tmp_path / "b.db")
    write(one, "UPDATE t SET n = n + 1 WHERE id = 'k'")
    sync(one, other)
    write(other, "INSERT OR REPLACE INTO t VALUES ('k', NULL, 2)")
    sync(one, other)
    for replica in (one, other):
        assert_settled(replica)
        assert [(row.key, row.reason) for row in replica.held()] == [(("k",), "check")]
        assert read(replica, "SELECT id FROM t") == [("other",)]
    assert one.vector() == other.vector() and one.held() == other.held()
    write(other, "INSERT OR REPLACE INTO t VALUES ('k', 4, 3)")
    sync(one, other)
    assert (
        read(one, "SELECT * FROM t ORDER BY 1")
        == read(other, "SELECT * FROM t ORDER BY 1")
        == [("k", 4, 3), ("other", 5, 1)]
    )
    assert one.held() == other.held() == []


def test_triggers_that_refuse_updates_take_no_row_away(tmp_path: Path) -> None:
    """A trigger that refuses every UPDATE leaves the row in the table."""
    one = peers.replica(
        tmp_path / "a.db",
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n); CREATE TRIGGER no BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 'never'); END",
        site=1,
    )
    one.set_type("t", "n", "set")
    write(one, "INSERT INTO t VALUES ('k', '[2, 1]')")
    one.fold()
    write(one, "DELETE FROM t", "INSERT INTO t VALUES ('k', '[2, 1, 3]')")
    one.fold()
    assert [row[0] for row in read(one, "SELECT id FROM t")] == ["k"] and one.held() == []
    assert_settled(one)
