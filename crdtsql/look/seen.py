"""Seen: what a reader had seen of a file when it looked, so that what it writes later can be refused if that is not so any more.

Reads a folded registry. A mark says up to which batch, and under which floor: rows that were forgotten since (decision 0034) have no
batch any more. Marks of other replicas, and of this one before it was restored, count for nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator

from crdtsql.base import SqliteValue, StatementError, UsageError, query, sql
from crdtsql.compaction import floor
from crdtsql.shown import moved
from crdtsql.store import Registry, Table

NOTHING = ""
"""What somebody has seen who has seen nothing."""
Row = tuple[int, tuple[SqliteValue, ...]]
_MARK = re.compile("([0-9a-f]{16})-([0-9]{1,19})-([0-9a-f]{8})", re.ASCII)


def mark(registry: Registry) -> str:
    """Return what was seen by who reads now, in the same transaction."""
    return f"{_site(registry)}-{registry.number('batch')}-{_floor(registry)}"


def unseen(
    registry: Registry, seen: str, after: int, known: Collection[Row] = ()
) -> Iterator[tuple[Table, tuple[SqliteValue, ...]]]:
    """Yield rows that the log names after an entry and that their writer had not seen as they were then, if there are any.

    Args:
        seen: a mark; `NOTHING` of a writer that has seen no row.
        known: rows that it has seen all the same, by the number of their table and their key.

    Raises:
        UsageError: that is no mark.
        StatementError: it says nothing of this file any more.
    """
    batch = None if seen == NOTHING else _batch(registry, seen)
    for table in registry.tables():
        values = {"tbl": table.id, "after": after, "most": len(known) + 1}
        if batch is None:
            statements = [sql("look/seen/not_new", keys=table.keys)]
        else:
            values |= {"bulk": table.bulk, "batch": batch}
            statements = [_written_since(table)]
            if moved.any_moved(registry.connection, table):
                statements.append(_moved_since(table))
        rows = (tuple(row) for one in statements for row in query.rows(registry.connection, one, values))
        yield from ((table, row) for row in rows if (table.id, row) not in known)


def _written_since(table: Table) -> str:
    same = table.same_keys("clock", "entry")
    return sql("look/seen/written_since", log_keys=table.keys_of("entry"), clock=table.clock, clock_is_entry=same)


def _moved_since(table: Table) -> str:
    return sql(
        "look/seen/moved_since",
        log_keys=table.keys_of("entry"),
        moved=table.moved,
        moved_is_entry=table.same_keys("moved", "entry"),
        held=table.held,
        clock=table.clock,
        clock_is_held=table.same_keys("clock", "held"),
    )


def _batch(registry: Registry, seen: str) -> int:
    parts = _MARK.fullmatch(seen)
    if parts is None:
        raise UsageError(f"{seen!r:.80} is no mark of what was seen: give the one that the query returned")
    site, batch, under = parts.groups()
    if site != _site(registry) or int(batch) > registry.number("batch"):
        raise StatementError("what was seen was seen in another file, or before this one was restored: look again")
    if under != _floor(registry):
        raise StatementError(
            "the file was compacted since it was seen, so who wrote since then can't be told: look again"
        )
    return int(batch)


def _site(registry: Registry) -> str:
    return registry.site_id(registry.self_ordinal).hex()[:16]


def _floor(registry: Registry) -> str:
    entries = sorted((site.hex(), hlc) for site, hlc in floor.read(registry).floor.items())
    return hashlib.blake2b(json.dumps(entries).encode(), digest_size=4).hexdigest()
