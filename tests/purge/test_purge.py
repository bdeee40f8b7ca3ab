"""Which rows are purged, what is refused, and what a purge does to writes that did not know of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import (
    CannotPurgeError,
    NotDeletedError,
    NotEnabledError,
    PurgedError,
    UnknownRowError,
    UsageError,
)
from crdtsql.purge import purging
from tests.support import state
from tests.support.peers import START_MS, Clock, all_equal, come_to_rest, read, replica, rows, send, three, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY, a, b)"


def deleted(folder: Path, schema: str = SCHEMA, **options: object) -> list[Replica]:
    """Make three replicas that have two rows, of which one was deleted."""
    replicas = three(folder, schema, now=Clock(step=1000), **options)
    write(replicas[0], "INSERT INTO t (id, a, b) VALUES ('x', 'of x', 'b of x'), ('y', 'of y', 'b of y')")
    come_to_rest(replicas)
    write(replicas[0], "DELETE FROM t WHERE id = 'x'")
    come_to_rest(replicas)
    return replicas


def values(of: Replica, key: str = "x") -> list[object]:
    """Return the values of a deleted row of the table t."""
    (found,) = [list(row.values.values()) for row in of.held("t", deleted=True) if row.key == (key,)]
    return found


def test_a_purge_is_an_event(tmp_path: Path) -> None:
    """A purged row is blank on every replica; equal ones are equal, and merging again changes nothing."""
    a, b, c = deleted(tmp_path)
    report = a.purge("t", ["x"])
    assert report.to_json() == {
        "rows": 1, "tables": {"t": 1}, "already": 0, "referenced": 0, "conflicts": 0, "dry_run": False, "log_left": False,
        "vacuumed": False, "attributions": 0,
    }  # fmt: skip
    data = send(a, b)
    send(b, c)
    assert all(values(one) == [None, None] for one in (a, b, c))
    assert all_equal([a, b, c]) and a.verify(c).equal
    assert b.merge(data).known
    assert [row[0] for row in rows(c)] == ["y"]
    assert {(cell.value, cell.shown, cell.site) for cell in c.blame("t", "x")} == {(None, False, a.site)}


def test_a_purge_again_is_none(tmp_path: Path) -> None:
    """A row that was purged and not written since is left as it is: no event comes of it, on no replica."""
    a, b, _ = deleted(tmp_path)
    a.purge("t", ["x", "x"])
    send(a, b)
    for one in (a, b):
        before = state.content(one.connection)
        report = one.purge("t", ["x"])
        assert (report.rows, report.already) == (0, 1)
        assert state.content(one.connection) == before


def test_what_is_refused(tmp_path: Path) -> None:
    """Rows that are not deleted, not there, or of tables that are not replicated are refused in words, and nothing is purged then."""
    a = deleted(tmp_path)[0]
    before = state.content(a.connection)
    for keys, error, words in [
        (["x", "y"], NotDeletedError, "delete it first: `sqlite3 .*DELETE FROM"),
        (["x", "Xx"], UnknownRowError, "has no row 'Xx', deleted or not: did you mean 'x'?"),
        ([("x", "y")], UsageError, "give 1 value"),
    ]:
        with pytest.raises(error, match=words):
            a.purge("t", keys)
    with pytest.raises(NotEnabledError, match="did you mean 't'"):
        a.purge("T2", ["x"])
    for call in (
        lambda: a.purge("t"),
        lambda: a.purge(None, ["x"]),
        lambda: a.purge("t", ["x"], deleted_before=timedelta(1)),
        a.purge,
    ):
        with pytest.raises(UsageError, match="which rows"):
            call()
    assert state.content(a.connection) == before


def test_tables_that_have_nothing_to_purge(tmp_path: Path) -> None:
    """Rows of grow-only tables are never deleted, and a table of nothing but keys has no values: both are refused if they are named."""
    a = replica(tmp_path / "a.db", "CREATE TABLE k (id TEXT PRIMARY KEY); CREATE TABLE g (id TEXT PRIMARY KEY, a)")
    a.set_rows("g", "grow-only")
    write(a, "INSERT INTO k VALUES ('x')")
    write(a, "DELETE FROM k")
    with pytest.raises(CannotPurgeError, match="no columns but its key"):
        a.purge("k", ["x"])
    with pytest.raises(CannotPurgeError, match="grow-only"):
        a.purge("g", deleted_before=timedelta(0))
    assert a.purge(deleted_before=timedelta(0)).rows == 0


def test_rows_that_are_referred_to(tmp_path: Path) -> None:
    """A deleted row that is shown because others refer to it is not purged: by name that is refused, by age it is left and counted."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY, a); CREATE TABLE c (id TEXT PRIMARY KEY, p REFERENCES p)"
    a, b, _ = three(tmp_path, schema, now=Clock(step=1000))
    write(a, "INSERT INTO p VALUES ('x', 'secret'), ('y', 'secret')")
    send(a, b)
    write(a, "DELETE FROM p")
    write(b, "INSERT INTO c VALUES ('1', 'x')")
    send(b, a)
    assert rows(a, "p") == [("x", "secret")]
    with pytest.raises(CannotPurgeError, match="rows refer to it"):
        a.purge("p", ["y", "x"])
    report = a.purge("p", deleted_before=timedelta(0))
    assert (report.tables, report.referenced) == ({"p": 1}, 1)
    send(a, b)
    assert rows(b, "p") == [("x", "secret")]


