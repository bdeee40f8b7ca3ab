"""What the triggers do under each row policy and granularity, statement by statement, for any program that writes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from tests.support.peers import START_MS
from tests.support.state import content

KEYS = {
    "text": "id TEXT PRIMARY KEY",
    "not_null": "id TEXT PRIMARY KEY NOT NULL",
    "nocase": "id TEXT COLLATE NOCASE PRIMARY KEY",
    "untyped": "id PRIMARY KEY",
}
COLUMNS = "a, u UNIQUE, e TEXT, par REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE"
PRAGMAS = {"recursive": "PRAGMA recursive_triggers = ON", "plain": "PRAGMA recursive_triggers = OFF"}


def made(folder: Path, key: str = KEYS["text"], suffix: str = "", **policies: str) -> Replica:
    """Make a replica with rows x and y in a table `t`."""
    path = folder / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        f"CREATE TABLE parent (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE t ({key}, {COLUMNS}) {suffix};"
        "CREATE UNIQUE INDEX t_lower ON t (lower(e)); INSERT INTO parent VALUES ('p');"
        "INSERT INTO t VALUES ('x', 1, 'ux', 'ex', 'p'), ('y', 2, 'uy', 'ey', NULL)"
    )
    connection.close()
    replica = Replica.open(path, now=lambda: START_MS)
    replica.enable("t", **policies)
    replica.connection.execute("PRAGMA foreign_keys = ON")
    return replica


def rows(replica: Replica) -> list[Any]:
    return replica.connection.execute("SELECT id, a FROM t ORDER BY id").fetchall()


REMOVING = {
    "delete": "DELETE FROM t WHERE id = 'x'",
    "delete all": "DELETE FROM t",
    "cascade": "DELETE FROM parent",
    "key": "UPDATE t SET id = 'z' WHERE id = 'x'",
    "key of all": "UPDATE t SET id = id || '!'",
    "key or ignore": "UPDATE OR IGNORE t SET id = 'z' WHERE id = 'x'",
    "key or replace": "UPDATE OR REPLACE t SET id = 'y' WHERE id = 'x'",
    "key in upsert": "INSERT INTO t (id) VALUES ('x') ON CONFLICT (id) DO UPDATE SET id = 'z'",
    "evict by insert": "INSERT OR REPLACE INTO t (id, u) VALUES ('z', 'ux')",
    "evict by the same key": "INSERT OR REPLACE INTO t (id, u) VALUES ('x', 'uy')",
    "evict by an expression": "INSERT OR REPLACE INTO t (id, e) VALUES ('z', 'EX')",
    "evict by update": "UPDATE OR REPLACE t SET u = 'uy' WHERE id = 'x'",
    "evict two": "INSERT OR REPLACE INTO t (id, u, e) VALUES ('z', 'ux', 'ey')",
    "evict among many": "REPLACE INTO t (id, u) VALUES ('v', 'uv'), ('w', 'uy'), ('z', 'uz')",
    "evict by rowid": "INSERT OR REPLACE INTO t (rowid, id) SELECT rowid, 'z' FROM t WHERE id = 'x'",
}


@pytest.mark.parametrize("pragma", PRAGMAS)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", REMOVING)
def test_no_statement_removes_a_row_of_a_grow_only_table(tmp_path: Path, name: str, key: str, pragma: str) -> None:
    """Every statement by which a row, or its key, would go from a grow-only table is refused as a whole, and says why."""
    replica = made(tmp_path, KEYS[key], rows="grow-only")
    replica.connection.execute(PRAGMAS[pragma])
    before = content(replica.connection)
    with pytest.raises(apsw.ConstraintError, match=r'crdtsql: rows of "t" can only be added \(grow-only\): '):
        replica.connection.execute(REMOVING[name])
    assert content(replica.connection) == before


@pytest.mark.parametrize("name", [name for name in REMOVING if name != "evict by rowid"])
def test_no_row_goes_from_a_grow_only_table_without_rowid(tmp_path: Path, name: str) -> None:
    """Tables without rowid keep their rows too."""
    replica = made(tmp_path, suffix="WITHOUT ROWID", rows="grow-only")
    with pytest.raises(apsw.ConstraintError, match="can only be added"):
        replica.connection.execute(REMOVING[name])


KEEPING = {
    "insert": ("INSERT INTO t (id, a) VALUES ('z', 3)", [("x", 1), ("y", 2), ("z", 3)]),
    "ignore": ("INSERT OR IGNORE INTO t (id, u) VALUES ('z', 'ux')", [("x", 1), ("y", 2)]),
    "ignore, then insert": (
        "INSERT OR IGNORE INTO t (id, u) VALUES ('z', 'ux'); INSERT INTO t (id) VALUES ('w')",
        [("w", None), ("x", 1), ("y", 2)],
    ),
    "upsert": ("INSERT INTO t (id) VALUES ('x') ON CONFLICT (id) DO UPDATE SET a = 9", [("x", 9), ("y", 2)]),
    "upsert of another": ("INSERT INTO t (id, u) VALUES ('z', 'ux') ON CONFLICT (u) DO UPDATE SET a = 9", [("x", 9), ("y", 2)]),
    "update": ("UPDATE t SET a = 9, u = 'new' WHERE id = 'x'", [("x", 9), ("y", 2)]),
    "update of the key to itself": ("UPDATE t SET id = id, a = 9", [("x", 9), ("y", 9)]),
    "update or replace": ("UPDATE OR REPLACE t SET u = 'new' || id", [("x", 1), ("y", 2)]),
    "delete nothing": ("DELETE FROM t WHERE id = 'nobody'", [("x", 1), ("y", 2)]),
}  # fmt: skip


@pytest.mark.parametrize("pragma", PRAGMAS)
@pytest.mark.parametrize("name", KEEPING)
def test_what_keeps_all_rows_is_possible(tmp_path: Path, name: str, pragma: str) -> None:
    """Inserting, updating and upserting work in a grow-only table as ever."""
    replica = made(tmp_path, rows="grow-only")
    statement, expected = KEEPING[name]
    replica.connection.execute(PRAGMAS[pragma])
    replica.connection.execute(statement)
    assert rows(replica) == expected
    replica.vector()
    assert replica.connection.execute("SELECT count(*) FROM _crdt_clock_t WHERE gone").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "statement", ["INSERT OR REPLACE INTO t (id, a, u) VALUES ('x', 9, 'ux')", "REPLACE INTO t (id, a) VALUES ('x', 9)"]
)
def test_replacing_a_row_of_a_grow_only_table(tmp_path: Path, statement: str) -> None:
    """A row can be replaced by one of the same key, unless recursive_triggers lets the delete trigger run; the message says so."""
    replica = made(tmp_path, rows="grow-only")
    replica.connection.execute(PRAGMAS["recursive"])
    with pytest.raises(apsw.ConstraintError, match="recursive_triggers is ON, use ON CONFLICT DO UPDATE"):
        replica.connection.execute(statement)
    replica.connection.execute(PRAGMAS["plain"])
    replica.connection.execute(statement)
    assert rows(replica) == [("x", 9), ("y", 2)]
    assert {cell.genesis for cell in replica.blame("t", "x")} == {False}


def test_the_shell_shows_why_a_delete_is_refused(tmp_path: Path) -> None:
    """A person at the sqlite3 shell reads which table it is, what is refused and what to do."""
    made(tmp_path, rows="grow-only").close()
    for statement, reason in {
        "DELETE FROM t": "a row can't be deleted; INSERT OR REPLACE of a row that is there deletes it if PRAGMA "
        "recursive_triggers is ON, use ON CONFLICT DO UPDATE",
        "UPDATE t SET id = 'z' WHERE id = 'x'": "a row's key (id) can't be changed, insert another row",
        "REPLACE INTO t (id, u) VALUES ('z', 'ux')": "REPLACE can't delete another row that has the same UNIQUE value, "
        "change that row first",
    }.items():
        done = subprocess.run(["sqlite3", tmp_path / "app.db", statement], capture_output=True, text=True, check=False)
        assert f'crdtsql: rows of "t" can only be added (grow-only): {reason}' in done.stderr
        assert done.returncode != 0


def test_a_user_s_trigger_does_not_hide_an_eviction(tmp_path: Path) -> None:
    """An eviction is refused also where a BEFORE trigger of the user's writes to another replicated table in between."""
    path = tmp_path / "app.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE t (id TEXT PRIMARY KEY, u UNIQUE); CREATE TABLE note (id INTEGER PRIMARY KEY, what);"
        "CREATE TRIGGER note_it BEFORE INSERT ON t BEGIN INSERT INTO note (what) VALUES (NEW.id), (NEW.u), (3); END"
    )
    connection.close()
    with Replica.open(path) as replica:
        replica.enable("note")
        replica.enable("t", rows="grow-only")
        replica.connection.execute("INSERT INTO t VALUES ('x', 'ux')")
        with pytest.raises(apsw.ConstraintError, match="another row that has the same UNIQUE value"):
            replica.connection.execute("REPLACE INTO t VALUES ('z', 'ux')")


