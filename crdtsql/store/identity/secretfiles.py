"""Secret files: JSON that only this user may read, outside of every database file, changed by one program at a time."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from crdtsql.base import CrdtsqlError


def read(path: Path, kind: str = "token") -> dict[str, Any]:
    """Return what a file says, nothing if it is not there.

    Args:
        kind: what it keeps, in one word.

    Raises:
        CrdtsqlError: it can't be read, or is damaged.
    """
    advice = f"no {kind} in it counts; delete it, and make its {kind}s anew, or bring it back from a backup"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreachable(path, "read", error) from error
    except ValueError as error:
        raise CrdtsqlError(f"{path} can't be read ({error}): {advice}") from error
    if not isinstance(found, dict):
        raise CrdtsqlError(f"{path} is damaged: {advice}")
    return found


@contextmanager
def changing(path: Path, kind: str = "token") -> Iterator[dict[str, Any]]:
    """Give what a file says, and write it as it is at the end of the block, so that it survives a power cut.

    Raises:
        CrdtsqlError: it can't be read or written, or is damaged.
    """
    lock = _locked(path)
    try:
        found = read(path, kind)
        yield found
        try:
            _write(path, json.dumps(found, indent=1))
        except OSError as error:
            raise _unreachable(path, "written", error) from error
    finally:
        os.close(lock)


def _locked(path: Path) -> int:
    """Wait until no other program changes a file; its folder is made if it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unreachable(path, "written", error) from error
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _write(path: Path, text: str) -> None:
    """Put a file in the place of what is there, as a whole; what can't be written leaves nothing."""
    import secrets  # most syncs only read

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with suppress(OSError):  # where the file system can do that, the name survives a power cut too
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _unreachable(path: Path, what: str, error: OSError) -> CrdtsqlError:
    """Say why the system lets nobody read or write a file: what it keeps may be all right."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        helps = "make room there"
    elif what == "read":
        helps = "it must be a file of the user who runs this"
    else:
        helps = "its folder must be one of the user who runs this; CRDTSQL_STATE_DIR names another one"
    return CrdtsqlError(f"{path} can't be {what} ({error.strerror or error}): {helps}; nothing was changed")
