"""Traps of applying changes to tables with constraints, triggers and indexes of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from crdtsql.base.errors import ConstraintViolationError
from tests.support import peers, state
from tests.support.peers import come_to_rest, replica, rows, send, two

write = partial(peers.write, foreign_keys=True)


def sound(of: Replica) -> bool:
    connection = of.connection
    return (
        connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        and not connection.execute("PRAGMA foreign_key_check").fetchall()
    )


def held(of: Replica) -> dict[tuple[str, tuple[Any, ...]], str]:
    """Return why rows are held, but for those that are only deleted."""
    return {
        (table, tuple(value.decode() if kind == "text" else value for kind, value in key)): reason
        for (table, key), reason in state.held(of.connection).items()
        if reason != "deleted"
    }


def meets(a: Replica, b: Replica) -> None:
    """Exchange everything; then both show the same, and every constraint holds."""
    come_to_rest([a, b])
    assert state.shared(a.connection) == state.shared(b.connection)
    assert sound(a)
    assert sound(b)


# -- rows that the table can't show ----------------------------------------------------------------


@pytest.mark.parametrize("index", ["a UNIQUE", "a COLLATE NOCASE UNIQUE", "a); CREATE UNIQUE INDEX i ON t (lower(a)"])
def test_a_unique_value_taken_twice_is_held(tmp_path: Path, index: str) -> None:
    """Of two rows that took one UNIQUE value without knowing of each other, the older is shown and the other held; the rest goes on."""
    a, b = two(tmp_path, f"CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, {index})", tables=("t",))
    write(a, "INSERT INTO t VALUES ('1', 'x'), ('5', 'fine')")
    write(b, "INSERT INTO t VALUES ('2', 'x')")
    meets(a, b)
    assert rows(a) == [("1", "x"), ("5", "fine")]
    assert list(held(a)) == [("t", ("2",))]
    assert held(a)["t", ("2",)].startswith("unique: ")


def test_a_row_that_comes_back_yields_to_who_took_its_unique_value(tmp_path: Path) -> None:
    """A row that a concurrent update brings back is held while a row has its UNIQUE value that was given to it knowingly."""
    a, b = two(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v)")
    write(a, "INSERT INTO t VALUES (1, 'x', 0)")
    send(a, b)
    write(a, "UPDATE t SET v = 1")
    write(b, "DELETE FROM t; INSERT INTO t VALUES (2, 'x', 0)")
    meets(a, b)
    assert rows(a) == [(2, "x", 0)]
    write(b, "UPDATE t SET u = 'y'")
    meets(a, b)
    assert rows(a) == [(1, "x", 1), (2, "y", 0)]
    assert not held(a)


def test_a_check_that_only_the_merged_row_breaks_holds_it(tmp_path: Path) -> None:
    """A row whose two updates each keep a CHECK but break it together is held, with the check's name; it returns with a new write."""
    a, b = two(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, low, high, CONSTRAINT ordered CHECK (low <= high))")
    write(a, "INSERT INTO t VALUES (1, 0, 10), (2, 0, 10)")
    send(a, b)
    write(a, "UPDATE t SET low = 8 WHERE id = 2; INSERT INTO t VALUES (3, 1, 1)")
    write(b, "UPDATE t SET high = 5 WHERE id = 2")
    meets(a, b)
    assert rows(a) == [(1, 0, 10), (3, 1, 1)]
    assert held(a) == {("t", (2,)): "check: CHECK constraint failed: ordered"}
    write(b, "INSERT INTO t VALUES (2, 3, 4)")
    meets(a, b)
    assert rows(a) == [(1, 0, 10), (2, 3, 4), (3, 1, 1)]
    assert not held(a)


