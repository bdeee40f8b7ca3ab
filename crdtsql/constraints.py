"""Constraints: explain which rows of a merge break which constraint, and check foreign keys.

Runs inside the merge's transaction, after the user's tables were written with foreign keys not enforced. Foreign keys are
checked once all tables are written, and only for what the merge touched: children it wrote, and children of parents it
removed or changed.
"""

from __future__ import annotations

import re

import apsw

from crdtsql import query, schema
from crdtsql.arrival import Arrival
from crdtsql.errors import ConstraintViolationError
from crdtsql.registry import temporary
from crdtsql.schema import ForeignKey
from crdtsql.sqltext import Sql, identifier, joined, sql
from crdtsql.values import SqliteValue, show_key

MOST_ROWS_NAMED = 5
MOST_TRIES = 20
CREATE_TOUCHED = "CREATE TEMP TABLE _crdt_touched (number, id, gone, changed, PRIMARY KEY (number, id)) WITHOUT ROWID"
_UNIQUE = re.compile(r"UNIQUE constraint failed: (.*)")

Key = tuple[SqliteValue, ...]


def explain(connection: apsw.Connection, arrival: Arrival, error: apsw.Error) -> ConstraintViolationError:
    """Turn SQLite's refusal into an error that names the constraint and the rows."""
    constraint = str(error).removeprefix("ConstraintError: ")
    keys = _failing_keys(connection, arrival, constraint)
    name = arrival.table.name
    rows = ", ".join(show_key(key) for key in keys) or "of the changeset"
    message = (
        f"merging would break a constraint of table {name!r} ({constraint}; rows {rows}): nothing was changed; "
        "change one of these rows on one replica, then merge again"
    )
    return ConstraintViolationError(message, name, constraint, [*keys])


def _failing_keys(connection: apsw.Connection, arrival: Arrival, constraint: str) -> list[Key]:
    """Find the rows that fail: the first rows of the merge alone are written, fewer and fewer or more, until one more is too many.

    Only ever runs when a merge was refused. Cost: about twenty times the merge for each row that is found.
    """
    table = arrival.table
    failing: list[Key] = []
    columns = joined(arrival.staged_columns)
    with temporary(connection, "_crdt_tried", f"CREATE TEMP TABLE _crdt_tried ({columns})"):
        connection.execute(_stage_tried(arrival))
        connection.execute(
            sql("merge/remove_tried", table=table.quoted, key_columns=table.key_columns, keys=table.keys)
        )
        for _ in range(MOST_TRIES):
            number, reason = _first_failing(connection, arrival)
            if number is None or len(failing) >= MOST_ROWS_NAMED:
                break
            if reason == constraint:
                (key,) = query.rows(connection, f"SELECT {table.keys} FROM temp._crdt_tried WHERE rowid = ?", (number,))
                found = _UNIQUE.search(constraint)
                failing += [*(_rivals(connection, arrival, number, found[1]) if found else []), key]
            connection.execute("DELETE FROM temp._crdt_tried WHERE rowid = ?", (number,))
    return list(dict.fromkeys(failing))[:MOST_ROWS_NAMED]


def _stage_tried(arrival: Arrival) -> str:
    table = arrival.table
    fresh = {pair.field.id: pair.slots["value"] for pair in arrival.pairs}
    return sql(
        "merge/stage_tried",
        columns=joined(arrival.staged_columns),
        met_values=joined(arrival.merged_values),
        staged_values=joined(Sql(f"staged.{column}") for column in arrival.staged_columns),
        held_values=joined(Sql(f"held.{column}") for column in arrival.staged_columns),
        fresh_values=joined(
            [Sql(f"incoming.{key}") for key in table.key_names]
            + [Sql(f"incoming.{fresh[field.id]}" if field.id in fresh else "NULL") for field in table.fields]
        ),
        table=table.quoted,
        held=table.held,
        target_is_met=arrival.is_key_of("target", "met"),
        target_is_staged=arrival.is_key_of("target", "staged"),
        **arrival.image_slots,
    )


def _first_failing(connection: apsw.Connection, arrival: Arrival) -> tuple[int | None, str]:
    """Find the first staged row that the table does not take together with those before it, and why."""
    (low, high) = query.first(connection, "SELECT ifnull(min(rowid), 1), ifnull(max(rowid), 0) FROM temp._crdt_tried")
    reason = _try(connection, arrival, high)
    if reason is None:
        return None, ""
    while low < high:
        middle = (low + high) // 2
        found = _try(connection, arrival, middle)
        if found is None:
            low = middle + 1
        else:
            high, reason = middle, found
    return low, reason


