"""Writes: insert, change or delete one row as a program does, only if nobody wrote it since the writer looked.

Runs inside the caller's write transaction, with everything folded that was written before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import apsw

from crdtsql.base import (
    ClaimedError,
    Sql,
    SqliteValue,
    UnknownRowError,
    UsageError,
    caseless,
    identifier,
    joined,
    query,
    show_key,
    sql,
    suggest,
)
from crdtsql.capture import fences
from crdtsql.conflicts import rowwrite
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table


def put(
    registry: Registry, table: Table, key: Sequence[SqliteValue], values: Mapping[str, SqliteValue], *, is_there: bool
) -> None:
    """Write columns of a row: an update if the table shows it, else an insert, in which other columns get their defaults.

    Raises:
        UsageError: there is no such column, or none is named that can be updated.
        WriteRefusedError: a constraint of the table does not allow it.
    """
    columns, bound = _columns(registry, table, values), (*key, *values.values())
    statement: Callable[..., str]
    if is_there:
        if not values:
            raise UsageError(f"name the columns of {table.name!r} to write, as COLUMN=VALUE")
        settings = joined(Sql(f"{identifier(name)} = ?{n}") for n, name in enumerate(columns, len(key) + 1))
        statement = partial(
            sql, "conflicts/writes/update", table=table.quoted, settings=settings, has_key=table.has_given_key
        )
    else:
        names = joined(identifier(name) for name in (*table.key, *columns))
        places = joined(Sql(f"?{n}") for n, _ in enumerate(bound, 1))
        statement = partial(sql, "conflicts/writes/insert", table=table.quoted, columns=names, values=places)
    rowwrite.write(registry.connection, table, tuple(key), statement, bound)


def remove(registry: Registry, table: Table, key: Sequence[SqliteValue], *, is_there: bool) -> None:
    """Delete a row.

    Raises:
        UnknownRowError: the table does not show it.
        WriteRefusedError: a constraint of the table does not allow it.
    """
    if not is_there:
        raise UnknownRowError(f"table {table.name!r} shows no row {show_key(tuple(key))}: nothing was deleted")
    rowwrite.write(registry.connection, table, tuple(key), partial(_delete, table), tuple(key))


def show(registry: Registry, table: Table, key: Sequence[SqliteValue], token: int | None) -> None:
    """Show the token of the claim under which a row is written, for the table's fence; without a fence it must be the row's too.

    Raises:
        ClaimedError: it is not the token of a claim of the row that is held.
    """
    if token is None:
        return
    connection = registry.connection
    names = joined(Sql(f"?{n} AS {identifier(name)}") for n, name in enumerate(table.key, 1))
    resource = fences.resource(table, "own")
    try:
        statement = sql("conflicts/writes/is_held", key=names, resource=resource)
        found = query.first(connection, statement, (*key, token))
    except apsw.SQLError:  # nothing was ever claimed in this file
        found = None
    if found is None:
        claims = suggest.plain_command("claims", registry.path)
        raise ClaimedError(
            f"token {token} is not that of the last claim of row {show_key(tuple(key))} of table {table.name!r} in this file, or it "
            f"is not held any more: nothing was written; {claims} lists the claims",
            f"{table.name}/{'/'.join(map(str, key))}",
        )
    if fences.mode(connection, table) is not None:
        connection.execute("INSERT INTO crdt_token (token) VALUES (?)", (token,))


def _delete(table: Table, **_: Sql) -> str:
    return sql("conflicts/writes/delete", table=table.quoted, has_key=table.has_given_key)


def _columns(registry: Registry, table: Table, values: Mapping[str, SqliteValue]) -> list[str]:
    """Return the names of columns as the table spells them."""
    shape = schema.read(registry.connection, table.name)
    known = {caseless(column.name): column for column in (() if shape is None else shape.columns)}
    found = []
    for name in values:
        column = known.get(caseless(name))
        if column is None:
            raise UsageError(f"table {table.name!r} has no column {name!r}: it has {', '.join(table.names)}")
        if column.generated:
            raise UsageError(f"column {name!r} of table {table.name!r} is generated from others: write those")
        if caseless(name) in map(caseless, table.key):
            raise UsageError(
                f"column {name!r} is part of the key of table {table.name!r}: it is given before the values"
            )
        found.append(column.name)
    return found