def test_a_check_of_a_new_row_holds_it(tmp_path: Path) -> None:
    """A new row that breaks a CHECK which only the receiver declares is held there by name."""
    a = replica(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n)", site=1)
    b = replica(tmp_path / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n CONSTRAINT small CHECK (n < 10))", site=2)
    write(a, "INSERT INTO t VALUES (1, 5), (2, 50)")
    assert b.merge(a.export(b.vector())).of("t").held == 1
    assert rows(b) == [(1, 5)]
    assert "small" in held(b)["t", (2,)]
    write(a, "UPDATE t SET n = 6 WHERE id = 2")
    send(a, b)
    assert rows(b) == [(1, 5), (2, 6)]


def test_a_null_where_the_receiver_allows_none_holds_the_row(tmp_path: Path) -> None:
    """A NULL for a column that only the receiver declares NOT NULL holds the row, in new rows and in updates."""
    a = replica(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n, m)", site=1)
    b = replica(tmp_path / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n NOT NULL, m)", site=2)
    write(a, "INSERT INTO t VALUES (1, 5, 0), (2, 6, 0)")
    send(a, b)
    write(a, "UPDATE t SET m = 1 WHERE id = 1; UPDATE t SET n = NULL WHERE id = 2; INSERT INTO t VALUES (3, NULL, 0)")
    send(a, b)
    assert rows(b) == [(1, 5, 1)]
    assert [key for _, key in held(b)] == [(2,), (3,)]
    assert "NOT NULL" in held(b)["t", (2,)]


PARENT_AND_CHILD = (
    "CREATE TABLE {parent} (id INTEGER PRIMARY KEY, v); "
    "CREATE TABLE {child} (id INTEGER PRIMARY KEY, ref INTEGER REFERENCES {parent}{rest}, v);"
)


def family(parent: str = "parent", child: str = "child", rest: str = "") -> str:
    return PARENT_AND_CHILD.format(parent=parent, child=child, rest=rest)


def test_a_parent_is_shown_again_for_a_child_that_its_delete_did_not_know(tmp_path: Path) -> None:
    """A deleted row is shown while a row refers to it that the delete had not seen, and goes with that row."""
    a, b = two(tmp_path, family())
    write(a, "INSERT INTO parent VALUES (1, 0), (2, 0)")
    send(a, b)
    write(a, "INSERT INTO child VALUES (7, 1, 0)")
    write(b, "DELETE FROM parent WHERE id = 1")
    meets(a, b)
    assert rows(a, "parent") == [(1, 0), (2, 0)]
    assert held(a) == {("parent", (1,)): "deleted, shown: referenced"}
    write(a, "DELETE FROM child")
    meets(a, b)
    assert rows(b, "parent") == [(2, 0)]
    assert not held(a)


def test_a_parent_that_changes_the_value_referred_to_holds_the_child(tmp_path: Path) -> None:
    """A row that refers to a UNIQUE value which changed meanwhile is held until a row has that value again."""
    schema = (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT UNIQUE);"
        "CREATE TABLE child (id INTEGER PRIMARY KEY, code TEXT REFERENCES parent (code))"
    )
    a, b = two(tmp_path, schema)
    write(a, "INSERT INTO parent VALUES (1, 'x')")
    send(a, b)
    write(a, "UPDATE parent SET code = 'y'")
    write(b, "INSERT INTO child VALUES (1, 'x')")
    meets(a, b)
    assert rows(a, "child") == []
    assert held(a) == {("child", (1,)): "foreign key: parent"}
    write(a, "INSERT INTO parent VALUES (2, 'x')")
    meets(a, b)
    assert rows(b, "child") == [(1, "x")]


# -- merges that must work ------------------------------------------------------------------------


