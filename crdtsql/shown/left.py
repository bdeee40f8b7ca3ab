"""Left: rows whose references may lead to nothing once values follow rows that get other numbers.

A reference to a table with automatic numbers follows by what its writer had seen, and so does each value that holds such a number.
Where a reference has several columns, or leads to a value that itself is a reference, its two ends may go different ways. No event
says so: the rows of both ends are as they were. So they are noted when they change, to be settled like rows that were written.
"""

from __future__ import annotations

from crdtsql.base import Sql, fragment, identifier, integer, joined, sql
from crdtsql.shown.references import Reference
from crdtsql.shown.settling import references_of
from crdtsql.store import Registry, Table


def note(registry: Registry, table: Table, column: Sql, means: Sql) -> None:
    """Note the shown rows that refer to rows of a table whose values in a column are about to change, and these rows themselves.

    Args:
        column: the column, quoted, of the user's table.
        means: says of a row `target` with a number in `temp._crdt_moved` that it changes.
    """
    connection = registry.connection
    shared = {"table": table.quoted, "column": column, "means": means}
    of_rows = False
    for reference in references_of(registry, table):
        if not reference.enforced or reference.parent is None:
            continue
        if reference.parent.table.id == table.id and column in map(identifier, reference.key.parent_columns):
            child = reference.child.table
            slots = {"keys": child.keys, "child_id": integer(child.id), "child_keys": child.key_columns_of("child")}
            statement = sql(
                "shown/left/note_children",
                child=child.quoted,
                target_is_parent=_target_is_parent(reference),
                **slots,
                **shared,
            )
            connection.execute(statement)
        of_rows = of_rows or (reference.child.table.id == table.id and _may_part(reference, column))
    if of_rows:
        slots = {"keys": table.keys, "table_id": integer(table.id), "key_columns": table.key_columns_of("target")}
        connection.execute(sql("shown/left/note_rows", **slots, **shared))


def follow(registry: Registry, table: Table, column: Sql) -> None:
    """Note what was noted of a table once more, under the keys that its rows have now that a column got other numbers."""
    for key, name in zip(table.key_names, table.key, strict=True):
        if identifier(name) == column:
            new = fragment("shown/left/new_key", key=key)
            slots = {"keys": table.keys, "table_id": integer(table.id), "key": key}
            new_keys = joined(new if one == key else Sql(f"noted.{one}") for one in table.key_names)
            registry.connection.execute(sql("shown/left/follow", new_keys=new_keys, **slots))


def _may_part(reference: Reference, column: Sql) -> bool:
    """Tell whether a column is part of a reference that leads to more than the row which gets another number."""
    if reference.parent is None or column not in map(identifier, reference.key.columns):
        return False
    return not (reference.parent.table.is_numbered and reference.to_key)


def _target_is_parent(reference: Reference) -> Sql:
    pairs = zip(reference.key.parent_columns, reference.key.columns, strict=True)
    return joined((Sql(f"target.{identifier(its)} = child.{identifier(mine)}") for its, mine in pairs), " AND ")
