"""Aside: changesets that were refused because a site may not write that here, kept as a whole until somebody lets them in.

They stand in `_crdt_aside`, which is there as soon as the first one is. Bounded for each sender and in all, so that nobody fills the
file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import apsw

from crdtsql.base import UsageError, clock, memory, query, sql, suggest
from crdtsql.store import Registry
from crdtsql.wire import Header, Spilled, bytes_of, parts_of, unpack

MAXIMUM_OF_SENDER = 10
MAXIMUM_CHANGESETS = 100
MAXIMUM_BYTES = 64 << 20
LAST = "aside_last"
"""The fact that says which number was given last: none is given twice, or a command that was noted would take another changeset."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A changeset that was set aside.

    Attributes:
        number: what `take_aside` and `drop_aside` call it.
        at_ms: when, in milliseconds since 1970.
        sender: id of the site that sent it, as hex.
        why: why it was refused.
        size_bytes: its length.
    """

    number: int
    at_ms: int
    sender: str
    why: str
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self) | {"time": clock.show_time(clock.from_ms(self.at_ms))}


@memory.of_schema
def is_there(connection: apsw.Connection) -> bool:
    """Tell whether any changeset was ever set aside in this file."""
    return query.exists(connection, "main.sqlite_schema", "type = 'table' AND name = '_crdt_aside'")


def listed(registry: Registry) -> list[SetAside]:
    """List what was set aside, the oldest first."""
    if not is_there(registry.connection):
        return []
    statement = "SELECT id, at, sender, why, length(data) FROM main._crdt_aside ORDER BY id"
    found = query.rows(registry.connection, statement)
    return [SetAside(number, at, bytes(sender).hex(), why, size) for number, at, sender, why, size in found]


def read(registry: Registry, number: int) -> bytes:
    """Return a changeset that was set aside.

    Raises:
        UsageError: there is none of that number.
    """
    row = None
    if is_there(registry.connection):
        row = query.first(registry.connection, "SELECT data FROM main._crdt_aside WHERE id = ?", (number,))
    if not row:
        raise UsageError(
            f"{registry.path} has no changeset {number} set aside: {suggest.command('aside', registry.path)} lists them"
        )
    return bytes(row[0])


def keep(registry: Registry, data: bytes | Spilled, why: str, at_ms: int) -> int | None:
    """Set a changeset aside, in place of those that it has all of; return its number, None if there is no room for it.

    One that was sent once more keeps its number, and stays as it was when it came first.
    """
    connection, header = registry.connection, _header(data)
    if not is_there(connection):
        connection.execute(sql("trust/aside/create"))
        registry.set("aside", 1)
    of_sender = query.rows(
        connection, "SELECT id, data FROM main._crdt_aside WHERE sender = ? ORDER BY id", (header.sender,)
    )
    held = {number: bytes(kept) for number, kept in of_sender}
    for number, kept in held.items():
        older = _header(kept)
        if _has_all(header, older) and _has_all(older, header):  # it was sent once more
            return int(number)
    last = max(registry.number(LAST), *(one.number for one in listed(registry)), 0)
    drop(registry, [number for number, kept in held.items() if _has_all(header, _header(kept))])
    left = listed(registry)
    of_sender_left = sum(one.sender == header.sender.hex() for one in left)
    full = of_sender_left >= MAXIMUM_OF_SENDER or len(left) >= MAXIMUM_CHANGESETS
    if full or sum(one.size_bytes for one in left) + len(data) > MAXIMUM_BYTES:
        return None
    statement = "INSERT INTO main._crdt_aside (id, at, sender, why, data) VALUES (?, ?, ?, ?, ?)"
    connection.execute(statement, (last + 1, at_ms, header.sender, why, bytes_of(data)))
    registry.set(LAST, last + 1)
    return last + 1


def _header(data: bytes | Spilled) -> Header:
    """Return the header of what is set aside: a changeset, or a link of a chain in a bundle of its own."""
    return unpack(parts_of(data)[0]).header


def _has_all(newer: Header, older: Header) -> bool:
    """Tell whether whoever can take the older one of two changesets of a sender can take the newer one, and has all of it then."""
    needs, upto = older.needs, newer.vector
    begins = all(needs.get(site, 0) >= needed for site, needed in newer.needs.items())
    return begins and all(upto.get(site, 0) >= has for site, has in older.vector.items())


def drop(registry: Registry, numbers: Iterable[int]) -> None:
    """Forget changesets that were set aside."""
    if is_there(registry.connection):
        registry.connection.executemany("DELETE FROM main._crdt_aside WHERE id = ?", [(one,) for one in numbers])
