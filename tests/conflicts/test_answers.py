"""Answers to conflicts: they win everywhere, keep the constraints, and are not given twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from crdtsql import Replica
from crdtsql.base.errors import ConflictError, ConflictResolvedError, UnknownConflictError, WriteRefusedError
from crdtsql.ui.cli import cli
from tests.conflicts.test_conflicts import by_one_clock, collide, resolved
from tests.support import state
from tests.support.peers import Clock, come_to_rest, replica, rows, send, write


@pytest.mark.parametrize("take", ["ours", "theirs"])
def test_an_answer_wins_everywhere(tmp_path: Path, take: str) -> None:
    """An answer beats both values on every replica, also when it is the value that is shown already."""
    a, b, c = by_one_clock(tmp_path)
    collide(a, b, c)
    send(b, c)
    before = {(cell.hlc, cell.site) for cell in a.blame("t", 1)}
    done = a.resolve(1, take)
    assert done.resolved and done.resolved_site == a.site
    after = {cell.column: (cell.hlc, cell.site) for cell in a.blame("t", 1)}
    assert after["a"] not in before and after["b"] in before
    expected = {"ours": "of a", "theirs": "of b"}[take]
    come_to_rest([a, b, c])
    assert [rows(one) for one in (a, b, c)] == [[(1, expected, "first")]] * 3
    assert resolved(a) == resolved(b) == [True]
    assert not [conflict for conflict in c.conflicts() if not conflict.resolved]


def test_an_answer_is_any_value(tmp_path: Path) -> None:
    """Any value can resolve a conflict: NULL, numbers, blobs, and the very words ours and theirs."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    for value in (None, 7, 1.5, b"\0\xff", "ours", "theirs", ""):
        a.resolve(1, value=value, again=True)
        assert rows(a) == [(1, value, "first")]
        send(a, b)
        assert rows(b) == rows(a)


def test_an_answer_comes_once(tmp_path: Path) -> None:
    """A conflict that anybody resolved is not resolved again, unless that is asked for; an unknown one never."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    b.resolve(1, "theirs")
    send(b, a)
    content = state.content(a.connection)
    with pytest.raises(ConflictResolvedError, match=f"resolved already.*{b.site}"):
        a.resolve(1, "ours")
    with pytest.raises(UnknownConflictError, match="has no conflict 7"):
        a.resolve(7, "ours")
    assert state.content(a.connection) == content
    a.resolve(1, "theirs", again=True)
    assert rows(a) == [(1, "of b", "first")]


def test_two_answers_collide_again(tmp_path: Path) -> None:
    """Two replicas that resolve a conflict without knowing of each other get a new conflict, and one more answer ends it."""
    a, b, _ = by_one_clock(tmp_path)
    collide(a, b)
    a.resolve(1, "ours")
    b.resolve(1, value="by b")
    send(a, b)
    send(b, a)
    assert rows(a) == rows(b) == [(1, "by b", "first")]
    assert resolved(a) == [True, False]
    a.resolve(2, "ours")
    send(a, b)
    assert rows(b) == [(1, "of a", "first")]
    assert resolved(a) == resolved(b) == [True, True]


def test_an_answer_to_an_old_question_is_refused(tmp_path: Path) -> None:
    """An answer is discarded if its cell was written since the conflict was read, be it by a merge that left it open."""
    a, b, c = by_one_clock(tmp_path)
    collide(a, b, c)
    (seen,) = a.conflicts()
    write(c, "UPDATE t SET a = 'meanwhile'")
    send(c, a)
    with pytest.raises(ConflictError, match="was written meanwhile"):
        a.resolve(1, "ours", seen=seen)
    assert rows(a) == [(1, "meanwhile", "first")]
    a.resolve(1, "ours", seen=a.conflict(1))
    assert rows(a) == [(1, "of a", "first")]


STRICT = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name);
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER NOT NULL CHECK (a < 100) UNIQUE {clause}, p INTEGER REFERENCES parent {deferred});
CREATE TABLE audit (note);
CREATE TRIGGER follow AFTER UPDATE OF a ON t BEGIN INSERT OR IGNORE INTO audit VALUES (NEW.a); END;
CREATE TRIGGER veto BEFORE UPDATE OF a ON t WHEN NEW.a = 66 BEGIN SELECT RAISE(IGNORE); END;
"""


