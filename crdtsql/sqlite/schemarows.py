"""Schema rows: many triggers at once, written as the rows that CREATE TRIGGER would write, and many tables (docs/SQLITE_FACTS.md, 30).

Each CREATE reads the whole `sqlite_schema` to find the one row that it wrote, so many of them cost the square of what is there. Here
the rows of triggers are written, and SQLite reads its schema once. A table has pages, so it is created, and its row put aside until
all are there. Knows no table or trigger of ours. Runs inside the caller's savepoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw

from crdtsql.base import query

AT_ONCE = 100
"""After so many statements the rows that they wrote are put aside."""
_FROM = "SELECT * FROM main.sqlite_schema WHERE rowid > ? ORDER BY rowid"
_PLAIN = re.compile(r'CREATE TRIGGER ("(?:[^"]|"")+") .*\nEND', re.DOTALL)


def create_triggers(connection: apsw.Connection, triggers: Sequence[tuple[str, str]]) -> bool:
    """Create triggers, each given by its table and its statement; False, and nothing is done, where that must be done one by one.

    That is where the connection may not write the schema (DEFENSIVE), where somebody had let it write it, so that SQLite would
    say nothing of a statement that it can't read, and where a statement is not written as SQLite keeps it.

    Raises:
        apsw.SQLError, apsw.CorruptError: SQLite does not take one of them; what was done since the savepoint is the caller's to undo.
    """
    names = [_PLAIN.fullmatch(statement) for _, statement in triggers]
    rows = [
        (found[1][1:-1].replace('""', '"'), table, statement)
        for found, (table, statement) in zip(names, triggers, strict=True)
        if found is not None
    ]
    if len(rows) < len(triggers):
        return False
    with _writable(connection) as allowed:
        if not allowed or not rows:
            return not rows
        connection.executemany(
            "INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('trigger', ?, ?, 0, ?)", rows
        )
    _read_anew(connection)
    if not _is_known(connection, triggers[-1][1]):
        raise apsw.SQLError("SQLite did not read the triggers that were written")
    return True


def create_all(connection: apsw.Connection, statements: Iterable[str]) -> None:
    """Create tables and indexes, many at a cost that grows with their number alone.

    Only rows that these statements themselves wrote are put aside meanwhile, none that was there before. Where the schema must not be
    written, as in `create_triggers`, they stay where they are.

    Raises:
        apsw.SQLError, apsw.CorruptError: SQLite does not take one of them; what was done since the savepoint is the caller's to undo.
    """
    (last,) = query.first(connection, "SELECT ifnull(max(rowid), 0) FROM main.sqlite_schema")
    aside: list[tuple[Any, ...]] = []
    for number, statement in enumerate(statements, 1):
        connection.execute(statement, can_cache=False)
        if number % AT_ONCE == 0:
            aside += _put_aside(connection, last)
    if not aside:
        return
    aside += _put_aside(connection, last)
    with _writable(connection):
        connection.executemany("INSERT INTO main.sqlite_schema VALUES (?, ?, ?, ?, ?)", aside)
    if query.rows(connection, _FROM, (last,)) != aside:
        raise apsw.SQLError("not all tables that were created are in the schema")
    _read_anew(connection)


def _put_aside(connection: apsw.Connection, last: int) -> list[tuple[Any, ...]]:
    """Take the rows after the last one that was there before out of the schema, which SQLite itself knows by heart."""
    with _writable(connection) as allowed:
        found = query.rows(connection, _FROM, (last,)) if allowed else []
        if found:
            connection.execute("DELETE FROM main.sqlite_schema WHERE rowid > ?", (last,))
    return found


def _read_anew(connection: apsw.Connection) -> None:
    """Have SQLite read the schema that was written, here and in other connections."""
    (version,) = query.first(connection, "PRAGMA main.schema_version")
    connection.execute(f"PRAGMA main.schema_version = {int(version) + 1}")
    query.first(connection, "SELECT 1 FROM main.sqlite_schema")  # an EXPLAIN alone would go by the schema as it was


def _is_known(connection: apsw.Connection, statement: str) -> bool:
    """Tell whether SQLite knows a trigger, by its refusal to create it again."""
    try:
        query.compile_only(connection, statement)
    except apsw.SQLError as error:
        return "already exists" in str(error)
    return False


@contextmanager
def _writable(connection: apsw.Connection) -> Iterator[bool]:
    """Let the connection write its schema for a while, if it does not already and may."""
    if query.first(connection, "PRAGMA writable_schema")[0]:
        yield False
        return
    connection.execute("PRAGMA writable_schema = ON")
    try:
        yield bool(query.first(connection, "PRAGMA writable_schema")[0])
    finally:
        connection.execute("PRAGMA writable_schema = OFF")
