"""What tests of comparing are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crdtsql import Replica
from tests.support import peers
from tests.support.peers import Clock
from tests.verify.comparing import make


@pytest.fixture
def met() -> Iterator[list[Replica]]:
    """Give three replicas in memory that have the same changes."""
    found = peers.in_memory("verify", make, Clock(peers.START_MS + 60_000, step=1))
    yield found
    for replica in found:
        replica.connection.close()
