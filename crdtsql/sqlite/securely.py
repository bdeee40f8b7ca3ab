"""Securely: have SQLite overwrite what it deletes, and keep nothing of it in the write-ahead log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from crdtsql.base import query

_ON = 1


@contextmanager
def erasing(connection: apsw.Connection) -> Iterator[None]:
    """Have what is deleted or replaced in a block overwritten with zeros."""
    (before,) = query.first(connection, "PRAGMA main.secure_delete")
    query.rows(connection, f"PRAGMA main.secure_delete = {_ON}")
    try:
        yield
    finally:
        query.rows(connection, f"PRAGMA main.secure_delete = {int(before)}")


def empty_log(connection: apsw.Connection) -> bool:
    """Write all that is in the write-ahead log to the file, and cut the log off; return False if a reader did not let us.

    Where there is no such log, nothing is to be done. The caller has no transaction open. Writers wait as long as the connection waits
    for the reader, so the caller has it wait for a moment only, and tries again.
    """
    with suppress(apsw.BusyError, apsw.LockedError):
        query.rows(
            connection, "PRAGMA main.wal_checkpoint(PASSIVE)"
        )  # for which no writer waits, as for what is left then
        (busy, *_) = query.first(connection, "PRAGMA main.wal_checkpoint(TRUNCATE)")
        return not busy
    return False
