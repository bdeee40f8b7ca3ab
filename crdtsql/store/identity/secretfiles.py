"""Secret files: JSON that only this user may read, outside of every database file, changed by one program at a time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    advice = f"no {kind} in it counts; delete it, and make its {kind}s anew"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CrdtsqlError(f"{path} can't be read ({error}): {advice}") from error
    if not isinstance(found, dict):
        raise CrdtsqlError(f"{path} is damaged: {advice}")
    return found


@contextmanager
def changing(path: Path, kind: str = "token") -> Iterator[dict[str, Any]]:
    """Give what a file says, and write it as it is at the end of the block, so that it survives a power cut."""
    import secrets  # most syncs only read

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        found = read(path, kind)
        yield found
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump(found, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        os.close(lock)
