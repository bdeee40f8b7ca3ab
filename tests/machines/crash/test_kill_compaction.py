"""Commands that forget, killed at any moment: the file shows what it showed, is sound, and the command can be repeated."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import begin, execute, make, ok, query, run

ROWS = 12_000
KILLS = 5
SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE ticket (id INTEGER PRIMARY KEY, note TEXT UNIQUE, done INTEGER NOT NULL DEFAULT 0);
"""
CHANGE = (
    "INSERT INTO ticket (id, note) SELECT rowid, id FROM task WHERE rowid % 3 = 0;"
    "UPDATE task SET title = title || '!' WHERE rowid % 2; DELETE FROM task WHERE rowid % 5 = 0;"
    "UPDATE ticket SET done = 1 WHERE id % 2; DELETE FROM ticket WHERE id % 7 = 0;"
)
SHOWN = ("SELECT * FROM task ORDER BY id", "SELECT * FROM ticket ORDER BY id")
KEPT = ("SELECT count(*) FROM _crdt_clock_task", "SELECT count(*) FROM _crdt_held_task") + tuple(
    f"SELECT count(*), count(v{column}) FROM _crdt_{{}}_ticket".replace("{}", "held") for column in (0, 1)
)
WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("PRAGMA synchronous = NORMAL")
longest, writes, ends = 0.0, 0, time.monotonic() + 600
print("writing", flush=True)
import select
while not select.select([sys.stdin], [], [], 0.005)[0] and time.monotonic() < ends:
    began = time.monotonic()
    connection.execute("UPDATE task SET done = ? WHERE id = '00001'", (writes,))
    longest, writes = max(longest, time.monotonic() - began), writes + 1
print(writes, longest)
"""


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a folder with a file, in which much was changed and deleted, and a clone that has all of it."""
    folder = tmp_path / "made"
    folder.mkdir()
    rows = [(f"{n:05x}", f"title {n}", 0) for n in range(ROWS)]
    app = make(folder / "app.db", SCHEMA, rows, journal=request.param)
    ok("enable", app, "--all")
    execute(app, CHANGE)
    ok("clone", app, folder / "peer.db")
    execute(folder / "peer.db", "UPDATE task SET done = 2 WHERE id = '00002'")
    ok("sync", app, folder / "peer.db")
    yield folder
    shutil.rmtree(tmp_path, ignore_errors=True)


def sites(path: Path) -> list[str]:
    """Return the sites that a file knows, but for its own."""
    return [one["site"] for one in json.loads(ok("members", path, "--json")) if not one["is_this_file"]]


def fresh(made: Path) -> Path:
    """Copy the files as they were; a copy goes on as a new site."""
    at = made.with_name("now")
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(made, at)
    return at


def alone(made: Path) -> Path:
    """Copy the files, and have nobody else be waited for."""
    at = fresh(made)
    for site in sites(at / "app.db"):
        ok("forget", at / "app.db", site)
    return at


def found(path: Path, *statements: str) -> list[list[tuple[object, ...]]]:
    """Return what a file shows, and what some more statements find."""
    return [query(path, statement) for statement in (*SHOWN, *statements)]


def ended(path: Path) -> list[str]:
    """Return the sites that are waited for no more."""
    members = json.loads(ok("members", path, "--json"))
    return sorted(one["site"] for one in members if one["compaction"] == "ended")


def kill_often(
    prepared: Callable[[], Path], words: Callable[[Path], list[str | Path]], check: Callable[[Path], object]
) -> None:
    """Kill a command at moments that are spread over how long it takes; then repeat it.

    Args:
        check: looks at a file that was left behind, and again at one in which all was done.
    """
    seed = random.randrange(1 << 32)
    choice, landed = random.Random(seed), 0
    at = prepared()
    shown, began = found(at / "app.db"), time.monotonic()
    ok(*words(at))
    duration = time.monotonic() - began
    wanted, after = check(at / "app.db"), found(at / "app.db")
    for number in range(KILLS):
        at = prepared()
        process = begin(*words(at))
        landed += (
            process.wait(duration * (number + choice.random()) / KILLS) is None and process.kill() == -signal.SIGKILL
        )
        assert query(at / "app.db", "PRAGMA integrity_check") == [("ok",)]
        ok("doctor", at / "app.db")
        assert found(at / "app.db") in (shown, after)
        again = run(*words(at))
        assert again.returncode == 0 or b"already" in again.stderr, again.stderr
        assert check(at / "app.db") == wanted, f"seed {seed}, kill {number}"
        ok("doctor", at / "app.db")
    assert landed, "no process was killed"


