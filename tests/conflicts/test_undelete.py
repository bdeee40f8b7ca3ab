"""Deleted rows that are brought back: with the stamps that their cells had, on every replica, and within the constraints."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import NotDeletedError, WriteRefusedError
from tests.conflicts.test_answers import STRICT
from tests.conflicts.test_conflicts import by_one_clock
from tests.support import state
from tests.support.peers import START_MS, Clock, come_to_rest, in_memory, replica, rows, send, write


def test_undelete_keeps_the_stamps_of_the_cells(tmp_path: Path) -> None:
    """A row that comes back has its last values with their stamps; a write to it from elsewhere still counts."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    send(a, b)
    before = a.blame("t", 1)
    write(b, "UPDATE t SET b = 'meanwhile'")
    write(a, "DELETE FROM t")
    a.undelete("t", 1)
    assert rows(a) == [(1, "a", "b")]
    assert a.blame("t", 1) == before
    send(a, b)
    send(b, a)
    assert rows(a) == rows(b) == [(1, "a", "meanwhile")]
    assert not a.conflicts() and not b.conflicts()
    assert state.shared(a.connection) == state.shared(b.connection)


def of_two_rows(folder: Path) -> list[Replica]:
    """Make three replicas that share two rows."""
    replicas = by_one_clock(folder)
    write(replicas[0], "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'other', 'other')")
    come_to_rest(replicas)
    return replicas


@pytest.mark.parametrize("order", list(permutations(("undelete", "edit", "delete"))))
@pytest.mark.parametrize("meeting", list(permutations(range(3))))
def test_undelete_in_all_orders(order: tuple[str, ...], meeting: tuple[int, ...]) -> None:
    """A row that one replica brings back lives on all, whatever others did who had not seen that, and in whatever order they meet."""
    replicas = in_memory("two rows", of_two_rows, Clock(START_MS + 1_000_000, step=1000))
    write(replicas[0], "DELETE FROM t WHERE id = 1")
    if order[0] != "edit":
        come_to_rest(replicas)
    for one, action in zip(replicas, order, strict=True):
        if action == "undelete":
            if one.connection.execute("SELECT 1 FROM t WHERE id = 1").get is None:
                one.undelete("t", 1)
        elif action == "edit":
            write(one, "INSERT INTO t VALUES (1, 'new', 'new') ON CONFLICT DO UPDATE SET a = 'edited'")
        else:
            write(one, "DELETE FROM t WHERE id = 1")
    for n in meeting:
        for m in meeting:
            if n != m:
                send(replicas[n], replicas[m])
    come_to_rest(replicas)
    found = [state.shared(one.connection) for one in replicas]
    assert found[0] == found[1] == found[2]
    assert [row[0] for row in rows(replicas[0])] == [1, 2]


def test_undelete_wins_over_the_delete_it_has_seen(tmp_path: Path) -> None:
    """The row comes back on every replica that has the deletion; a later deletion that had seen it removes it again."""
    a, b, c = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    come_to_rest([a, b, c])
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    come_to_rest([a, b, c])
    c.undelete("t", 1)
    assert not c.connection.execute("SELECT count(*) FROM _crdt_held_t").get
    come_to_rest([c, a, b])
    assert rows(a) == rows(b) == rows(c) == [(1, "a", "b")]
    write(b, "DELETE FROM t")
    come_to_rest([a, b, c])
    assert rows(a) == rows(b) == rows(c) == []
    a.undelete("t", 1)
    come_to_rest([a, b, c])
    assert rows(c) == [(1, "a", "b")]


