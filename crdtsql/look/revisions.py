"""Revisions: what the last write of a row is called in this file. Reads a folded registry; the view `crdt_revision` says the same."""

from __future__ import annotations

from collections.abc import Sequence

from crdtsql.base import Sql, SqliteValue, joined, query, sql
from crdtsql.shown import moved
from crdtsql.store import Registry, Table

ABSENT = "absent"
"""The revision of a row that the table does not show."""
UNWRITTEN = "0"
"""The revision of a row that nobody wrote since its table was enabled, as far as the clocks remember."""


def revision(registry: Registry, table: Table, key: Sequence[SqliteValue]) -> str:
    """Return the revision of a row: `absent`, `0` or `BATCH.HLC`; equal ones mean that nobody wrote the row in between.

    Raises:
        UsageError: the key has another number of parts.
    """
    table.check_width(key)
    connection = registry.connection
    if not query.exists(connection, table.quoted, table.has_given_key, tuple(key)):
        return ABSENT
    own = moved.own_key(connection, table, key)
    names = {f"k{n}": part for n, part in enumerate(own, 1)}
    has_key = joined((Sql(f"clock.{name} = :k{n}") for n, name in enumerate(table.key_names, 1)), " AND ")
    statement = sql("look/revisions/of_row", stamps=table.stamps_of_clock, clock=table.clock, has_key=has_key)
    found = query.rows(connection, statement, {"bulk": table.bulk, **names})
    return str(found[0][0]) if found else UNWRITTEN
