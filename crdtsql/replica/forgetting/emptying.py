"""Emptying: cut off the write-ahead log, so that nothing of what was overwritten stands there, without stalling those who write."""

from __future__ import annotations

import time
from contextlib import closing, suppress

import apsw

from crdtsql.base import query
from crdtsql.replica.opening import connect
from crdtsql.sqlite import securely

MOST_S, FREE_S = 0.03, 0.1
"""So long a reader is waited for at a time, while writers wait too, and so long it is left to them before the next time."""


def empty_log(caller: apsw.Connection, lock_timeout: float) -> bool:
    """Write all that is in the write-ahead log to the file, and cut the log off; return False if a reader did not let us.

    On a connection of its own, because it waits for readers otherwise than the caller's, which has no transaction open.

    Args:
        lock_timeout: for how many seconds to try it.
    """
    if not caller.filename or query.first(caller, "PRAGMA main.journal_mode")[0] != "wal":
        return True
    ends = time.monotonic() + lock_timeout
    with suppress(apsw.BusyError), closing(connect(caller.filename, min(lock_timeout, MOST_S))) as connection:
        while not (done := securely.empty_log(connection)) and time.monotonic() < ends:
            time.sleep(FREE_S)
        return done
    return False
