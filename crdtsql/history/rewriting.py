"""Rewriting: write rows as they were, in an order that the constraints allow; what no order allows is said.

Runs inside the caller's write transaction, with foreign keys enforced; the triggers capture what it writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import apsw

from crdtsql.base import CrdtsqlError, Sql, SqliteValue, caseless, identifier, joined, naming, query
from crdtsql.capture import without_capture
from crdtsql.conflicts import undelete
from crdtsql.history.undone import Key, LeftAlone, UndoneRow, UndoneWrites, Values
from crdtsql.sqlite import schema, writing
from crdtsql.store import Registry, Table


def carry_out(registry: Registry, planned: Sequence[tuple[Table, UndoneRow]], report: UndoneWrites) -> None:
    """Write rows, in an order that the constraints allow; what no order allows goes into the report."""
    waiting, why, done = [*planned], dict[int, str](), list[tuple[Table, UndoneRow]]()
    while waiting:
        again = []
        for table, row in waiting:
            problem = _write(registry, table, row)
            if problem is None:
                done.append((table, row))
            else:
                again.append((table, row))
                why[id(row)] = problem
        if len(again) == len(waiting):
            break
        waiting = again
    updates = [(table, row) for table, row in waiting if row.did == "updated"]
    if len(updates) > 1 and _exchanged(registry, updates, done):
        done += updates
        waiting = [one for one in waiting if one[1].did != "updated"]
    report.undone += [row for _, row in done]
    report.left += [LeftAlone(table.name, row.key, None, why[id(row)]) for table, row in waiting]


def _exchanged(
    registry: Registry, updates: Sequence[tuple[Table, UndoneRow]], done: Sequence[tuple[Table, UndoneRow]]
) -> bool:
    """Update rows that must have each other's UNIQUE values, all or none; return whether that was possible.

    Args:
        done: rows that are as they were: what refers to these values, and follows them, is written again.
    """
    with suppress(apsw.ConstraintError), query.savepoint(registry.connection, "crdt_exchange"):
        if not _exchange(registry, updates):
            raise apsw.ConstraintError
        for table, row in done:
            if row.did == "updated" and _write(registry, table, row) is not None:
                raise apsw.ConstraintError
        return True
    return False


def _exchange(registry: Registry, updates: Sequence[tuple[Table, UndoneRow]]) -> bool:
    """Update them by way of other values, which they have in between, and of which no history hears.

    What clears the way is not captured, and of what is written then `_crdt_was` says that it replaced the values from before.
    """
    connection = registry.connection
    passing: list[tuple[SqliteValue, SqliteValue]] = []
    with without_capture(connection, [table for table, _ in updates]), writing.unchecked(connection):
        for table, row in updates:
            unique = {name for index in schema.unique_indexes(connection, table.name) for name in index.columns}
            plain = {column.name for column in table.fields if column.type == "lww"}
            meanwhile: Values = {
                name: (was, _another(was))
                for name, (was, _) in row.values.items()
                if name in unique & plain and was is not None
            }
            if meanwhile and _write(registry, table, replace(row, values=meanwhile)) is not None:
                return False
            passing += meanwhile.values()
    if any(_write(registry, table, row) is not None for table, row in updates):
        return False
    for place in range(naming.KEPT_TOGETHER):
        column = naming.replaced(place)[1]
        connection.executemany(
            f"UPDATE main._crdt_was SET {column} = ?1 WHERE {column} = ?2",
            [(was, another) for was, another in passing],
        )
    return True


def _another(value: SqliteValue) -> SqliteValue:
    """Return a value like another one that nobody has."""
    if isinstance(value, (int, float)):
        return type(value)(-secrets.randbits(62))
    word = f"crdtsql-{secrets.token_hex(16)}"
    return word if isinstance(value, str) else word.encode()


def _write(registry: Registry, table: Table, row: UndoneRow) -> str | None:
    """Write a row as it was; return why not, if it can't be."""
    connection = registry.connection
    if row.did == "deleted":
        referring = next(_referring(registry, table, row.key), None)
        if referring is not None:
            return f"rows of {referring!r} refer to it"
    names = [identifier(name) for name in row.values]
    new = [now for _, now in row.values.values()]
    if row.did == "deleted":
        statement, values = f"DELETE FROM {table.quoted} WHERE {table.has_given_key}", [*row.key]
    elif row.did == "inserted":
        columns = joined([*map(identifier, table.key), *names])
        marks = ", ".join("?" * (len(row.key) + len(new)))
        statement, values = f"INSERT INTO {table.quoted} ({columns}) VALUES ({marks})", [*row.key, *new]
    else:
        width = len(row.key)
        settings = joined(Sql(f"{name} = ?{n}") for n, name in enumerate(names, width + 1))
        statement = f"UPDATE {table.quoted} SET {settings} WHERE {table.has_given_key}"
        values = [*row.key, *new]
    try:
        with query.savepoint(connection, "crdt_undo"):
            if row.did == "inserted" and table.is_numbered and _bring_back(registry, table, row):
                return None
            connection.execute(statement, values)
    except (apsw.ConstraintError, apsw.MismatchError, apsw.SQLError, UnicodeEncodeError) as error:
        return f"it can't be written: {str(error).partition(': ')[2] or error}"
    return None


def _bring_back(registry: Registry, table: Table, row: UndoneRow) -> bool:
    """Bring a deleted row back under its number, with what it had; return whether that was possible.

    An INSERT would make another row, and what refers to the one that was deleted would not mean it.
    """
    try:
        undelete(registry, table.name, row.key)
    except CrdtsqlError:  # its values are forgotten or purged, or it was another row's number
        return False
    names = [identifier(name) for name in row.values]
    if names:
        settings = joined(Sql(f"{name} = ?{n}") for n, name in enumerate(names, len(row.key) + 1))
        statement = f"UPDATE {table.quoted} SET {settings} WHERE {table.has_given_key}"
        registry.connection.execute(statement, [*row.key, *(now for _, now in row.values.values())])
    return True


def _referring(registry: Registry, table: Table, key: Key) -> Iterator[str]:
    """Name the tables of which rows refer to a row, by foreign keys."""
    connection = registry.connection
    of_row = joined((Sql(f"parent.{identifier(name)} = ?{n}") for n, name in enumerate(table.key, 1)), " AND ")
    for name, kind in schema.user_tables(connection):
        for one in schema.foreign_keys(connection, name) if kind == "table" else ():
            if caseless(one.parent) != caseless(table.name):
                continue
            pairs = zip(one.columns, one.parent_columns or table.key, strict=False)
            same = joined(
                (Sql(f"child.{identifier(own)} = parent.{identifier(their)}") for own, their in pairs), " AND "
            )
            joint = Sql(f"{identifier(name)} AS child JOIN {table.quoted} AS parent ON {same}")
            if query.exists(connection, joint, of_row, key):
                yield name
