"""A purge goes in steps, so that other programs write meanwhile; each step purges some rows as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import query
from crdtsql.base.errors import DatabaseError, UnknownRowError
from crdtsql.compaction import Stride
from crdtsql.purge import PurgeWalk
from tests.support import state
from tests.support.peers import START_MS, Clock, all_equal, come_to_rest, read, replica, three, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY, a); CREATE TABLE u (id TEXT PRIMARY KEY, a)"
BLANK = "SELECT count(*) FROM _crdt_held_t WHERE v0 IS NULL"
KEYS = [f"x{number}" for number in range(7)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each step purge two rows."""
    monkeypatch.setattr(Stride, "took", lambda stride, seconds: None)
    monkeypatch.setattr(Stride, "__init__", lambda stride: setattr(stride, "rows", 2))


def between_steps(monkeypatch: pytest.MonkeyPatch, hook: Callable[[int], object]) -> None:
    """Call a hook before each step, with its number, outside of its transaction."""
    purge_some, count = Replica._purge_some, [0]

    def hooked(one: Replica, walk: PurgeWalk, breather: object) -> bool:
        count[0] += 1
        hook(count[0])
        return purge_some(one, walk, breather)  # type: ignore[arg-type]

    monkeypatch.setattr(Replica, "_purge_some", hooked)


def filled(folder: Path) -> list[Replica]:
    """Make three replicas, of which each has deleted rows in two tables."""
    replicas = three(folder, SCHEMA, now=Clock(step=1000))
    for table in "tu":
        rows = ", ".join(f"('{key}', 'secret')" for key in KEYS)
        write(replicas[0], f"INSERT INTO {table} VALUES {rows}", f"DELETE FROM {table}")
    come_to_rest(replicas)
    return replicas


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("by_name", [True, False])
def test_many_steps_are_one_purge(tmp_path: Path, by_name: bool) -> None:
    """A purge in many steps does and says what one in a single step would; a dry run says it before; and it travels."""
    a, b, c = filled(tmp_path)
    chosen = {"table": "t", "keys": [*KEYS, KEYS[0]]} if by_name else {"deleted_before": timedelta(0)}
    before = state.content(a.connection)
    would = a.purge(**chosen, dry_run=True)  # type: ignore[arg-type]
    assert state.content(a.connection) == before
    did = a.purge(**chosen)  # type: ignore[arg-type]
    assert did.tables == would.tables == ({"t": 7} if by_name else {"t": 7, "u": 7})
    assert (did.already, did.referenced) == (0, 0)
    come_to_rest([a, b, c])
    assert all_equal([a, b, c])
    assert all(read(one, BLANK) == [(7,)] for one in (a, b, c))
    again = a.purge(**chosen)  # type: ignore[arg-type]
    assert (again.tables, again.already) == ({}, 7 if by_name else 14)


@pytest.mark.usefixtures("short")
def test_rows_that_come_and_go_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that somebody inserts again between two steps is left as it is; one that is deleted later than the purge began, too."""
    a = filled(tmp_path)[0]

    def hook(number: int) -> None:
        if number == 3:
            a.connection.execute("INSERT INTO t VALUES ('x6', 'anew'), ('y', 'later'); DELETE FROM t WHERE id = 'y'")

    between_steps(monkeypatch, hook)
    assert a.purge("t", deleted_before=timedelta(days=-1)).rows == 6
    assert read(a, "SELECT * FROM t") == [("x6", "anew")]
    assert [row.key for row in a.held("t", deleted=True) if row.values["a"] == "later"] == [("y",)]


@pytest.mark.usefixtures("short")
def test_rows_that_come_to_a_place_that_was_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a merge between two steps brings is purged as well, if it was deleted in time."""
    a, b, _ = three(tmp_path, SCHEMA, now=Clock(step=1000))
    rows = ", ".join(f"('{key}', 'secret')" for key in KEYS)
    write(a, f"INSERT INTO t VALUES {rows}", "DELETE FROM t")
    write(b, "INSERT INTO t VALUES ('a', 'secret')", "DELETE FROM t")
    write(a, "INSERT INTO u VALUES ('later', 1)")
    brought = b.export()

    def hook(number: int) -> None:
        if number == 3:
            with Replica.open(a.path, now=Clock(step=1000)) as same:
                same.merge(brought)

    between_steps(monkeypatch, hook)
    assert a.purge("t", deleted_before=timedelta(0)).rows == 8


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("by_name", [True, False])
def test_a_purge_that_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_name: bool) -> None:
    """What is cut off between two steps has purged fewer rows, and says how many; the same again does the others."""
    a = filled(tmp_path)[0]
    chosen = {"table": "t", "keys": KEYS} if by_name else {"table": "t", "deleted_before": timedelta(0)}

    def hook(number: int) -> None:
        if number == 6 - 3 * (not by_name):
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        between_steps(context, hook)
        with pytest.raises(KeyboardInterrupt):
            a.purge(**chosen)  # type: ignore[arg-type]
    assert read(a, BLANK) == [(4,)]
    assert "4 rows were purged before that" in a.notices[-1]
    did = a.purge(**chosen)  # type: ignore[arg-type]
    assert (did.rows, did.already) == (3, 4)
    assert read(a, BLANK) == [(7,)]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("what", ["rows", "actor"])
