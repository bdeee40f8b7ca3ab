"""Describing: what a changeset says of a table, with rows or without. Only reads the schema."""

from __future__ import annotations

from dataclasses import replace

import apsw

from crdtsql.base import memory, policy
from crdtsql.export import parkedcells
from crdtsql.store import Registered, Table
from crdtsql.wire import Header, TableHeader


@memory.of_schema
def describe(connection: apsw.Connection, table: Table) -> TableHeader:
    """Describe a replicated table as a changeset does."""
    clock_table = f"_crdt_clock_{table.name}"
    collations = tuple(connection.column_metadata("main", clock_table, str(key))[1] for key in table.key_names)
    kept = parkedcells.listed(table)
    columns = tuple((field.name, field.type) for field in (*table.fields, *kept))
    listed = {*table.uids, *(field.uid for field in kept)}
    return TableHeader(
        table.name,
        table.key,
        columns,
        table.genesis,
        row_policy=table.rows,
        granularity=table.granularity,
        identity=table.identity,
        given_uid=table.uid,
        given_uids=(*table.key_uids, *(field.uid for field in (*table.fields, *kept))),
        parked=tuple(field.name for field in ((*table.fields, *kept) if table.absent else kept)),
        collations=() if set(collations) == {"BINARY"} else collations,
        unique=tuple(sorted(table.unique.items())),
        references=tuple(one for one in table.references if listed.issuperset(one.columns)),
        old_numbers=table.old_numbers,
        rests=table.rests,
    )


def with_others(connection: apsw.Connection, header: Header, registered: Registered) -> Header:
    """Say of tables without rows what a receiver must know: all of those that are not as usual, of others which they are."""
    listed = {table.uid for table in header.tables}
    unusual = [describe(connection, table) for table in registered.unusual if table.uid not in listed]
    others = {name: found for name, uids in registered.plain.items() if (found := uids - listed)}
    numbered = [registered.by_uid[uid] for uid in others.get(policy.BY_BIRTH, ())]
    geneses = {table.uid: table.genesis for table in numbered if table.genesis is not None}
    return replace(header, tables=(*header.tables, *unusual), others=others, geneses=geneses)
