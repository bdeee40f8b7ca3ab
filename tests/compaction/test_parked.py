"""Rows that come back where a column is missing: its cells, which others may have forgotten, are written anew with the row."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support import peers
from tests.support.peers import Clock, rows, write

SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, v)"
TYPES = {"lww": ("'old'", "old"), "counter": ("5", 6), "set": ("'[1]'", "[1,2]"), "register": ("'old'", "old")}


def give(sender: Replica, receiver: Replica) -> None:
    """Give a replica what it lacks."""
    receiver.merge(sender.export(receiver.vector()))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("how", ["insert", "undelete"])
def test_a_row_comes_back_with_the_cells_of_a_column_that_its_file_lacks(tmp_path: Path, how: str, kind: str) -> None:
    """Whoever forgot the deleted row, and whoever did not yet, show the same once a file without the column brings it back."""
    clock = Clock(step=1_000)
    one = peers.replica(tmp_path / "1.db", SCHEMA, now=clock, site=1)
    lacking = peers.replica(tmp_path / "2.db", SCHEMA, now=clock, site=2)
    write(one, "INSERT INTO t VALUES ('r', 1)")
    one.alter("ALTER TABLE t ADD COLUMN x" + (" INTEGER NOT NULL DEFAULT 0" if kind == "counter" else ""))
    one.set_type("t", "x", kind)
    slow = one.clone(tmp_path / "3.db")
    first, value = TYPES[kind]
    write(one, f"UPDATE t SET x = {first}")
    give(one, slow)
    write(slow, {"counter": "UPDATE t SET x = x + 1", "set": "UPDATE t SET x = '[1,2]'"}.get(kind, "SELECT 1"))
    give(slow, one)
    give(one, lacking)
    if how == "insert":
        write(lacking, "INSERT INTO t VALUES ('q', 1)")
        give(lacking, one)
    write(one, "DELETE FROM t WHERE id = 'r'")
    give(one, slow)
    give(slow, one)
    give(one, lacking)
    for _ in range(2):
        one.compact(keep_ms=0)
        give(one, slow)
        give(slow, one)
        if how == "insert":
            give(one, lacking)
            give(lacking, one)
    assert [count for (count,) in one.connection.execute("SELECT count(*) FROM _crdt_held_t")] == [0]
    assert [count for (count,) in slow.connection.execute("SELECT count(*) FROM _crdt_held_t")] == [1]
    if how == "insert":
        write(lacking, "INSERT INTO t VALUES ('r', 2)")
    else:
        lacking.undelete("t", "r")
    give(lacking, one)
    give(lacking, slow)
    for receiver in (one, slow):
        assert [x for key, _, x in rows(receiver) if key == "r"] == [value]
    lacking.alter("ALTER TABLE t ADD COLUMN x" + (" INTEGER NOT NULL DEFAULT 0" if kind == "counter" else ""))
    assert rows(lacking) == rows(one) == rows(slow)
    if kind == "counter":
        write(slow, "UPDATE t SET x = x + 1")
        write(one, "UPDATE t SET x = x + 1")
    for _ in range(2):
        for sender, receiver in ((one, slow), (slow, one), (one, lacking), (lacking, one)):
            give(sender, receiver)
    assert rows(lacking) == rows(one) == rows(slow)
    assert one.verify(slow).equal and one.verify(lacking).equal
    assert not any(replica.doctor().broken for replica in (one, slow, lacking))
