"""Traps in which other systems lost data or diverged: clocks, deletes, identity. One test each."""

from __future__ import annotations

import shutil
from itertools import permutations
from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import ClockSkewError, MissingChangesError
from tests.support import state
from tests.support.peers import START_MS, Clock, all_equal, come_to_rest, is_empty, replica, rows, send, three, write

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"


# -- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_tie_goes_to_the_writers_site(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Writes at the very same time are decided by the writers' site ids, not by who delivers them nor by local numbers."""
    replicas = three(tmp_path, SCHEMA)
    for n, one in enumerate(replicas):
        write(one, f"INSERT INTO t VALUES (1, 'site {n + 1}', NULL)")
    stamps = {vector for one in replicas for vector in one.vector().values()}
    assert len(stamps) == 1
    first, second, third = (replicas[n] for n in order)
    send(first, second)
    send(second, third)
    send(third, first)
    send(first, second)
    assert [rows(one) for one in replicas] == [[(1, "site 3", None)]] * 3
    assert all_equal(replicas)


def test_a_relay_equals_a_direct_delivery(tmp_path: Path) -> None:
    """What came from A by way of B is the same, stamps included, as what came from A."""
    a, b, c = three(tmp_path, SCHEMA)
    d = replica(tmp_path / "4.db", SCHEMA, site=0)
    write(a, "INSERT INTO t VALUES (1, 'a', 'a')")
    write(a, "UPDATE t SET b = 'later'")
    write(b, "INSERT INTO t VALUES (2, 'b', 'b')")
    send(a, b)
    send(b, c)
    send(a, d)
    in_c, in_d = state.rows(c.connection), state.rows(d.connection)
    assert {key: in_c[key] for key in in_d} == in_d


def test_two_sites_delete_the_same_row(tmp_path: Path) -> None:
    """A row that two sites deleted without knowing of each other stays deleted, and can be inserted again."""
    a, b, c = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 'x', 'y')")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    come_to_rest([a, b, c])
    assert [rows(one) for one in (a, b, c)] == [[]] * 3
    write(c, "INSERT INTO t VALUES (1, 'new', NULL)")
    come_to_rest([a, b, c])
    assert [rows(one) for one in (a, b, c)] == [[(1, "new", None)]] * 3
    assert all_equal([a, b, c])


def test_a_merge_raises_the_clock(tmp_path: Path) -> None:
    """A write after a merge wins over what was merged, even if the writer's machine is minutes behind."""
    ahead = replica(tmp_path / "ahead.db", SCHEMA, now=lambda: START_MS + 240_000, site=9)
    behind = replica(tmp_path / "behind.db", SCHEMA, now=lambda: START_MS, site=1)
    write(ahead, "INSERT INTO t VALUES (1, 'old', 'old')")
    send(ahead, behind)
    write(behind, "UPDATE t SET a = 'new'")
    send(behind, ahead)
    assert rows(ahead) == rows(behind) == [(1, "new", "old")]


