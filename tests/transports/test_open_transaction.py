"""What is written in a transaction that is still open goes nowhere: it could be rolled back once others have it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import UsageError
from tests.support.peers import read, write
from tests.support.versions import make

TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


def _watch(replica: Replica, remote: object) -> None:
    replica.watch(remote, stop=threading.Event())


VERBS: dict[str, Callable[[Replica, Replica, Path], object]] = {
    "sync with a replica": lambda one, other, _: one.sync(other),
    "sync with a path": lambda one, other, _: one.sync(other.path),
    "sync with a folder": lambda one, _, folder: one.sync(f"dir:{folder}"),
    "what the other one asks for": lambda one, other, _: other.sync(one),
    "sync of two": lambda one, other, _: sync(one, other),
    "only looking": lambda one, other, _: one.sync(other, dry_run=True),
    "only taking": lambda one, other, _: one.sync(other, push=False),
    "comparing": lambda one, other, _: one.verify(other),
    "being compared": lambda one, other, _: other.verify(one),
    "taking in copies": lambda one, other, _: one.reconcile(other.path),
    "watching": lambda one, other, _: _watch(one, other),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_may_be_taken_back_goes_nowhere(tmp_path: Path, verb: str) -> None:
    """Whatever would exchange is refused while the caller's transaction is open; once it is over, the replica is the one that it was."""
    folder = tmp_path / "team"
    folder.mkdir()
    one = make(tmp_path / "a.db", TASK, "task")
    other = one.clone(tmp_path / "b.db")
    site = one.site
    one.connection.execute("BEGIN; INSERT INTO task VALUES ('u', 'x')")
    with pytest.raises(UsageError, match="COMMIT or ROLLBACK first; nothing was exchanged"):
        VERBS[verb](one, other, folder)
    assert one.connection.in_transaction and not any(folder.iterdir())
    one.connection.execute("ROLLBACK")
    sync(one, other)
    one.sync(f"dir:{folder}")
    assert read(other, "SELECT * FROM task") == read(one, "SELECT * FROM task") == []
    assert one.site == site


def test_a_watcher_waits_for_its_end(tmp_path: Path) -> None:
    """A transaction that begins while somebody watches is waited for, and what it commits goes then."""
    one = make(tmp_path / "a.db", TASK, "task")
    other = one.clone(tmp_path / "b.db")
    write(other, "INSERT INTO task VALUES ('m', 'x')")
    stop, steps = threading.Event(), list[str]()

    def tell(_: str, what: object) -> None:
        if isinstance(what, UsageError):
            steps.append("refused")
            one.connection.execute("COMMIT")
        elif not steps:
            steps.append("synced")
            one.connection.execute("BEGIN; INSERT INTO task VALUES ('u', 'x')")
            write(tmp_path / "b.db", "INSERT INTO task VALUES ('n', 'x')")
        if read(tmp_path / "b.db", "SELECT * FROM task WHERE id = 'u'"):
            steps.append("committed")
            stop.set()

    timer = threading.Timer(20, stop.set)
    timer.start()
    one.watch(other.path, stop=stop, told=tell)
    timer.cancel()
    assert steps == ["synced", "refused", "committed"]
