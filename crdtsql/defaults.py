"""Defaults: what SQLite stores in a column of a row that does not name it."""

from __future__ import annotations

import apsw

from crdtsql import query
from crdtsql.schema import Column
from crdtsql.sqltext import Sql, sql, verbatim
from crdtsql.values import SqliteValue


def default_value(connection: apsw.Connection, column: Column, strict: bool) -> SqliteValue:
    """Return what SQLite stores in a column of a row that does not name it."""
    if column.default is None:
        return None
    statement = sql(
        "alter/default_column",
        declared=verbatim(column.declared),
        default=verbatim(f"({column.default})"),
        strict=Sql("STRICT" if strict else ""),
    )
    connection.execute(statement)
    try:
        connection.execute("INSERT INTO temp._crdt_default DEFAULT VALUES")
        (value,) = query.first(connection, "SELECT value FROM temp._crdt_default")
        return value  # type: ignore[no-any-return]
    finally:
        connection.execute("DROP TABLE temp._crdt_default")
