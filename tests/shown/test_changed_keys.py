"""A changed key is a delete and an insert: what becomes of those who wrote to the old row meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support.peers import come_to_rest, replica

SCHEMA = """
CREATE TABLE p (k TEXT PRIMARY KEY NOT NULL, t TEXT);
CREATE TABLE c (id TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p (k) ON UPDATE CASCADE {on_delete});
INSERT INTO p VALUES ('old', 'x'), ('edit', 'y');
INSERT INTO c VALUES ('c0', 'old');
"""


@pytest.mark.parametrize(
    ("on_delete", "parents", "child", "held"),
    [
        ("", ["edit", "edited", "new", "old"], ("old",), {"referenced"}),
        ("ON DELETE CASCADE", ["edit", "edited", "new"], None, {"foreign key"}),
        ("ON DELETE SET NULL", ["edit", "edited", "new"], (None,), {"masked"}),
    ],
)
def test_an_edit_or_a_child_of_the_old_key_keeps_it(
    tmp_path: Path, on_delete: str, parents: list[str], child: tuple[object] | None, held: set[str]
) -> None:
    """An edit that did not know of the new key keeps the old row; a child of the old key is one of a deleted row. Known children follow."""
    here = replica(tmp_path / "a.db", SCHEMA.format(on_delete=on_delete))
    there = here.clone(tmp_path / "b.db")
    here.connection.execute("PRAGMA foreign_keys = ON")
    here.connection.execute("UPDATE p SET k = 'new' WHERE k = 'old'; UPDATE p SET k = 'edited' WHERE k = 'edit'")
    here.connection.execute("PRAGMA foreign_keys = OFF")
    there.connection.execute("INSERT INTO c VALUES ('c1', 'old'); UPDATE p SET t = 'z' WHERE k = 'edit'")
    come_to_rest([here, there])
    for each in (here, there):
        _check(each, parents, child, held)
        each.close()


def _check(each: Replica, parents: list[str], child: tuple[object] | None, held: set[str]) -> None:
    assert [key for (key,) in each.connection.execute("SELECT k FROM p ORDER BY k")] == parents
    assert each.connection.execute("SELECT p FROM c WHERE id = 'c0'").fetchone() == ("new",)
    assert each.connection.execute("SELECT p FROM c WHERE id = 'c1'").fetchone() == child
    assert {row.reason for row in each.held()} == held
