"""Make replicas of different schemas, and read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica
from crdtsql.wire.envelope import unpack
from tests.support import state
from tests.support.peers import Clock

OLD = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)"
NEW = (
    "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, prio TEXT DEFAULT 'low', votes INTEGER DEFAULT 0, tags TEXT, "
    "setup TEXT, owner TEXT)"
)
TYPES = {"votes": "counter", "tags": "set", "setup": "map", "owner": "register"}
INVOICE = "CREATE TABLE invoice (nr TEXT COLLATE NOCASE PRIMARY KEY, amount REAL DEFAULT 1, votes INTEGER, note TEXT)"


CLOCK = Clock(step=1)
"""The same for all replicas."""


def make(path: Path, schema: str, *tables: str, **options: Any) -> Replica:
    """Make a file with a schema and enable tables of it."""
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    connection.close()
    opened = Replica.open(path, now=CLOCK)
    opened.enable(*tables or ("task",), **options)
    return opened


def is_at_rest(*replicas: Replica) -> bool:
    """Tell whether all have the same vector, and nothing to send to each other."""
    vectors = [replica.vector() for replica in replicas]
    sent = [unpack(replica.export(vectors[0])).header for replica in replicas]
    return all(vector == vectors[0] for vector in vectors) and not any(
        table.rows for header in sent for table in header.tables
    )


def told(replica: Replica) -> Any:
    """Return what replicas with the same events and the same schema must have alike; whoever never wrote a cell is the same to all."""
    found = state.shared(replica.connection)
    rows = {}
    for key, row in found["rows"].items():
        cells = {name: (value, _stamp(stamp)) for name, (value, stamp) in row.cells.items()}
        heads = {
            name: frozenset((part, _stamp(stamp), *rest) for part, stamp, *rest in parts)
            for name, parts in row.heads_of.items()
        }
        rows[key] = (row.alive, row.born, row.heads, cells, heads)
    return rows, found["vector"], found["merged"]


def _stamp(stamp: tuple[int, bytes]) -> tuple[int, bytes]:
    return (stamp[0], b"") if stamp[0] == -(2**62) else stamp
