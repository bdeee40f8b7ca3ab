"""Reading rows: SQLite's answers without their static types, which only the statement knows.

apsw keeps the compiled statements of the last 512 runs. What is compiled in no time and runs often, such as a SAVEPOINT, is not kept
(`can_cache=False`), or the large statements of a merge would be pushed out, and compiled anew, by hundreds of small ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain, islice
from typing import Any, LiteralString

import apsw

from crdtsql.base import memory
from crdtsql.base.sqltext import Sql, joined
from crdtsql.base.values import SqliteValue, is_utf8

AT_ONCE = 100
"""So many tables are asked in one statement, of which SQLite takes 500, and so many rows inserted."""


def rows(connection: apsw.Connection, statement: str, values: Any = None) -> list[Any]:
    """Return all rows, as tuples."""
    return connection.execute(statement, values).fetchall()


def first(connection: apsw.Connection, statement: str, values: Any = None) -> Any:
    """Return the first row as a tuple, None if there is none."""
    return connection.execute(statement, values).fetchone()


def insert_all(connection: apsw.Connection, table: Sql | LiteralString, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of all columns into a table; of many, a hundred in one statement take a third of the time of one by one."""
    whole = len(rows) - len(rows) % AT_ONCE
    for first in range(0, whole, AT_ONCE):
        chunk = rows[first : first + AT_ONCE]
        connection.execute(_insert(table, len(chunk[0]), AT_ONCE), tuple(chain.from_iterable(chunk)))
    if whole < len(rows):
        connection.executemany(_insert(table, len(rows[0]), 1), rows[whole:])


@lru_cache(maxsize=256)
def _insert(table: Sql | LiteralString, columns: int, count: int) -> str:
    marks = f"({', '.join('?' * columns)})"
    return f"INSERT INTO {table} VALUES {', '.join([marks] * count)}"


@contextmanager
def savepoint(connection: apsw.Connection, name: str) -> Iterator[None]:
    """Undo everything that a block did if it raises."""
    connection.execute(f"SAVEPOINT {name}", can_cache=False)
    try:
        yield
    except BaseException:
        with suppress(apsw.Error):
            roll_back_to(connection, name)
        raise
    connection.execute(f"RELEASE {name}", can_cache=False)


def roll_back_to(connection: apsw.Connection, name: str) -> None:
    """Undo everything since a savepoint, and end it."""
    memory.forget(connection)
    connection.execute(f"ROLLBACK TO {name}; RELEASE {name}", can_cache=False)


def as_bytes(column: Sql) -> Sql:
    """Render two columns: a value's type, and the value, of text its bytes, for text in a file may be no UTF-8."""
    return Sql(f"typeof({column}), CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END")


def rows_to_show(connection: apsw.Connection, statement: str, values: Any = None) -> list[Any]:
    """Return all rows of a SELECT, for people to look at.

    Text that is no UTF-8 has a lone surrogate for each byte of it that is none (`surrogateescape`), and no statement takes it.
    """
    with suppress(UnicodeDecodeError):
        return rows(connection, statement, values)
    return [*_each_as_bytes(connection, statement, values)]


def each_to_show(connection: apsw.Connection, statement: str, values: Any = None) -> Iterator[Any]:
    """Give the rows of a SELECT with an order of its own one by one, as `rows_to_show` does; nobody may write meanwhile."""
    given = 0
    with suppress(UnicodeDecodeError):
        for row in connection.execute(statement, values):
            yield row
            given += 1
        return
    yield from islice(_each_as_bytes(connection, statement, values), given, None)


def _each_as_bytes(connection: apsw.Connection, statement: str, values: Any) -> Iterator[tuple[Any, ...]]:
    names = [Sql(f"c{number}") for number in range(len(connection.execute(statement, values).description))]
    typed = joined(map(as_bytes, names))
    found = connection.execute(f"WITH found ({joined(names)}) AS ({statement}\n) SELECT {typed} FROM found", values)
    return (tuple(map(to_show, row[::2], row[1::2])) for row in found)


def to_show(kind: str, value: Any) -> Any:
    """Turn what `as_bytes` rendered into a value to look at."""
    return value.decode(errors="surrogateescape") if kind == "text" else value


def binding(name: str, values: Sequence[SqliteValue]) -> tuple[Sql, dict[str, SqliteValue]]:
    """Render values that `rows_to_show` returned, joined by commas, and return what binds them; none of them has an affinity.

    >>> marks, values = binding("k", (1, "a"))
    >>> str(marks), values
    (':k1, :k2', {'k1': 1, 'k2': 'a'})
    """
    marks, given = [], dict[str, SqliteValue]()
    for number, value in enumerate(values, 1):
        as_it_is = is_utf8(value)
        marks.append(Sql(f":{name}{number}" if as_it_is else f"CASE WHEN 1 THEN CAST(:{name}{number} AS TEXT) END"))
        given[f"{name}{number}"] = value if as_it_is else str(value).encode(errors="surrogateescape")
    return joined(marks), given


def exists(
    connection: apsw.Connection, table: Sql | LiteralString, where: Sql | LiteralString = "1", values: Any = None
) -> bool:
    """Tell whether a table (or a join of some) has a row, or one of which a condition holds."""
    return first(connection, f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", values) is not None


def having_rows(
    connection: apsw.Connection, tables: Sequence[tuple[int, Sql]], where: Sql | LiteralString = "1", values: Any = None
) -> set[int]:
    """Return the numbers of those tables that have a row of which a condition holds."""
    return found_by(connection, asking(tables, where), values)


def asking(tables: Sequence[tuple[int, Sql]], where: Sql | LiteralString) -> list[str]:
    """Write the statements that ask which tables have a row of which a condition holds, one for a hundred tables."""
    questions = [f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {table} WHERE {where})" for number, table in tables]
    return [" UNION ALL ".join(questions[first : first + AT_ONCE]) for first in range(0, len(questions), AT_ONCE)]


def found_by(connection: apsw.Connection, statements: Sequence[str], values: Any = None) -> set[int]:
    """Return the numbers of the tables that statements of `asking` find."""
    return {number for statement in statements for (number,) in rows(connection, statement, values)}


def enforces_keys(connection: apsw.Connection) -> bool:
    """Tell whether foreign keys are enforced; the PRAGMA that says so is compiled each time."""
    return bool(connection.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, -1))


def compile_only(connection: apsw.Connection, statement: str, values: Any = None) -> None:
    """Have SQLite compile a statement, with all triggers that it fires.

    Never from apsw's cache of statements: SQLite crashes when an EXPLAIN that was prepared before the schema changed runs again.
    """
    connection.execute(f"EXPLAIN {statement}", values, can_cache=False).close()
