"""Executing: run a statement of a program that writes rows, and say which rows it wrote.

Runs inside the caller's write transaction, with everything folded that was written before. What it wrote stands in the log until the
caller folds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import apsw

from crdtsql.base import ClaimedError, SqliteValue, StatementError, query, sql, suggest
from crdtsql.conflicts.rowwrite import awaits_parents
from crdtsql.store import Registry, Table

T = TypeVar("T")


def position(connection: apsw.Connection) -> int:
    """Return the number of the last entry of the log."""
    return int(query.first(connection, "SELECT ifnull(max(seq), 0) FROM main._crdt_log")[0])


def execute(connection: apsw.Connection, statement: Callable[[], T]) -> T:
    """Run a statement.

    Raises:
        StatementError: it would leave references without the rows that they refer to.
    """
    waited = awaits_parents(connection)
    found = statement()
    if not waited and awaits_parents(connection):
        raise StatementError("SQLite refuses the statement (FOREIGN KEY constraint failed): nothing was changed")
    return found


def show_token(registry: Registry, token: int) -> None:
    """Show the token of a claim to the fences of tables, for the statement that comes.

    Raises:
        ClaimedError: it is not the token of a claim that is held.
    """
    try:
        registry.connection.execute("INSERT INTO crdt_token (token) VALUES (?)", (token,))
    except (apsw.SQLError, apsw.ConstraintError) as error:  # nothing was ever claimed in this file, or not so
        claims = suggest.plain_command("claims", registry.path)
        raise ClaimedError(
            f"token {token} is not that of a claim that is held in this file: nothing was written; {claims} lists the claims",
            "",
        ) from error


def written(registry: Registry, after: int, most: int) -> list[tuple[Table, tuple[SqliteValue, ...]]]:
    """List rows that the log names after an entry, each once, at most so many."""
    found: list[tuple[Table, tuple[SqliteValue, ...]]] = []
    for table in registry.tables():
        statement = sql("conflicts/executing/written", keys=table.keys)
        rows = query.rows(registry.connection, statement, {"tbl": table.id, "after": after, "most": most - len(found)})
        found += [(table, tuple(row)) for row in rows]
    return found
