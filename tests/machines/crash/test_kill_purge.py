"""A purge that is killed at any moment has purged some rows as a whole, and can be repeated."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.support.command import begin, execute, make, ok, query

ROWS = 4_000
KILLS = 6
STAMPED = "SELECT count(*) FROM _crdt_clock_task WHERE c0_t = dot_t AND gone = 1"
HELD = "SELECT count(*), count(v0) FROM _crdt_held_task"


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_killed_purge_did_whole_rows(journal: str, tmp_path: Path) -> None:
    """After a kill each row has its values, or is purged and says so; repeating the command ends it."""
    rows = [(f"t{n}", f"secret {n}") for n in range(ROWS)]
    first = tmp_path / "first"
    first.mkdir()
    app = make(first / "app.db", "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)", rows, journal=journal)
    ok("enable", app, "task")
    execute(app, "DELETE FROM task")
    ok("vector", app)
    words = ("--deleted-before", "2999-01-01", "--vacuum")

    def fresh() -> Path:
        shutil.rmtree(tmp_path / "now", ignore_errors=True)
        shutil.copytree(first, tmp_path / "now")
        return tmp_path / "now" / "app.db"

    path = fresh()
    started = time.monotonic()
    ok("purge", path, *words)
    duration = time.monotonic() - started
    assert b"secret" not in path.read_bytes()
    landed = landed_between = 0
    for number in range(1, KILLS + 1):
        path = fresh()
        process = begin("purge", path, *words)
        landed += process.wait(duration * number / (KILLS + 1)) is None and process.kill() == -signal.SIGKILL
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        ((held, values),) = query(path, HELD)
        assert held == ROWS
        assert query(path, STAMPED) == [(ROWS - values,)]
        landed_between += 0 < values < ROWS
        ok("purge", path, *words)
        assert query(path, HELD) == [(ROWS, 0)]
        assert b"secret" not in path.read_bytes()
    assert landed, "no process was killed"
    assert landed_between, "no process was killed between two steps"