def test_a_change_of_the_policy_changes_the_triggers(tmp_path: Path) -> None:
    """A table that was made grow-only refuses deletes at once, and takes them again when it is not any more; drift sees nothing."""
    replica = made(tmp_path)
    replica.set_rows("t", "grow-only")
    with pytest.raises(apsw.ConstraintError, match="can only be added"):
        replica.connection.execute("DELETE FROM t")
    assert replica.status().tables[0].problem is None
    replica.set_rows("t", "delete-wins")
    replica.connection.execute("DELETE FROM t WHERE id = 'x'")
    assert rows(replica) == [("y", 2)]
    replica.set_rows("t", "grow-only")
    replica.connection.execute("CREATE UNIQUE INDEX t_a ON t (a)")
    replica.export()
    assert [
        name
        for (name,) in replica.connection.execute("SELECT name FROM sqlite_schema WHERE name GLOB '_crdt_evict*2_t'")
    ]
    with pytest.raises(apsw.ConstraintError, match="can only be added"):
        replica.connection.execute("DELETE FROM t")
    replica.disable("t")
    replica.connection.execute("DELETE FROM t")


@pytest.mark.parametrize("policy", ["add-wins", "delete-wins"])
def test_other_policies_capture_the_same(tmp_path: Path, policy: str) -> None:
    """Row policies other than grow-only have the same triggers: they differ in how a merge understands what was captured."""
    replica = made(tmp_path, rows=policy)
    every = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
    triggers = replica.connection.execute(every).fetchall()
    replica.set_rows("t", "delete-wins" if policy == "add-wins" else "add-wins")
    assert triggers == replica.connection.execute(every).fetchall()


