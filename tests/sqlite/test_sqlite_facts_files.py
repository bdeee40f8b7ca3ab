"""The facts of docs/SQLITE_FACTS.md about files, journals and the library itself; a test's docstring begins with its fact's number."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

PROJECT = Path(__file__).parents[2]


class _JournalWatch(apsw.VFS):  # type: ignore[misc]
    """A file system that counts the statement journals that are opened as files."""

    def __init__(self) -> None:
        super().__init__("journal-watch", "")
        self.opened = 0

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        self.opened += bool(flags[0] & apsw.SQLITE_OPEN_SUBJOURNAL)
        return super().xOpen(name, flags)


@pytest.fixture
def spills(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Run a statement on a filled database; return how many statement journals became files."""
    watch = _JournalWatch()
    connection = apsw.Connection(str(tmp_path / "cliff.db"), vfs="journal-watch")
    numbers = "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
    connection.execute(
        f"""PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; CREATE TABLE task (id); CREATE TABLE source (id);
        CREATE TABLE log (seq INTEGER PRIMARY KEY, id); CREATE TABLE clock (id PRIMARY KEY, n) WITHOUT ROWID;
        CREATE TABLE wide (id UNIQUE, n);
        {numbers} INSERT INTO clock SELECT hex(randomblob(16)), zeroblob(100) FROM n;
        {numbers} INSERT INTO wide SELECT hex(randomblob(16)), zeroblob(100) FROM n;
        {numbers} INSERT INTO log (id) SELECT hex(randomblob(16)) FROM n;
        {numbers} INSERT INTO source SELECT hex(randomblob(16)) FROM n;"""
    ).fetchall()

    def count(statement: str) -> int:
        connection.execute("BEGIN")
        before = watch.opened
        connection.execute(statement)
        connection.execute("ROLLBACK")
        return watch.opened - before

    count.__dict__["connection"] = connection
    yield count
    connection.close()
    watch.unregister()


@pytest.mark.parametrize(
    ("body", "files"),
    [("INSERT INTO log (id) VALUES (NEW.id)", 0), ("INSERT INTO clock VALUES (NEW.id, 1)", 1)],
    ids=["append", "random order"],
)
def test_statement_journal_cliff(spills: Callable[[str], int], body: str, files: int) -> None:
    """13: triggers that append keep the statement journal in memory; triggers that write in random order spill it to a file."""
    spills.__dict__["connection"].execute(f"CREATE TRIGGER log AFTER INSERT ON task BEGIN {body}; END")
    assert spills("INSERT INTO task SELECT id FROM source") == files


@pytest.mark.parametrize(("verb", "files"), [("INSERT", 1), ("INSERT OR ROLLBACK", 0), ("INSERT OR FAIL", 0)])
def test_statement_that_cannot_abort_keeps_no_journal(spills: Callable[[str], int], verb: str, files: int) -> None:
    """13: INSERT OR ROLLBACK and OR FAIL keep no statement journal; a function call in the statement brings it back."""
    assert spills(f"{verb} INTO clock SELECT id, 1 FROM source") == files
    assert spills(f"{verb} INTO clock SELECT id, hex(id) FROM source") == 1


TWO_LIBRARIES = """
import sqlite3, subprocess, sys
import apsw

path = sys.argv[1]
probe = "import sqlite3, sys\\ntry:\\n sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')\\n print('free')\\n"
probe += "except sqlite3.OperationalError as error:\\n print(error)\\n"

def other_process():
    return subprocess.run([sys.executable, "-c", probe, path], capture_output=True, text=True, check=True).stdout.strip()

writer = apsw.Connection(path)
writer.execute("CREATE TABLE task (id); BEGIN IMMEDIATE; INSERT INTO task VALUES (1)")
print(other_process())
reader = sqlite3.connect(path)
reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
reader.close()
print(other_process())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX advisory locks")
def test_two_libraries_on_one_file_lose_locks(tmp_path: Path) -> None:
    """14: closing a file in one copy of the library drops the locks that another copy in the same process holds on it."""
    done = subprocess.run(
        [sys.executable, "-c", TWO_LIBRARIES, str(tmp_path / "t.db")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["database is locked", "free"]


def test_library_has_the_wal_fix() -> None:
    """15: crdtsql requires, and runs on, an apsw whose SQLite has the fix of the WAL reset race (3.51.3)."""
    dependencies = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert "apsw>=3.51.3" in dependencies
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)


def test_executescript_commits() -> None:
    """16: Python's `executescript` commits the open transaction before it runs anything."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE task (id)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO task VALUES (1)")
    connection.executescript("SELECT 1")
    assert not connection.in_transaction
    connection.close()


