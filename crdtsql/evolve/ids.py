"""Ids: let a table hand out its ids by AUTOINCREMENT, so that each replica takes them from blocks of its own (decision 0019).

Runs inside the caller's write transaction, on a folded registry. AUTOINCREMENT changes how the next id is chosen, and nothing of
what is stored, so the table's statement is written anew in the schema (fact 27): no row, index, reference or stamp is touched, and it
takes no time, however large the table is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.base import CannotAlterError, UsageError, identifier, policy, query
from crdtsql.evolve import reshape
from crdtsql.sqlite import TableShape, autoincrement, schema, tablesql
from crdtsql.store import Registry, Table

SCRATCH = "_crdt_sequence"


def set_ids(registry: Registry, name: str, kind: str) -> bool:
    """Let a table hand out its ids in another way; return whether it did not before.

    Raises:
        NotEnabledError: the table is not replicated, or not in this file.
        UsageError: there is no such way.
        CannotAlterError: the table can't have it, or it would be of no use.
    """
    if kind != policy.AUTOINCREMENT:
        raise UsageError(f"there is no way {kind!r} to hand out ids; use {policy.AUTOINCREMENT}")
    connection, table = registry.connection, registry.present_table(name)
    shape = reshape.shape_of(registry, table.name)
    if autoincrement.is_on(connection, table.name, table.key[0]):
        return False
    _check(connection, table, shape)
    _write(connection, shape)
    if schema.read(connection, table.name) != shape or not autoincrement.is_on(connection, table.name, table.key[0]):
        raise _refused(table, "its CREATE statement could not be given the word")
    (highest,) = query.first(connection, f"SELECT max({identifier(table.key[0])}) FROM {table.quoted}")
    if highest is not None:
        connection.execute("INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, highest))
    reshape.renew_triggers(registry, table)
    return True


def _check(connection: apsw.Connection, table: Table, shape: TableShape) -> None:
    if not shape.has_rowid_key:
        raise _refused(
            table, f"its key ({', '.join(table.key)}) is not one INTEGER PRIMARY KEY, so SQLite hands out no ids for it"
        )
    if not table.is_numbered:
        raise _refused(
            table, "it has the identity key, under which rows of one number on two replicas are meant to be one row"
        )
    if autoincrement.is_bounded(connection, table.name, table.key[0]):
        raise _refused(table, f"a CHECK names {table.key[0]!r}, and ids in blocks of a replica's own could break it")


def _refused(table: Table, why: str) -> CannotAlterError:
    return CannotAlterError(
        f"the ids of {table.name!r} can't be handed out by AUTOINCREMENT: {why}; nothing was changed"
    )


def _write(connection: apsw.Connection, shape: TableShape) -> None:
    """Write the table's statement anew, and have SQLite read it."""
    statement = tablesql.with_autoincrement(schema.definition(connection, "table", shape.name))
    if not query.exists(connection, "main.sqlite_schema", "name = 'sqlite_sequence'"):
        connection.execute(f"CREATE TABLE {SCRATCH} (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE {SCRATCH}")
    with _schema_writable(connection):
        connection.execute(
            "UPDATE main.sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (statement, shape.name)
        )
    (version,) = query.first(connection, "PRAGMA main.schema_version")
    connection.execute(f"PRAGMA main.schema_version = {int(version) + 1}")  # other connections read the schema again


@contextmanager
def _schema_writable(connection: apsw.Connection) -> Iterator[None]:
    defensive = connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, -1)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    try:
        connection.execute("PRAGMA writable_schema = ON")
        yield
    finally:
        connection.execute("PRAGMA writable_schema = RESET")
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, defensive)
