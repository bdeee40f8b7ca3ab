"""Text that is no UTF-8, which SQLite stores all the same: it is replicated as it is, and told apart wherever it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support.command import ok
from tests.support.edges import NO_UTF8
from tests.support.peers import all_equal, exchange, in_memory, read, replica, write

KEYS = {
    "a rowid table": "id PRIMARY KEY NOT NULL, v, u UNIQUE, boss REFERENCES t ON DELETE CASCADE)",
    "without rowid": "id TEXT NOT NULL, v, u UNIQUE, boss REFERENCES t ON DELETE CASCADE, PRIMARY KEY (id)) WITHOUT ROWID",
    "a numeric key": "id INT PRIMARY KEY NOT NULL, v, u UNIQUE, boss REFERENCES t ON DELETE SET NULL)",
}


def texts() -> list[str]:
    return [f"CAST(x'{digits}' AS TEXT)" for digits in NO_UTF8]


def two_of(columns: str) -> list[Replica]:
    def make(folder: Path) -> list[Replica]:
        schema = f"CREATE TABLE t ({columns}; CREATE TABLE ok (id TEXT PRIMARY KEY NOT NULL)"
        first = replica(folder / "a.db", schema, tables=("t", "ok"), site=1)
        return [first, first.clone(folder / "b.db")]

    return in_memory((__name__, columns), make, lambda: 1_700_000_000_000)


@pytest.mark.parametrize("columns", KEYS.values(), ids=KEYS.keys())
def test_odd_keys_and_values_stop_nothing(columns: str) -> None:
    """Rows with such keys, values and references are merged, contested, held, deleted and brought back like any other."""
    first, second = two_of(columns)
    for number, text in enumerate(texts()):
        write(first, f"INSERT INTO t VALUES ({text}, 1, {text}, NULL)", f"INSERT INTO ok VALUES ('a{number}')")
        write(second, f"INSERT INTO t VALUES ({text}, {text}, {text} || '2', NULL), ({text} || '3', 1, {text}, {text})")
    exchange(first, second)
    write(first, f"UPDATE t SET v = 'first' || {texts()[0]}", f"DELETE FROM t WHERE id = {texts()[1]}")
    write(
        second,
        f"UPDATE t SET v = 'second' || {texts()[0]}, u = {texts()[2]} || id WHERE id <> {texts()[2]}",
        "INSERT INTO ok VALUES ('b')",
    )
    exchange(first, second)
    assert all_equal([first, second])
    assert read(second, "SELECT count(*) FROM ok") == [(len(NO_UTF8) + 1,)]
    for one in (first, second):
        for found in ([*one.held(deleted=True)], one.conflicts(), [one.status()], [one.doctor()]):
            assert json.dumps([record.to_json() for record in found]).encode()
    for conflict in first.conflicts(open_only=True):
        first.resolve(conflict.id, "theirs")
    assert not first.conflicts(open_only=True)
    exchange(first, second)
    assert all_equal([first, second])


def test_held_rows_with_odd_text_are_compared() -> None:
    """`doctor` and `repair` settle everything anew also where held rows have such keys and values, and find nothing wrong."""
    first, second = two_of("id PRIMARY KEY NOT NULL, v, u UNIQUE, boss, CHECK (u IS NULL OR boss IS NULL))")
    write(first, *(f"INSERT INTO t VALUES ({text}, {text}, NULL, NULL)" for text in texts()))
    exchange(first, second)
    write(first, "UPDATE t SET u = id")
    write(second, "UPDATE t SET boss = id")
    exchange(first, second)
    assert all_equal([first, second])
    for one in (first, second):
        assert len(one.held()) == len(NO_UTF8)
        assert not one.doctor().broken
        assert one.repair().mended
    assert all_equal([first, second])


def test_odd_text_can_be_shown(tmp_path: Path) -> None:
    """The command line prints such text in SQL's notation, and as its bytes in JSON; what it suggests can be followed."""
    path, other = tmp_path / "a.db", tmp_path / "b.db"
    write(
        path,
        "CREATE TABLE t (id PRIMARY KEY NOT NULL, v, r)",
        "INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 1, 2), ('k', CAST(x'61ff' AS TEXT), 1)",
    )
    ok("enable", path, "t", "-c", "r=register")
    ok("clone", path, other)
    write(path, "UPDATE t SET v = CAST(x'fe' AS TEXT), r = CAST(x'fe' AS TEXT)", "DELETE FROM t WHERE id = 'k'")
    write(other, "UPDATE t SET v = 5, r = CAST(x'fd' AS TEXT) WHERE id <> 'k'")
    ok("sync", path, other)
    assert "CAST(x'ff' AS TEXT)" in ok("conflicts", path)
    found = json.loads(ok("conflicts", path, "--json"))
    assert {"text": "fe"} in [entry[name] for entry in found for name in ("won_value", "lost_value")]
    assert "v = CAST(x'fe' AS TEXT)" in ok("held", path, "--deleted")
    assert json.loads(ok("blame", path, "t", "k", "--json"))
