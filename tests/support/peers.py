"""Make and sync small replicas for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import apsw

from crdtsql import Replica
from crdtsql.wire.envelope import unpack

START_MS = 1_700_000_000_000
"""A moment well before the machine's own clock, so that a test's time decides."""


def replica(
    path: Path,
    schema: str,
    *,
    tables: tuple[str, ...] = (),
    now: Callable[[], int] = lambda: START_MS,
    site: int | None = None,
    identity: str | None = None,
) -> Replica:
    """Create a file with a schema, enable its tables, and open it; `site` numbers the site id.

    Tables with an integer key have the identity `key` unless `identity` says otherwise: most tests want to meet one row twice.
    """
    connection = apsw.Connection(str(path))
    connection.execute(schema)
    names = tables or tuple(
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    )
    connection.close()
    ids = count(0)
    extra = {} if site is None else {"make_site": lambda: bytes([site, *([0] * 14), next(ids)])}
    opened = Replica.open(path, now=now, **extra)
    opened.enable(*names, identity=identity or "key")
    return opened


def send(sender: Replica, receiver: Replica) -> bytes:
    """Send what the receiver lacks; return the changeset."""
    data = sender.export(receiver.vector())
    receiver.merge(data)
    return data


def is_empty(data: bytes) -> bool:
    """Tell whether a changeset holds no row and no event that its receiver lacked."""
    header = unpack(data).header
    return not any(table.rows for table in header.tables) and all(site.upto == site.needs for site in header.sites)


def come_to_rest(replicas: list[Replica]) -> None:
    """Exchange everything between all replicas."""
    for receiver in replicas[1:]:
        send(receiver, replicas[0])
    for receiver in replicas[1:]:
        send(replicas[0], receiver)


@contextmanager
def fast_directory() -> Iterator[Path]:
    """Give a directory in memory if the machine has one: many small synchronous commits are slow on a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="crdtsql-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)