def test_undelete_does_not_beat_a_deletion_elsewhere_silently(tmp_path: Path) -> None:
    """A deletion that had not seen the row come back loses against it, like against any other write."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')")
    send(a, b)
    write(a, "DELETE FROM t")
    write(b, "DELETE FROM t")
    a.undelete("t", 1)
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [(1, "a", "b")]


def test_undelete_of_rows_from_before_enabling(tmp_path: Path) -> None:
    """A row from before its table was enabled comes back with the stamps of the enabling, keys of several columns too."""
    connection = apsw.Connection(str(tmp_path / "1.db"))
    connection.execute(
        "CREATE TABLE t (x TEXT COLLATE NOCASE, y INTEGER, v, w AS (v || '!'), PRIMARY KEY (x, y)) WITHOUT ROWID;"
        "INSERT INTO t (x, y, v) VALUES ('Key', 1, x'00')"
    )
    connection.close()
    now = Clock(step=1000)
    with Replica.open(tmp_path / "1.db", now=now) as a:
        a.enable("t")
        before = a.blame("t", "key", "1")
        with a.clone(tmp_path / "2.db") as b:
            write(b, "INSERT INTO t (x, y) VALUES ('other', 1)", "DELETE FROM t WHERE x = 'other'")
            write(a, "DELETE FROM t")
            send(a, b)
            b.undelete("t", "KEY", "1")
            send(b, a)
            assert a.blame("t", "key", "1") == before
            assert before[0].genesis
            assert rows(a) == rows(b) == [("Key", 1, b"\0", "\0!")]
            assert state.shared(a.connection) == state.shared(b.connection)


def test_undelete_fires_the_users_triggers_alone(tmp_path: Path) -> None:
    """A full-text index that triggers keep has the row again; capture logs no insert."""
    schema = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a);
    CREATE VIRTUAL TABLE found USING fts5 (a, content = 't', content_rowid = 'id');
    CREATE TRIGGER fts_in AFTER INSERT ON t BEGIN INSERT INTO found (rowid, a) VALUES (NEW.id, NEW.a); END;
    CREATE TRIGGER fts_out AFTER DELETE ON t BEGIN INSERT INTO found (found, rowid, a) VALUES ('delete', OLD.id, OLD.a); END;
    """
    a = replica(tmp_path / "1.db", schema, tables=("t",), now=Clock(step=1000))
    write(a, "INSERT INTO t VALUES (1, 'hello')")
    before = a.blame("t", 1)
    objects = a.connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
    write(a, "DELETE FROM t")
    search = "SELECT rowid FROM found WHERE found MATCH 'hello'"
    assert a.connection.execute(search).fetchall() == []
    a.undelete("t", 1)
    assert a.connection.execute(search).fetchall() == [(1,)]
    assert a.blame("t", 1) == before
    assert a.connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall() == objects
    write(a, "UPDATE t SET a = 'still captured'")
    assert a.blame("t", 1) != before


