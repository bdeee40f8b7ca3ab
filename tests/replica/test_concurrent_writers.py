"""Other programs write while crdtsql works on the same file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import BusyError
from tests.support.command import make, ok, query, run

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, n INTEGER NOT NULL DEFAULT 0)"
SHOWN = "SELECT id, title, n FROM task ORDER BY id"
WRITER = """
import sqlite3, sys, time
path, name = sys.argv[1:]
connection = sqlite3.connect(path, timeout=30, isolation_level=None)
number = 0
while True:
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO task VALUES (?, ?, 0)", (f"{name}-{number}", "new"))
        connection.execute("UPDATE task SET n = n + 1, title = ? WHERE id = ?", (f"of {name}", f"{name}-{number // 2}"))
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        continue
    print(number, flush=True)
    number += 1
    time.sleep(0.02)
"""
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("INSERT INTO task VALUES ('locked', NULL, 0)")
print("locked", flush=True)
sys.stdin.read()
"""


class Writer:
    """Another program that writes without pause."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        command = [sys.executable, "-c", WRITER, str(path), name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)

    def stop(self) -> set[str]:
        """End it; return the keys that it committed for certain."""
        self.process.kill()
        output, _ = self.process.communicate()
        return {f"{self.name}-{number}" for number in output.decode().split()}


@contextmanager
def _locked(path: Path, begin: str) -> Iterator[None]:
    command = [sys.executable, "-c", LOCKER, str(path), begin]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_writers_and_crdtsql_do_not_disturb_each_other(tmp_path: Path, journal: str) -> None:
    """While programs write, every verb works, and after the last sync all replicas hold every row that was committed."""
    app = make(tmp_path / "app.db", SCHEMA, [("old", "old", 0)], journal=journal)
    peer, third = tmp_path / "peer.db", tmp_path / "third.db"
    ok("enable", app, "task")
    ok("clone", app, peer)
    ok("clone", app, third)
    writers = [Writer(app, "a"), Writer(app, "b"), Writer(peer, "c")]
    committed = {"old"}
    try:
        for number in range(2):
            ok("vector", app)
            ok("export", app, "-o", tmp_path / "all.crdt")
            ok("import", third, tmp_path / "all.crdt")
            ok("sync", app, peer)
            ok("export", third, "-o", tmp_path / "third.crdt")
            ok("import", peer, tmp_path / "third.crdt")
            ok("status", app)
            if number == 0:
                ok("clone", app, tmp_path / "fourth.db")
    finally:
        for writer in writers:
            committed |= writer.stop()
    assert len(committed) > 20
    for _ in range(2):
        for other in (peer, third, tmp_path / "fourth.db"):
            ok("sync", app, other)
    rows = query(app, SHOWN)
    assert committed <= {row[0] for row in rows}
    for other in (peer, third, tmp_path / "fourth.db"):
        assert query(other, SHOWN) == rows
        assert query(other, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("verb", ["vector", "enable", "export", "merge", "clone", "open a copy"])
def test_a_long_lock_is_an_error_that_says_so(tmp_path: Path, journal: str, verb: str) -> None:
    """A file that another program keeps locked gives a BusyError that says what to do, and nothing is changed."""
    app = make(tmp_path / "app.db", SCHEMA + "; CREATE TABLE other (id TEXT PRIMARY KEY)", journal=journal)
    ok("enable", app, "task")
    peer = tmp_path / "peer.db"
    ok("clone", app, peer)
    with Replica.open(peer) as other:
        other.connection.execute("INSERT INTO task VALUES ('t1', 'x', 1)")
        news = other.export()
    before = query(app, SHOWN)
    if verb == "open a copy":
        app.rename(tmp_path / "moved")
        app.write_bytes((tmp_path / "moved").read_bytes())
    else:
        subprocess.run(["sqlite3", str(app), "INSERT INTO task VALUES ('pending', NULL, 0)"], check=True)
        before = query(app, SHOWN)
    started = time.monotonic()
    with (
        _locked(app, "BEGIN IMMEDIATE"),
        pytest.raises(BusyError, match="app.db is locked by another program") as caught,
        Replica.open(app, lock_timeout=0.4) as opened,
    ):
        steps = {
            "vector": opened.vector,
            "enable": lambda: opened.enable("other"),
            "export": opened.export,
            "merge": lambda: opened.merge(news),
            "clone": lambda: opened.clone(tmp_path / "copy.db"),
        }
        steps[verb]()
    assert "\n" not in str(caught.value)
    assert "more than 0.4 seconds" in str(caught.value)
    assert 0.3 < time.monotonic() - started < 5
    assert query(app, SHOWN) == before
    assert not (tmp_path / "copy.db").exists()


def test_a_lock_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    """A lock shorter than the timeout delays a command, and fails nothing."""
    app = make(tmp_path / "app.db", SCHEMA)
    ok("enable", app, "task")
    subprocess.run(["sqlite3", str(app), "INSERT INTO task VALUES ('pending', NULL, 0)"], check=True)
    command = [sys.executable, "-c", LOCKER, str(app), "BEGIN IMMEDIATE"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None and locker.stdin is not None
        locker.stdout.readline()
        vector = subprocess.Popen([sys.executable, "-m", "crdtsql", "vector", str(app)], stdout=subprocess.PIPE)
        time.sleep(1)
        assert vector.poll() is None
        locker.stdin.close()
        output, _ = vector.communicate(timeout=20)
    assert vector.returncode == 0
    assert output.startswith(b"{")


def test_the_command_line_says_that_a_file_is_locked(tmp_path: Path) -> None:
    """A lock that outlasts the timeout ends a command with one line and exit code 4; with a timeout of 0 it does not wait."""
    app = make(tmp_path / "app.db", SCHEMA)
    ok("enable", app, "task")
    with _locked(app, "BEGIN EXCLUSIVE"):
        done = run("vector", app, "--lock-timeout", "0.3")
        at_once = run("vector", app, "--lock-timeout", "0", "--json")
    assert done.returncode == at_once.returncode == 4
    found = json.loads(at_once.stderr)["error"]
    assert found["kind"] == "BusyError" and "is locked by another program: close its transaction" in found["message"]
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("Error: ")
    assert "app.db is locked by another program for more than 0.3 seconds: close its transaction" in line
    assert run("vector", app).returncode == 0
