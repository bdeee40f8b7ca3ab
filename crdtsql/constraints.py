"""Constraints: explain which rows of a merge break which constraint, and check foreign keys.

Runs inside the merge's transaction, after the user's tables were written with foreign keys not enforced. Foreign keys are
checked only for what the merge touched: children it wrote, and children of parents it removed or changed.
"""

from __future__ import annotations

import re

import apsw

from crdtsql import schema
from crdtsql.arrival import Arrival
from crdtsql.errors import ConstraintViolationError
from crdtsql.schema import ForeignKey
from crdtsql.sqltext import Sql, identifier, joined
from crdtsql.values import show_key

MOST_ROWS_NAMED = 5
_UNIQUE = re.compile(r"UNIQUE constraint failed: (.*)")


def explain(connection: apsw.Connection, arrival: Arrival, error: apsw.ConstraintError) -> ConstraintViolationError:
    """Turn SQLite's refusal into an error that names the constraint and the rows."""
    constraint = str(error).removeprefix("ConstraintError: ")
    found = _UNIQUE.search(constraint)
    keys = _colliding_keys(connection, arrival, found[1]) if found else _failing_keys(connection, arrival, constraint)
    name = arrival.table.name
    rows = ", ".join(show_key(key) for key in keys) or "of the changeset"
    message = (
        f"merging would break a constraint of table {name!r} ({constraint}; rows {rows}): nothing was changed; "
        "change one of these rows on one replica, then merge again"
    )
    return ConstraintViolationError(message, name, constraint, keys)


def _colliding_keys(connection: apsw.Connection, arrival: Arrival, columns: str) -> list[tuple[object, ...]]:
    """Find rows of the changeset that have the same UNIQUE values as another row of the table."""
    names = [part.strip().rsplit(".", 1)[-1] for part in columns.split(",")]
    values = {pair.field.name.lower(): pair.slots["value"] for pair in arrival.pairs}
    values |= {name.lower(): key for name, key in zip(arrival.table.key, arrival.table.key_names, strict=True)}
    if not all(name.lower() in values for name in names):
        return []
    table = arrival.table
    same = joined((Sql(f"shown.{identifier(name)} = incoming.{values[name.lower()]}") for name in names), " AND ")
    image = f"{arrival.image_slots['image']}.{arrival.image_slots['row_table']}"
    rows = connection.execute(
        f"SELECT {table.keys_of('incoming')}, {table.key_columns_of('shown')} FROM {image} AS incoming "
        f"JOIN {table.quoted} AS shown ON {same} AND NOT ({arrival.is_key_of('shown', 'incoming')}) "
        f"WHERE incoming.gone IS NULL LIMIT {MOST_ROWS_NAMED}"
    ).fetchall()
    width = len(table.key)
    return list(dict.fromkeys(key for row in rows for key in (row[:width], row[width:])))[:MOST_ROWS_NAMED]


def _failing_keys(connection: apsw.Connection, arrival: Arrival, constraint: str) -> list[tuple[object, ...]]:
    """Find rows that fail by trying each alone; only ever runs when a merge was refused."""
    table = arrival.table
    image = f"{arrival.image_slots['image']}.{arrival.image_slots['row_table']}"
    count = len(table.key)
    marks = ", ".join("?" * (count + len(arrival.pairs)))
    insert = f"INSERT INTO {table.quoted} ({table.key_columns}{arrival.user_columns}) VALUES ({marks})"
    failing: list[tuple[object, ...]] = []
    for row in connection.execute(f"SELECT {arrival.incoming_values} FROM {image} AS incoming WHERE gone IS NULL"):
        connection.execute("SAVEPOINT crdt_try")
        try:
            connection.execute(insert, row)
        except apsw.ConstraintError as error:
            if constraint in str(error):
                failing.append(tuple(row[:count]))
        finally:
            connection.execute("ROLLBACK TO crdt_try; RELEASE crdt_try")
        if len(failing) == MOST_ROWS_NAMED:
            break
    return failing


def check_foreign_keys(connection: apsw.Connection, arrival: Arrival) -> None:
    """Check the foreign keys from and to the rows that a merge touched in one table.

    Raises:
        ConstraintViolationError: a child is left without its parent.
    """
    for key in schema.foreign_keys(connection, arrival.table.name):
        _check_children(connection, arrival, arrival.table.name, key, only_touched=True)
    touched = "SELECT 1 FROM temp._crdt_met WHERE gone = 1 OR " + arrival.changed.text.replace("met.", "") + " LIMIT 1"
    if connection.execute(touched).fetchone() is None:
        return
    for child, kind in schema.user_tables(connection):
        if kind != "table":
            continue
        for key in schema.foreign_keys(connection, child):
            if key.parent.lower() == arrival.table.name.lower():
                _check_children(connection, arrival, child, key, only_touched=False)


def _check_children(
    connection: apsw.Connection, arrival: Arrival, child: str, key: ForeignKey, only_touched: bool
) -> None:
    """Look for children without a parent: the rows that arrived, or the children of parents that went."""
    shape = schema.read(connection, child)
    if shape is None or not key.parent_columns:
        return
    references = [Sql(f"child.{identifier(column)}") for column in key.columns]
    parent = schema.read(connection, key.parent)
    conditions = [f"{reference} IS NOT NULL" for reference in references]
    if parent is not None and parent.kind == "table":
        same = joined(
            (
                Sql(f"parent.{identifier(column)} = {reference}")
                for column, reference in zip(key.parent_columns, references, strict=True)
            ),
            " AND ",
        )
        conditions.append(f"NOT EXISTS (SELECT 1 FROM {identifier(parent.name)} AS parent WHERE {same})")
    source = f"{identifier(child)} AS child"
    if only_touched:
        image = f"{arrival.image_slots['image']}.{arrival.image_slots['row_table']}"
        source = (
            f"temp._crdt_arrived AS arrived CROSS JOIN {image} AS incoming ON incoming.rowid = arrived.id "
            f"CROSS JOIN {identifier(child)} AS child ON {arrival.is_key_of('child', 'incoming')}"
        )
    elif tuple(name.lower() for name in key.parent_columns) == tuple(name.lower() for name in arrival.table.key):
        met_keys = joined(Sql(f"met.{name}") for name in arrival.table.key_names)
        conditions.append(
            f"({joined(references)}) IN (SELECT {met_keys} FROM temp._crdt_met AS met "
            f"WHERE met.gone = 1 OR met.t <> met.old_t OR met.s <> met.old_s)"
        )
    named = joined(Sql(f"child.{identifier(column.name)}") for column in shape.key) if shape.key else joined(references)
    rows = connection.execute(
        f"SELECT {named} FROM {source} WHERE {' AND '.join(conditions)} LIMIT {MOST_ROWS_NAMED}"
    ).fetchall()
    if rows:
        constraint = f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent} ({', '.join(key.parent_columns)})"
        shown = ", ".join(show_key(row) for row in rows)
        raise ConstraintViolationError(
            f"merging would leave rows of table {child!r} without the row they refer to ({constraint}; rows {shown}): "
            "nothing was changed; add the missing row or change these on one replica, then merge again",
            child,
            constraint,
            rows,
        )
