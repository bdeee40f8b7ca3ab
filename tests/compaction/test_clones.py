"""Clones and compaction: who is waited for, also where making one fails or is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crdtsql import Replica, errors
from crdtsql.replica import replica as verbs
from tests.compaction.test_compact import SCHEMA, call, counts
from tests.support import peers
from tests.support.peers import exchange, write

KILLED = """
import os, sys
from crdtsql import Replica
done = getattr(Replica, sys.argv[2])
def die(*arguments):
    if sys.argv[3] == "after":
        done(*arguments)
    os._exit(9)
setattr(Replica, sys.argv[2], die)
Replica.open(sys.argv[1]).clone(sys.argv[1] + ".new")
"""


def machine() -> int:
    """Return the machine's time, which commands go by."""
    return time.time_ns() // 10**6


def compacted(directory: Path) -> tuple[Replica, Replica]:
    """Make two replicas that both wrote, and agreed once."""
    one = peers.replica(directory / "1.db", SCHEMA, now=machine, site=1)
    other = one.clone(directory / "2.db")
    write(one, "INSERT INTO t VALUES ('k', 1, 1), ('l', 2, 2)")
    write(other, "INSERT INTO t VALUES ('m', 1, 1)")
    agree(one, other)
    return one, other


def agree(one: Replica, other: Replica) -> None:
    """Let both exchange all, and agree to it."""
    for _ in range(3):
        exchange(one, other)
        for replica in (one, other):
            replica.compact(keep_ms=0)


@pytest.mark.parametrize("at", ["_copy_to before", "_copy_to after"])
def test_who_never_came_is_forgotten(tmp_path: Path, at: str) -> None:
    """A clone that is killed leaves a site behind that all wait for; `compact` names it, and `forget` ends it, for all."""
    one, other = compacted(tmp_path)
    one.close()
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "1.db", *at.split()], check=False)
    assert done.returncode == 9 and not (tmp_path / "1.db.new").exists()
    one = Replica.open(tmp_path / "1.db")
    write(one, "DELETE FROM t WHERE id = 'k'")
    agree(one, other)
    (waits,) = [member.site for member in one.members() if member.compaction == "awaited"]
    assert counts(one) != (0, 0) and other.compact(keep_ms=0).missing == [waits]
    said = call("compact", one.path, "--keep", "0").stderr
    assert f"crdtsql forget {one.path} {waits}" in said
    assert call("forget", one.path, waits).exit_code == 0
    agree(one, other)
    assert counts(one) == counts(other) == (0, 0)
    for _ in range(2):
        write(other, "UPDATE t SET v = v + 1")
        agree(one, other)
    for replica in (one, other):
        assert waits not in json.dumps([member.to_json() for member in replica.members()])
        assert waits not in str(replica.registry.get("agreement"))


@pytest.mark.parametrize("how", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "cut off"])
def test_a_clone_that_fails_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: BaseException
) -> None:
    """Where the copy can't be written, or somebody ends the command, compaction goes on as if nobody had asked for it."""
    one, other = compacted(tmp_path)

    def fail(*_: object) -> None:
        raise how

    with monkeypatch.context() as broken:
        broken.setattr(verbs.Replica, "_copy_to", fail)
        with pytest.raises((errors.DatabaseError, KeyboardInterrupt)):
            one.clone(tmp_path / "3.db")
    write(one, "DELETE FROM t WHERE id = 'k'")
    agree(one, other)
    assert counts(one) == (0, 0) and one.compact(keep_ms=0).missing == []
    third = one.clone(tmp_path / "3.db")
    write(one, "DELETE FROM t WHERE id = 'l'")
    exchange(one, other)
    assert one.compact(keep_ms=0).missing == sorted([other.site, third.site])
