"""`run` runs a command as an actor: what it writes counts as the actor's, its exit code is passed on, and the actor ends with it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica
from tests.support import peers
from tests.support.command import ok, refused, run, start

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
WRITE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(f\"INSERT INTO task VALUES ('{sys.argv[2]}', 'x')\"); c.commit()"
WAIT = "import sys, time; print('begun', flush=True); time.sleep(60)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a replicated file."""
    peers.replica(tmp_path / "app.db", SCHEMA).close()
    return tmp_path / "app.db"


def who(file: Path, key: str) -> str | None:
    with Replica.open(file) as replica:
        assert replica.acting() is None
        by = replica.blame("task", key)[0].by
        return None if by is None else str(by)


def test_what_a_command_writes_is_the_actors(file: Path) -> None:
    """The child's writes have the actor, session, run and note; the exit code is the child's, and later writes are nobody's."""
    words = ["--as", "agent-7", "--run", "r42", "--session", "s", "--note", "n", file, "--", sys.executable, "-c"]
    ok("run", *words, WRITE, file, "t1")
    assert run("run", *words, f"{WRITE}; sys.exit(7)", file, "t2").returncode == 7
    ok("write", file, "task", "t3", "title=x")
    ok("write", file, "task", "t4", "title=x", "--as", "agent-8")
    found = [who(file, key) for key in ("t1", "t2", "t3", "t4")]
    assert found == ["agent-7 (run r42)", "agent-7 (run r42)", None, "agent-8"]
    told = json.loads(ok("log", file, "--run", "r42", "--json"))["entries"]
    assert {entry["key"][0] for entry in told} == {"t1", "t2"}
    assert told[0]["by"] == {"actor": "agent-7", "session": "s", "run": "r42", "note": "n"}
    assert "as agent-7 (run r42)" in ok("blame", file, "task", "t1")
    assert "no row shows what was written in run 'r9'" in ok("log", file, "--run", "r9")


def test_the_actor_ends_however_the_command_does(file: Path) -> None:
    """A child that is ended by SIGTERM, or can't be started, leaves no actor; the exit code says which signal it was."""
    child = start("run", "--as", "agent-7", file, "--", sys.executable, "-c", WAIT)
    assert child.stdout.readline() == b"begun\n"
    connection = apsw.Connection(str(file))
    assert connection.execute("SELECT actor FROM crdt_actor").get == "agent-7"
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=20)
    assert child.returncode == 128 + signal.SIGTERM
    assert connection.execute("SELECT actor FROM crdt_actor").get is None
    assert "can't be run (No such file or directory)" in refused("run", "--as", "a", file, "--", "no-such-command")
    assert connection.execute("SELECT actor FROM crdt_actor").get is None


def test_who_writes_must_be_said(file: Path) -> None:
    """Without --as, with a name that is too long, or with no command, nothing is run and nothing written."""
    assert "--as ACTOR" in refused("run", file, "--", "true", code=2)
    assert "1 to 200 characters" in refused("run", "--as", "a" * 201, file, "--", "true", code=2)
    assert "which command to run" in refused("run", "--as", "a", file, "--", code=2)
    assert "give --as ACTOR too" in refused("write", file, "task", "t1", "title=x", "--run", "r1", code=2)


def test_a_run_within_a_run(file: Path) -> None:
    """What is written after the inner one counts as the outer one's again, in this file; a run of another file changes nothing of it."""
    other = file.with_name("other.db")
    peers.replica(other, SCHEMA).close()
    script = """
import subprocess, sys
def write(path, key): subprocess.run([sys.executable, "-c", sys.argv[3], path, key], check=True)
def inner(path, key): subprocess.run([sys.executable, "-m", "crdtsql", "run", "--as", "inner", path, "--", sys.executable, "-c", sys.argv[3], path, key], check=True)
write(sys.argv[1], "t1"); inner(sys.argv[1], "t2"); write(sys.argv[1], "t3"); inner(sys.argv[2], "t4"); write(sys.argv[2], "t5")
write(sys.argv[1], "t6")
"""
    ok("run", "--as", "outer", "--run", "r1", file, "--", sys.executable, "-c", script, file, other, WRITE)
    assert [who(file, key) for key in ("t1", "t2", "t3", "t6")] == [
        "outer (run r1)",
        "inner",
        "outer (run r1)",
        "outer (run r1)",
    ]
    assert [who(other, key) for key in ("t4", "t5")] == ["inner", None]
