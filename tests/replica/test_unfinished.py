"""What is left of a clone, or a copy that a rejoin makes, that was killed: it is named, and deleted only if nobody writes it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crdtsql import Replica, errors
from crdtsql.wire import left_in, unfinished
from tests.support.command import make, ok, query

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"
MAKING = """
import sys, time
from pathlib import Path
from crdtsql.wire import unfinished
with unfinished(Path(sys.argv[1])) as path:
    Path(f"{path}-journal").write_text("")
    print(path, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Make a file."""
    made = make(tmp_path / "app.db", SCHEMA, [("t1", "a")])
    ok("enable", made, "task")
    return made


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Have a process make a copy as long as a block runs, and kill it then; yield where."""
    with subprocess.Popen([sys.executable, "-c", MAKING, target], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Path(process.stdout.readline().strip())
        finally:
            process.kill()


def grow_old(path: Path) -> None:
    """Let a copy look as if nobody had written to it for an hour."""
    then = time.time() - 3_600
    for one in path.parent.glob(f"{path.name}*"):
        os.utime(one, (then, then))


def names(folder: Path) -> list[str]:
    """List the copies in a folder."""
    return sorted(path.name for path in folder.iterdir() if ".tmp" in path.name)


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_a_copy_is_deleted_once_nobody_makes_it(app: Path, tmp_path: Path) -> None:
    """One that is being made is let alone, however long nothing was written to it; that of a killed process goes with the next clone."""
    with making(tmp_path / "peer.db") as copy:
        grow_old(copy)
        ok("clone", app, tmp_path / "peer.db")
        assert "nobody needs it" not in ok("doctor", app)
        assert names(tmp_path) == [copy.name, f"{copy.name}-journal", f"{copy.name}-lock"]
    assert f"rm -- {copy}*" in ok("doctor", app)
    os.utime(copy)
    ok("clone", app, tmp_path / "young.db")
    assert names(tmp_path) == [copy.name, f"{copy.name}-journal", f"{copy.name}-lock"]
    grow_old(copy)
    ok("clone", app, tmp_path / "other.db")
    assert names(tmp_path) == []
    assert "nobody needs it" not in ok("doctor", app)
    assert query(tmp_path / "other.db", "SELECT * FROM task") == [("t1", "a")]


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
def test_what_others_call_alike_is_let_alone(app: Path, tmp_path: Path) -> None:
    """Only files with the names of unfinished copies are ours; a link is none."""
    (tmp_path / ".app.db.12345678.tmp").write_text("mine")
    (tmp_path / "kept").write_text("kept")
    (tmp_path / ".x.crdtsql.tmp-lock").symlink_to(tmp_path / "kept")
    grow_old(tmp_path / "kept")
    grow_old(tmp_path / ".app.db.12345678.tmp")
    ok("clone", app, tmp_path / "peer.db")
    assert (tmp_path / ".app.db.12345678.tmp").read_text() == "mine"
    assert (tmp_path / ".x.crdtsql.tmp-lock").is_symlink()


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Neither the copy nor what SQLite has beside it."""
    with pytest.raises(ValueError, match="no"), unfinished(tmp_path / "a.db") as copy:
        Path(f"{copy}-wal").write_text("")
        assert copy.stat().st_size == 0 and left_in(tmp_path) == []
        raise ValueError("no")
    assert [*tmp_path.iterdir()] == []


def test_a_clone_may_be_read_by_others(app: Path, tmp_path: Path) -> None:
    """It has the mode that any new file has."""
    with Replica.open(app) as replica, replica.clone(tmp_path / "peer.db"):
        pass
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "peer.db").stat().st_mode & 0o777 == 0o644 & ~mask


def test_a_clone_onto_a_file_leaves_nothing(app: Path, tmp_path: Path) -> None:
    """What is there is kept."""
    (tmp_path / "peer.db").write_text("mine")
    with Replica.open(app) as replica, pytest.raises(errors.DatabaseError, match="there is a file already"):
        replica.clone(tmp_path / "peer.db")
    assert (tmp_path / "peer.db").read_text() == "mine" and names(tmp_path) == []
