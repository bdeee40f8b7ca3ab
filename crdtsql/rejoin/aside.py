"""Aside: keep a copy of a file as it was beside it.

Reads what was committed last, on a connection of its own, so it may run while another connection holds the write lock.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from crdtsql.base import DatabaseError, clock
from crdtsql.wire import move_to_new, unfinished


@contextmanager
def copy_aside(path: str, now_ms: int, lock_timeout: float) -> Iterator[str]:
    """Write a copy of a file, yield its path, and remove it again if the block fails; "" for a database in memory.

    Raises:
        DatabaseError: it can't be written.
    """
    copy = _copy(path, now_ms, lock_timeout) if path else ""
    try:
        yield copy
    except BaseException:
        if copy:
            with suppress(OSError):
                os.unlink(copy)
        raise


def _copy(path: str, now_ms: int, lock_timeout: float) -> str:
    when = clock.show_time(clock.from_ms(now_ms)).translate({ord(sign): None for sign in "-:Z. "})
    target = Path(f"{path}.before-rejoin-{when}")
    while target.exists():
        target = Path(f"{path}.before-rejoin-{when}-{secrets.token_hex(2)}")
    try:
        with unfinished(target) as temporary:
            _back_up(path, str(temporary), lock_timeout)
            os.chmod(temporary, os.stat(path).st_mode & 0o777)
            _make_durable(temporary)
            move_to_new(temporary, target)
            _make_durable(target.parent)
    except OSError as error:
        raise DatabaseError(
            f"{target}: it can't be written ({error.strerror}), and without a copy nothing is changed"
        ) from error
    return str(target)


def _back_up(path: str, target: str, lock_timeout: float) -> None:
    with closing(apsw.Connection(path)) as source, closing(apsw.Connection(target)) as copy:
        source.set_busy_timeout(int(lock_timeout * 1000))
        with copy.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(1000)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def _make_durable(path: Path) -> None:
    """Have a file, or the names in a folder, survive a power cut."""
    with suppress(PermissionError):  # of a folder, where the system knows no such thing
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
