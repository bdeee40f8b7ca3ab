"""Chains: what sites signed of their own changes is passed on as they signed it, and who says two things is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica, sync
from crdtsql.trust import signers
from tests.support import peers
from tests.support.peers import rows, write

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER); CREATE TABLE ticket (id INTEGER PRIMARY KEY, body)"


def introduced(*replicas: Replica) -> None:
    """Let replicas sign, trust each other, and require proofs."""
    keys = {replica.site: replica.sign().key.hex() for replica in replicas}
    for replica in replicas:
        for site, key in keys.items():
            if site != replica.site:
                replica.trust(site, key)
        replica.set_requires_proofs(True)


@pytest.fixture
def three(tmp_path: Path) -> list[Replica]:
    """Give a hub and two others, which sync with the hub alone; all require proofs."""
    found = peers.three(tmp_path, SCHEMA, now=peers.Clock(step=1))
    introduced(*found)
    return found


def secret(replica: Replica) -> bytes:
    """Return a site's private key."""
    return signers._secrets(bytes.fromhex(replica.site))[-1]


def test_a_hub_passes_on_what_others_signed(three: list[Replica]) -> None:
    """What one wrote reaches another by way of a hub that may not speak for it, as it was signed."""
    hub, one, other = three
    write(one, "INSERT INTO task VALUES ('a', 'x', 1)", "INSERT INTO ticket (body) VALUES ('one')")
    write(other, "INSERT INTO task VALUES ('b', 'y', 1)", "INSERT INTO ticket (body) VALUES ('other')")
    for replica in (one, other, one):
        assert sync(replica, hub).skipped == []
    for replica in three:
        assert rows(replica, "task") == [("a", "x", 1), ("b", "y", 1)]
        assert len(rows(replica, "ticket")) == 2
        assert replica.vector() == hub.vector()