@pytest.mark.parametrize("why", ["missing", "drift"])
def test_a_refused_changeset_moves_nothing(tmp_path: Path, why: str) -> None:
    """A changeset that is refused leaves the clock, the vector and everything else of the file as it was."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"
    clock = Clock(START_MS + 60_000)
    sender = replica(tmp_path / "sender.db", schema, now=clock, site=1)
    receiver = replica(tmp_path / "receiver.db", schema, site=2)
    write(receiver, "INSERT INTO t VALUES (7, 'taken', NULL)")
    write(sender, "INSERT INTO t VALUES (1, 'taken', NULL)")
    errors: dict[str, type[Exception]] = {"missing": MissingChangesError, "drift": ClockSkewError}
    since = sender.vector() if why == "missing" else {}
    clock.ms += 400_000 if why == "drift" else 0
    write(sender, "UPDATE t SET a = 'free'")
    before = state.content(receiver.connection)
    with pytest.raises(errors[why]):
        receiver.merge(sender.export(since))
    assert state.content(receiver.connection) == before


def test_an_old_change_that_arrives_late_is_passed_on(tmp_path: Path) -> None:
    """A change that was made long ago but arrived only now is still sent to peers that are further in time."""
    a, b, c = three(tmp_path, SCHEMA)
    slow = replica(tmp_path / "slow.db", SCHEMA, now=lambda: START_MS - 3_600_000, site=4)
    write(slow, "INSERT INTO t VALUES (9, 'slow', NULL)")
    write(a, "INSERT INTO t VALUES (1, 'quick', NULL)")
    send(a, b)
    send(b, c)
    send(slow, b)
    send(b, c)
    send(b, a)
    assert rows(c) == rows(a) == rows(b)
    assert len(rows(c)) == 2


def test_events_of_one_millisecond_are_all_sent(tmp_path: Path) -> None:
    """Of several changes in the same millisecond an export for a peer that has the first brings all others."""
    a, b, _ = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 0, 0)")
    send(a, b)
    for n in range(2, 6):
        write(a, f"INSERT INTO t VALUES ({n}, 0, 0)")
        if n == 3:
            send(a, b)
    send(a, b)
    assert rows(a) == rows(b)
    assert is_empty(a.export(b.vector()))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_delete_insert_delete_against_an_update(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A row deleted, inserted and deleted again, against an update that saw none of it, is there again in any order."""
    a, b, c = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 'x', 'y')")
    come_to_rest([a, b, c])
    base = b.vector()
    parts = []
    for statement in ("DELETE FROM t", "INSERT INTO t VALUES (1, 'again', NULL)", "DELETE FROM t"):
        write(a, statement)
        parts.append(a.export(base))
    write(b, "UPDATE t SET a = 'update'")
    parts.append(b.export(c.vector()))
    for n in order:
        c.merge(parts[n])
    come_to_rest([a, b, c])
    assert all_equal([a, b, c])
    assert len(rows(c)) == 1


def test_a_write_of_a_new_replica_does_not_win_by_being_new(tmp_path: Path) -> None:
    """An older write of a replica that nobody has heard of loses to a newer one, whatever its own counters say."""
    now = Clock()
    a = replica(tmp_path / "a.db", SCHEMA, now=now, site=1)
    stranger = replica(tmp_path / "stranger.db", SCHEMA, now=now, site=9)
    for value in range(5):
        write(stranger, f"INSERT OR REPLACE INTO t VALUES (1, {value}, {value})")
    now.ms += 1000
    write(a, "INSERT INTO t VALUES (1, 'newer', 'newer')")
    come_to_rest([a, stranger])
    assert rows(a) == rows(stranger) == [(1, "newer", "newer")]


# -- identity -------------------------------------------------------------------------------------


def test_a_file_set_back_unnoticed_is_found_out_by_a_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an older state returns in place and no note remembers, the first peer's vector gives it a new site id; nothing is lost."""
    a, b, _ = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 'kept', NULL)")
    path, saved = tmp_path / "1.db", tmp_path / "saved.db"
    a.close()
    shutil.copyfile(path, saved)
    a = Replica.open(path, now=lambda: START_MS)
    write(a, "INSERT INTO t VALUES (2, 'after the backup', NULL)")
    send(a, b)
    before = a.site
    a.close()
    shutil.copyfile(saved, path)
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "forgotten"))
    a = Replica.open(path, now=lambda: START_MS)
    assert a.site == before
    a.connection.execute("INSERT INTO t VALUES (3, 'after the restore', NULL)")
    sync(a, b)
    assert a.site != before
    assert rows(a) == rows(b)
    assert [key for key, *_ in rows(a)] == [1, 2, 3]


def test_copies_of_one_file_write_as_two_sites(tmp_path: Path) -> None:
    """A copied file gets a site id of its own, so that none of its changes is taken for one that was seen."""
    a, b, _ = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 'x', NULL)")
    a.close()
    shutil.copyfile(tmp_path / "1.db", tmp_path / "copy.db")
    a, copy = (Replica.open(tmp_path / name, now=lambda: START_MS) for name in ("1.db", "copy.db"))
    write(a, "INSERT INTO t VALUES (2, 'original', NULL)")
    write(copy, "INSERT INTO t VALUES (2, 'copy', NULL)")
    come_to_rest([a, b, copy])
    assert all_equal([a, b, copy])
    assert a.site != copy.site
    assert len(state.conflicts(a.connection)) == 1


# -- rows from before enable ----------------------------------------------------------------------