@pytest.mark.parametrize(("parent", "child"), [("a", "z"), ("z", "a")])
@pytest.mark.parametrize("rest", ["", " ON DELETE CASCADE", " ON DELETE SET NULL", " DEFERRABLE INITIALLY DEFERRED"])
def test_parents_and_children_travel_together(tmp_path: Path, parent: str, child: str, rest: str) -> None:
    """Parents and children arrive, and go, in one changeset, whatever their tables are called."""
    a, b = two(tmp_path, family(parent, child, rest))
    write(a, f"INSERT INTO {parent} VALUES (1, 0), (2, 0); INSERT INTO {child} VALUES (1, 1, 0), (2, 2, 0)")
    send(a, b)
    assert rows(b, child) == rows(a, child)
    write(a, f"UPDATE {child} SET ref = 2; DELETE FROM {parent} WHERE id = 1")
    send(a, b)
    write(a, f"INSERT INTO {parent} VALUES (3, 0); UPDATE {child} SET ref = 3 WHERE id = 1")
    write(a, f"DELETE FROM {child} WHERE id = 2; DELETE FROM {parent} WHERE id = 2")
    send(a, b)
    assert rows(b, child) == rows(a, child) == [(1, 3, 0)]
    assert rows(b, parent) == rows(a, parent)
    write(a, f"DELETE FROM {child}; DELETE FROM {parent}")
    send(a, b)
    assert rows(b, child) == rows(b, parent) == []
    assert sound(b)


def test_rows_that_refer_to_each_other_travel_together(tmp_path: Path) -> None:
    """Two tables that refer to each other, and a table that refers to itself, arrive in one changeset."""
    schema = (
        "CREATE TABLE m (id INTEGER PRIMARY KEY, n INTEGER REFERENCES n DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TABLE n (id INTEGER PRIMARY KEY, m INTEGER REFERENCES m DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES tree DEFERRABLE INITIALLY DEFERRED)"
    )
    a, b = two(tmp_path, schema)
    write(a, "INSERT INTO m VALUES (1, 1); INSERT INTO n VALUES (1, 1); INSERT INTO tree VALUES (1, 9), (9, NULL)")
    send(a, b)
    assert [rows(b, table) for table in ("m", "n", "tree")] == [[(1, 1)], [(1, 1)], [(1, 9), (9, None)]]
    write(
        a,
        "DELETE FROM m; DELETE FROM n; UPDATE tree SET parent = 10 WHERE id = 1; UPDATE tree SET id = 10 WHERE id = 9",
    )
    send(a, b)
    assert [rows(b, table) for table in ("m", "n", "tree")] == [[], [], [(1, 10), (10, None)]]


def test_a_foreign_key_to_a_table_that_is_not_replicated_is_kept(tmp_path: Path) -> None:
    """A child refers to a table that each replica fills by itself: it is held where the parent is missing, until it is there."""
    a, b = two(tmp_path, family(), tables=("child",))
    write(a, "INSERT INTO parent VALUES (1, 0); INSERT INTO child VALUES (1, 1, 0)")
    send(a, b)
    assert rows(b, "child") == []
    assert sound(b)
    write(b, "INSERT INTO parent VALUES (1, 0)")
    assert rows(b, "child") == [(1, 1, 0)]


def test_a_table_that_is_not_replicated_keeps_its_parents(tmp_path: Path) -> None:
    """A merge that takes away a row to which a table that is not replicated refers is refused, and changes nothing."""
    a, b = two(tmp_path, family(), tables=("parent",))
    write(a, "INSERT INTO parent VALUES (1, 0)")
    send(a, b)
    write(b, "INSERT INTO child VALUES (7, 1, 0)")
    write(a, "DELETE FROM parent")
    before = state.content(b.connection)
    with pytest.raises(ConstraintViolationError, match="nothing was changed") as caught:
        b.merge(a.export(b.vector()))
    assert (caught.value.table, caught.value.rows) == ("child", [(7,)])
    assert state.content(b.connection) == before


