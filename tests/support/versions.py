"""Make replicas of different schemas, and read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica, sync
from crdtsql.wire.envelope import unpack
from tests.support import state
from tests.support.peers import START_MS

OLD = "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT)"
NEW = (
    "CREATE TABLE task (id TEXT PRIMARY KEY, title TEXT, prio TEXT DEFAULT 'low', votes INTEGER DEFAULT 0, tags TEXT, "
    "setup TEXT, owner TEXT)"
)
TYPES = {"votes": "counter", "tags": "set", "setup": "map", "owner": "register"}
INVOICE = "CREATE TABLE invoice (nr TEXT COLLATE NOCASE PRIMARY KEY, amount REAL DEFAULT 1, votes INTEGER, note TEXT)"


class Clock:
    """A clock that goes on with each look, the same for all replicas."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


CLOCK = Clock()


def make(path: Path, schema: str, *tables: str, **options: Any) -> Replica:
    """Make a file with a schema and enable tables of it."""
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    connection.close()
    opened = Replica.open(path, now=CLOCK)
    opened.enable(*tables or ("task",), **options)
    return opened


def write(replica: Replica, statement: str) -> None:
    """Write, and have it stamped at once."""
    replica.connection.execute(statement)
    replica.fold()


def read(replica: Replica, query: str) -> list[Any]:
    """Return the rows of a query."""
    return replica.connection.execute(query).fetchall()


def exchange(*replicas: Replica) -> None:
    """Sync each replica with the next one, there and back, so that all that any of them has comes to all."""
    pairs = list(zip(replicas, replicas[1:], strict=False))
    for one, other in [*pairs, *reversed(pairs)]:
        sync(one, other)


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
