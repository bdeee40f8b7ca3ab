"""What `held` says to do about a row whose parent is not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support.peers import come_to_rest, replica

SCHEMA = """
CREATE TABLE p (k TEXT PRIMARY KEY NOT NULL, mail TEXT UNIQUE, b BLOB UNIQUE);
CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p (k) ON DELETE {action});
INSERT INTO p VALUES ('gone', 'g', x'01');
"""


def pair(folder: Path, action: str) -> tuple[Replica, Replica]:
    """Give two replicas whose rows p 'one' and p 'two' want one mail, and where children of 'two' and 'gone' lost their parents."""
    here = replica(folder / "a.db", SCHEMA.format(action=action))
    there = here.clone(folder / "b.db")
    here.connection.execute("INSERT INTO p VALUES ('one', 'same', NULL); DELETE FROM p WHERE k = 'gone'")
    here.vector()
    there.connection.execute("INSERT INTO c VALUES ('of gone', 'gone')")
    there.connection.execute("INSERT INTO p VALUES ('two', 'same', NULL); INSERT INTO c VALUES ('of two', 'two')")
    come_to_rest([here, there])
    return here, there


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_the_way_back_fits_the_reason(tmp_path: Path, action: str) -> None:
    """A child of a row that is held for UNIQUE comes back with it; one of a deleted row is told how to undelete that."""
    for each in pair(tmp_path, action):
        ways = {row.key[0]: row.release for row in each.held("c")}
        assert "row 'two' of 'p' that it refers to is held itself (unique)" in ways["of two"]
        assert "undelete" not in ways["of two"] and "insert the row" not in ways["of two"]
        assert f"`crdtsql undelete {each.path} p gone`" in ways["of gone"]
        assert "is held itself" not in ways["of gone"]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_the_ways_back_work(tmp_path: Path, action: str) -> None:
    """What is said to be done shows the rows again as they are."""
    here, there = pair(tmp_path, action)
    here.undelete("p", "gone")
    here.connection.execute("UPDATE p SET mail = 'other' WHERE k = 'one'")
    come_to_rest([here, there])
    for each in (here, there):
        assert each.held() == []
        assert each.connection.execute("SELECT id, p FROM c ORDER BY id").fetchall() == [
            ("of gone", "gone"),
            ("of two", "two"),
        ]
