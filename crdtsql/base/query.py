"""Reading rows: SQLite's answers without their static types, which only the statement knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import apsw

from crdtsql.base.sqltext import Sql


def rows(connection: apsw.Connection, statement: str, values: Any = None) -> list[Any]:
    """Return all rows, as tuples."""
    return connection.execute(statement, values).fetchall()


def first(connection: apsw.Connection, statement: str, values: Any = None) -> Any:
    """Return the first row as a tuple, None if there is none."""
    return connection.execute(statement, values).fetchone()


@contextmanager
def savepoint(connection: apsw.Connection, name: str) -> Iterator[None]:
    """Undo everything that a block did if it raises."""
    connection.execute(f"SAVEPOINT {name}")
    try:
        yield
    except BaseException:
        with suppress(apsw.Error):
            connection.execute(f"ROLLBACK TO {name}; RELEASE {name}")
        raise
    connection.execute(f"RELEASE {name}")


def exists(
    connection: apsw.Connection, table: Sql | LiteralString, where: Sql | LiteralString = "1", values: Any = None
) -> bool:
    """Tell whether a table (or a join of some) has a row, or one of which a condition holds."""
    return first(connection, f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", values) is not None


def compile_only(connection: apsw.Connection, statement: str) -> None:
    """Have SQLite compile a statement, with all triggers that it fires.

    Never from apsw's cache of statements: SQLite crashes when an EXPLAIN that was prepared before the schema changed runs again.
    """
    connection.execute(f"EXPLAIN {statement}", can_cache=False).fetchall()
