"""Writing: what a conflict does to a statement of ours that writes a user's table, whatever the table's CREATE statement says.

`UNIQUE ON CONFLICT REPLACE` and its like in a CREATE TABLE statement speak to the programs that write the table. A merge must not
follow them: it would delete, leave out or roll back what it is to show. A clause of the statement itself goes before them, but it
also goes before those in the bodies of the triggers that the statement fires (docs/SQLITE_FACTS.md, 1). So a table with triggers
of the user's gets the plain statement, after a rehearsal without triggers has shown that it meets no conflict.

An expression of the user's in a CHECK, a generated column, an index or a trigger can fail on the values of a row: malformed JSON, an
integer overflow, a LIKE pattern that is too long. SQLite then reports an error like any other; here it is one that the row met.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import apsw

from crdtsql.base import EMPTY, RolledBackError, Sql, SqliteValue, query
from crdtsql.sqlite import indexsql, schema

Values = Mapping[str, SqliteValue] | tuple[SqliteValue, ...] | None
OR_ABORT = Sql("OR ABORT")
OR_IGNORE = Sql("OR IGNORE")
"""Only for tables without triggers of the user's, whose statements would ignore conflicts too."""

LOG = logging.getLogger("crdtsql")
FAILURES = (apsw.SQLError, apsw.TooBigError)
"""What SQLite says if an expression fails on a value, among other things."""


class ExpressionError(apsw.ConstraintError):
    """An expression of the user's failed on the values of a row, so the table does not take it."""

    def __init__(self, error: apsw.Error) -> None:
        super().__init__(said(error))
        self.result, self.extendedresult = apsw.SQLITE_CONSTRAINT, apsw.SQLITE_CONSTRAINT_CHECK


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that writes a user's table, and that aborts at every conflict.

    Attributes:
        rehearsal: the form to be tried without triggers first, if there must be one.
        untriggered: the form without triggers, if the table has triggers of the user's.
    """

    statement: str
    rehearsal: str | None = None
    untriggered: str | None = None

    def execute(self, connection: apsw.Connection, values: Values = None) -> None:
        """Execute the statement; afterwards `changes()` counts its rows.

        Raises:
            apsw.ConstraintError, apsw.MismatchError: the table does not take the rows; nothing was written.
            RolledBackError: what a trigger of the user's does rolled everything back.
        """
        if self.rehearsal is not None:
            with untriggered(connection), _undone(connection):
                execute(connection, self.rehearsal, values)
        try:
            execute(connection, self.statement, values)
        except apsw.ConstraintError as error:
            if not connection.in_transaction:
                raise RolledBackError(said(error)) from error
            raise

    def execute_apart(self, connection: apsw.Connection, values: Values) -> str | None:
        """Execute the statement on one row; return what a trigger of the user's failed over, so that it was left out.

        What a trigger refuses by RAISE is refused. One that fails in another way, over what it does elsewhere, has no say: that may
        depend on what arrived first, and replicas would not agree.

        Raises:
            apsw.ConstraintError, apsw.MismatchError: the table does not take the row; nothing was written.
        """
        try:
            self.execute(connection, values)
        except apsw.ConstraintError as error:
            if self.untriggered is None or getattr(error, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER:
                raise
            with untriggered(connection):
                execute(connection, self.untriggered, values)
            return said(error)
        return None


def said(error: apsw.Error) -> str:
    """Return SQLite's own words."""
    return str(error).removeprefix(f"{type(error).__name__}: ")


def warn(table: str, failure: str | None) -> None:
    """Say that a trigger was left out, if it was."""
    if failure is not None:
        LOG.warning(
            "a trigger of table %r failed over a merged row (%s): the row is shown, and what the trigger does is left out",
            table,
            failure,
        )


def prepare(connection: apsw.Connection, table: str, statement: Callable[..., str]) -> Write:
    """Make a statement that writes a user's table.

    Args:
        statement: renders it, given what follows INSERT or UPDATE as `on_conflict`.
    """
    if not schema.other_triggers(connection, table):
        return Write(statement(on_conflict=OR_ABORT))
    rehearsal = statement(on_conflict=OR_ABORT) if has_clauses(connection, table) else None
    return Write(statement(on_conflict=EMPTY), rehearsal, statement(on_conflict=OR_ABORT))


def has_clauses(connection: apsw.Connection, table: str) -> bool:
    """Tell whether a constraint of a table says that a conflict does something else than to abort the statement."""
    return indexsql.has_conflict_clause(schema.definition(connection, "table", table))


def execute(connection: apsw.Connection, statement: str, values: Values = None) -> None:
    """Execute a statement on rows of a user's table.

    Raises:
        ExpressionError: an expression of the user's failed on their values.
    """
    try:
        connection.execute(statement, values)
    except FAILURES as error:
        query.compile_only(connection, statement, values)  # what doesn't compile has no row to blame
        raise ExpressionError(error) from error


def remove(connection: apsw.Connection, key_columns: Sql, table: Sql, statement: str, values: Values = None) -> None:
    """Delete rows of a user's table by a statement; a row goes also if a trigger of the user's fails over it."""
    try:
        with query.savepoint(connection, "crdt_remove"):
            execute(connection, statement, values)
    except apsw.ConstraintError as error:
        if not connection.in_transaction:
            raise RolledBackError(said(error)) from error
        _remove_apart(connection, key_columns, table, statement, values)


def _remove_apart(connection: apsw.Connection, key_columns: Sql, table: Sql, statement: str, values: Values) -> None:
    """Delete rows one by one, and then without triggers those over which a trigger fails."""
    keys: list[tuple[SqliteValue, ...]] = []
    with suppress(UnicodeDecodeError), untriggered(connection), _undone(connection):
        keys = query.rows(connection, f"{statement}\nRETURNING {key_columns}", values)
    marks = ", ".join("?" * len(keys[0])) if keys else ""
    for key in keys:
        with suppress(apsw.ConstraintError), query.savepoint(connection, "crdt_remove"):
            execute(connection, f"DELETE FROM {table} WHERE ({key_columns}) = ({marks})", key)
    with untriggered(connection):
        connection.execute(statement, values)


@contextmanager
def untriggered(connection: apsw.Connection) -> Iterator[None]:
    """Run a block without triggers."""
    before = connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    try:
        yield
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, before)


@contextmanager
def unchecked(connection: apsw.Connection) -> Iterator[None]:
    """Write without CHECK constraints for the length of a block."""
    (ignoring,) = query.first(connection, "PRAGMA ignore_check_constraints")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA ignore_check_constraints = {int(ignoring)}")


@contextmanager
def _undone(connection: apsw.Connection) -> Iterator[None]:
    """Undo what a block wrote."""
    connection.execute("SAVEPOINT crdt_rehearsal")
    try:
        yield
    finally:
        connection.execute("ROLLBACK TO crdt_rehearsal; RELEASE crdt_rehearsal")
