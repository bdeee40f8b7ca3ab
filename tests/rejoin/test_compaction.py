"""Replicas that compact, one that missed it, and how it comes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, errors, sync
from tests.support.peers import Clock, read

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, n INTEGER DEFAULT 0);
INSERT INTO task VALUES ('g', 'genesis', 5), ('h', 'genesis', 5), ('i', 'genesis', 7), ('j', 'genesis', 7), ('k', 'genesis', 7);
"""
ROWS = "SELECT * FROM task ORDER BY id"


def three(directory: Path) -> list[Replica]:
    """Make three replicas that know of each other."""
    connection = apsw.Connection(str(directory / "0.db"))
    connection.execute(SCHEMA)
    connection.close()
    first = Replica.open(directory / "0.db", now=Clock(step=5))
    first.enable(all=True, types={"task.n": "counter"})
    found = [first, *(first.clone(directory / f"{number}.db") for number in (1, 2))]
    for replica in found:
        replica.connection.execute("UPDATE task SET n = n + 1 WHERE id = 'g'")
    for _ in range(2):
        sync(found[0], found[1]), sync(found[1], found[2]), sync(found[0], found[2])
    return found


def compact(one: Replica, other: Replica) -> None:
    """Let two replicas agree, and forget."""
    for _ in range(2):
        one.compact(keep_ms=0)
        sync(one, other)
        other.compact(keep_ms=0)
        sync(one, other)


def test_who_missed_a_compaction_comes_back(tmp_path: Path) -> None:
    """After it rejoined, an evicted replica syncs with all; nothing that was purged comes back, and its own writes are there."""
    lost, one, other = three(tmp_path)
    one.connection.execute("DELETE FROM task WHERE id = 'h'; UPDATE task SET title = 'changed' WHERE id IN ('i', 'k')")
    lost.connection.execute(
        "UPDATE task SET title = 'late' WHERE id IN ('h', 'k'); INSERT INTO task VALUES ('new', 'N', 1);"
        "DELETE FROM task WHERE id IN ('i', 'j'); UPDATE task SET n = n + 100 WHERE id = 'g'"
    )
    lost.fold()
    one.forget(lost.site)
    sync(one, other)
    compact(one, other)
    assert not read(one, "SELECT 1 FROM _crdt_clock_task WHERE k1 = 'h'")
    with pytest.raises(errors.RejoinError):
        sync(lost, one)
    before = lost.site
    report = lost.rejoin(one.export())
    assert [(step.key, step.did) for step in report.logged] == [(("i",), "delete"), (("h",), "update")]
    assert [(entry.key, entry.theirs) for entry in lost.conflicts(open_only=True)][:1] == [(("k",), "changed")]
    for first, second in ((lost, other), (lost, one), (one, other)):
        sync(first, second)
    expected = [("g", "genesis", 108), ("i", "changed", 7), ("k", "late", 7), ("new", "N", 1)]
    assert [read(replica, ROWS) for replica in (lost, one, other)] == [expected] * 3
    assert lost.site != before
    compact(one, other), sync(lost, one)
    for _ in range(2):
        compact(lost, one), compact(one, other)
    assert [read(replica, ROWS) for replica in (lost, one, other)] == [expected] * 3


def test_a_rejoined_replica_takes_part(tmp_path: Path) -> None:
    """The site that a replica was is ended by rejoining, so that nobody waits for it, and the new one agrees to rounds."""
    lost, one, other = three(tmp_path)
    lost.compact(keep_ms=0)
    lost.rejoin(one.export())
    sync(lost, one), sync(one, other)
    one.connection.execute("DELETE FROM task WHERE id = 'j'")
    for _ in range(3):
        for replica in (lost, one, other):
            replica.compact(keep_ms=0)
        sync(lost, one), sync(one, other), sync(lost, other)
    assert not [1 for replica in (lost, one, other) if read(replica, "SELECT 1 FROM _crdt_clock_task WHERE k1 = 'j'")]


def test_who_must_rejoin_itself(tmp_path: Path) -> None:
    """The state of a replica that missed a compaction, or was ended, is not taken, unless somebody says so."""
    lost, one, other = three(tmp_path)
    one.connection.execute("DELETE FROM task WHERE id = 'h'")
    one.forget(lost.site)
    compact(one, other)
    with pytest.raises(errors.CannotRejoinError, match="must rejoin itself"):
        one.rejoin(lost.export())
    assert one.rejoin(lost.export(), anyway=True).site == one.site


KILLED = """
import os, signal, sys
from crdtsql import Replica
app = Replica.open(sys.argv[1])
steps = 0
def count(*_):
    global steps
    steps += 1
    if steps == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return True
app.connection.exec_trace = count
app.rejoin(open(sys.argv[2], "rb").read())
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """A rejoin that is killed did all or nothing, and can be done again."""
    lost, one, _ = three(tmp_path)
    lost.connection.execute("INSERT INTO task VALUES ('new', 'N', 1); UPDATE task SET n = n + 100 WHERE id = 'g'")
    one.connection.execute("DELETE FROM task WHERE id = 'h'")
    lost.fold()
    (tmp_path / "state.crdt").write_bytes(one.export())
    before, path = read(lost, ROWS), Path(lost.path)
    lost.close()
    after = [("g", "genesis", 108), *[row for row in before if row[0] in "ijk"], ("new", "N", 1)]
    chance, original = random.Random(1), path.read_bytes()
    seen = set()
    for number in [3, 40, *sorted(chance.sample(range(60, 420), 6)), 1 << 30]:
        path.write_bytes(original)
        words = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "state.crdt"), str(number)]
        ended = subprocess.run(words, capture_output=True, text=True, env={**os.environ}, check=False)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        with Replica.open(path) as again:
            found = read(again, ROWS)
            assert found in (before, after)
            seen.add(found == after)
            if found == before:
                again.rejoin((tmp_path / "state.crdt").read_bytes())
                assert read(again, ROWS) == after
            again.merge(one.export(again.vector()))
    assert seen == {True, False}
