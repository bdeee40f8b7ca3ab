"""Automatic numbers of forgotten rows: what refers to a number means the row that has it, whatever comes back of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import Clock, exchange, write

SHOP = """
CREATE TABLE p (id INTEGER PRIMARY KEY, v);
CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE SET NULL);
INSERT INTO p VALUES (2, 'old');
"""


@pytest.mark.parametrize("by_whom", [0, 1], ids=["who forgot", "who did not"])
def test_a_forgotten_row_that_is_told_of_again_takes_no_reference_along(tmp_path: Path, by_whom: int) -> None:
    """A row of the genesis was forgotten and its number used again; somebody who still keeps it sends all that he has."""
    one = peers.replica(tmp_path / "1.db", SHOP, now=Clock(step=1_000), site=1, tables=("p", "t"), identity="row")
    other = one.clone(tmp_path / "2.db")
    write(other, "DELETE FROM p")
    exchange(one, other)
    for replica in (one, other):
        replica.compact(keep_ms=0)
    exchange(one, other)
    assert one.compact(keep_ms=0).tables["p"].forgotten == 1
    write((one, other)[by_whom], "INSERT INTO p VALUES (2, 'new')")
    exchange(one, other)
    write(one, "INSERT INTO t VALUES (1, 2)")
    write(other, "UPDATE p SET v = 'newer'")
    one.merge(other.export())
    exchange(one, other)
    for replica in (one, other):
        assert replica.connection.execute("SELECT p.v FROM t JOIN p ON p.id = t.p").fetchall() == [("newer",)]
    assert not one.doctor().broken and one.verify(other).equal
