"""Make and sync small replicas for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, cycle, pairwise
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica, sync
from crdtsql.base.errors import MissingChangesError
from crdtsql.base.sqltext import identifier
from crdtsql.wire.envelope import unpack
from tests.support import state
from tests.support.library import undone

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


class Clock:
    """A machine's clock that a test sets, or that goes on by some milliseconds with each look."""

    def __init__(self, ms: int = START_MS, step: int = 0) -> None:
        self.ms, self.step = ms, step

    def __call__(self) -> int:
        self.ms += self.step
        return self.ms


def two(directory: Path, schema: str, **options: Any) -> tuple[Replica, Replica]:
    """Make two replicas with one schema."""
    one, other = (replica(directory / f"{n}.db", schema, site=n, **options) for n in (1, 2))
    return one, other


def three(directory: Path, schema: str, **options: Any) -> list[Replica]:
    """Make three replicas with one schema."""
    return [replica(directory / f"{n}.db", schema, site=n, **options) for n in (1, 2, 3)]


_MADE: dict[Hashable, list[bytes]] = {}


def in_memory(name: Hashable, make: Callable[[Path], Sequence[Replica]], *clocks: Callable[[], int]) -> list[Replica]:
    """Give replicas in memory that are as `make` leaves them; it runs once for each name, in a folder of its own.

    They have one clock, or one each.
    """
    if name not in _MADE:
        with fast_directory() as folder:
            made = make(folder)
            _MADE[name] = [one.connection.serialize("main") for one in made]
            for one in made:
                one.close()
    return [Replica.on(state.opened(image), now=now) for image, now in zip(_MADE[name], cycle(clocks), strict=False)]


def merged_in_all_orders(
    base: Replica, changesets: Sequence[bytes], now: Callable[[], int]
) -> Iterator[tuple[tuple[int, ...], Replica]]:
    """Merge changesets one by one, in each of their orders, into what a replica has; orders that begin alike share that.

    Orders in which one comes before what it builds on are left out. All are merged on one connection, which compiles its statements
    once: what was merged is taken back for the next order.
    """

    replica = Replica.on(state.opened(base.connection.serialize("main")), now=now)

    def go_on(order: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Replica]]:
        for number in sorted(set(range(len(changesets))) - set(order)):
            with undone(replica.connection):
                try:
                    replica.merge(changesets[number])
                except MissingChangesError:
                    continue
                if len(order) + 1 == len(changesets):
                    yield (*order, number), replica
                else:
                    yield from go_on((*order, number))

    try:
        yield from go_on(())
    finally:
        replica.connection.close()


def write(to: Replica | Path, *statements: str, values: Sequence[Any] = (), foreign_keys: bool = False) -> None:
    """Write like any program, in one transaction; a replica takes note of it, a path does not.

    A file is written on a connection of its own; a replica in memory has only one, perhaps within a transaction that is undone.
    """
    file = str(to) if isinstance(to, Path) else to.connection.filename
    connection = apsw.Connection(file) if file else to.connection
    nested = connection.in_transaction
    try:
        connection.execute("SAVEPOINT written" if nested else f"PRAGMA foreign_keys = {foreign_keys}; BEGIN")
        for statement in statements:
            connection.execute(statement, values or None)
        connection.execute("RELEASE written" if nested else "COMMIT")
    finally:
        if file:
            connection.close()
    if isinstance(to, Replica):
        to.fold()


def read(of: Replica | Path, query: str) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    if isinstance(of, Replica):
        return of.connection.execute(query).fetchall()
    connection = apsw.Connection(str(of), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def rows(of: Replica, table: str = "t", order: int = 1) -> list[tuple[Any, ...]]:
    """Return a table's rows."""
    return read(of, f"SELECT * FROM {identifier(table)} ORDER BY {order}")


def all_equal(replicas: Sequence[Replica]) -> bool:
    """Tell whether replicas have all alike that replicas with the same events must have alike."""
    found = [state.shared(one.connection) for one in replicas]
    return all(one == found[0] for one in found)


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


def exchange(*replicas: Replica) -> None:
    """Sync each replica with the next one, there and back, so that all have all; then none has news for its neighbour."""
    pairs = list(pairwise(replicas))
    for one, other in [*pairs, *reversed(pairs)]:
        sync(one, other)
    for one, other in pairs:
        assert all(report.known for report in sync(one, other))


@contextmanager
def fast_directory() -> Iterator[Path]:
    """Give a directory in memory if the machine has one: many small synchronous commits are slow on a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="crdtsql-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)
