"""Transactions: what SQLite must be told around the steps of a verb, and how its errors are said.

Knows connections only: no table of ours and no verb. Inside a transaction of the caller's (SQL functions) settings that can't be
changed there stay as they are.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

import apsw

from crdtsql.base import BusyError, CrdtsqlError, DatabaseError, UsageError, memory, query, suggest

LOCK_TIMEOUT_S = 10.0
"""How long a replica waits for a lock that another program, or another thread, holds, unless it is told otherwise."""

MOST_LOCK_TIMEOUT_S = 1_000_000.0
_PAUSES_S = (0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.025, 0.025, 0.025, 0.050, 0.050, 0.100)
_ONLY_PROGRAMS_HAVE = re.compile(r"(?:no such|unknown) (?:function|collation|module)")


NORMAL, FULL, EXTRA = 1, 2, 3
"""Values of PRAGMA synchronous. FULL lets a power cut bring back a rollback journal, which undoes the last commit (fact 33)."""


class Undo(Exception):  # noqa: N818 - no error: it ends a transaction that was only tried
    """Everything was tried, and is to be undone."""


def wait_for_locks(connection: apsw.Connection, seconds: float) -> None:
    """Have a connection wait so long for a lock that another program holds.

    SQLite's own busy timeout sleeps inside of SQLite, where Ctrl-C has to wait for its end.

    Raises:
        UsageError: that is no number of seconds.
    """
    if not 0 <= seconds <= MOST_LOCK_TIMEOUT_S:
        raise UsageError(
            f"a lock timeout is a number of seconds from 0 to {MOST_LOCK_TIMEOUT_S:,.0f}, not {seconds!r} (--lock-timeout)"
        )
    began = 0.0

    def pause(tries: int) -> bool:
        nonlocal began
        if tries == 0:
            began = time.monotonic()
        left = began + seconds - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(left, _PAUSES_S[min(tries, len(_PAUSES_S) - 1)]))
        return True

    connection.set_busy_handler(pause)


class ForeignKeys(Enum):
    """How SQLite enforces foreign keys while a verb runs.

    Attributes:
        OFF: not row by row, and it carries out no action a second time.
        OFF_IF_POSSIBLE: the same, but as the caller has it inside of a transaction of the caller's.
        ON: on what is written; inside a transaction of the caller's it is the caller's choice.
        AS_THEY_ARE: as on the connection.
    """

    OFF = "off"
    OFF_IF_POSSIBLE = "off if possible"
    ON = "on"
    AS_THEY_ARE = "as they are"


@contextmanager
def foreign_keys(connection: apsw.Connection, wanted: ForeignKeys) -> Iterator[None]:
    """Have foreign keys enforced, or not, for the length of a block.

    Raises:
        UsageError: they must be off, and can't be switched off inside the caller's transaction.
    """
    enforced = query.enforces_keys(connection)
    fits = enforced if wanted is ForeignKeys.ON else not enforced
    if fits or wanted is ForeignKeys.AS_THEY_ARE or (connection.in_transaction and wanted is not ForeignKeys.OFF):
        yield
        return
    if connection.in_transaction:
        raise UsageError("no merge and no other row policy inside a transaction with foreign_keys on: commit it first")
    connection.execute(f"PRAGMA foreign_keys = {'OFF' if enforced else 'ON'}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


@contextmanager
def reading(connection: apsw.Connection) -> Iterator[None]:
    """Hold one committed state. Ends with COMMIT, because an attached image may be filled meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        memory.begin(connection)
        yield
        connection.execute("COMMIT")
        memory.committed(connection)
    except BaseException:
        with suppress(apsw.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def synchronous(connection: apsw.Connection, durable: bool) -> Iterator[None]:
    """Have the commit of a block survive a power cut, or not wait for the disk where that is as well."""
    if connection.in_transaction:
        yield
        return
    (before,) = query.first(connection, "PRAGMA synchronous")
    relaxed = not durable and query.first(connection, "PRAGMA journal_mode")[0] == "wal"
    wanted = NORMAL if relaxed else EXTRA if durable else FULL
    if before == wanted:
        yield
        return
    connection.execute(f"PRAGMA synchronous = {wanted}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA synchronous = {before}")


def _advice(path: str, message: str) -> str:
    """Say what to do where a table of the user's calls what only the program that defines it has."""
    if not _ONLY_PROGRAMS_HAVE.search(message):
        return ""
    return f"; {suggest.command('doctor', path)} says what calls it"


class Explained:
    """Turns SQLite's errors in a block into ours, with what to do about them. Most blocks are short, so it is no generator.

    `lock_timeout` is how many seconds the connection waits for a lock.
    """

    __slots__ = ("_lock_timeout", "_path")

    def __init__(self, path: str, lock_timeout: float) -> None:
        self._path, self._lock_timeout = path, lock_timeout

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (told := self.explanation(error)) is not None:
            raise told from error

    def explanation(self, error: BaseException) -> CrdtsqlError | None:
        """Say one of SQLite's errors in our words, with what to do about it; None if it is none of SQLite's."""
        path, lock_timeout = self._path, self._lock_timeout
        match error:
            case apsw.BusyError():
                waited = (
                    f" for more than {lock_timeout:g} second{'' if lock_timeout == 1 else 's'}" if lock_timeout else ""
                )
                said = (
                    f"{path} is locked by another program{waited}: close its transaction, then run this again, or wait longer for it "
                    "with --lock-timeout (in Python lock_timeout=...)"
                )
            case apsw.NotADBError():
                said = f"{path} is not an SQLite database (or an encrypted one)"
            case apsw.ReadOnlyError():
                said = f"{path} can't be written: no permission for the file or its folder"
            case apsw.FullError():
                said = f"{path}: the disk is full: make room, then run this again; what could not be done as a whole was undone"
            case apsw.CorruptError():
                said = f"{path} is damaged ({error}): restore a backup, or try sqlite3's .recover"
            case apsw.CantOpenError() | apsw.IOError():
                said = f"{path} can't be opened or read: {error}"
            case apsw.Error():
                said = f"{path}: {error}{_advice(path, str(error))}"
            case UnicodeEncodeError():
                said = f"{path!r}: SQLite takes paths, names and keys as UTF-8 only, and {error.object[-60:]!r} is not valid UTF-8"
            case UnicodeDecodeError():
                said = (
                    f"{path} holds text that is not valid UTF-8 ({error.object[:20]!r}...), which can't be shown here: it is "
                    "replicated as it is; to see it, SELECT CAST(column AS BLOB)"
                )
            case _:
                return None
        return BusyError(said) if isinstance(error, apsw.BusyError) else DatabaseError(said)
