"""Shadows: our own tables for a user's table, and the view over all of them: created, indexed, dropped.

Knows which tables and indexes there are, and nothing of what stands in them (docs/FORMAT.md, 2).
"""

from __future__ import annotations

import apsw

from crdtsql.base import CrdtsqlError, Sql, fragment, joined, naming, sql, text
from crdtsql.capture import triggers
from crdtsql.sqlite import TableShape
from crdtsql.store import Registry, Table

MOST_TERMS = 400
"""SQLite allows 500 SELECTs in one UNION ALL."""


def create_renumbered_view(registry: Registry) -> None:
    """Create the view for people on the rows that are shown under another number than they were inserted under."""
    parts = [
        fragment(
            "capture/shadows/renumbered_of_table",
            name=text(table.name),
            clock=table.clock,
            born=table.born,
            clock_is_born=table.same_keys("clock", "born"),
        )
        for table in registry.tables()
        if table.is_numbered
    ]
    registry.connection.execute("DROP VIEW IF EXISTS crdt_renumbered")
    if len(parts) > MOST_TERMS:
        groups = [joined(parts[n : n + MOST_TERMS], "\nUNION ALL\n") for n in range(0, len(parts), MOST_TERMS)]
        parts = [Sql(f"SELECT * FROM (\n{group}\n)") for group in groups]
    renumbered = joined(parts, "\nUNION ALL\n") if parts else fragment("capture/shadows/renumbered_of_none")
    registry.connection.execute(sql("capture/shadows/create_renumbered_view", renumbered=renumbered))


def forget(registry: Registry, table: Table, *, with_conflicts: bool = True) -> None:
    """Drop our triggers and tables of a table, and what is registered of it."""
    connection = registry.connection
    if not table.absent:
        triggers.drop_triggers(connection, table.name)
    placeholder = [table.quoted] if table.absent else []
    for ours in (table.clock, table.held, table.heads, table.parts, table.born, table.cells_parked, *placeholder):
        connection.execute(f"DROP TABLE IF EXISTS {ours}")
    if with_conflicts:
        connection.execute("DELETE FROM _crdt_conflict WHERE tbl = ?", (table.id,))
    connection.execute("DELETE FROM _crdt_log WHERE tbl = ?", (table.id,))
    connection.execute("DELETE FROM _crdt_column WHERE tbl = ?", (table.id,))
    connection.execute("DELETE FROM _crdt_table WHERE id = ?", (table.id,))
    connection.executemany("DELETE FROM _crdt_meta WHERE name = ?", [(name,) for name in table.facts])


def create_tables(registry: Registry, table: Table, shape: TableShape) -> None:
    """Create our tables for a table."""
    connection = registry.connection
    definitions = key_definitions(table, shape)
    stamps = joined(
        (Sql(f"{naming.stamp_t(field.id)} INTEGER, {naming.stamp_s(field.id)} INTEGER,") for field in table.fields),
        "\n  ",
    )
    held_columns = joined((*table.key_names, *(naming.value(field.id) for field in table.fields)))
    for statement in (
        sql(
            "capture/shadows/create_clock",
            clock=table.clock,
            key_definitions=definitions,
            stamp_definitions=stamps,
            key_columns=table.keys,
        ),
        sql("capture/shadows/create_held", held=table.held, columns=held_columns),
        sql("capture/shadows/create_heads", heads=table.heads, key_definitions=definitions, key_columns=table.keys),
    ):
        try:
            connection.execute(statement)
        except apsw.SQLError as error:
            raise CrdtsqlError(f"cannot set up {table.name!r}: {error}") from error
    if table.is_numbered:
        connection.execute(sql("capture/shadows/create_born", born=table.born))
    if table.typed_fields:
        create_parts(connection, table, shape)
    create_indexes(registry, table)


def create_indexes(registry: Registry, table: Table) -> None:
    """Create the indexes of our tables for a table."""
    connection = registry.connection
    connection.execute(sql("capture/shadows/create_seq_index", index=naming.clock_index(table.name), clock=table.clock))
    registry.create_kept_index(table.name)
    if table.is_numbered:
        connection.execute(
            sql("capture/shadows/create_born_index", index=naming.born_index(table.name), born=table.born)
        )


def key_definitions(table: Table, shape: TableShape) -> Sql:
    """Define the key's columns in tables of ours, with the affinity and collation of the user's."""
    return joined(
        (
            Sql(f"{key} {column.affinity} NOT NULL COLLATE {column.collation}")
            for key, column in zip(table.key_names, shape.key, strict=True)
        ),
        ",\n  ",
    )


def create_parts(connection: apsw.Connection, table: Table, shape: TableShape) -> None:
    """Create the table of parts, which only a table with typed columns has, unless it is there."""
    definitions = key_definitions(table, shape)
    connection.execute(
        sql("capture/shadows/create_parts", parts=table.parts, key_definitions=definitions, key_columns=table.keys)
    )