def test_a_reference_that_the_purge_did_not_know(tmp_path: Path) -> None:
    """A purged row that is shown again for the sake of a row elsewhere is shown with blank values, alike on all replicas."""
    schema = "CREATE TABLE p (id TEXT PRIMARY KEY, a); CREATE TABLE c (id TEXT PRIMARY KEY, p REFERENCES p)"
    a, b, c = three(tmp_path, schema, now=Clock(step=1000))
    write(a, "INSERT INTO p VALUES ('x', 'secret')")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM p")
    write(b, "INSERT INTO c VALUES ('1', 'x')")
    send(b, c)
    send(a, c)
    assert rows(c, "p") == [("x", "secret")]
    a.purge("p", ["x"])
    come_to_rest([a, b, c])
    for one in (a, b, c):
        assert rows(one, "p") == [("x", None)]
    assert all_equal([a, b, c])


def test_keys_of_several_columns(tmp_path: Path) -> None:
    """Keys of several columns are tuples, or come part by part; text is compared with the key's own type."""
    a = replica(tmp_path / "a.db", "CREATE TABLE t (x INTEGER, y TEXT COLLATE NOCASE, a, PRIMARY KEY (x, y))")
    write(a, "INSERT INTO t VALUES (1, 'a', 's'), (1, 'b', 's'), (2, 'a', 's'), (2, 'b', 's')")
    write(a, "DELETE FROM t")
    assert a.purge("t", [(1, "A"), ("2", "b")]).rows == 2
    assert a.purge("t", ["1", "b", 2, "a"]).rows == 2
    for keys in (["1"], [(1, "a"), 2], [(1, "a", "b")]):
        with pytest.raises(UsageError, match="give 2 value"):
            a.purge("t", keys)
    assert {tuple(row.values.values()) for row in a.held(deleted=True)} == {(None,)}


def test_rows_that_were_deleted_before(tmp_path: Path) -> None:
    """By age: rows whose latest delete is older are purged, of one table or of all; a dry run says the same and changes nothing."""
    clock = Clock()
    schema = f"{SCHEMA}; CREATE TABLE u (id TEXT PRIMARY KEY, a)"
    a, b, _ = three(tmp_path, schema, now=clock)
    write(a, "INSERT INTO t VALUES ('old', 's', 1), ('new', 's', 1), ('both', 's', 1), ('alive', 's', 1)")
    write(a, "INSERT INTO u VALUES ('old', 's')", "DELETE FROM u")
    send(a, b)
    write(a, "DELETE FROM t WHERE id IN ('old', 'both')")
    day = 86_400_000
    clock.ms += 10 * day
    write(b, "DELETE FROM t WHERE id = 'both'")
    write(a, "DELETE FROM t WHERE id = 'new'")
    send(b, a)
    clock.ms += 10 * day
    moment = datetime.fromtimestamp((START_MS + 5 * day) / 1000, UTC)
    for when in (timedelta(days=15), moment, moment.replace(tzinfo=None)):
        before = state.content(a.connection)
        report = a.purge(deleted_before=when, dry_run=True)
        assert (report.tables, report.dry_run) == ({"t": 1, "u": 1}, True)
        assert state.content(a.connection) == before
    assert a.purge("t", deleted_before=timedelta(days=15)).tables == {"t": 1}
    assert values(a, "old") == [None, None] and values(a, "new") == ["s", 1] == values(a, "both")
    assert a.purge(deleted_before=timedelta(days=5)).tables == {"t": 2, "u": 1}
    clock.ms += 1
    assert a.purge(deleted_before=timedelta(0)).already == 4


