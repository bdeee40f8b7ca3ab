"""Emptying: take everything replicated out of a file, so that another replica's state can come in as into a new one.

Runs inside the caller's write transaction, with foreign keys off. What says how tables are replicated stays: their columns, types,
policies, references, eras; so do names, remotes, the conflict log and the clock, which never goes back.
"""

from __future__ import annotations

from crdtsql.base import Sql, memory, sql
from crdtsql.capture import without_capture
from crdtsql.numbers import archive
from crdtsql.shown import moved
from crdtsql.sqlite import writing
from crdtsql.store import Registry, Table, catalogue, facts

FORGOTTEN = ("unseen", "agreement", "promise")
"""Facts that speak of stamps that are gone; those of tables begin with a word of `OF_TABLES`."""
OF_TABLES = ("old_numbers", "rests", "unsure")
CLONED = "cloned"
"""Clones are vouched for by the site that this file was, whose word counts no more: they may have missed what it missed."""


def empty(registry: Registry) -> None:
    """Empty all replicated tables, and forget all stamps and the vector."""
    connection, tables = registry.connection, registry.tables()
    with without_capture(connection, tables, many=True):
        for table in tables:
            statement = sql("rejoin/emptying/remove_rows", table=table.quoted)
            writing.remove(connection, table.key_columns, table.quoted, statement)
    for table in tables:
        for name in _shadows(registry, table):
            connection.execute(f"DELETE FROM main.{name}")
        archive.forget(registry, table)
    connection.execute("UPDATE main._crdt_table SET genesis_t = NULL, genesis_s = NULL, bulk = 0")
    for shared in ("_crdt_progress", "_crdt_merged", "_crdt_peer", "_crdt_retired"):
        connection.execute(f"DELETE FROM main.{Sql(shared)}")
    connection.execute("UPDATE main._crdt_site SET upto = 0")
    names = [*FORGOTTEN, *(f"{word}:{table.id}" for word in OF_TABLES for table in tables)]
    names += [f"{CLONED}:{site}" for site, _ in facts.of_kind(connection, CLONED)]
    connection.executemany("DELETE FROM main._crdt_meta WHERE name = ?", [(name,) for name in names])
    memory.forget(connection)
    catalogue.changed(connection)


def _shadows(registry: Registry, table: Table) -> list[Sql]:
    """Name our tables of a table that have rows about it."""
    found = [table.clock, table.heads, table.held]
    found += [table.parts] if table.may_have_parts else []
    found += [table.born] if table.is_numbered else []
    found += [table.cells_parked] if table.parked else []
    return found + ([table.moved] if moved.may_have(registry.connection, table) else [])
