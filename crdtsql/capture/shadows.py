"""Shadows: our own tables for a user's table: created, indexed, dropped.

Knows which tables and indexes there are, and nothing of what stands in them (docs/FORMAT.md, 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw

from crdtsql.base import (
    CannotEnableError,
    Sql,
    caseless,
    identifier,
    joined,
    memory,
    naming,
    query,
    sql,
)
from crdtsql.capture import placing, views
from crdtsql.sqlite import TableShape, schemarows
from crdtsql.store import Registry, Table, acting, kept_index


def forget(registry: Registry, table: Table, *, with_conflicts: bool = True) -> None:
    """Drop our triggers and tables of a table, and what is registered of it."""
    connection = registry.connection
    views.drop(registry)
    if not table.absent:
        placing.drop_triggers(connection, table.name)
    placeholder = [table.quoted] if table.absent else []
    for ours in (
        table.clock,
        table.held,
        table.heads,
        table.parts,
        table.born,
        table.moved,
        table.cells_parked,
        *placeholder,
    ):
        connection.execute(f"DROP TABLE IF EXISTS {ours}")
    for index in (naming.clock_index(table.name), naming.kept_index(table.name), naming.born_index(table.name)):
        connection.execute(f"DROP INDEX IF EXISTS {index}")
    if with_conflicts:
        connection.execute("DELETE FROM _crdt_conflict WHERE tbl = ?", (table.id,))
    if query.exists(connection, "main.sqlite_schema", "name = '_crdt_births'"):
        connection.execute("DELETE FROM _crdt_births WHERE tbl = ?", (table.id,))
    if table.history is not None:
        connection.execute(sql("capture/shadows/forget_replaced"), {"tbl": table.id})
    connection.execute("DELETE FROM _crdt_log WHERE tbl = ?", (table.id,))
    acting.draw_back(connection)
    connection.execute("DELETE FROM _crdt_column WHERE tbl = ?", (table.id,))
    connection.execute("DELETE FROM _crdt_table WHERE id = ?", (table.id,))
    connection.executemany("DELETE FROM _crdt_meta WHERE name = ?", [(name,) for name in table.facts])
    memory.forget_rows(connection)
    registry.count_columns()


def forget_unregistered(registry: Registry, name: str) -> bool:
    """Drop our triggers and tables of a table whose registration is gone; return whether there were any."""
    connection = registry.connection
    ours = {*naming.tables_of(name), naming.absent(name)}
    found = [
        (kind, entry)
        for kind, entry, on in query.rows(
            connection, "SELECT type, name, tbl_name FROM main.sqlite_schema WHERE type IN ('table', 'trigger')"
        )
        if entry in ours or (kind == "trigger" and caseless(on) == caseless(name) and naming.is_ours(entry))
    ]
    for kind, entry in found:
        connection.execute(f"DROP {kind} IF EXISTS {identifier(entry)}")
    return bool(found)


def create_tables(registry: Registry, tables: Sequence[tuple[Table, TableShape]]) -> None:
    """Create our tables for some tables.

    Raises:
        CannotEnableError: SQLite does not take what one of them needs.
    """
    views.drop(registry)
    name = ""

    def every() -> Iterator[str]:
        nonlocal name
        for table, shape in tables:
            name = table.name
            born = ("born",) if table.is_numbered else ()
            parts = ("parts",) if table.typed_fields else ()
            for kind in ("clock", "held", "heads", *born, *parts):
                yield _table(table, shape, kind)
            yield from _indexes(table)

    try:
        schemarows.create_all(registry.connection, every())
    except apsw.SQLError as error:
        raise CannotEnableError(name, f"what crdtsql needs can't be set up: {error}") from error


def create_table(registry: Registry, table: Table, shape: TableShape, kind: str) -> None:
    """Create one of our tables for a table: clock, held, heads, born or parts."""
    registry.connection.execute(_table(table, shape, kind))


def _table(table: Table, shape: TableShape, kind: str) -> str:
    keys = {"key_definitions": key_definitions(table, shape), "key_columns": table.keys}
    if kind == "clock":
        pairs = ((naming.stamp_t(field.id), naming.stamp_s(field.id)) for field in table.fields)
        stamps = joined((Sql(f"{t} INTEGER, {s} INTEGER,") for t, s in pairs), "\n  ")
        return sql("capture/shadows/create_clock", clock=table.clock, stamp_definitions=stamps, **keys)
    if kind == "held":
        columns = joined((*table.key_names, *(naming.value(field.id) for field in table.fields)))
        return sql("capture/shadows/create_held", held=table.held, columns=columns)
    if kind == "heads":
        return sql("capture/shadows/create_heads", heads=table.heads, **keys)
    if kind == "born":
        return sql("capture/shadows/create_born", born=table.born)
    return sql("capture/shadows/create_parts", parts=table.parts, **keys)


def create_indexes(registry: Registry, table: Table) -> None:
    """Create the indexes of our tables for a table."""
    for statement in _indexes(table):
        registry.connection.execute(statement)


def _indexes(table: Table) -> Iterator[str]:
    yield sql("capture/shadows/create_seq_index", index=naming.clock_index(table.name), clock=table.clock)
    yield kept_index(table.name)
    if table.is_numbered:
        yield sql("capture/shadows/create_born_index", index=naming.born_index(table.name), born=table.born)


def key_definitions(table: Table, shape: TableShape) -> Sql:
    """Define the key's columns in tables of ours, with the affinity and collation of the user's."""
    return joined(
        (
            Sql(f"{key} {column.affinity} NOT NULL COLLATE {column.collation}")
            for key, column in zip(table.key_names, shape.key, strict=True)
        ),
        ",\n  ",
    )