@pytest.mark.parametrize("clause", ["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE"])
@pytest.mark.parametrize("deferred", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_undelete_keeps_the_constraints(tmp_path: Path, clause: str, deferred: str) -> None:
    """A row that would break a constraint stays deleted, with the constraint said, and nothing is changed."""
    a = replica(
        tmp_path / "1.db", STRICT.format(clause=clause, deferred=deferred), tables=("parent", "t"), now=Clock(step=1000)
    )
    write(a, "INSERT INTO parent VALUES (1, 'one'); INSERT INTO t VALUES (1, 1, NULL), (2, 2, 1)")
    write(a, "DELETE FROM t; DELETE FROM parent; INSERT INTO t VALUES (3, 1, NULL)")
    content = state.content(a.connection)
    with pytest.raises(WriteRefusedError, match="UNIQUE"):
        a.undelete("t", 1)
    with pytest.raises(WriteRefusedError, match="FOREIGN KEY"):
        a.undelete("t", 2)
    with pytest.raises(NotDeletedError, match="is not deleted"):
        a.undelete("t", 3)
    assert state.content(a.connection) == content
    a.undelete("parent", 1)
    a.undelete("t", 2)
    assert rows(a) == [(2, 2, 1), (3, 1, None)]


def test_what_was_deleted_before_a_site_began_comes_back_with_its_values(tmp_path: Path) -> None:
    """Others that don't know of a site don't ask it before they forget a deleted row, so it sends all values anew."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b')")
    write(a, "DELETE FROM t WHERE id < 3")
    send(a, b)
    a.compact(keep_ms=0)
    assert not a.connection.execute("SELECT count(*) FROM _crdt_held_t").get
    b.undelete("t", 1)
    b.undelete("t", 2)  # not its first event, but of the row that others may have forgotten
    write(a, "DELETE FROM t WHERE id = 3")
    send(b, a)
    send(a, b)
    assert rows(a) == rows(b) == [(1, "a", "b"), (2, "a", "b")]
    before = a.blame("t", 1)
    assert {one.site for one in before} == {b.site}
    write(b, "UPDATE t SET a = 'c' WHERE id = 2")
    b.undelete("t", 3)  # what was deleted later is kept until this site agrees, so it need not be written anew
    send(b, a)
    assert {one.site for one in a.blame("t", 3)} == {a.site}
    assert rows(a) == rows(b) == [(1, "a", "b"), (2, "c", "b"), (3, "a", "b")]


def test_a_copy_begins_as_a_site_of_its_own(tmp_path: Path) -> None:
    """That the file which it was copied from wrote something says nothing of the copy."""
    a, b, _ = by_one_clock(tmp_path)
    write(b, "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b')")
    send(b, a)
    write(a, "DELETE FROM t WHERE id = 1")
    send(a, b)
    with b.clone(tmp_path / "copy.db") as copy:
        copy.undelete("t", 1)
        assert {one.site for one in copy.blame("t", 1)} == {copy.site}
    b.undelete("t", 1)
    assert {one.site for one in b.blame("t", 1)} == {b.site}


def test_a_file_that_noted_no_first_event_takes_a_later_one_for_it(tmp_path: Path) -> None:
    """What was deleted before anything that is known of its site's events is written anew; what was deleted later is not."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b')")
    write(b, "INSERT INTO t VALUES (7, 'a', 'b')")
    send(a, b)
    b.connection.execute("DELETE FROM _crdt_meta WHERE name = 'began'")
    write(a, "DELETE FROM t WHERE id = 1")
    send(a, b)
    b.undelete("t", 1)
    assert {one.site for one in b.blame("t", 1)} == {a.site}


@pytest.mark.parametrize("identity", ["key", "row"])
def test_a_row_that_comes_back_with_its_values_is_the_same_row(tmp_path: Path, identity: str) -> None:
    """It has its number, and its typed columns what they showed."""
    schema = "CREATE TABLE o (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, a, n INTEGER, tags TEXT)"
    now = Clock(step=1_000)
    a = replica(tmp_path / "1.db", schema, now=now, site=1, tables=("o",))
    a.enable("t", identity=identity, types={"n": "counter", "tags": "set"})
    b = a.clone(tmp_path / "2.db")
    write(a, "INSERT INTO t VALUES (1, 'a', 3, '[\"x\"]')", 'UPDATE t SET n = n + 2, tags = \'["x","y"]\'')
    write(a, "DELETE FROM t")
    send(a, b)
    a.compact(keep_ms=0)
    b.undelete("t", 1)
    write(b, "UPDATE t SET n = n + 1")
    come_to_rest([a, b])
    assert rows(a, "t") == rows(b, "t") == [(1, "a", 6, '["x","y"]')]
    assert state.shared(a.connection) == state.shared(b.connection)


@pytest.mark.parametrize("noted", ["DELETE FROM _crdt_meta", "UPDATE _crdt_meta SET value = '99 1'"])
def test_the_first_event_of_another_site_says_nothing(tmp_path: Path, noted: str) -> None:
    """An earlier version leaves what was noted of the site that a file was before."""
    a, b, _ = by_one_clock(tmp_path)
    write(a, "INSERT INTO t VALUES (1, 'a', 'b')", "DELETE FROM t")
    send(a, b)
    write(b, "INSERT INTO t VALUES (7, 'a', 'b')")
    b.vector()
    b.connection.execute(f"{noted} WHERE name = 'began'")
    b.undelete("t", 1)
    assert {one.site for one in b.blame("t", 1)} == {b.site}