def test_two_enabled_copies_of_the_same_data_merge(tmp_path: Path) -> None:
    """Two files with the same rows, each enabled on its own, merge: equal rows without conflict, others by the later enable."""
    now = Clock()
    schema = SCHEMA + "; INSERT INTO t VALUES (1, 'same', 1), (2, 'same', 2)"
    a = replica(tmp_path / "a.db", schema, now=now, site=1)
    now.ms += 1000
    b = replica(tmp_path / "b.db", schema + "; UPDATE t SET a = 'differs', b = 20 WHERE id = 2", now=now, site=2)
    write(a, "UPDATE t SET b = 'written' WHERE id = 2")
    come_to_rest([a, b])
    assert all_equal([a, b])
    assert rows(a) == rows(b) == [(1, "same", 1), (2, "differs", "written")]
    assert {row[2] for row in state.conflicts(a.connection)} == {"a", "b"}


def test_an_empty_table_adopts_the_rows_from_before_enable(tmp_path: Path) -> None:
    """An empty replica takes over rows from before enable without a clock row for each, and can pass them on."""
    a = replica(tmp_path / "a.db", SCHEMA + "; INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)", site=1)
    b, c = (replica(tmp_path / f"{n}.db", SCHEMA, site=n) for n in (2, 3))
    write(b, "INSERT INTO t VALUES (2, 'written', NULL)")
    send(a, b)
    send(b, c)
    come_to_rest([a, b, c])
    assert rows(a) == rows(b) == rows(c) == [(1, "x", 1), (2, "written", None)]
    assert all_equal([a, b, c])
    assert c.connection.execute("SELECT count(*) FROM _crdt_clock_t").fetchall() == [(1,)]


def test_a_deleted_row_from_before_enable_stays_deleted(tmp_path: Path) -> None:
    """A deleted row does not come back through a replica that still has it from before enable."""
    schema = SCHEMA + "; INSERT INTO t VALUES (1, 'x', 1)"
    a, b = replica(tmp_path / "a.db", schema, site=1), replica(tmp_path / "b.db", SCHEMA, site=2)
    send(a, b)
    write(b, "DELETE FROM t")
    c = replica(tmp_path / "c.db", SCHEMA, site=3)
    send(a, c)
    send(b, c)
    come_to_rest([a, b, c])
    assert [rows(one) for one in (a, b, c)] == [[]] * 3
    assert all_equal([a, b, c])


# -- conflicts ------------------------------------------------------------------------------------


def test_two_replicas_insert_the_same_key(tmp_path: Path) -> None:
    """Two rows inserted under one key become one row, cell by cell; what was overwritten is in the conflict log."""
    now = Clock()
    a = replica(tmp_path / "a.db", SCHEMA, now=now, site=1)
    b = replica(tmp_path / "b.db", SCHEMA, now=now, site=2)
    write(a, "INSERT INTO t VALUES (1, 'a', 'a')")
    now.ms += 1
    write(b, "INSERT INTO t VALUES (1, 'b', 'b')")
    now.ms += 1
    write(a, "UPDATE t SET a = 'latest'")
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [(1, "latest", "b")]
    lost = a.connection.execute("""SELECT "column", lost_value FROM crdt_conflicts ORDER BY 1""").fetchall()
    assert lost == [("a", "b"), ("b", "a")]


@pytest.mark.parametrize(("left", "right"), [("'a'", "'A'"), ("1", "'1'"), ("'a'", "x'61'"), ("NULL", "''")])
def test_values_that_only_look_alike_are_a_conflict(tmp_path: Path, left: str, right: str) -> None:
    """Concurrent values that differ only in case, under NOCASE, or in type are recorded like any others."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a COLLATE NOCASE)"
    a, b = (replica(tmp_path / f"{n}.db", schema, site=n) for n in (1, 2))
    write(a, f"INSERT INTO t VALUES (1, {left})")
    write(b, f"INSERT INTO t VALUES (1, {right})")
    send(b, a)
    assert len(state.conflicts(a.connection)) == 1


def test_an_overwrite_that_was_seen_is_no_conflict(tmp_path: Path) -> None:
    """A value that was overwritten by somebody who had seen it is no conflict, also by way of a third replica."""
    a, b, c = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO t VALUES (1, 'first', NULL)")
    send(a, b)
    send(b, c)
    write(c, "UPDATE t SET a = 'second'")
    send(c, b)
    send(b, a)
    write(a, "UPDATE t SET a = 'third'")
    come_to_rest([a, b, c])
    assert all(not state.conflicts(one.connection) for one in (a, b, c))