# -- granularity ----------------------------------------------------------------------------------

UPDATES = {
    "one": "UPDATE t SET c5 = 1 WHERE id = 'x'",
    "of the last word": "UPDATE t SET c129 = 1 WHERE id = 'x'",
    "many": "UPDATE t SET c0 = 1, c60 = 1, c120 = 1 WHERE id = 'x'",
    "the type": "UPDATE t SET c7 = '0' WHERE id = 'x'",
    "upsert": "INSERT INTO t (id) VALUES ('x') ON CONFLICT DO UPDATE SET c61 = 1",
    "update or replace": "UPDATE OR REPLACE t SET c61 = 1 WHERE id = 'x'",
    "update from": "UPDATE t SET c61 = other.v FROM (SELECT 1 AS v) AS other WHERE id = 'x'",
}


@pytest.mark.parametrize("name", UPDATES)
@pytest.mark.parametrize("granularity", ["column", "row"])
def test_an_update_stamps_the_columns_or_the_row(tmp_path: Path, name: str, granularity: str) -> None:
    """An update stamps what it changed, or the whole row with one and the same stamp, and one row of the log is all it takes."""
    path = tmp_path / "app.db"
    connection = apsw.Connection(str(path))
    columns = ", ".join(f"c{n} DEFAULT 0" for n in range(130))
    connection.execute(f"CREATE TABLE t (id TEXT PRIMARY KEY, {columns}); INSERT INTO t (id) VALUES ('x'), ('y')")
    connection.close()
    with Replica.open(path, now=lambda: START_MS) as replica:
        replica.enable("t", granularity=granularity)
        before = replica.connection.execute("SELECT * FROM t WHERE id = 'x'").fetchone()
        replica.connection.execute(UPDATES[name])
        after = replica.connection.execute("SELECT * FROM t WHERE id = 'x'").fetchone()
        changed = {f"c{n}" for n in range(130) if repr(before[n + 1]) != repr(after[n + 1])}
        logged = replica.connection.execute("SELECT count(*) FROM _crdt_log WHERE op >= 4").fetchall()
        assert granularity == "column" or logged == [(1,)]
        stamps = {cell.column: cell.genesis for cell in replica.blame("t", "x") if cell.column != "id"}
        assert {column for column, genesis in stamps.items() if not genesis} == (
            changed if granularity == "column" else set(stamps)
        )
        assert len(stamps) == 130
        distinct = {time for row in replica.changes() for time in [row.hlc] if row.key == "x" and row.column != "id"}
        assert granularity == "column" or len(distinct) == 1
        assert all(cell.genesis for cell in replica.blame("t", "y"))