def test_unique_values_are_exchanged(tmp_path: Path) -> None:
    """Two rows exchange their UNIQUE values, three pass them round, and a new row takes one that was freed."""
    a, b = two(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)")
    write(a, "INSERT INTO t VALUES (1, 'x', 0), (2, 'y', 0), (3, 'z', 0)")
    send(a, b)
    write(a, "UPDATE t SET u = NULL; UPDATE t SET u = 'y' WHERE id = 1; UPDATE t SET u = 'x' WHERE id = 2")
    write(a, "UPDATE t SET u = 'free' WHERE id = 3; INSERT INTO t VALUES (4, 'z', 0)")
    send(a, b)
    assert rows(b) == rows(a)
    write(a, "DELETE FROM t WHERE id = 1; UPDATE t SET u = 'y', v = 1 WHERE id = 2; INSERT INTO t VALUES (0, 'x', 0)")
    send(a, b)
    assert rows(b) == rows(a)
    write(a, "UPDATE t SET id = 20 WHERE id = 2; INSERT INTO t VALUES (1, 'back', 5)")
    write(a, "DELETE FROM t WHERE id = 20; UPDATE t SET u = 'y' WHERE id = 1")
    send(a, b)
    assert rows(b) == rows(a)
    assert sound(b)


def test_an_update_of_one_column_needs_no_others(tmp_path: Path) -> None:
    """An update of one column merges into a table whose other columns may not be NULL."""
    schema = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INT NOT NULL, m TEXT NOT NULL CHECK (m <> ''), o) STRICT"
    a, b = two(tmp_path, schema.replace("o)", "o ANY)"))
    write(a, "INSERT INTO t VALUES ('k', 1, 'm', NULL)")
    send(a, b)
    write(a, "UPDATE t SET o = 1.5")
    write(b, "UPDATE t SET n = 2")
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [("k", 2, "m", 1.5)]


def test_generated_columns_follow(tmp_path: Path) -> None:
    """Generated columns are computed anew on each replica from what was merged."""
    schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, n, twice AS (n * 2), kept AS (n + 1) STORED, m)"
    a, b = two(tmp_path, schema)
    write(a, "INSERT INTO t (id, n, m) VALUES (1, 4, 0)")
    send(a, b)
    write(a, "UPDATE t SET n = 5")
    write(b, "UPDATE t SET m = 1")
    come_to_rest([a, b])
    assert rows(a) == rows(b) == [(1, 5, 10, 6, 1)]


# -- the user's triggers --------------------------------------------------------------------------

FULL_TEXT = """
CREATE TABLE doc (id INTEGER PRIMARY KEY, title, body, u UNIQUE);
CREATE VIRTUAL TABLE doc_index USING fts5(title, body, content='doc', content_rowid='id');
CREATE TRIGGER doc_in AFTER INSERT ON doc BEGIN
  INSERT INTO doc_index (rowid, title, body) VALUES (NEW.id, NEW.title, NEW.body);
END;
CREATE TRIGGER doc_out AFTER DELETE ON doc BEGIN
  INSERT INTO doc_index (doc_index, rowid, title, body) VALUES ('delete', OLD.id, OLD.title, OLD.body);
END;
CREATE TRIGGER doc_change AFTER UPDATE ON doc BEGIN
  INSERT INTO doc_index (doc_index, rowid, title, body) VALUES ('delete', OLD.id, OLD.title, OLD.body);
  INSERT INTO doc_index (rowid, title, body) VALUES (NEW.id, NEW.title, NEW.body);
END;
"""


def test_full_text_indexes_stay_right(tmp_path: Path) -> None:
    """A full-text index that the user's triggers keep finds what was merged, and nothing that went."""
    a, b = two(tmp_path, FULL_TEXT, tables=("doc",))
    write(a, "INSERT INTO doc VALUES (1, 'apple', 'red', 1), (2, 'pear', 'green', 2), (3, 'plum', 'blue', 3)")
    send(a, b)
    write(a, "UPDATE doc SET body = 'yellow' WHERE id = 2; UPDATE doc SET u = NULL WHERE id < 3")
    write(
        a,
        "UPDATE doc SET u = 2, title = 'cherry' WHERE id = 1; UPDATE doc SET u = 1 WHERE id = 2; DELETE FROM doc WHERE id = 3",
    )
    write(b, "UPDATE doc SET body = 'kept' WHERE id = 3")
    come_to_rest([a, b])
    for one in (a, b):
        one.connection.execute("INSERT INTO doc_index (doc_index, rank) VALUES ('integrity-check', 1)")
        for word, found in {
            "apple": [],
            "cherry": [(1,)],
            "yellow": [(2,)],
            "green": [],
            "kept": [(3,)],
            "blue": [],
        }.items():
            assert (
                one.connection.execute("SELECT rowid FROM doc_index WHERE doc_index MATCH ?", (word,)).fetchall()
                == found
            )