def test_settings_against_hostile_files() -> None:
    """17: the settings for files from strangers disarm views, triggers, unsafe functions and writes to the schema."""
    connection = apsw.Connection(":memory:")
    connection.create_scalar_function("harm", lambda: "done")
    connection.execute(
        """CREATE TABLE task (id); CREATE TABLE log (id); CREATE VIEW trap AS SELECT harm();
        CREATE TRIGGER log AFTER INSERT ON task BEGIN INSERT INTO log VALUES (1); END"""
    )
    assert connection.execute("SELECT * FROM trap").fetchall() == [("done",)]
    connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
    assert connection.execute("PRAGMA cell_size_check").fetchall() == [(1,)]
    with pytest.raises(apsw.SQLError, match="unsafe use"):
        connection.execute("SELECT * FROM trap").fetchall()
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    with pytest.raises(apsw.SQLError, match="may not be modified"):
        connection.execute("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = NULL")
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.execute("INSERT INTO task VALUES (1)")
    assert connection.execute("SELECT count(*) FROM log").fetchall() == [(0,)]
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    with pytest.raises(apsw.SQLError, match="trap"):
        connection.execute("SELECT * FROM trap").fetchall()
    connection.close()


@pytest.mark.parametrize("trap", ["x CHECK (f() IS NULL)", "x, y AS (f())"])
def test_direct_only_functions(tmp_path: Path, trap: str) -> None:
    """23: a CHECK that was read before a direct-only function was registered calls it; one that is read afterwards does not."""
    path = str(tmp_path / "a.db")
    maker = apsw.Connection(path)
    maker.create_scalar_function("f", lambda: None, 0, deterministic=True)
    maker.execute(f"CREATE TABLE trap ({trap})")
    maker.close()
    connection = apsw.Connection(path)
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    called = []
    connection.create_scalar_function("f", lambda: called.append(1), 0, flags=apsw.SQLITE_DIRECTONLY)
    if "CHECK" in trap:
        connection.execute("INSERT INTO trap (x) VALUES (1)")
        assert called == [1]
    connection.execute("PRAGMA writable_schema = RESET")
    with pytest.raises(apsw.CorruptError, match=r"malformed .* unsafe use of f\(\)"):
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    assert len(called) <= 1
    connection.close()


@pytest.mark.parametrize("end", ["ROLLBACK", "COMMIT"])
def test_autoincrement_is_written_into_a_schema(tmp_path: Path, end: str) -> None:
    """27: a table gets AUTOINCREMENT by its statement in the schema; other connections see it after the commit, nobody after a rollback."""
    path = str(tmp_path / "a.db")
    one, other = apsw.Connection(path), apsw.Connection(path)
    one.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (7, 'x')")
    assert not other.column_metadata("main", "t", "id")[4]
    one.execute(
        "BEGIN; CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE s; PRAGMA writable_schema = ON"
    )
    one.execute(
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v)' WHERE name = 't'"
    )
    one.execute("PRAGMA writable_schema = RESET")
    ((version,),) = one.execute("PRAGMA schema_version").fetchall()
    one.execute(f"PRAGMA schema_version = {int(str(version)) + 1}; DELETE FROM t; INSERT INTO t (v) VALUES ('y')")
    one.execute(end)
    other.execute("DELETE FROM t; INSERT INTO t (v) VALUES ('z')")
    kept = end == "COMMIT"
    assert [connection.column_metadata("main", "t", "id")[4] for connection in (one, other)] == [kept, kept]
    assert one.execute("SELECT id FROM t").fetchall() == [(2,) if kept else (1,)]
    assert one.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    one.close()
    other.close()


