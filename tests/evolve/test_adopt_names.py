"""Taking over names that were exchanged, passed on or used again: one pull is enough."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.evolve import renaming
from tests.support.peers import exchange, read, replica, write
from tests.support.versions import told

SCHEMA = "CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, a, b, c); CREATE TABLE u (k TEXT PRIMARY KEY NOT NULL, a)"


def columns(each: Replica, table: str) -> list[str]:
    return [row[1] for row in read(each, f"PRAGMA table_info({table})")]


def check(one: Replica, other: Replica) -> None:
    """Pull once, and compare all that is replicated, with rows that both write afterwards."""
    assert not one.schema_diff(other).by_hand
    one.adopt_schema(other)
    assert one.schema_diff(other).statements == one.schema_diff(other).by_hand == []
    assert {table.name for table in one.status().tables} == {table.name for table in other.status().tables}
    for table in one.status().tables:
        assert sorted(columns(one, table.name)) == sorted(columns(other, table.name))
    exchange(one, other)
    for table in one.status().tables:
        names = ", ".join(sorted(columns(one, table.name)))
        rows = [read(each, f"SELECT {names} FROM {table.name} ORDER BY k") for each in (one, other)]
        assert rows[0] == rows[1] != []
    assert told(one) == told(other)


@pytest.mark.parametrize(
    "changes",
    [
        ["t RENAME COLUMN a TO w", "t ADD COLUMN a"],
        ["t RENAME COLUMN a TO x", "t RENAME COLUMN b TO a", "t RENAME COLUMN x TO b"],
        ["t RENAME COLUMN c TO d", "t RENAME COLUMN b TO c", "t RENAME COLUMN a TO b", "t ADD COLUMN a DEFAULT 7"],
        ["t RENAME COLUMN a TO x", "t RENAME COLUMN c TO a", "t RENAME COLUMN b TO c", "t RENAME COLUMN x TO b"],
        ["t RENAME COLUMN a TO A"],
        ["t RENAME COLUMN k TO x", "t RENAME COLUMN a TO k", "t RENAME COLUMN x TO a"],
        ["t RENAME TO v", "u RENAME TO t", "v RENAME TO u"],
        ["t RENAME TO v", "u RENAME TO t"],
        ["t RENAME COLUMN a TO x", "t RENAME TO v", "v ADD COLUMN a", "u RENAME TO t"],
    ],
    ids=" ".join,
)
def test_one_pull_is_enough(tmp_path: Path, changes: list[str]) -> None:
    """Whatever names columns and tables gave to each other, one pull brings all of them, and what was written meanwhile."""
    one = replica(tmp_path / "one.db", SCHEMA)
    write(one, "INSERT INTO t VALUES ('r', 1, 2, 3); INSERT INTO u VALUES ('r', 4)")
    other = one.clone(tmp_path / "other.db")
    for change in changes:
        other.alter(f"ALTER TABLE {change}")
    check(one, other)


def test_a_new_table_under_an_old_name(tmp_path: Path) -> None:
    """A table that was renamed and a new one under its old name come in one pull."""
    one = replica(tmp_path / "one.db", SCHEMA)
    write(one, "INSERT INTO t VALUES ('r', 1, 2, 3); INSERT INTO u VALUES ('r', 4)")
    other = one.clone(tmp_path / "other.db")
    other.alter("ALTER TABLE t RENAME TO old_t")
    other.alter("CREATE TABLE t (k TEXT PRIMARY KEY NOT NULL, other)")
    other.enable("t")
    write(other, "INSERT INTO t VALUES ('new', 'row')")
    check(one, other)


def test_random_renames(tmp_path: Path) -> None:
    """Random renames and additions, among few names so that they pass them on, come in one pull."""
    for seed in range(12):
        chance, folder = random.Random(seed), tmp_path / str(seed)
        folder.mkdir()
        one = replica(folder / "one.db", SCHEMA)
        write(one, "INSERT INTO t VALUES ('r', 1, 2, 3); INSERT INTO u VALUES ('r', 4)")
        other = one.clone(folder / "other.db")
        for _ in range(chance.randint(2, 7)):
            present = columns(other, "t")
            free = [name for name in "abcde" if name not in present]
            if chance.random() < 0.3:
                other.alter(f"ALTER TABLE t ADD COLUMN {chance.choice(free)}") if free else None
            elif free:
                other.alter(f"ALTER TABLE t RENAME COLUMN {chance.choice(present[1:])} TO {chance.choice(free)}")
        check(one, other)
        one.close()
        other.close()


def test_what_keeps_its_name_is_in_the_way(tmp_path: Path) -> None:
    """A column of this file alone that has the wanted name is not touched: the rest comes, and this is to be done by hand."""
    one = replica(tmp_path / "one.db", SCHEMA)
    other = one.clone(tmp_path / "other.db")
    one.alter("ALTER TABLE t ADD COLUMN mine")
    other.alter("ALTER TABLE t RENAME COLUMN a TO mine")
    other.alter("ALTER TABLE t RENAME COLUMN b TO fine")
    found = one.adopt_schema(other)
    assert [problem.what for problem in found.by_hand] == ["the name 'mine' for column t.a"]
    assert columns(one, "t") == ["k", "a", "fine", "c", "mine"]


def test_an_order_is_found_wherever_there_is_one() -> None:
    """Random wishes: replayed step by step no name is ever given twice, and only what a name that stays blocks is left."""
    for seed in range(500):
        chance = random.Random(seed)
        names = [f"n{number}" for number in range(6)]
        movers = chance.sample(names, chance.randint(0, 6))
        targets = chance.sample([*names, "x", "y", "z"], len(movers))
        wishes = {old: new for old, new in zip(movers, targets, strict=True) if old != new}
        found = renaming.order(names, wishes)
        holders = {name: name for name in names}
        for old, new in found.steps:
            assert new not in holders
            holders[new] = holders.pop(old)
        assert holders.keys() == found.taken
        for mover, wish in wishes.items():
            last = mover
            while last in wishes and wishes[last] in names and wishes[last] != mover:
                last = wishes[last]
            assert (holders.get(wish) == mover) is (last in wishes), (seed, wishes, found)