AUDIT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v, changes DEFAULT 0);
CREATE TABLE audit (id TEXT PRIMARY KEY NOT NULL, what);
CREATE TABLE local_count (n);
INSERT INTO local_count VALUES (0);
CREATE TRIGGER t_audit AFTER INSERT ON t BEGIN
  INSERT INTO audit VALUES (lower(hex(randomblob(8))), 'inserted ' || NEW.id);
END;
CREATE TRIGGER t_touch AFTER UPDATE OF v ON t BEGIN
  UPDATE t SET changes = changes + 1 WHERE id = NEW.id;
END;
CREATE TRIGGER t_count AFTER INSERT ON t BEGIN
  UPDATE local_count SET n = n + 1;
END;
"""


def test_effects_of_triggers_are_not_doubled(tmp_path: Path) -> None:
    """What a user's trigger wrote to a replicated table arrives once; triggers that write elsewhere run on each replica."""
    a, b = two(tmp_path, AUDIT, tables=("t", "audit"))
    write(a, "INSERT INTO t (id, v) VALUES (1, 'x')")
    send(a, b)
    write(a, "UPDATE t SET v = 'y'")
    send(a, b)
    assert rows(b) == rows(a) == [(1, "y", 1)]
    assert rows(b, "audit") == rows(a, "audit")
    assert len(rows(b, "audit")) == 1
    assert rows(b, "local_count") == [(1,)]
    write(b, "INSERT INTO t (id, v) VALUES (2, 'z'); UPDATE t SET v = 'w' WHERE id = 1")
    send(b, a)
    assert rows(a) == rows(b) == [(1, "w", 2), (2, "z", 0)]
    assert rows(b, "audit") == rows(a, "audit")
    assert a.export(b.vector()) and not b.merge(a.export(b.vector())).tables


def test_a_users_trigger_that_refuses_holds_the_row(tmp_path: Path) -> None:
    """A row that a trigger of the user's refuses is held, in the trigger's own words."""
    schema = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
        "CREATE TRIGGER guard BEFORE INSERT ON t WHEN NEW.v = 'bad' BEGIN SELECT RAISE(ABORT, 'no bad rows'); END"
    )
    a = replica(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", site=1)
    b = replica(tmp_path / "b.db", schema, site=2)
    write(a, "INSERT INTO t VALUES (1, 'good'), (2, 'bad')")
    send(a, b)
    assert rows(b) == [(1, "good")]
    assert held(b) == {("t", (2,)): "trigger: no bad rows"}


# -- columns that not all replicas have -----------------------------------------------------------


def test_a_column_that_the_sender_lacks_keeps_its_values(tmp_path: Path) -> None:
    """A column that the sender does not have keeps its values here and starts with its default in new rows, also further on."""
    old = replica(tmp_path / "old.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", site=1)
    b, c = (
        replica(tmp_path / f"{n}.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v, w TEXT NOT NULL DEFAULT 'd')", site=n)
        for n in (2, 3)
    )
    write(old, "INSERT INTO t VALUES (1, 'x')")
    send(old, b)
    write(b, "UPDATE t SET w = 'b'")
    write(old, "UPDATE t SET v = 'y'; INSERT INTO t VALUES (2, 'z')")
    send(old, b)
    assert rows(b) == [(1, "y", "b"), (2, "z", "d")]
    send(b, c)
    assert rows(c) == rows(b)
