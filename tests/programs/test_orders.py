"""All orders: what four replicas wrote without knowing of each other gives the same tables in whatever order it arrives.

CRDTSQL_SEEDS=600 runs more of them.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from crdtsql import Replica
from tests.programs import network, observe
from tests.programs.network import Network, Peer
from tests.support.peers import fast_directory, merged_in_all_orders

SEEDS = max(2, int(os.environ.get("CRDTSQL_SEEDS", "0")) // 60)
SMALL = {
    "ids": """
        CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT, code TEXT UNIQUE);
        CREATE TABLE child (id INTEGER PRIMARY KEY, note TEXT, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
        CREATE TABLE pair (
          parent_id INTEGER NOT NULL REFERENCES parent (id), child_id INTEGER NOT NULL REFERENCES child (id) ON DELETE CASCADE,
          note TEXT, PRIMARY KEY (parent_id, child_id)
        );
        INSERT INTO parent VALUES (1, 'first', 'a'), (2, 'second', 'b');
        INSERT INTO child VALUES (1, 'c1', 1), (2, 'c2', 2);
        INSERT INTO pair VALUES (1, 1, 'p');
    """,
    "unique": """
        CREATE TABLE task (
          id TEXT PRIMARY KEY NOT NULL, slug TEXT UNIQUE COLLATE NOCASE, place INTEGER, room INTEGER, done INTEGER NOT NULL DEFAULT 0,
          note TEXT, UNIQUE (place, room)
        );
        CREATE UNIQUE INDEX open_note ON task (note) WHERE done = 0;
        INSERT INTO task VALUES ('a', 'x', 1, 1, 0, 'n'), ('b', 'y', 1, 2, 0, 'm'), ('c', 'z', 2, 1, 1, 'n'), ('d', 'w', 2, 2, 0, 'o');
    """,
    "tree": """
        CREATE TABLE node (
          id INTEGER PRIMARY KEY, name TEXT NOT NULL, up INTEGER REFERENCES node (id) ON DELETE {action},
          UNIQUE (up, name)
        );
        CREATE TABLE leaf (node INTEGER REFERENCES node (id) ON DELETE RESTRICT, n INTEGER CHECK (n < 9), PRIMARY KEY (node, n));
        INSERT INTO node VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1), (4, 'c', 3);
        INSERT INTO leaf VALUES (2, 1), (4, 1);
    """,
    "circle": """
        CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, t TEXT UNIQUE);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED, t TEXT UNIQUE);
        INSERT INTO a VALUES (1, NULL, 'x'), (2, NULL, 'y');
        INSERT INTO b VALUES (1, 1, 'x'), (2, 2, 'y');
    """,
}
SCHEMAS = {
    "ids": SMALL["ids"],
    "unique": SMALL["unique"],
    **{f"tree {action}": SMALL["tree"].format(action=action) for action in ("CASCADE", "NO ACTION", "SET NULL")},
    "circle": SMALL["circle"],
}


def outcome(replica: Replica) -> dict[str, Any]:
    """Return what must not depend on the order: tables with their ids, and held rows."""
    problems = observe.broken(replica.connection)
    assert not problems, problems
    return {**observe.tables(replica.connection), "held": observe.held(replica.connection)}


def written(directory: Path, schema: str, seed: int) -> Network:
    """Let four replicas write without knowing of each other."""
    (directory / "programs").mkdir()
    (directory / "programs" / "small.sql").write_text(schema, encoding="utf-8")
    found = network.network(directory, directory / "programs" / "small.sql", seed, "oabcd", rows=0)
    for peer in found.peers[1:]:
        found.write(peer, 10, foreign_keys=True)
        peer.replica.vector()
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_order_of_arrival_does_not_matter(schema: str, seed: int) -> None:
    """Four changesets in each of their 24 orders, one by one or by way of others, give the same tables, ids and held rows."""
    with fast_directory() as directory:
        found = written(directory, SCHEMAS[schema], seed)
        base, *writers = found.peers
        try:
            start = base.replica.vector()
            changesets = {peer.name: peer.replica.export(start) for peer in writers}
            with base.replica.clone(directory / "target.db") as target:
                orders = merged_in_all_orders(target, list(changesets.values()), lambda: time.time_ns() // 1_000_000)
                found_in = {order: outcome(replica) for order, replica in orders}
            assert len(found_in) == 24
            expected = found_in[0, 1, 2, 3]
            for order, got in found_in.items():
                assert got == expected, f"{schema}, seed {seed}: order {order}"
            _by_way_of_others(base, writers, directory, expected, random.Random(f"{schema} {seed}"))
        finally:
            for peer in found.peers:
                peer.close()


def _by_way_of_others(
    base: Peer, writers: list[Peer], directory: Path, expected: dict[str, Any], chance: random.Random
) -> None:
    """Let writers pass on each other's changes, merged with their own, and the last one what all have."""
    order = chance.sample(writers, len(writers))
    for sender, receiver in zip(order, order[1:], strict=False):
        receiver.replica.merge(sender.replica.export(receiver.replica.vector()))
    with base.replica.clone(directory / "last.db") as target:
        for peer in chance.sample(writers, 2):
            target.merge(peer.replica.export(target.vector()))
        target.merge(order[-1].replica.export(target.vector()))
        assert outcome(target) == expected, f"by way of {[peer.name for peer in order]}"
    assert outcome(order[-1].replica) == expected, "the last of the chain"
    for peer in writers:
        peer.replica.merge(order[-1].replica.export(peer.replica.vector()))
        assert outcome(peer.replica) == expected, f"the writer {peer.name} itself"
