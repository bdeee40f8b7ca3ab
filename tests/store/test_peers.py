"""What peers were seen to have: entries only rise, and what is kept of that on the connection is what the file has."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import apsw
import pytest

from crdtsql import Replica
from crdtsql.store import peers

ONE, OTHER, PEER = (bytes([number]) * 16 for number in (1, 2, 3))


@pytest.mark.parametrize("told", [dict, MappingProxyType])
def test_entries_only_rise(tmp_path: Path, told: type) -> None:
    """A vector that is told may be older in some entries, name fewer sites, or sites that are not known here; or be equal to what is known."""
    apsw.Connection(str(tmp_path / "a.db")).execute("CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL)")
    with Replica.open(tmp_path / "a.db") as replica:
        replica.enable("t")
        registry, connection = replica.registry, replica.connection
        with replica._writing():
            for site in (ONE, OTHER, PEER):
                registry.add_site(site)
            ordinals = registry.ordinals()
            known: dict[bytes, int] = {}
            for vector in (
                {ONE: 10},
                {ONE: 10, OTHER: 5},
                {ONE: 7, OTHER: 9},
                {OTHER: 11},
                {ONE: 12, OTHER: 11},
                {b"x" * 16: 3, ONE: 13},
            ):
                peers.remember(connection, ordinals[PEER], told(vector), ordinals)
                known |= {site: upto for site, upto in vector.items() if site in ordinals and upto > known.get(site, 0)}
                assert peers.known(connection, ordinals[PEER]) == known == registry.peers()[PEER]
