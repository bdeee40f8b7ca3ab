"""What fold writes back to typed columns: never what the table does not allow, never what is no text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica, sync
from tests.support.peers import read, write


def shown(path: Path) -> list[Any]:
    """Read the column v as any program would."""
    return [value for (value,) in read(path, "SELECT v FROM t ORDER BY id")]


def of_type(tmp_path: Path, kind: str, declared: str, base: str) -> list[Path]:
    """Make three replicas that share one row."""
    files = [tmp_path / f"{name}.db" for name in "abc"]
    write(
        files[0],
        f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {declared})",
        f"INSERT INTO t VALUES ('k', {base})",
    )
    with Replica.open(files[0]) as replica:
        replica.enable("t", types={"v": kind})
        for file in files[1:]:
            replica.clone(file).close()
    return files


@pytest.mark.parametrize(
    ("column", "kind", "base", "statement", "says"),
    [
        ("INTEGER, lim INTEGER DEFAULT 20, CHECK (v <= lim)", "max", "10", "UPDATE t SET v = 3, lim = 5", 10),
        ("TEXT CHECK (v LIKE '[ %')", "set", "'[ 1]'", "UPDATE t SET v = '[ 1, 2]'", "[1,2]"),
        ("INTEGER CHECK (v IS NULL OR v > 0)", "counter", "5", "UPDATE t SET v = NULL", 0),
    ],
    ids=["max", "set", "counter"],
)
def test_a_row_that_a_check_refuses_is_held(
    tmp_path: Path, column: str, kind: str, base: str, statement: str, says: Any
) -> None:
    """Where a CHECK does not allow the value that a type shows, the row is held with it, here as elsewhere, and the file goes on working."""
    file = tmp_path / "one.db"
    write(
        file,
        f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v {column})",
        f"INSERT INTO t (id, v) VALUES ('a', {base})",
    )
    with Replica.open(file) as replica:
        replica.enable("t", types={"v": kind})
        write(file, statement)
        replica.export()
        assert shown(file) == []
        assert [(row.reason, row.values["v"]) for row in replica.held()] == [("check", says)]
        write(file, "INSERT INTO t (id) VALUES ('b')")
        fresh = tmp_path / "fresh.db"
        with replica.clone(fresh) as other:
            assert other.held() == replica.held() and shown(fresh) == shown(file) == [None]


@pytest.mark.parametrize(
    ("kind", "value"), [("set", '["\\ud83d"]'), ("map", '{"\\ud83d":1}'), ("map", '{"a":"\\ud83d"}')]
)
def test_lone_surrogates_stay_escaped(tmp_path: Path, kind: str, value: str) -> None:
    """An escaped lone surrogate stays escaped, so that every program can still read the row, on every replica."""
    first, second, _ = of_type(tmp_path, kind, "TEXT", "'[1]'" if kind == "set" else "'{}'")
    write(first, "UPDATE t SET v = ?", values=(value,))
    sync(first, second)
    assert shown(first) == shown(second) == [value]


@pytest.mark.parametrize("spelling", ['\'["a","a"]\'', "'[ \"a\" ]'"])
def test_spelling_is_no_event(tmp_path: Path, spelling: str) -> None:
    """An UPDATE that changes the spelling alone does not count against a concurrent removal."""
    first, second, _ = of_type(tmp_path, "set", "TEXT", "'[\"a\"]'")
    write(first, f"UPDATE t SET v = {spelling}")
    write(second, "UPDATE t SET v = '[]'")
    sync(first, second)
    assert shown(first) == shown(second) == ["[]"]


def test_a_counter_that_began_as_null_travels_on(tmp_path: Path) -> None:
    """Increments from NULL on two replicas reach a third one by way of the other."""
    first, second, third = of_type(tmp_path, "counter", "INTEGER", "NULL")
    write(first, "UPDATE t SET v = 1")
    write(second, "UPDATE t SET v = 2")
    sync(first, third)
    sync(third, second)
    sync(first, third)
    assert shown(first) == shown(second) == shown(third) == [3]


def test_a_relayed_map_keeps_the_leaves_of_both(tmp_path: Path) -> None:
    """Leaves written on two replicas meet on a third one, and both come back to both."""
    first, second, third = of_type(tmp_path, "map", "TEXT", "'{\"a\":1}'")
    write(first, "UPDATE t SET v = json_set(v, '$.a', 2)")
    write(second, "UPDATE t SET v = json_set(v, '$.b', 1)")
    sync(first, third)
    sync(third, second)
    sync(first, third)
    assert shown(first) == shown(second) == shown(third) == ['{"a":2,"b":1}']


def test_a_deleted_real_counter_stays_real(tmp_path: Path) -> None:
    """A counter in a REAL column holds a real number also in a row that is deleted, so that every replica takes it."""
    first, second, third = of_type(tmp_path, "counter", "REAL", "NULL")
    for file in (first, second):
        write(file, "INSERT INTO t VALUES ('x', NULL)", "DELETE FROM t")
    sync(first, second)
    sync(second, third)
    sync(third, first)
    with Replica.open(third) as replica:
        replica.undelete("t", "x")
    assert shown(third) == [0.0]
