"""Registration: what the registry says of a table's columns and names, changed one by one.

Invariant: an id and a uid are never given twice in a table, also after their column was dropped. Runs inside the caller's
transaction, and looks at no row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from crdtsql.base import caseless, query
from crdtsql.sqlite import TableShape
from crdtsql.store import catalogue
from crdtsql.store.registry import Registry
from crdtsql.store.tables import Field, Table, free_uid


def add_column(registry: Registry, table: Table, name: str) -> Field:
    """Register a column that was added to a table, under an id and a uid that no column of the table ever had.

    If cells of another replica's column of that name are parked, it is that column.
    """
    found = query.rows(registry.connection, "SELECT id, uid FROM _crdt_column WHERE tbl = ?", (table.id,))
    number = 1 + max((id_ for id_, _ in found if id_ >= 0), default=-1)
    taken = {uid for _, uid in found}
    awaited = (kept.uid for kept in table.parked if caseless(kept.name) == caseless(name) and kept.uid not in taken)
    uid = next(awaited, None) or free_uid(caseless(name), taken)
    late = table.genesis is not None
    registry.connection.execute(
        "INSERT INTO _crdt_column (tbl, id, name, uid, since) VALUES (?, ?, ?, ?, ?)",
        (table.id, number, name, uid, int(late)),
    )
    registry.count_columns()
    return Field(number, name, "lww", uid, late)


def be_of_genesis(registry: Registry, table: Table, fields: Sequence[Field]) -> None:
    """Register that late columns count as written in rows without a clock row."""
    numbers = [(table.id, one.id) for one in fields]
    registry.connection.executemany("UPDATE _crdt_column SET since = 0 WHERE tbl = ? AND id = ?", numbers)
    if numbers:
        catalogue.changed(registry.connection)


def rename_column(registry: Registry, table: Table, uid: str, name: str) -> None:
    """Register another name for a column of a table, which keeps its uid."""
    registry.connection.execute(
        "UPDATE _crdt_column SET name = ? WHERE tbl = ? AND uid = ? AND NOT dropped", (name, table.id, uid)
    )
    catalogue.changed(registry.connection)


def drop_column(registry: Registry, table: Table, field: Field) -> None:
    """Register that a column is not in the table any more; its id and uid are never given again."""
    registry.connection.execute("UPDATE _crdt_column SET dropped = 1 WHERE tbl = ? AND id = ?", (table.id, field.id))
    catalogue.changed(registry.connection)


def rename_table(registry: Registry, table: Table, name: str) -> Table:
    """Register another name for a table, which keeps its uid."""
    registry.connection.execute("UPDATE _crdt_table SET name = ? WHERE id = ?", (name, table.id))
    catalogue.changed(registry.connection)
    return registry.table(name)


def columns_seen(registry: Registry, table: Table) -> list[tuple[str, str]]:
    """Return (name, declared type) of a table's columns as last seen, in the table's order; nothing if unknown."""
    (found,) = query.first(registry.connection, "SELECT columns FROM _crdt_table WHERE id = ?", (table.id,))
    return [(name, declared) for name, declared in json.loads(found or "[]")]


def see_columns(registry: Registry, table: Table, shape: TableShape) -> None:
    """Remember a table's columns as they are now."""
    registry.connection.execute(
        "UPDATE _crdt_table SET columns = ?1 WHERE id = ?2 AND columns IS NOT ?1", (shape.to_json(), table.id)
    )
