"""Row write: write one row of the user's table as its owner would, or say clearly why the table refuses.

Runs inside the caller's write transaction, which undoes everything when this raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import apsw

from crdtsql.base import EMPTY, Sql, SqliteValue, WriteRefusedError, show_key
from crdtsql.sqlite import schema
from crdtsql.store import Table

_ON_CONFLICT = re.compile(r"\bON\s+CONFLICT\b", re.IGNORECASE)


def or_abort(connection: apsw.Connection, table: Table) -> Sql:
    """Return OR ABORT where the table's own constraints might replace or ignore rows instead of refusing.

    Only there, because it would change what the statements inside the user's triggers do too.
    """
    definition = schema.definition(connection, "table", table.name)
    return Sql("OR ABORT") if _ON_CONFLICT.search(definition) else EMPTY


def write(
    connection: apsw.Connection,
    table: Table,
    key: tuple[SqliteValue, ...],
    statement: str,
    values: Mapping[str, SqliteValue],
) -> None:
    """Execute a statement that writes exactly one row.

    Raises:
        WriteRefusedError: a constraint or a trigger of the table does not allow it.
    """
    waiting = _awaits_parents(connection)
    try:
        connection.execute(statement, values)
    except (apsw.ConstraintError, apsw.MismatchError) as error:
        raise _refused(table, key, str(error).removeprefix("ConstraintError: ")) from error
    except apsw.SQLError as error:
        if "foreign key mismatch" not in str(error):
            raise
        raise _refused(table, key, str(error).removeprefix("SQLError: ")) from error
    if connection.changes() != 1:
        raise _refused(table, key, "a trigger of the table ignored the write")
    if not waiting and _awaits_parents(connection):
        raise _refused(table, key, "FOREIGN KEY constraint failed")


def _awaits_parents(connection: apsw.Connection) -> bool:
    """Tell whether a deferred foreign key is violated, so that a commit would fail."""
    return connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0] != 0


def _refused(table: Table, key: tuple[SqliteValue, ...], constraint: str) -> WriteRefusedError:
    return WriteRefusedError(
        f"row {show_key(key)} of table {table.name!r} can't be written like that ({constraint}): nothing was changed; choose "
        "another value, or change the row that is in its way first",
        table.name,
        constraint,
    )
