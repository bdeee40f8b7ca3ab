"""Defaults: what SQLite stores in a column of a row that does not name it."""

from __future__ import annotations

import apsw

from crdtsql.base import Sql, SqliteValue, query, sql, verbatim
from crdtsql.sqlite.schema import Column


def default_value(connection: apsw.Connection, column: Column, strict: bool) -> SqliteValue:
    """Return what SQLite stores in a column of a row that does not name it."""
    if column.default is None:
        return None
    statement = sql(
        "sqlite/default_values/default_column",
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
