"""Collecting: where the image of a changeset is made, by how much it holds.

A small one is made on the workbench, a large one in a database that is attached for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count

import apsw

from crdtsql.base import Now, Progress, integer, query
from crdtsql.export.exporting import fill, find_start, lacks_genesis, receiver_noted
from crdtsql.store import Registry, Table
from crdtsql.wire import Header, workbench

PREFIX = "crdt_attached_"
_numbers = count(1)


@contextmanager
def attached(connection: apsw.Connection, purpose: str, *, nested: bool = False) -> Iterator[str]:
    """Attach an empty in-memory database for the length of a block; yield its name.

    While a statement or, for a `nested` one, the transaction around us runs, SQLite refuses to detach; what is left then is
    detached the next time.
    """
    names = [name for _, name, _ in query.rows(connection, "PRAGMA database_list") if name.startswith(PREFIX)]
    left = [name for name in names if nested or not _detach(connection, name)]
    name = f"{PREFIX}{purpose}_{next(_numbers)}" if left else f"{PREFIX}{purpose}"
    connection.execute(f"ATTACH ':memory:' AS {name}")
    try:
        yield name
    finally:
        _detach(connection, name)


def _detach(connection: apsw.Connection, name: str) -> bool:
    try:
        connection.execute(f"DETACH {name}")
    except apsw.SQLError:
        return False
    return True


def collect(
    registry: Registry, receiver: Mapping[bytes, int], now: Now, attachments: ExitStack, on_progress: Progress
) -> tuple[Header, bytes | str]:
    """Return a changeset's header and its image: the bytes, or the database that has it, attached as long as `attachments` lasts.

    Args:
        receiver: the receiver's version vector: site id -> highest hlc seen; empty for one that has nothing.
    """
    connection, tables = registry.connection, registry.tables()
    with receiver_noted(connection, registry.sites(), receiver):
        if _are_few(registry, tables, receiver):
            header = fill(registry, tables, receiver, now, workbench.NAME, on_progress, for_people=False)
            content = workbench.read(connection, header, workbench.NAME)
            workbench.clear(connection, header)
            if content is not None:
                return header, workbench.press(header, content)
        database = attachments.enter_context(attached(connection, "image"))
        return fill(registry, tables, receiver, now, database, on_progress, for_people=False), database


def _are_few(registry: Registry, tables: list[Table], receiver: Mapping[bytes, int]) -> bool:
    """Tell whether the rows that a receiver lacks are few; some may count that it has."""
    start, left = find_start(registry.connection), workbench.MOST_ROWS
    if start is None:
        return True
    for table in tables:
        which = "1" if start <= table.bulk else f"seq >= {integer(start)}"
        left -= _count(registry.connection, f"{table.clock} WHERE {which}", left)
        if left > 0 and not table.absent and lacks_genesis(registry, table, receiver):
            left -= _count(registry.connection, str(table.quoted), left)
        if left <= 0:
            return False
    return True


def _count(connection: apsw.Connection, rows: str, at_most: int) -> int:
    """Count rows, but not all if there are many."""
    (found,) = query.first(connection, f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT ?)", (at_most,))
    return int(found)
