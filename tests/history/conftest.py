"""A replica that keeps the history of its table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crdtsql import Replica
from tests.support import peers

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, n INTEGER DEFAULT 0);
INSERT INTO task VALUES ('t1', 'one', 1), ('t2', 'two', 2);
"""


@pytest.fixture
def clock() -> peers.Clock:
    return peers.Clock(step=1)


@pytest.fixture
def app(tmp_path: Path, clock: peers.Clock) -> Iterator[Replica]:
    """Give a replica that keeps the history of its table."""
    with peers.replica(tmp_path / "app.db", SCHEMA, now=clock, site=1) as replica:
        replica.keep_history("task")
        yield replica
