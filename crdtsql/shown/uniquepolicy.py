"""Unique policies: change what a row shows that lost its value in a UNIQUE index.

Runs inside the caller's write transaction, on a folded registry, with foreign keys not enforced. No event comes of it: what
a table shows follows from the merged state and its policies.
"""

from __future__ import annotations

from collections.abc import Sequence

from crdtsql.base import UsageError, caseless, policy, suggest
from crdtsql.shown import settling
from crdtsql.sqlite import schema
from crdtsql.store import Registry


def set_policy(registry: Registry, name: str, columns: Sequence[str], chosen: str) -> bool:
    """Give a UNIQUE index a policy; return whether it had another one before.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: there is no such policy, or no UNIQUE index over just these columns.
    """
    if chosen not in policy.UNIQUE_POLICIES:
        raise UsageError(
            f"there is no policy {chosen!r} of a UNIQUE index; use one of: {', '.join(policy.UNIQUE_POLICIES)}"
        )
    table = registry.present_table(name)
    wanted = tuple(map(caseless, columns))
    for column in columns:
        if caseless(column) not in set(map(caseless, table.names)):
            raise UsageError(
                f"table {table.name!r} has no column {column!r}; {suggest.instead(column, table.names, 'columns')}"
            )
    indexes = [index for index in schema.unique_indexes(registry.connection, table.name) if index.is_plain]
    found = [index for index in indexes if tuple(caseless(str(part)) for part in index.columns) == wanted]
    if not found:
        known = "; ".join(", ".join(map(str, index.columns)) for index in indexes) or "none"
        raise UsageError(
            f"table {table.name!r} has no UNIQUE index over ({', '.join(columns)}) alone; those over columns of it, all rows "
            f"included: {known}"
        )
    uids = table.uids_of(wanted)
    if table.unique.get(uids, policy.HOLD) == chosen:
        return False
    registry.set_unique(table, uids, chosen)
    with settling.noting(registry):
        settling.settle(registry, everything=True)
    return True
