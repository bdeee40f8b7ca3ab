"""What a refused sync says to do works when it is pasted."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.compaction.test_clones import machine
from tests.compaction.test_compact import SCHEMA, call
from tests.support import peers
from tests.support.peers import exchange, rows, write


@pytest.mark.parametrize("why", ["it was forgotten", "it was away"])
@pytest.mark.parametrize("first", ["who missed it", "the other one"])
def test_the_command_for_who_missed_a_compaction_names_both_files(tmp_path: Path, why: str, first: str) -> None:
    """Whichever file is named first in the sync, it is said which one must rejoin, by the paths of both, quoted for a shell."""
    one = peers.replica(tmp_path / "my app's.db", SCHEMA, now=machine, site=1)
    missed = one.clone(tmp_path / "b $b.db")
    third = one.clone(tmp_path / "3.db")
    write(one, "INSERT INTO t VALUES ('k', 1, 1), ('l', 2, 2)")
    exchange(one, missed, third)
    write(third, "INSERT INTO t VALUES ('of 3', 1, 1)")
    if why == "it was forgotten":
        write(missed, "INSERT INTO t VALUES ('sent', 1, 1)")
        exchange(one, missed)
        one.forget(missed.site)
    write(one, "DELETE FROM t WHERE id = 'k'")
    for _ in range(3):
        exchange(one, third)
        for replica in (one, third):
            replica.compact(keep_ms=0)
    write(missed, "INSERT INTO t VALUES ('unsent', 1, 1)")
    paths = [missed.path, one.path] if first == "who missed it" else [one.path, missed.path]
    said = call("sync", *paths).stderr
    (command,) = re.findall("run `crdtsql (.*?)`, which", said)
    assert shlex.split(command) == ["rejoin", missed.path, one.path]
    missed.close()
    assert call(*shlex.split(command), "--yes").exit_code == 0
    assert call("sync", *paths).exit_code == 0
    assert "unsent" in {row[0] for row in rows(one)} and "k" not in {row[0] for row in rows(one)}


def test_where_the_other_replica_is_not_known_the_command_says_so(tmp_path: Path) -> None:
    """A changeset that is imported names no file: REMOTE stands for it."""
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=machine, site=1)
    missed = one.clone(tmp_path / "2.db")
    write(one, "INSERT INTO t VALUES ('k', 1, 1)")
    exchange(one, missed)
    write(missed, "INSERT INTO t VALUES ('l', 1, 1)")
    exchange(one, missed)
    one.forget(missed.site)
    (tmp_path / "all.crdt").write_bytes(one.export())
    said = call("import", missed.path, tmp_path / "all.crdt").stderr
    assert f"run `crdtsql rejoin {missed.path} REMOTE`, which" in said