@pytest.mark.parametrize("later", [True, False])
def test_a_write_that_did_not_know(tmp_path: Path, later: bool) -> None:
    """A concurrent update brings the row back with what it wrote alone; what lost by its time is in the conflict log."""
    clocks = Clock(), Clock()
    a, b, c = (
        replica(tmp_path / f"{n}.db", SCHEMA, now=now, site=n)
        for n, now in ((1, clocks[0]), (2, clocks[1]), (3, clocks[0]))
    )
    write(a, "INSERT INTO t VALUES ('x', 'secret', 'secret')")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM t")
    clocks[0 if not later else 1].ms += 1000
    write(b, "UPDATE t SET a = 'of b'")
    a.purge("t", ["x"])
    come_to_rest([a, b, c])
    assert rows(a) == rows(b) == rows(c) == [("x", "of b" if later else None, None)]
    assert all_equal([a, b, c])
    lost = {entry.lost_value for entry in a.conflicts()}
    assert lost == ({None} if later else {"of b"})
    assert "secret" not in repr(b.conflicts()) + repr(a.conflicts()) + repr(c.conflicts())


@pytest.mark.parametrize("began", [True, False])
def test_an_undelete_that_did_not_know(tmp_path: Path, began: bool) -> None:
    """A row that was undeleted meanwhile comes back blank; but a site that began with that wrote all values anew, so they stay."""
    a, b, c = three(tmp_path, SCHEMA, now=Clock(step=1000))
    write(a, "INSERT INTO t VALUES ('x', 'secret', 'b')")
    if began:
        write(b, "INSERT INTO t VALUES ('y', NULL, NULL)")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM t WHERE id = 'x'")
    come_to_rest([a, b, c])
    a.purge("t", ["x"])
    b.undelete("t", "x")
    come_to_rest([a, b, c])
    for one in (a, b, c):
        assert rows(one)[0] == (("x", None, None) if began else ("x", "secret", "b"))
    write(c, "DELETE FROM t WHERE id = 'x'")
    c.purge("t", ["x"])
    come_to_rest([a, b, c])
    assert all_equal([a, b, c])
    assert all("secret" not in repr(state.content(one.connection)) for one in (a, b, c))


def test_no_undelete_of_a_purged_row(tmp_path: Path) -> None:
    """A purged row can't be undeleted; its key is free, and a row that is inserted under it is one like any other."""
    a, b, c = deleted(tmp_path)
    a.purge("t", ["x"])
    send(a, b)
    for one in (a, b):
        with pytest.raises(PurgedError, match="insert a row of this key anew"):
            one.undelete("t", "x")
    assert "purged" in next(row for row in b.held(deleted=True) if row.key == ("x",)).release
    write(b, "INSERT INTO t VALUES ('x', 'anew', NULL)")
    come_to_rest([a, b, c])
    assert rows(c) == rows(a) == [("x", "anew", None), ("y", "of y", "b of y")]
    write(b, "DELETE FROM t WHERE id = 'x'")
    b.undelete("t", "x")
    assert b.purge(deleted_before=timedelta(0)).rows == 0


