"""AUTOINCREMENT: which tables have it, and whether their ids may go on anywhere."""

from __future__ import annotations

from functools import lru_cache

import apsw

from crdtsql.base import caseless
from crdtsql.sqlite import schema, tablesql


def is_on(connection: apsw.Connection, table: str, column: str) -> bool:
    """Tell whether a column is an INTEGER PRIMARY KEY AUTOINCREMENT; not if it is not there."""
    try:
        return bool(connection.column_metadata("main", table, column)[4])
    except apsw.SQLError:
        return False


def may_jump(connection: apsw.Connection, table: str, column: str) -> bool:
    """Tell whether a column is AUTOINCREMENT, and no CHECK of its table says anything of its ids."""
    return is_on(connection, table, column) and not is_bounded(connection, table, column)


def is_bounded(connection: apsw.Connection, table: str, column: str) -> bool:
    """Tell whether a CHECK of a table names the column of its ids."""
    return _is_checked(schema.definition(connection, "table", table), caseless(column))


@lru_cache(maxsize=1_000)
def _is_checked(statement: str, column: str) -> bool:
    names = {column, "rowid", "oid", "_rowid_"}
    return any(names & tablesql.names(expression) for expression in tablesql.checks(statement))
