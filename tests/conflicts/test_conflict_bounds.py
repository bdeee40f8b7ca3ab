"""The conflict log is bounded: which entries are forgotten first."""

from __future__ import annotations

from pathlib import Path

from crdtsql import Replica
from tests.conflicts.test_conflicts import by_one_clock
from tests.support.peers import send, write


def clash(a: Replica, b: Replica, key: int) -> None:
    """Add one conflict to b's log; b resolves all of the cell that it has when it writes."""
    write(a, f"UPDATE t SET a = 'of a ' || abs(random()) WHERE id = {key}")
    write(b, f"UPDATE t SET a = 'of b ' || abs(random()) WHERE id = {key}")
    send(a, b)


def test_the_log_keeps_the_newest_of_a_cell(tmp_path: Path) -> None:
    """Of one cell the log keeps the newest twenty entries; what was forgotten is counted; a number is never used twice."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 0, 0), (2, 0, 0)")
    send(a, b)
    clash(a, b, 2)
    for _ in range(23):
        clash(a, b, 1)
    found = b.conflicts()
    assert [conflict.id for conflict in found] == [1, *range(5, 25)]
    assert b.status().conflicts_pruned == 3
    assert [conflict.resolved for conflict in found] == [False] + [True] * 19 + [False]
    b.limit_conflicts(per_cell=0)
    assert (b.conflicts(), b.status().conflicts_pruned) == ([], 24)
    b.limit_conflicts(per_cell=20)
    clash(a, b, 1)
    assert [conflict.id for conflict in b.conflicts()] == [25]


def test_the_log_forgets_resolved_entries_first(tmp_path: Path) -> None:
    """Beyond the limit for the file, resolved entries go first, then open ones, the oldest first of either kind."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t SELECT value, 0, 0 FROM json_each('[1, 2, 3, 4, 5]')")
    send(a, b)
    b.limit_conflicts(total=4)
    for key in (1, 2, 3, 4):
        clash(a, b, key)
    b.resolve(2, "ours")
    b.resolve(3, "ours")
    clash(a, b, 5)
    assert [conflict.id for conflict in b.conflicts()] == [1, 3, 4, 5]
    b.resolve(5, "ours")
    assert b.limit_conflicts(total=2) == 2
    assert [conflict.id for conflict in b.conflicts()] == [1, 4]
    assert b.limit_conflicts(total=1) == 1
    assert [conflict.id for conflict in b.conflicts()] == [4]
    assert b.status().conflicts_pruned == 4
    with b.clone(tmp_path / "clone.db") as clone:
        assert (clone.status().conflicts_total, clone.status().conflicts_pruned) == (1, 4)


def test_one_large_merge_stays_within_the_bounds(tmp_path: Path) -> None:
    """A merge with more conflicts than the log keeps reports them all, and keeps as many as it may."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO t SELECT i, 0, 0 FROM n")
    send(a, b)
    b.limit_conflicts(total=100)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b'")
    report = b.merge(a.export(b.vector()))
    assert report.total.concurrent == 500
    assert len(b.conflicts()) == 100 and b.status().conflicts_pruned == 400


def test_of_one_large_merge_the_last_are_kept(tmp_path: Path) -> None:
    """Of more conflicts than the log keeps, the last rows whose values differ are in it, numbered as if all were."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) INSERT INTO t SELECT i, 0, 0 FROM n")
    send(a, b)
    b.limit_conflicts(total=100)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = iif(id % 5 = 0, 'of a', 'of b')")
    assert b.merge(a.export(b.vector())).total.concurrent == 400
    found = b.conflicts()
    assert [conflict.id for conflict in found] == [*range(301, 401)]
    assert [conflict.key for conflict in found] == [(key,) for key in range(376, 501) if key % 5]
    assert b.status().conflicts_pruned == 300
    clash(a, b, 1)
    assert b.conflicts()[-1].id == 401