@pytest.mark.parametrize("identity", ["key", "row"])
def test_a_row_that_was_written_again(tmp_path: Path, identity: str) -> None:
    """Who gets a purge and a later write of the row at once forgets as well: the purge is told though the row does not show it."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"
    now = Clock(step=1000)
    a, b, c, d = (replica(tmp_path / f"{n}.db", schema, now=now, site=n, identity=identity) for n in (1, 2, 3, 4))
    write(a, "INSERT INTO t VALUES (1, 'secret', 'secret'), (2, 'other', 'other')")
    come_to_rest([a, b, c, d])
    write(a, "UPDATE t SET a = a || ' of a'")
    write(c, "UPDATE t SET a = a || ' of c'")
    for_c = a.export(c.vector())
    send(c, a)
    c.merge(for_c)
    come_to_rest([a, b, c, d])
    write(a, "DELETE FROM t WHERE id = 1")
    a.purge("t", [1])
    send(a, b)
    write(b, "INSERT INTO t VALUES (1, 'anew', NULL)")
    assert "secret" in repr(c.conflicts())
    send(b, d)
    send(d, c)
    assert rows(c) == [(1, "anew", None), (2, "other of c", "other")]
    assert [entry.key for entry in c.conflicts()] == [(2,)]
    assert any("purged the values of 1 deleted row" in notice for notice in c.notices)
    assert "secret" not in repr(c.held(deleted=True))


def test_a_purge_whose_cells_another_one_wrote(tmp_path: Path) -> None:
    """Of two purges that did not know of each other each is told, though all cells are those of the later one."""
    a, b, c = three(tmp_path, SCHEMA, now=Clock(step=1000))
    write(a, "INSERT INTO t VALUES ('x', 'first', 'b')")
    come_to_rest([a, b, c])
    write(a, "UPDATE t SET a = 'secret'")
    send(a, c)
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    a.purge("t", ["x"])
    b.purge("t", ["x"])
    send(b, c)
    assert "secret" in repr(c.conflicts())
    send(a, b)
    send(b, c)
    assert "secret" not in repr(c.conflicts())
    send(a, c)
    send(c, a)
    assert all_equal([a, b, c])


def test_a_row_that_nobody_had_written_here(tmp_path: Path) -> None:
    """A purge is told also to a file whose row was there before its table was enabled, and so has no clock yet."""
    now = Clock(step=1000)
    a, b, c = (
        replica(tmp_path / f"{n}.db", f"CREATE TABLE t (id TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('x', 'secret {n}')", now=now, site=n)
        for n in (1, 2, 3)
    )  # fmt: skip
    send(c, b)
    write(b, "DELETE FROM t")
    b.purge("t", ["x"])
    write(a, "UPDATE t SET v = 'of a'")
    send(a, b)
    send(b, c)
    assert rows(c) == [("x", "of a")]
    assert "secret 3" not in repr(c.conflicts())
    assert all_equal([b, c])


def test_columns_that_must_not_be_null(tmp_path: Path) -> None:
    """Where NULL is not allowed a purge writes the default, or what says nothing, so that a row that comes back can be shown."""
    schema = (
        "CREATE TABLE t (id TEXT PRIMARY KEY, d TEXT NOT NULL DEFAULT 'none', x TEXT NOT NULL, n REAL NOT NULL, k BLOB NOT NULL, "
        "s TEXT NOT NULL, m TEXT NOT NULL, v INTEGER NOT NULL, w) STRICT"
    ).replace(", w)", ", w ANY)")
    a, b, _ = three(tmp_path, schema, now=Clock(step=1000))
    for one in (a, b):
        for column, kind in (("s", "set"), ("m", "map"), ("v", "counter")):
            one.set_type("t", column, kind)
    write(a, "INSERT INTO t VALUES ('x', 's', 's', 1.5, x'01', '[1]', '{\"a\":1}', 4, NULL)")
    send(a, b)
    write(a, "UPDATE t SET v = v + 1")
    write(a, "DELETE FROM t")
    a.purge("t", ["x"])
    write(b, "UPDATE t SET w = 'of b'")
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [("x", "none", "", 0.0, b"", "[]", "{}", 0, "of b")]
    assert not a.held() and all_equal([a, b])


def test_another_type_for_a_purged_column(tmp_path: Path) -> None:
    """A blank that another type does not take becomes a blank of that type, so that nothing stands in the way of it."""
    a, b, _ = three(tmp_path, "CREATE TABLE t (id TEXT PRIMARY KEY, s TEXT NOT NULL)", now=Clock(step=1000))
    write(a, "INSERT INTO t VALUES ('x', 'secret')")
    write(a, "DELETE FROM t")
    a.purge("t", ["x"])
    send(a, b)
    for one in (a, b):
        one.set_type("t", "s", "set")
        assert values(one) == ["[]"]
    assert all_equal([a, b])


@pytest.mark.parametrize("step", ["stamp", "blank_held", "forget_heads"])
def test_nothing_is_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A purge that fails in the middle leaves the file as it was."""
    a = deleted(tmp_path)[0]
    write(a, "DELETE FROM t")
    before = state.content(a.connection)
    execute = purging._Purge._execute

    def fail(self: purging._Purge, name: str, *arguments: object, **slots: object) -> None:
        execute(self, name, *arguments, **slots)
        if name.endswith(step):
            raise KeyboardInterrupt

    monkeypatch.setattr(purging._Purge, "_execute", fail)
    with pytest.raises(KeyboardInterrupt):
        a.purge("t", ["x", "y"])
    assert state.content(a.connection) == before
    assert a.connection.execute("PRAGMA secure_delete").get == 0


