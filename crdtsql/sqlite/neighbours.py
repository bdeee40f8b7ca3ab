"""Neighbours: who else in this process has a file open.

POSIX locks belong to a process, and closing any descriptor of a file drops all of them. A copy of the SQLite library knows its own
descriptors and closes none too early, but not those of another copy (docs/SQLITE_FACTS.md, 14). So the descriptors that are open on
a file are counted, and those that apsw's connections have; what is left over is somebody else's. Needs /dev/fd, which Linux and
macOS have; without it nothing is found.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from contextlib import suppress
from typing import Final

import apsw

_ATTEMPTS: Final = 40
_PAUSE_SECONDS: Final = 0.005
_PROBE_EVERY: Final = 10
_MOST_PROBES: Final = 200
_FLAGS: Final = (apsw.SQLITE_OPEN_READWRITE, apsw.SQLITE_OPEN_READONLY)

opening = threading.RLock()
"""Held while connections are opened, so that nobody counts one that is only half there."""

_File = tuple[int, int]
_inherited: list[weakref.ref[apsw.Connection]] = []
_probes: dict[_File, list[apsw.Connection]] = {}
"""Connections that were opened to look. While there is a stranger they stay open: closing them would drop its locks."""


def has_strangers(path: str) -> bool:
    """Tell whether something else than apsw has a file open in this process: another SQLite library, or an ordinary file.

    Connections that other threads open or close meanwhile are waited for.
    """
    with opening:
        file = _file(path)
        if file is None:
            return False
        left = fewest = _left_over(file)
        for attempt in range(_ATTEMPTS):
            if left > 0 and (attempt % _PROBE_EVERY == 0 or left > fewest):
                _reopen(path, file)
                left = _left_over(file)
            if left <= 0:
                _close_probes(file)
                return False
            fewest = min(fewest, left)
            time.sleep(_PAUSE_SECONDS)
            left = _left_over(file)
        return True


def was_inherited(path: str) -> bool:
    """Tell whether a connection to a file that was open when this process was forked is still open in it."""
    file = _file(path) if _inherited else None
    return file is not None and any(
        _uses(connection, file) for connection in (each() for each in _inherited) if connection is not None
    )


def _file(path: str) -> _File | None:
    with suppress(OSError, ValueError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _left_over(file: _File) -> int:
    """Count the descriptors of a file that no connection of apsw has; negative where a connection has none of its own."""
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd") if name.isdigit()]
    except OSError:
        return 0
    return sum(_is_open_on(number, file) for number in numbers) - sum(_uses(one, file) for one in apsw.connections())


def _is_open_on(number: int, file: _File) -> bool:
    try:
        status = os.fstat(number)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file


def _uses(connection: apsw.Connection, file: _File) -> int:
    """Count the databases of a connection that are in a file; one that another thread is using perhaps is."""
    try:
        names = [connection.db_filename(name) for name in connection.db_names() if name != "temp"]
        return sum(_file(name) == file for name in names if name)  # an in-memory database has no name
    except apsw.ThreadingViolationError:
        return 1
    except apsw.Error:  # closed meanwhile
        return 0


def _close_probes(file: _File) -> None:
    for probe in _probes.pop(file, []):
        probe.close()


def _reopen(path: str, file: _File) -> None:
    """Take the descriptors again that apsw's SQLite kept when connections were closed, which it does while it holds locks.

    An open takes a kept descriptor before it makes a new one. Only where apsw has the file open there can be some.
    """
    if not any(_uses(connection, file) for connection in apsw.connections()):
        return
    probes = _probes.setdefault(file, [])
    for flags in _FLAGS:
        before = _left_over(file)
        while before > 0 and len(probes) < _MOST_PROBES:
            with suppress(apsw.Error):
                probes.append(apsw.Connection(path, flags=flags))
            after = _left_over(file)
            if after >= before:
                break
            before = after


def _note_inherited() -> None:
    opening.release()
    _inherited[:] = [weakref.ref(connection) for connection in apsw.connections()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=opening.acquire, after_in_parent=opening.release, after_in_child=_note_inherited)
