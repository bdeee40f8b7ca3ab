"""Collecting: what a changeset holds is put together on the workbench if it is little, else in a database attached for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass

import apsw

from crdtsql.base import Now, Progress, query
from crdtsql.compaction import retiring
from crdtsql.export.exporting import fill, find_start, lacks_genesis
from crdtsql.export.receiving import receiver_noted
from crdtsql.numbers import archive
from crdtsql.store import Registered, Registry, Table
from crdtsql.wire import (
    MAXIMUM_ROWS_BYTES,
    Header,
    Sign,
    Spilled,
    attached,
    attached_file,
    having_room,
    header_bytes,
    pack,
    pack_file,
    pack_rows,
    rows,
    workbench,
)

IN_MEMORY_BYTES = 32 << 20
"""The image of a larger file is collected in a temporary file, unless it is little."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a changeset is made of.

    Attributes:
        content: its header and its rows as bytes, or the name of the attached database that is its image.
        file: where that is, "" for in memory.
    """

    header: Header
    content: tuple[bytes, bytes] | str
    file: str = ""

    def pack(self, connection: apsw.Connection, sign: Sign | None = None) -> bytes | Spilled:
        """Write the changeset, once the transaction is committed; `sign` is there if its header has keys."""
        if self.file:
            return pack_file(self.header, self.file, sign)
        if isinstance(self.content, str):
            return pack(self.header, connection.serialize(self.content), sign)
        return pack_rows(self.header, *self.content, sign)


def collect(
    registry: Registry,
    receiver: Mapping[bytes, int],
    now: Now,
    attachments: ExitStack,
    on_progress: Progress,
    *,
    alone: bool = False,
) -> Collected:
    """Collect what a receiver lacks; a database that is attached for it stays as long as `attachments` lasts.

    Args:
        receiver: the receiver's version vector: site id -> highest hlc seen; empty for one that has nothing.
        alone: the transaction is committed before the changeset is written, so that its image may stand in a file.
    """
    connection, registered, receiver = registry.connection, registry.registered(), retiring.full(registry, receiver)
    with receiver_noted(registry, receiver) as others:
        start = find_start(connection)
        few = _few(registry, registered, receiver, start)
        if few is not None:
            tables, most = few
            try:
                with workbench.Bounded(connection, most):
                    bench = workbench.NAME
                    header = fill(
                        registry, tables, receiver, now, bench, start, on_progress, others=registered, apart_from=others
                    )
                encoded = _encoded(connection, header, tables)
            except apsw.TooBigError:  # few rows, and no small changeset
                workbench.abandon(connection)
                encoded = None
            if encoded is not None:
                head = header_bytes(header)
                if len(head) + len(encoded) <= MAXIMUM_ROWS_BYTES:
                    return Collected(header, (head, encoded))
        file = ""
        if alone and _is_large(connection):
            database, file = attachments.enter_context(attached_file(connection, "image"))
        else:
            database = attachments.enter_context(attached(connection, "image"))
        with having_room() if file else nullcontext():
            header = fill(registry, registered.tables, receiver, now, database, start, on_progress)
        return Collected(header, database, file)


def _encoded(connection: apsw.Connection, header: Header, tables: list[Table]) -> bytes | None:
    """Write what is on the workbench, and empty it; None if that is too much, or only SQLite can copy it."""
    full = any(table.may_have_parts for table in tables) and workbench.is_full(connection)
    content = None if full else workbench.read(connection, header)
    workbench.clear(connection, header, range(1, len(tables) + 1))
    encoded = None if content is None else rows.encode(content)
    return encoded if encoded is not None and len(encoded) <= workbench.MOST_BYTES else None


def _is_large(connection: apsw.Connection) -> bool:
    """Tell whether what a file holds may be too much for memory."""
    (pages,), (size,) = (query.first(connection, f"PRAGMA main.{what}") for what in ("page_count", "page_size"))
    return int(pages) * int(size) > IN_MEMORY_BYTES


def _few(
    registry: Registry, registered: Registered, receiver: Mapping[bytes, int], start: int | None
) -> tuple[list[Table], int] | None:
    """Return the tables that may have rows which a receiver lacks, and how many rows these are at most; None if those are not few.

    Some may be among them, and may count, of which it has all.
    """
    connection, left = registry.connection, workbench.MOST_ROWS
    if start is None:
        return [], 0
    if not receiver and archive.is_there(connection):  # births come with it of which there is no row
        return None
    recent = query.found_by(connection, registered.changed_since, {"start": start})
    found = []
    for table in registered.tables:
        of_genesis = table.genesis is not None and lacks_genesis(registry, table, receiver)
        if start > table.bulk and table.id not in recent and not of_genesis:
            continue
        found.append(table)
        which = "1" if start <= table.bulk else "seq >= :start"
        left -= _count(connection, f"{table.clock} WHERE {which}", {"start": start, "most": left})
        if left > 0 and of_genesis and not table.absent:
            left -= _count(connection, str(table.quoted), {"most": left})
        if left <= 0:
            return None
    return found, workbench.MOST_ROWS - left


def _count(connection: apsw.Connection, rows: str, values: dict[str, int]) -> int:
    """Count rows, but not all if there are `most`."""
    (found,) = query.first(connection, f"SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT :most)", values)
    return int(found)