def test_writes_that_wait_come_first(tmp_path: Path) -> None:
    """What other programs wrote before is folded first: a delete counts, and so does an insert of the key."""
    a = deleted(tmp_path)[0]
    a.connection.execute("DELETE FROM t WHERE id = 'y'")
    a.connection.execute("INSERT INTO t VALUES ('x', 'anew', 1)")
    assert a.purge("t", ["y"]).rows == 1
    with pytest.raises(NotDeletedError):
        a.purge("t", ["x"])


def test_keys_that_are_no_utf_8(tmp_path: Path) -> None:
    """Rows whose keys no command can name are purged by age, here and elsewhere, also where they were written again."""
    a, b, _ = three(tmp_path, SCHEMA, now=Clock(step=1000))
    for _ in range(2):
        write(a, "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), 'secret', x'00')")
        send(a, b)
        write(a, "DELETE FROM t")
        assert a.purge(deleted_before=timedelta(0)).rows == 1
        send(a, b)
    write(a, "INSERT INTO t VALUES (CAST(x'61ff' AS TEXT), 'anew', 1)")
    send(a, b)
    assert read(b, "SELECT a, hex(id) FROM t") == [("anew", "61FF")]
    assert all_equal([a, b])


def test_a_purge_in_a_transaction_of_the_callers(tmp_path: Path) -> None:
    """Inside of an open transaction a purge is a part of it; no VACUUM is run there."""
    a = deleted(tmp_path)[0]
    a.connection.execute("BEGIN")
    with pytest.raises(UsageError, match="VACUUM"):
        a.purge("t", ["x"], vacuum=True)
    assert a.purge("t", ["x"]).rows == 1
    a.connection.execute("ROLLBACK")
    assert values(a) == ["of x", "b of x"]


def test_a_delete_wins_row(tmp_path: Path) -> None:
    """In a delete-wins table a purge takes concurrent updates along like any delete, and the row stays purged."""
    a, b, c = deleted(tmp_path)
    for one in (a, b, c):
        one.set_rows("t", "delete-wins")
    write(b, "INSERT INTO t VALUES ('x', 'of b', NULL)")
    write(c, "DELETE FROM t WHERE id = 'x'")
    a.purge("t", ["x"])
    come_to_rest([a, b, c])
    assert all_equal([a, b, c])
    assert [row[0] for row in rows(a)] == ["y"]


def test_the_conflict_log_keeps_what_the_purge_had_not_seen(tmp_path: Path) -> None:
    """Of an entry that has one value of each kind, the one that the purge had seen goes, and the other stays."""
    a, b, c = deleted(tmp_path)
    write(b, "INSERT INTO t VALUES ('z', 'first', 1)")
    come_to_rest([a, b, c])
    write(b, "UPDATE t SET a = 'seen' WHERE id = 'z'")
    write(c, "UPDATE t SET a = 'unseen' WHERE id = 'z'")
    send(b, a)
    write(a, "DELETE FROM t WHERE id = 'z'")
    send(b, c)
    (entry,) = c.conflicts()
    assert {entry.won_value, entry.lost_value} == {"seen", "unseen"}
    a.purge("t", ["z"])
    send(a, c)
    kept = {value for one in c.conflicts() for value in (one.won_value, one.lost_value)}
    assert kept == {"unseen", None}
    assert read(c, "SELECT a, b FROM t WHERE id = 'z'") in ([("unseen", None)], [(None, None)])
