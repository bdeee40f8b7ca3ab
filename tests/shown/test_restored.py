"""Deleted rows that are shown again, because rows that their deletes had not seen refer to them (decision 0011)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

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