@pytest.mark.parametrize("clause", ["", "ON CONFLICT REPLACE", "ON CONFLICT IGNORE"])
@pytest.mark.parametrize("deferred", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_an_answer_keeps_the_constraints(tmp_path: Path, clause: str, deferred: str) -> None:
    """An answer that a constraint does not allow is refused with the constraint, and changes nothing."""
    now = Clock(step=1000)
    schema = STRICT.format(clause=clause, deferred=deferred)
    a, b = (replica(tmp_path / f"{n}.db", schema, tables=("parent", "t"), now=now) for n in (1, 2))
    write(a, "INSERT INTO parent VALUES (1, 'one'); INSERT INTO t VALUES (1, 1, 1), (2, 2, 1)")
    send(a, b)
    write(a, "UPDATE t SET a = 11, p = NULL WHERE id = 1")
    write(b, "UPDATE t SET a = 12, p = NULL WHERE id = 1; UPDATE t SET p = 1 WHERE id = 1")
    send(b, a)
    numbers = {conflict.column: conflict.id for conflict in a.conflicts()}
    content = state.content(a.connection)
    for column, value, why in (
        ("a", 2, "UNIQUE"),
        ("a", 100, "CHECK"),
        ("a", None, "NOT NULL"),
        ("a", 66, "a trigger of the table ignored"),
        ("p", 9, "FOREIGN KEY"),
    ):
        with pytest.raises(WriteRefusedError, match=f"{why}.*nothing was changed") as refusal:
            a.resolve(numbers[column], value=value)
        assert refusal.value.table == "t" and why in refusal.value.constraint
    assert state.content(a.connection) == content
    a.resolve(numbers["a"], value=3)
    assert ("3",) in a.connection.execute("SELECT CAST(note AS TEXT) FROM audit").fetchall()
    assert a.connection.execute("PRAGMA foreign_keys").get == 0


def test_keys_that_have_several_spellings(tmp_path: Path) -> None:
    """A conflict finds its row by the table's own comparison, and settling it leaves the key's spelling alone."""
    now = Clock(step=1000)
    schema = "CREATE TABLE t (x TEXT COLLATE NOCASE, y INTEGER, a, PRIMARY KEY (x, y)) WITHOUT ROWID"
    a, b = (replica(tmp_path / f"{n}.db", schema, now=now) for n in (1, 2))
    write(a, "INSERT INTO t VALUES ('Key', 1, 'first')")
    send(a, b)
    write(a, "UPDATE t SET a = 'of a'")
    write(b, "UPDATE t SET a = 'of b', x = 'KEY'")
    send(b, a)
    send(a, b)
    assert rows(a) == rows(b)
    (spelled,) = {row[0] for row in rows(a)}
    number = a.conflicts(open_only=True)[0].id
    a.resolve(number, value="resolved")
    send(a, b)
    assert rows(a) == rows(b) == [(spelled, 1, "resolved")]
    assert a.connection.execute('SELECT "key", "column" FROM crdt_conflicts WHERE id = ?', (number,)).fetchall() in (
        [("'Key', 1", "a")],
        [("'KEY', 1", "a")],
    )


def test_it_says_what_is_there_now(tmp_path: Path) -> None:
    """Who answers sees the value that the answer takes the place of, also if it is neither of the two that collided."""
    a, b, c = by_one_clock(tmp_path)
    collide(a, b, c)
    (entry,) = a.conflicts()
    assert entry.present_value == entry.won_value and not entry.has_third
    write(c, "UPDATE t SET a = 'a third' WHERE id = 1")
    send(c, a)
    first, second = a.conflicts()
    assert (first.present_value, first.has_third) == ("a third", True)
    assert (second.present_value, second.has_third) == ("a third", False)
    assert first.to_json()["present_value"] == "a third"
    told = CliRunner().invoke(cli, ["conflicts", a.path]).output
    assert told.count("  now  'a third'") == 1
    write(a, "DELETE FROM t WHERE id = 1")
    a.fold()
    assert {(one.present_value, one.deleted) for one in a.conflicts()} == {("a third", True)}


def test_it_says_what_a_held_row_has_now(tmp_path: Path) -> None:
    """A row that its table can't show has a value all the same."""
    clock = Clock(step=1000)
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, a, b UNIQUE); INSERT INTO t VALUES ('1', 'first', 1), ('2', 'b', 2)"
    with replica(tmp_path / "a.db", schema, now=clock, site=1) as a:
        a.clone(tmp_path / "b.db")
        with Replica.open(tmp_path / "b.db", now=clock) as b:
            write(b, "UPDATE t SET b = 7 WHERE id = '2'")
            write(b, "UPDATE t SET a = 'b' WHERE id = '1'")
            b.fold()
            write(a, "UPDATE t SET a = 'a', b = 7 WHERE id = '1'")
            send(b, a)
            assert rows(a) == [("2", "b", 7)]
            (entry,) = a.conflicts()
            assert (entry.present_value, entry.won_value) == ("a", "a")
