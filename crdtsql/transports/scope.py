"""Scope: a sync that is for some tables alone is exact or refused.

A changeset says with its vector that it has all of its sender's changes up to a time, so one that left tables out would make its
receiver believe that it has what it lacks. Nothing is filtered therefore: a changeset that touches another table is neither given
nor taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crdtsql.base import TransportError, caseless, naming
from crdtsql.replica import Replica, SyncOptions, asked
from crdtsql.store import Registry

if TYPE_CHECKING:
    from crdtsql.wire import Spilled


def check_names(replica: Replica, options: SyncOptions) -> None:
    """Check that the tables of a scope are replicated.

    Raises:
        NotEnabledError: one is not.
    """
    for name in options.tables or ():
        asked(replica, Registry.table, name)


def check(data: bytes | Spilled, options: SyncOptions, whose: str) -> None:
    """Check that a changeset touches no other table.

    Args:
        whose: the path or address from which the changes are.

    Raises:
        TransportError: it does.
    """
    if options.tables is None:
        return
    from crdtsql.wire import parts_of, unpack

    allowed = {caseless(name) for name in options.tables}
    touched = (table.name for one in parts_of(data) for table in unpack(one).header.tables if table.rows)
    beyond = [name for name in dict.fromkeys(touched) if caseless(naming.with_history(name)) not in allowed]
    if beyond:
        raise TransportError(
            f"{whose} has changes of {', '.join(beyond)} too, and this sync is for {', '.join(options.tables)} alone: changes go as a "
            "whole, so sync without --tables, or keep these tables in a file of their own"
        )
