"""Typed columns at their limits: totals that SQLite can't count, leaves in each other's place, types that change."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import ConflictError, SchemaMismatchError
from tests.support.peers import read, write


def test_a_total_beyond_all_integers_is_exact(tmp_path: Path) -> None:
    """What a site added in all, also before its rows were inserted anew, is counted exactly, and travels like that."""
    files = [tmp_path / "a.db", tmp_path / "b.db"]
    write(files[0], "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER)")
    with Replica.open(files[0]) as replica:
        replica.enable("t", types={"n": "counter"})
        with replica.clone(files[1]) as other:
            for _ in range(5):
                write(files[0], "INSERT OR REPLACE INTO t VALUES ('k', 0)")
                replica.vector()
                write(files[0], f"UPDATE t SET n = {2**62 - 1}")
                replica.vector()
            write(files[0], "UPDATE t SET n = n - 2")
            other.merge(replica.export(other.vector()))
            assert read(files[0], "SELECT n FROM t") == read(files[1], "SELECT n FROM t") == [(2**62 - 3,)]
            (total,) = [part.value for part in other.blame("t", "k")[0].parts if part.part == "added"]
            assert total == 5 * (2**62 - 1) - 2


@pytest.mark.parametrize(("here", "there", "value"), [("INTEGER", "REAL", 1.5), ("REAL", "INTEGER", 1)])
def test_counters_of_two_kinds_of_numbers_are_named(tmp_path: Path, here: str, there: str, value: float) -> None:
    """A column that is declared REAL in one file and INTEGER in the other is named as that, not as damage."""
    opened = []
    for number, declared in enumerate((here, there)):
        file = tmp_path / f"{number}.db"
        write(file, f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n {declared})")
        opened.append(Replica.open(file))
        opened[-1].enable("t", types={"n": "counter"})
    receiver, sender = opened
    with receiver, sender:
        write(sender, f"INSERT INTO t VALUES ('k', {value})")
        with pytest.raises(SchemaMismatchError, match="declare it INTEGER in both files, or REAL in both"):
            receiver.merge(sender.export(receiver.vector()))


def three_leaves(tmp_path: Path) -> tuple[Replica, Path]:
    """Make a replica with a conflict about a leaf in whose place a third one wrote an object."""
    files = [tmp_path / f"{name}.db" for name in "abc"]
    write(files[0], "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, m TEXT)", "INSERT INTO t VALUES ('k', '{}')")
    first = Replica.open(files[0])
    first.enable("t", types={"m": "map"})
    others = [first.clone(file) for file in files[1:]]
    for file, value in zip(files, ('{"a":1}', '{"a":2}', '{"a":{"x":3}}'), strict=True):
        write(file, f"UPDATE t SET m = '{value}'")
    for other in others:
        first.merge(other.export(first.vector()))
        other.close()
    return first, files[0]


def test_a_hidden_leaf_can_be_settled(tmp_path: Path) -> None:
    """Taking a leaf in whose place an object is shown takes the object away."""
    replica, file = three_leaves(tmp_path)
    with replica:
        (conflict,) = replica.conflicts()
        assert replica.resolve(conflict.id, "ours").resolved
        assert read(file, "SELECT m FROM t") == [('{"a":1}',)]


def test_another_type_settles_the_leaves(tmp_path: Path) -> None:
    """Conflicts of leaves are settled by giving the column another type, and can't be answered then."""
    replica, _ = three_leaves(tmp_path)
    with replica:
        replica.set_type("t", "m", "lww")
        (conflict,) = replica.conflicts()
        assert conflict.resolved
        with pytest.raises(ConflictError, match="t.m is a lww now"):
            replica.resolve(conflict.id, "ours", again=True)


def test_a_leaf_that_a_later_whole_write_lacks_is_its_writers(tmp_path: Path) -> None:
    """A conflict of a leaf stays open if the leaf that is shown stems from somebody who had seen neither value."""
    files = [tmp_path / f"{name}.db" for name in "abcd"]
    write(files[0], "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, m TEXT)", "INSERT INTO t VALUES ('k', '{}')")
    with Replica.open(files[0]) as first:
        first.enable("t", types={"m": "map"})
        second, third = first.clone(files[1]), first.clone(files[2])
        write(files[0], "UPDATE t SET m = '{\"a\":1}'")
        write(files[1], "UPDATE t SET m = '{\"a\":2}'")
        second.merge(first.export(second.vector()))
        assert [conflict.resolved for conflict in second.conflicts()] == [False]
        write(files[2], "INSERT OR REPLACE INTO t VALUES ('k', '{\"a\":9}')")
        third.vector()
        write(files[1], "INSERT OR REPLACE INTO t VALUES ('k', '{\"z\":1}')")
        second.merge(third.export(second.vector()))
        assert [conflict.resolved for conflict in second.conflicts() if conflict.won_value != "9"] == [False]
        second.close()
        third.close()