@pytest.mark.parametrize("made", ["wal", "delete"], indirect=True)
def test_a_killed_compaction_goes_on(made: Path) -> None:
    """What the file shows stays whatever step it was killed in, and repeating it forgets the rest."""
    shown = found(made / "app.db")

    def check(path: Path) -> object:
        assert found(path) == shown
        return found(path, *KEPT)

    kill_often(lambda: alone(made), lambda at: ["compact", at / "app.db", "--keep", "0"], check)
    assert query(made.with_name("now") / "app.db", KEPT[0]) == [(0,)]


@pytest.mark.parametrize("made", ["wal"], indirect=True)
def test_a_killed_forget_is_whole_or_none(made: Path) -> None:
    """A site is ended, or it is not; repeating it ends it."""
    shown, (site, *_) = found(made / "app.db"), sites(made / "app.db")

    def check(path: Path) -> object:
        assert found(path) == shown
        return ended(path)

    kill_often(lambda: fresh(made), lambda at: ["forget", at / "app.db", site], check)
    assert ended(made.with_name("now") / "app.db") == [site]


@pytest.mark.parametrize("made", ["wal", "delete"], indirect=True)
def test_a_killed_rejoin_is_whole_or_none(made: Path) -> None:
    """The file has its own state or the other one's with its unsent writes on top; repeating it gives the same rows."""

    def prepared() -> Path:
        at = fresh(made)
        for name in ("app.db", "peer.db"):
            ok("vector", at / name)  # the copies are new sites from here on
        execute(
            at / "app.db", "UPDATE task SET title = 'mine' WHERE id = '00004'; INSERT INTO task VALUES ('m', 'new', 1)"
        )
        execute(at / "peer.db", "DELETE FROM task WHERE id BETWEEN '02000' AND '09999'")
        return at

    kill_often(prepared, lambda at: ["rejoin", at / "app.db", at / "peer.db", "--yes"], found)
    assert ("m", "new", 1) in found(made.with_name("now") / "app.db")[0]


@pytest.mark.parametrize("made", ["wal", "delete"], indirect=True)
def test_a_killed_downgrade_is_whole_or_none(made: Path) -> None:
    """The file has one format or the other; repeating it gives the same."""
    shown = found(made / "app.db")

    def prepared() -> Path:
        at = fresh(made)
        ok("vector", at / "app.db")  # the copy is a new site from here on
        return at

    def check(path: Path) -> object:
        assert found(path) == shown
        return query(path, "SELECT value FROM _crdt_meta WHERE name = 'format'")

    kill_often(prepared, lambda at: ["downgrade", at / "app.db"], check)


@pytest.mark.parametrize("made", ["wal", "delete"], indirect=True)
def test_a_killed_clone_is_whole_or_none(made: Path) -> None:
    """There is no new file, or all of it; what is left of it is named, and goes with the next clone once it is old."""
    shown = found(made / "app.db")

    def prepared() -> Path:
        at = fresh(made)
        ok("vector", at / "app.db")
        return at

    def words(at: Path) -> list[str | Path]:
        return ["clone", at / "app.db", at / "new.db"]

    def check(path: Path) -> object:
        new = path.with_name("new.db")
        for left in path.parent.glob(".new.db.*"):
            assert f"rm -- {str(left).partition('.tmp')[0]}.tmp*" in ok("doctor", path)
            os.utime(left, (1, 1))
        if new.exists():
            assert query(new, "PRAGMA integrity_check") == [("ok",)] and found(new) == shown
            ok("doctor", new)
        else:
            ok(*words(path.parent))
        ok("clone", path, path.with_name("another.db"))
        path.with_name("another.db").unlink()
        return [*path.parent.glob(".*")]

    kill_often(prepared, words, check)


@pytest.mark.parametrize("made", ["wal", "delete"], indirect=True)
def test_others_write_while_a_file_is_compacted(made: Path) -> None:
    """Nobody who writes meanwhile waits for long, and what they write is there; benchmarks/ has the figure for 200,000 rows."""
    app = alone(made) / "app.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, app], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    ok("compact", app, "--keep", "0")
    told, _ = writer.communicate("\n")
    writes, longest_s = told.split()
    assert int(writes) > 5 and float(longest_s) < 1.0
    assert query(app, "SELECT done FROM task WHERE id = '00001'") == [(int(writes) - 1,)]
    assert query(app, KEPT[0])[0][0] <= 1