def _try(connection: apsw.Connection, arrival: Arrival, last: int, undo: bool = True) -> str | None:
    """Write the staged rows up to one; return what SQLite says against it."""
    table = arrival.table
    statement = sql(
        "merge/try_rows",
        table=table.quoted,
        key_columns=table.key_columns,
        columns=arrival.user_columns,
        tried_columns=arrival.held_columns,
    )
    connection.execute("SAVEPOINT crdt_try")
    try:
        connection.execute(statement, {"last": last})
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        return str(error).removeprefix("ConstraintError: ")
    finally:
        connection.execute("ROLLBACK TO crdt_try; RELEASE crdt_try" if undo else "RELEASE crdt_try")
    return None


def _rivals(connection: apsw.Connection, arrival: Arrival, number: int, columns: str) -> list[Key]:
    """Find the rows that have the UNIQUE values of a staged row, among those before it and those of the table."""
    names = [part.strip().rsplit(".", 1)[-1].lower() for part in columns.split(",")]
    table = arrival.table
    staged = [name.lower() for name in (*table.key, *(field.name for field in table.fields))]
    for index in schema.unique_indexes(connection, table.name):
        if index.is_plain and [str(name).lower() for name in index.columns] == names:
            break
    else:
        return []
    same = joined(
        (
            Sql(
                f"shown.{identifier(name)} = tried.{arrival.staged_columns[staged.index(name)]} COLLATE {identifier(collation)}"
            )
            for name, collation in zip(names, index.collations, strict=True)
        ),
        " AND ",
    )
    connection.execute("SAVEPOINT crdt_rivals")
    try:
        _try(connection, arrival, number - 1, undo=False)
        return query.rows(
            connection,
            f"SELECT {table.key_columns_of('shown')} FROM temp._crdt_tried AS tried JOIN {table.quoted} AS shown ON {same} "
            "WHERE tried.rowid = ?",
            (number,),
        )
    finally:
        connection.execute("ROLLBACK TO crdt_rivals; RELEASE crdt_rivals")


def note_touched(connection: apsw.Connection, arrival: Arrival) -> None:
    """Note the rows that a merge touched in one table, if a foreign key leads from or to it."""
    name = arrival.table.name
    if schema.foreign_keys(connection, name) or schema.referencing_tables(connection, name):
        statement = sql("merge/touch", changed=arrival.changed)
        connection.execute(statement, {"number": arrival.number})


def check_foreign_keys(connection: apsw.Connection, arrivals: list[Arrival]) -> None:
    """Check the foreign keys from and to the rows that a merge touched, once all tables are written.

    Raises:
        ConstraintViolationError: a child is left without its parent.
    """
    touched = "SELECT max(gone OR changed) FROM temp._crdt_touched WHERE number = ?"
    for arrival in arrivals:
        name = arrival.table.name
        (changed,) = query.first(connection, touched, (arrival.number,))
        if changed is None:
            continue
        for key in schema.foreign_keys(connection, name):
            _check_children(connection, arrival, name, key, only_touched=True)
        for child in schema.referencing_tables(connection, name) if changed else []:
            for key in schema.foreign_keys(connection, child):
                if key.parent.lower() == name.lower():
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
    touched = (
        f"temp._crdt_touched AS touched CROSS JOIN {arrival.image_slots['image']}.{arrival.image_slots['row_table']} "
        f"AS incoming ON incoming.rowid = touched.id AND touched.number = {arrival.number}"
    )
    if only_touched:
        source = f"{touched} CROSS JOIN {identifier(child)} AS child ON {arrival.is_key_of('child', 'incoming')}"
    elif tuple(name.lower() for name in key.parent_columns) == tuple(name.lower() for name in arrival.table.key):
        conditions.append(
            f"({joined(references)}) IN (SELECT {arrival.table.keys_of('incoming')} FROM {touched} WHERE touched.gone)"
        )
    named = joined(Sql(f"child.{identifier(column.name)}") for column in shape.key) if shape.key else joined(references)
    rows = query.rows(
        connection, f"SELECT {named} FROM {source} WHERE {' AND '.join(conditions)} LIMIT {MOST_ROWS_NAMED}"
    )
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
