"""Unlisted tables: those that a changeset only names, because it has no rows of them and all about them is as usual."""

from __future__ import annotations

from dataclasses import replace

from crdtsql.store.tables import Table
from crdtsql.wire import Header, TableHeader


def describe(table: Table, header: Header, identity: str) -> TableHeader:
    """Describe the sender's table with the uid of a table of ours, as far as it is known."""
    genesis = header.geneses.get(table.uid)
    described = TableHeader(table.name, table.key, (), genesis, identity=identity)
    return replace(described, given_uid=table.uid, given_uids=table.key_uids)
