"""Deleted rows that are shown again, because rows that their deletes had not seen refer to them (decision 0011)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from tests.support import peers
from tests.support.peers import come_to_rest, send, three

SCHEMA = """
CREATE TABLE top (id TEXT PRIMARY KEY NOT NULL);
CREATE TABLE mid (id TEXT PRIMARY KEY NOT NULL, top TEXT REFERENCES top ON DELETE RESTRICT);
CREATE TABLE low (id TEXT PRIMARY KEY NOT NULL, mid TEXT REFERENCES mid);
"""


write = partial(peers.write, foreign_keys=True)


def shown(of: Replica) -> dict[str, list[Any]]:
    return {name: of.connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("top", "mid", "low")}


def reasons(of: Replica, table: str) -> list[str]:
    return [reason for (reason,) in of.connection.execute(f"SELECT reason FROM _crdt_held_{table}")]


def test_a_chain_of_parents_is_shown_again(tmp_path: Path) -> None:
    """Restoring goes from children up to parents, as far as no delete had seen the reference to its row."""
    a, b, c = replicas = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO top VALUES ('t')")
    come_to_rest(replicas)
    write(a, "INSERT INTO mid VALUES ('m', 't')")
    send(a, b)
    write(a, "INSERT INTO low VALUES ('l', 'm')")
    write(b, "DELETE FROM mid")
    write(c, "DELETE FROM top")
    come_to_rest(replicas)
    for one in replicas:
        assert shown(one) == {"top": [("t",)], "mid": [("m", "t")], "low": [("l", "m")]}
        assert reasons(one, "top") == reasons(one, "mid") == ["deleted, shown: referenced"]
    write(b, "DELETE FROM low")
    come_to_rest(replicas)
    for one in replicas:
        assert shown(one) == {"top": [], "mid": [], "low": []}


def test_one_delete_that_had_seen_the_reference_is_enough(tmp_path: Path) -> None:
    """Of two concurrent deletes of a parent one had seen the reference: the parent stays deleted, and the child is held."""
    a, b, c = replicas = three(tmp_path, SCHEMA)
    write(a, "INSERT INTO top VALUES ('t')")
    come_to_rest(replicas)
    write(a, "INSERT INTO mid VALUES ('m', 't')")
    send(a, c)
    write(b, "DELETE FROM top")
    write(c, "DELETE FROM top", foreign_keys=False)
    come_to_rest(replicas)
    for one in replicas:
        assert shown(one) == {"top": [], "mid": [], "low": []}
        assert reasons(one, "top") == ["deleted"]
        assert reasons(one, "mid") == ["foreign key: top"]


OTHER_TYPES = [
    ("INTEGER", "TEXT", 2, "2"),
    ("TEXT", "INTEGER", "2", 2),
    ("INTEGER", "", 2, "2"),
    ("REAL", "TEXT", 2.5, " 2.50"),
    ("TEXT COLLATE NOCASE", "TEXT", "a", "A"),
    ("TEXT COLLATE NOCASE", "TEXT COLLATE NOCASE", "a", "A"),
]


@pytest.mark.parametrize("target", ["id", "n"])
@pytest.mark.parametrize(("kind", "column", "value", "reference"), OTHER_TYPES)
def test_a_reference_of_another_type_is_one_too(
    tmp_path: Path, target: str, kind: str, column: str, value: Any, reference: Any
) -> None:
    """A reference is compared as SQLite does it, with affinity and collation of what it refers to, and restores its parent."""
    other = {"id": "n", "n": "id"}[target]
    parent = f"CREATE TABLE p ({target} {kind} {'PRIMARY KEY NOT NULL' if target == 'id' else 'UNIQUE'}, {other} TEXT {'PRIMARY KEY NOT NULL' if target == 'n' else ''})"
    a, b, c = replicas = three(
        tmp_path, f"{parent}; CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, p {column} REFERENCES p ({target}))"
    )
    write(a, f"INSERT INTO p ({target}, {other}) VALUES ({value!r}, 'x')")
    come_to_rest(replicas)
    write(a, "DELETE FROM p")
    write(b, f"INSERT INTO t VALUES ('c', {reference!r})")
    come_to_rest(replicas)
    for one in replicas:
        assert one.connection.execute(f"SELECT p.{target}, p.{other} FROM p, t").fetchall() == [(value, "x")]
    write(c, "DELETE FROM t")
    come_to_rest(replicas)
    assert [one.connection.execute("SELECT * FROM p").fetchall() for one in replicas] == [[]] * 3