def test_a_vacuum_that_fails_purged_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Where the disk has no room for VACUUM the purge is done, and that is said; no error says that nothing was changed."""
    a, *_ = filled(tmp_path)
    write(a, "INSERT INTO crdt_actor(actor) VALUES ('ann'); INSERT INTO u VALUES ('n', 'y'); DELETE FROM crdt_actor")
    a.vector()
    done = query.rows

    def full(connection: apsw.Connection, statement: str, values: object = None) -> list[object]:
        if statement == "VACUUM":
            raise apsw.FullError("database or disk is full")
        return done(connection, statement, values)

    monkeypatch.setattr(query, "rows", full)
    with pytest.raises(DatabaseError, match="the disk is full: make room") as caught:
        a.purge("t", ["x1"], vacuum=True) if what == "rows" else a.purge_actor("ann", vacuum=True)
    assert "nothing was changed" not in str(caught.value)
    assert any("was purged before that, but VACUUM was not done: `sqlite3 " in notice for notice in a.notices)
    if what == "rows":
        assert read(a, BLANK) == [(1,)]


def test_rows_that_are_named_are_looked_up_first(tmp_path: Path) -> None:
    """Of more rows than a step takes none is purged if one of them is unknown."""
    a = filled(tmp_path)[0]
    with pytest.raises(UnknownRowError):
        a.purge("t", [*KEYS, "nobody"])
    assert read(a, BLANK) == [(0,)]


@pytest.mark.usefixtures("short")
def test_entries_of_a_history_go_in_steps(tmp_path: Path) -> None:
    """What a history has of purged rows is purged as well, however much it is; what has been left by a cut is, by the same again."""
    a, b, c = three(tmp_path, SCHEMA, now=Clock(step=1000))
    a.keep_history("t")
    for number in range(9):
        write(a, f"INSERT OR REPLACE INTO t VALUES ('x', 'secret {number}'), ('y', 'secret {number}')")
    write(a, "DELETE FROM t")
    come_to_rest([a, b, c])
    assert a.purge("t", ["x", "y"]).rows == 2
    come_to_rest([a, b, c])
    for one in (a, b, c):
        assert read(one, "SELECT count(*) FROM crdt_history_t WHERE op <> 9") == [(0,)]
        held = one.connection.execute("SELECT * FROM _crdt_held_crdt_history_t").get
        assert "secret" not in repr(held)


@pytest.mark.usefixtures("short")
def test_keys_that_are_no_utf_8(tmp_path: Path) -> None:
    """A step may end at a row whose key no command can name."""
    a = replica(tmp_path / "a.db", "CREATE TABLE t (id PRIMARY KEY, a)", now=Clock(step=1000))
    for number in range(8):
        write(
            a,
            f"INSERT INTO t VALUES (CAST(x'6{number}ff' AS TEXT), 'secret'), ({number}, 'secret'), (x'6{number}ff', 'secret')",
        )
    write(a, "DELETE FROM t")
    assert a.purge(deleted_before=timedelta(0)).rows == 24
    assert a.purge(deleted_before=timedelta(0)).already == 24


def test_writers_do_not_wait_for_readers(tmp_path: Path) -> None:
    """While a purge waits for somebody who reads, to cut off the write-ahead log, others write; it says that values may stand there."""
    made = replica(tmp_path / "a.db", SCHEMA, now=Clock(step=1000))
    made.connection.execute("PRAGMA journal_mode = WAL")
    write(made, "INSERT INTO t VALUES ('x', 'secret')", "DELETE FROM t")
    made.close()
    a = Replica.open(made.path, now=Clock(START_MS + 100_000, step=1000), lock_timeout=1.5)
    reader, writer = apsw.Connection(a.path), apsw.Connection(a.path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM t").get == 0
    writer.execute("INSERT INTO u VALUES ('z', 0)")
    writer.set_busy_timeout(10_000)
    left: list[bool] = []
    purge = threading.Thread(target=lambda: left.append(a.purge("t", ["x"]).log_left))
    longest = 0.0
    purge.start()
    while purge.is_alive():
        began = time.monotonic()
        writer.execute("UPDATE u SET a = a + 1")
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.005)
    purge.join()
    assert left == [True]
    assert longest < 1
    reader.execute("COMMIT")
    assert not a.purge("t", ["x"]).log_left
