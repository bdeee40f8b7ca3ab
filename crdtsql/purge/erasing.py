"""Erasing: let the conflict log forget the values that a purge had seen.

`PURGE` says which rows were purged, and by which events. What a purge had not seen stays: a write that did not know of it counts.
The row's own values go as those of any row do that is written anew: by fold's rules here, by those of merging elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crdtsql.base import Sql, TemporaryTable, fragment, joined, naming, query, sql
from crdtsql.conflicts import conflict_log
from crdtsql.store import Registry, Table

PURGE = TemporaryTable(
    "_crdt_purge",
    "purge/erasing/create_purge",
    written_by=("merge/purges", "purge/choosing", "purge/purging", "purge/told"),
)


@contextmanager
def noting(registry: Registry) -> Iterator[None]:
    """Keep the table of the rows that are purged, for the length of a block."""
    log_keys = joined(naming.key(position) for position in range(1, registry.log_key_count() + 1))
    with PURGE.created(registry.connection, log_keys=log_keys):
        yield


def concerned(registry: Registry) -> list[Table]:
    """Return the tables of which rows are purged."""
    numbers = {number for (number,) in query.rows(registry.connection, "SELECT DISTINCT tbl FROM temp._crdt_purge")}
    return [table for table in registry.tables() if table.id in numbers]


def erase(registry: Registry, table: Table) -> int:
    """Erase from the conflict log what the purges of a table's rows had seen; return how many entries are gone.

    Runs after everything else that writes to the log, since what a purge had seen may come into it with other events.
    """
    connection, values = registry.connection, {"tbl": table.id}
    if not query.exists(connection, "_crdt_conflict", "tbl = :tbl", values):
        return 0
    seen = fragment(
        "purge/erasing/seen",
        has_seen_won=conflict_log.has_seen(Sql("won_t"), Sql("won_s")),
        has_seen_lost=conflict_log.has_seen(Sql("lost_t"), Sql("lost_s")),
        clock=table.clock,
        clock_is_purge=table.same_keys("clock", "purge"),
        clock_is_entry=table.same_keys("clock", "entry"),
    )
    connection.execute(sql("purge/erasing/forget_entries", seen=seen), values)
    gone = connection.changes()
    connection.execute(sql("purge/erasing/blank_entries", seen=seen), values)
    return gone
