"""Halfway: a copy of a file under a temporary name, until it is whole; and what a process left of one that was killed.

Who makes a copy holds a lock (flock) on a file beside it, which the system lets go of when the process ends. So a copy without that
lock to which nobody wrote for a while is waste. Where the system, or the file system, has no such locks, nothing is taken for waste.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFT_S = 600
"""A copy that was written to in so many seconds is not deleted, lock or no lock: between its making and its locking is a moment, and a
network may lose a lock."""
_SUFFIX, _LOCK = ".crdtsql.tmp", "-lock"
_BESIDE = ("-wal", "-shm", "-journal", "")


@contextmanager
def unfinished(target: Path, mode: int = 0o600) -> Iterator[Path]:
    """Make an empty file beside a target, which by default nobody else can read, yield its path, and delete it in the end.

    Whoever wants to keep it gives it another name as well (`move_to_new`). What was left in that folder by processes that were
    killed is deleted first.

    Raises:
        OSError: it can't be written.
    """
    for path in left_in(target.parent, LEFT_S):
        _delete(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_SUFFIX}")
    handle = os.open(f"{temporary}{_LOCK}", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        _lock(handle)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode))
        yield temporary
    finally:
        _delete(temporary)
        os.close(handle)


def left_in(folder: Path, idle_s: float = 0) -> list[Path]:
    """List the copies in a folder that nobody makes any more, and that nobody wrote to for some seconds."""
    found = []
    with suppress(OSError):
        for lock in sorted(folder.glob(f".*{_SUFFIX}{_LOCK}")):
            with suppress(OSError):
                path = lock.with_name(lock.name.removesuffix(_LOCK))
                written = max(os.lstat(one).st_mtime for one in (path, lock) if os.path.lexists(one))
                if time.time() - written >= idle_s and _is_left(lock):
                    found.append(path)
    return found


def _is_left(lock: Path) -> bool:
    handle = os.open(lock, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Lock a file unless somebody else has; return whether it is locked now."""
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def _delete(path: Path) -> None:
    for suffix in (*_BESIDE, _LOCK):
        with suppress(OSError):
            os.unlink(f"{path}{suffix}")
