"""Tables of ours that are made once they are needed: what is gone with one is said, and mended where nothing depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from crdtsql.base.errors import DamagedError
from tests.support.peers import Clock, come_to_rest, replica, rows, send, write

SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, a)"
LOSSES = (
    "DROP TABLE _crdt_births",
    "ALTER TABLE _crdt_births RENAME TO other",
    "ALTER TABLE _crdt_births DROP COLUMN packed",
)


def compacted(folder: Path) -> Replica:
    """Make a file in which births were put away."""
    one = replica(folder / "1.db", SCHEMA, now=Clock(step=1_000), site=1, identity="row")
    write(one, "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", "DELETE FROM t WHERE id = 3")
    one.compact(keep_ms=0)
    assert one.connection.execute("SELECT count(*) FROM _crdt_births").get
    assert not one.doctor().broken
    return one


@pytest.mark.parametrize("loss", LOSSES)
def test_births_that_were_put_away_and_are_gone_are_missed(loss: str, tmp_path: Path) -> None:
    """Other replicas would give rows other numbers than this one, so the table is let go, and nothing else."""
    one = compacted(tmp_path)
    other = one.clone(tmp_path / "2.db")
    write(other, "INSERT INTO t VALUES (4, 'd')")
    send(other, one)
    one.connection.execute(loss)
    (finding,) = [found for table in one.doctor().tables for found in table.findings if found.level == "broken"]
    assert "_crdt_births" in finding.text and "which row has which number" in finding.text
    assert f"crdtsql disable {tmp_path / '1.db'} t" in finding.text
    with pytest.raises(DamagedError, match="_crdt_births"):
        one.export()
    one.disable("t")
    assert rows(one) == [(1, "a"), (2, "b"), (4, "d")] and not one.doctor().broken


@pytest.mark.parametrize("loss", LOSSES)
def test_births_that_nobody_else_knows_are_forgotten(loss: str, tmp_path: Path) -> None:
    """A file that was never with others goes on, and with those that come."""
    one = compacted(tmp_path)
    one.connection.execute(loss)
    assert any("_crdt_births" in found.text for table in one.doctor().tables for found in table.findings)
    write(one, "INSERT INTO t VALUES (4, 'd')")
    one.export()
    assert not any("_crdt_births" in found.text for table in one.doctor().tables for found in table.findings)
    other = one.clone(tmp_path / "2.db")
    write(other, "INSERT INTO t VALUES (3, 'new')", "UPDATE t SET a = 'B' WHERE id = 2")
    write(one, "INSERT INTO t VALUES (5, 'e')")
    come_to_rest([one, other])
    one.compact(keep_ms=0)
    come_to_rest([one, other])
    assert rows(one) == rows(other) == [(1, "a"), (2, "B"), (3, "new"), (4, "d"), (5, "e")]
    assert not one.doctor().broken and not other.doctor().broken


def test_a_table_that_is_let_go_leaves_no_note(tmp_path: Path) -> None:
    """Nothing is missed of a table that is not replicated any more."""
    one = compacted(tmp_path)
    one.connection.execute("CREATE TABLE u (id INTEGER PRIMARY KEY, a)")
    one.enable("u", identity="row")
    one.disable("t")
    one.connection.execute("DROP TABLE _crdt_births")
    assert not one.doctor().broken
    write(one, "INSERT INTO u VALUES (1, 'a')")
    one.export()
