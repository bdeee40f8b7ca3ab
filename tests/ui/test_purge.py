"""purge as users type it, and as a SQL function."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest

import crdtsql
from crdtsql.base.errors import NotDeletedError, UsageError
from tests.support.command import execute, make, ok, query, refused

SCHEMA = (
    "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT); CREATE TABLE pair (x INTEGER, y TEXT, v, PRIMARY KEY (x, y))"
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Give a file with deleted rows."""
    path = make(tmp_path / "app.db", SCHEMA)
    ok("enable", path, "--all")
    execute(path, "INSERT INTO task VALUES ('t1', 'kept'), ('t2', 'unspeakable'), ('t3', 'unspeakable')")
    execute(path, "INSERT INTO pair VALUES (1, 'a', 'unspeakable'), (1, 'b', 'unspeakable')")
    execute(path, "DELETE FROM task WHERE title = 'unspeakable'; DELETE FROM pair")
    return path


def test_what_it_says(app: Path) -> None:
    """`purge` says how many rows of which table were purged, and where the values may still be."""
    would = ok("purge", app, "task", "t2", "t3", "--dry-run")
    assert would == "task: 2 deleted rows would be purged\n"
    said = ok("purge", app, "task", "t2", "t3").splitlines()
    assert said[0] == "task: 2 deleted rows purged"
    assert "VACUUM" in said[1] and "segments" in said[2]
    assert "2 purged already" in ok("purge", app, "task", "t2", "t3")
    assert "VACUUM" not in ok("purge", app, "pair", "1", "a", "1", "b", "--vacuum")
    assert b"unspeakable" not in app.read_bytes()
    assert "was purged" in refused("undelete", app, "task", "t2")
    assert query(app, "SELECT id FROM task") == [("t1",)]


def test_by_age(app: Path) -> None:
    """`--deleted-before` takes a date or an age, of one table or of all; nothing to purge is said, and is no failure."""
    assert ok("purge", app, "--deleted-before", "30d") == "nothing to purge\n"
    assert ok("purge", app, "task", "--deleted-before", "2001-01-01") == "nothing to purge\n"
    found = json.loads(ok("purge", app, "--deleted-before", "2999-01-01", "--json"))
    assert (found["rows"], found["tables"]) == (4, {"pair": 2, "task": 2})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["task"], "say which deleted rows"),
        (["task", "t2", "--deleted-before", "30d"], "say which deleted rows"),
        (["--deleted-before", "soon"], "'soon' is no time: give a date"),
        (["pair", "1"], "the key of 'pair' is (x, y)"),
    ],
)
def test_wrong_calls(app: Path, words: list[str], says: str) -> None:
    """A call that says too little or too much is refused in one line, with what to give."""
    assert says in refused("purge", app, *words, code=2)


def test_what_is_refused(app: Path) -> None:
    """A row that lives is refused with the statement that deletes it, an unknown one with what was perhaps meant."""
    line = refused("purge", app, "task", "t1")
    assert """sqlite3 """ in line and "DELETE FROM" in line
    assert "did you mean 't2'?" in refused("purge", app, "task", "T2") or "did you mean" in line
    assert "did you mean 'task'?" in refused("purge", app, "tsk", "t2")


def test_the_function(app: Path) -> None:
    """crdt_purge takes the table and the key's parts, and is part of the caller's transaction."""
    connection = apsw.Connection(str(app))
    crdtsql.load(connection)
    assert json.loads(connection.execute("SELECT crdt_purge('pair', 1, 'a')").get)["rows"] == 1
    with connection:
        assert json.loads(connection.execute("SELECT crdt_purge('task', 't2')").get)["tables"] == {"task": 1}
    with pytest.raises(NotDeletedError):
        connection.execute("SELECT crdt_purge('task', 't1')").fetchall()
    for call in ("crdt_purge()", "crdt_purge('task')", "crdt_purge(7)"):
        with pytest.raises(UsageError):
            connection.execute(f"SELECT {call}").fetchall()
    connection.close()
