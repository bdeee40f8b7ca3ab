"""Processes killed at any moment.

`CRDTSQL_KILLS` says how many processes are killed in all; the delays are spread over the command's own duration, which
is measured first.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crdtsql.wire.envelope import unpack
from tests.support.command import begin, execute, make, ok, query

KILLS = int(os.environ.get("CRDTSQL_KILLS", "40"))
ROWS = 20_000
SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0, note TEXT UNIQUE);
CREATE INDEX task_by_title ON task (title);
"""
SHOWN = "SELECT id, title, done, note FROM task ORDER BY id"
CHANGE = (
    "BEGIN; UPDATE task SET title = title || '!' WHERE rowid % 2; DELETE FROM task WHERE rowid % 10 = 0;"
    "INSERT INTO task SELECT 'new' || id, title, 1, NULL FROM task WHERE rowid % 10 = 1; COMMIT;"
)
SITE = "SELECT hex(id) FROM _crdt_site JOIN _crdt_meta ON name = 'self' AND value = ordinal"


@dataclass
class Scene:
    """Files as they are before the command, the command, and the files that it writes."""

    files: Path
    arguments: Callable[[Path], list[str | Path]]
    databases: tuple[str, ...]
    output: str | None = None

    def fresh(self, to: Path) -> Path:
        """Copy the files as they were. They are copies, so each command begins by giving them new site ids."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.files, to)
        return to


def _base(folder: Path, journal: str) -> Path:
    folder.mkdir(parents=True)
    rows = [(f"{n:05x}-{n * 7919 % ROWS:05x}", f"title {n}", n % 2, f"note {n}") for n in range(ROWS)]
    return make(folder / "app.db", SCHEMA, rows, journal=journal)


def _pair(folder: Path, journal: str) -> Path:
    app = _base(folder, journal)
    ok("enable", app, "task")
    ok("clone", app, folder / "peer.db")
    return app


def _enable(folder: Path, journal: str) -> Scene:
    _base(folder, journal)
    return Scene(folder, lambda at: ["enable", at / "app.db", "--all"], ("app.db",))


def _fold(folder: Path, journal: str) -> Scene:
    execute(_pair(folder, journal), CHANGE)
    return Scene(folder, lambda at: ["vector", at / "app.db"], ("app.db",))


def _export(folder: Path, journal: str) -> Scene:
    execute(_pair(folder, journal), CHANGE)
    return Scene(folder, lambda at: ["export", at / "app.db", "-o", at / "all.crdt"], ("app.db",), "all.crdt")


def _import(folder: Path, journal: str) -> Scene:
    execute(_pair(folder, journal), CHANGE)
    execute(folder / "peer.db", "UPDATE task SET done = 5 WHERE rowid % 3 = 0")
    ok("export", folder / "app.db", "-o", folder / "all.crdt")
    return Scene(folder, lambda at: ["import", at / "peer.db", at / "all.crdt"], ("peer.db",))


def _sync(folder: Path, journal: str) -> Scene:
    execute(_pair(folder, journal), CHANGE)
    execute(folder / "peer.db", "UPDATE task SET done = 5 WHERE rowid % 3 = 0")
    return Scene(folder, lambda at: ["sync", at / "app.db", at / "peer.db"], ("app.db", "peer.db"))


def _clone(folder: Path, journal: str) -> Scene:
    execute(_pair(folder, journal), CHANGE)
    return Scene(folder, lambda at: ["clone", at / "app.db", at / "copy.db"], ("app.db",), "copy.db")


SCENES = {"enable": _enable, "fold": _fold, "export": _export, "import": _import, "sync": _sync, "clone": _clone}
EACH = max(1, round(KILLS / (2 * len(SCENES))))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that is removed at once: these files are large."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def _outcome(scene: Scene, at: Path) -> list[list[tuple[object, ...]]]:
    return [query(at / name, SHOWN) for name in scene.databases]


def _check_files(scene: Scene, at: Path) -> None:
    for name in scene.databases:
        assert query(at / name, "PRAGMA integrity_check") == [("ok",)]
    if scene.output and (at / scene.output).exists():
        if scene.output.endswith(".db"):
            assert query(at / scene.output, "PRAGMA integrity_check") == [("ok",)]
            (site,), (other,) = (query(at / name, SITE) for name in ("app.db", scene.output))
            assert site != other
        else:
            assert unpack((at / scene.output).read_bytes()).header.tables[0].rows == ROWS + ROWS // 10


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("name", SCENES)
def test_a_kill_leaves_a_sound_file_and_repeating_finishes(name: str, journal: str, scratch: Path) -> None:
    """A command killed at any moment leaves sound files and whole or no output, and repeating it finishes the work."""
    scene = SCENES[name](scratch / "files", journal)
    at = scene.fresh(scratch / "unkilled")
    ok("--version")  # so that all is loaded
    started = time.monotonic()
    ok(*scene.arguments(at))
    duration = time.monotonic() - started
    wanted = _outcome(scene, at)
    seed = random.randrange(1 << 32)
    choice = random.Random(seed)
    landed = 0
    for number in range(EACH):
        at = scene.fresh(scratch / "killed")
        process = begin(*scene.arguments(at))
        # A slice of the whole for each kill, so that all phases are hit.
        delay = duration * 1.05 * (number + choice.random()) / EACH
        landed += process.wait(delay) is None and process.kill() == -signal.SIGKILL
        _check_files(scene, at)
        if scene.output and (at / scene.output).exists() and scene.output.endswith(".db"):
            (at / scene.output).unlink()
        ok(*scene.arguments(at))
        assert _outcome(scene, at) == wanted, f"seed {seed}, kill {number} after {delay:.3f} s"
        _check_files(scene, at)
    assert landed, "no process was killed"
    if name in ("import", "sync"):
        ok("sync", at / "app.db", at / "peer.db")
        assert query(at / "app.db", SHOWN) == query(at / "peer.db", SHOWN)