@pytest.mark.parametrize("end", ["ROLLBACK TO x", "RELEASE x"])
def test_a_trigger_is_written_into_a_schema(tmp_path: Path, end: str) -> None:
    """30: a trigger can be written as the row that CREATE TRIGGER writes; SQLite reads it when the next statement runs, not for an EXPLAIN."""
    path = str(tmp_path / "a.db")
    one, other = apsw.Connection(path), apsw.Connection(path)
    one.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a); CREATE TABLE u (a)").fetchall()
    assert other.execute("SELECT count(*) FROM t").get == 0
    create, insert = (
        'CREATE TRIGGER "g" AFTER INSERT ON "t"\nBEGIN\n  INSERT INTO u VALUES (1);\nEND',
        "INSERT INTO t VALUES (1)",
    )
    row = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE name = 'g'"
    one.execute(f"BEGIN; SAVEPOINT x; {create}")
    created = one.execute(row).fetchall()
    one.execute("ROLLBACK TO x; PRAGMA writable_schema = ON")
    one.executemany("INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?)", created)
    one.execute("PRAGMA writable_schema = OFF")
    one.execute(f"PRAGMA schema_version = {int(one.execute('PRAGMA schema_version').get) + 1}")
    explained = [step[1] for step in one.execute(f"EXPLAIN {insert}", can_cache=False)]
    assert "Program" not in explained
    assert one.execute(row).fetchall() == created == [("trigger", "g", "t", 0, create)]
    with pytest.raises(apsw.SQLError, match="already exists"):
        one.execute(f"EXPLAIN {create}", can_cache=False)
    one.execute(f"{end}; COMMIT")
    kept = end == "RELEASE x"
    for connection in (one, other):
        connection.execute(insert)
        assert connection.execute("PRAGMA integrity_check").get == "ok"
    assert other.execute("SELECT count(*) FROM u").get == 2 * kept
    one.close()
    other.close()


def test_a_trigger_that_sqlite_can_not_read() -> None:
    """30: a row that is no trigger makes the schema malformed as soon as it is read, and a rollback to a savepoint mends it."""
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (a); BEGIN; SAVEPOINT x; PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_schema VALUES ('trigger', 'g', 't', 0, 'CREATE TRIGGER g AFTER')")
    connection.execute("PRAGMA writable_schema = OFF; PRAGMA schema_version = 9")
    with pytest.raises(apsw.CorruptError, match="malformed database schema"):
        connection.execute("SELECT * FROM t").fetchall()
    connection.execute("ROLLBACK TO x; RELEASE x; INSERT INTO t VALUES (1); COMMIT")
    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 1
    connection.close()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_tells_of_any_commit(tmp_path: Path, mode: str) -> None:
    """31: the data version of a file changes with each commit of anybody, once a PRAGMA has looked; PRAGMA data_version with those of others."""
    path = str(tmp_path / "a.db")
    one, other = apsw.Connection(path), apsw.Connection(path)
    one.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    one.execute("CREATE TABLE t (x); CREATE TEMP TABLE aside (x)")
    seen = set()

    def versions() -> tuple[Any, int]:
        return one.execute("PRAGMA main.data_version").fetchall(), one.data_version("main")

    for connection, statement in (
        (one, "INSERT INTO t VALUES (1)"),
        (other, "INSERT INTO t VALUES (2)"),
        (one, "CREATE TABLE u (x)"),
        (other, "DROP TABLE u"),
        (one, "PRAGMA user_version = 5"),
        (other, "VACUUM"),
    ):
        others, before = versions()
        connection.execute(statement).fetchall()
        assert connection is one or one.data_version("main") == before
        assert (versions()[0] == others) == (connection is one)
        seen |= {before, versions()[1]}
    assert len(seen) == 7
    before = versions()[1]
    one.execute("INSERT INTO aside VALUES (1); BEGIN; INSERT INTO t VALUES (3)")
    assert versions()[1] == before
    one.execute("ROLLBACK")
    assert versions()[1] == before
    one.close()
    other.close()


@pytest.mark.parametrize("stable", [False, True])
def test_what_values_are_bound_can_expire_a_statement(stable: bool) -> None:
    """32: a statement is compiled anew when another value is bound that could decide about a partial index, unless plans are stable."""
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, int(stable))
    connection.execute("CREATE TABLE t (x, y); CREATE INDEX part ON t (y) WHERE x = 1")
    asked: list[object] = []
    connection.authorizer = lambda *about: asked.append(about) or apsw.SQLITE_OK
    for value in (1, 2, 3):
        asked.clear()
        connection.execute("SELECT y FROM t WHERE x = ?", (value,)).fetchall()
        assert bool(asked) == (value == 1 or not stable)  # SQLite asks while it compiles
    connection.close()


@pytest.mark.parametrize(("synchronous", "synced"), [("FULL", 0), ("EXTRA", 1)])
def test_a_deleted_journal_is_on_the_disk_with_extra_alone(synchronous: str, synced: int, tmp_path: Path) -> None:
    """33: the folder of a rollback journal that was deleted is synced with `synchronous = EXTRA` alone."""
    deleted = []

    class Watched(apsw.VFS):
        def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
            deleted.append(int(syncdir))
            super().xDelete(filename, syncdir)

    watched = Watched("watched", "")
    connection = apsw.Connection(str(tmp_path / "t.db"), vfs="watched")
    connection.execute(f"PRAGMA synchronous = {synchronous}; CREATE TABLE t (x)")
    connection.close()
    watched.unregister()
    assert deleted == [synced]
