"""Row write: write one row of the user's table as its owner would, or say clearly why the table refuses.

Runs inside the caller's write transaction, which undoes everything when this raises.
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from crdtsql.base import SqliteValue, WriteRefusedError, show_key
from crdtsql.sqlite import writing
from crdtsql.store import Table


def write(
    connection: apsw.Connection,
    table: Table,
    key: tuple[SqliteValue, ...],
    statement: Callable[..., str],
    values: writing.Values,
) -> None:
    """Execute a statement that writes exactly one row; `statement` renders it, given `on_conflict`.

    Raises:
        WriteRefusedError: a constraint or a trigger of the table does not allow it.
    """
    waiting = awaits_parents(connection)
    try:
        writing.prepare(connection, table.name, statement).execute(connection, values)
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        raise _refused(table, key, str(error).removeprefix("ConstraintError: ")) from error
    except apsw.SQLError as error:
        if "foreign key mismatch" not in str(error):
            raise
        raise _refused(table, key, str(error).removeprefix("SQLError: ")) from error
    if connection.changes() != 1:
        raise _refused(table, key, "a trigger of the table ignored the write")
    if not waiting and awaits_parents(connection):
        raise _refused(table, key, "FOREIGN KEY constraint failed")


def awaits_parents(connection: apsw.Connection) -> bool:
    """Tell whether a deferred foreign key is violated, so that a commit would fail."""
    return connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0] != 0


def _refused(table: Table, key: tuple[SqliteValue, ...], constraint: str) -> WriteRefusedError:
    return WriteRefusedError(
        f"row {show_key(key)} of table {table.name!r} can't be written like that ({constraint}): nothing was changed; choose "
        "another value, or change the row that is in its way first",
        table.name,
        constraint,
    )
