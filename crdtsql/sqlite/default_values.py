"""Defaults: what SQLite stores in a column of a row that does not name it."""

from __future__ import annotations

import apsw

from crdtsql.base import Sql, SqliteValue, TemporaryTable, query, verbatim
from crdtsql.sqlite.schema import Column

DEFAULT = TemporaryTable("_crdt_default", "sqlite/default_values/create_default")


def default_value(connection: apsw.Connection, column: Column, strict: bool) -> SqliteValue:
    """Return what SQLite stores in a column of a row that does not name it."""
    if column.default is None:
        return None
    slots = {
        "declared": verbatim(column.declared),
        "default": verbatim(f"({column.default})"),
        "strict": Sql("STRICT" if strict else ""),
    }
    with DEFAULT.created(connection, **slots):
        connection.execute("INSERT INTO temp._crdt_default DEFAULT VALUES")
        (value,) = query.first(connection, "SELECT value FROM temp._crdt_default")
        return value  # type: ignore[no-any-return]
