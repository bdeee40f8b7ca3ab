"""Opening: a connection to a file that exists, in a process in which no other SQLite library has it open. Knows no table of ours.

What time it is, and what a new site is called, unless tests say so.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

import apsw

from crdtsql.base import DatabaseError, UnsafeUseError, query
from crdtsql.replica import transactions
from crdtsql.sqlite import neighbours

STATEMENTS = 512
"""How many compiled statements a connection keeps, the most that apsw lets us: those of the last runs (base/query.py)."""


def now_ms() -> int:
    """Return the present in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def new_site() -> bytes:
    """Make a random site id."""
    return os.urandom(16)


def connect(path: str, lock_timeout: float) -> apsw.Connection:
    """Open a file that exists, to write if that is possible.

    A file in WAL mode can't be read in a folder that can't be written, unless it is taken for one that nobody writes; where no WAL
    waits beside it, that is so.

    Raises:
        UnsafeUseError: something else than apsw has it open in this process.
        DatabaseError: there is no such file, or its WAL can't be read.
        UsageError: the lock timeout is no number of seconds.
    """
    if not os.path.isfile(path):
        from crdtsql.wire import no_such_file

        raise DatabaseError(no_such_file(path))
    if not os.access(path, os.R_OK):
        raise DatabaseError(f"{path}: no permission to read it")
    connection = _open(path, path, apsw.SQLITE_OPEN_READWRITE)
    try:
        transactions.wait_for_locks(connection, lock_timeout)
        query.first(connection, "SELECT count(*) FROM sqlite_schema")
    except (apsw.ReadOnlyError, apsw.CantOpenError):
        connection.close()
        if os.access(os.path.dirname(path) or ".", os.W_OK):
            raise
        with suppress(OSError):
            if os.path.getsize(f"{path}-wal"):
                raise DatabaseError(
                    f"{path}: its folder can't be written, which SQLite needs to read {path}-wal: copy both files to a folder "
                    "of yours, and run this there"
                ) from None
        from urllib.parse import quote

        unwritten = f"file:{quote(os.path.abspath(path))}?immutable=1"
        return _open(unwritten, path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(name: str, path: str, flags: int) -> apsw.Connection:
    with neighbours.opening:
        check_alone(path, path)
        connection = apsw.Connection(name, flags=flags, statementcachesize=STATEMENTS)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # other values compile nothing anew (fact 32)
        return connection


def check_alone(file: str, path: str) -> None:
    """Check that apsw alone has a file open in this process, with connections of this process.

    Raises:
        UnsafeUseError: something else has.
    """
    if not file:
        return
    if neighbours.was_inherited(file):
        raise UnsafeUseError(
            f"{path} was open when this process was forked: close it before the fork, and open it in each process afterwards; "
            "nothing was done"
        )
    if neighbours.has_strangers(file):
        raise UnsafeUseError(
            f"{path} is open in this process by something else than apsw, such as Python's sqlite3: one would drop the other's "
            "locks, and the file could be damaged; nothing was done. Close it there first, use apsw there too, or run crdtsql as a "
            "program of its own (docs/GUIDE.md, In web apps)"
        )
