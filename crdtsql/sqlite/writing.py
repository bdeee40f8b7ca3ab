"""Writing: what a conflict does to a statement of ours that writes a user's table, whatever the table's CREATE statement says.

`UNIQUE ON CONFLICT REPLACE` and its like in a CREATE TABLE statement speak to the programs that write the table. A merge must not
follow them: it would delete, leave out or roll back what it is to show. A clause of the statement itself goes before them, but it
also goes before those in the bodies of the triggers that the statement fires (docs/SQLITE_FACTS.md, 1). So a table with triggers
of the user's gets the plain statement, after a rehearsal without triggers has shown that it meets no conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from crdtsql.base import EMPTY, RolledBackError, Sql, SqliteValue
from crdtsql.sqlite import indexsql, schema

OR_ABORT = Sql("OR ABORT")
OR_IGNORE = Sql("OR IGNORE")
"""Only for tables without triggers of the user's, whose statements would ignore conflicts too."""


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that writes a user's table, and that aborts at every conflict."""

    statement: str
    rehearsal: str | None

    def execute(
        self, connection: apsw.Connection, values: Mapping[str, SqliteValue] | tuple[SqliteValue, ...] | None = None
    ) -> None:
        """Execute the statement; afterwards `changes()` counts its rows.

        Raises:
            apsw.ConstraintError, apsw.MismatchError: the table does not take the rows; nothing was written.
            RolledBackError: what a trigger of the user's does rolled everything back.
        """
        if self.rehearsal is not None:
            with _undone(connection):
                connection.execute(self.rehearsal, values)
        try:
            connection.execute(self.statement, values)
        except apsw.ConstraintError as error:
            if not connection.in_transaction:
                raise RolledBackError(str(error).removeprefix("ConstraintError: ")) from error
            raise


def prepare(connection: apsw.Connection, table: str, statement: Callable[..., str]) -> Write:
    """Make a statement that writes a user's table.

    Args:
        statement: renders it, given what follows INSERT or UPDATE as `on_conflict`.
    """
    if not schema.other_triggers(connection, table):
        return Write(statement(on_conflict=OR_ABORT), None)
    rehearsal = statement(on_conflict=OR_ABORT) if has_clauses(connection, table) else None
    return Write(statement(on_conflict=EMPTY), rehearsal)


def has_clauses(connection: apsw.Connection, table: str) -> bool:
    """Tell whether a constraint of a table says that a conflict does something else than to abort the statement."""
    return indexsql.has_conflict_clause(schema.definition(connection, "table", table))


@contextmanager
def _undone(connection: apsw.Connection) -> Iterator[None]:
    """Run a block without triggers, and undo what it wrote."""
    before = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.execute("SAVEPOINT crdt_rehearsal")
    try:
        yield
    finally:
        connection.execute("ROLLBACK TO crdt_rehearsal; RELEASE crdt_rehearsal")
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, before)
