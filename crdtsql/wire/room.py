"""Room: where content stands that is too large for memory, and what to do where there is none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

from crdtsql.base import DatabaseError


@contextmanager
def temporary() -> Iterator[Any]:
    """Make a temporary file for an image for the length of a block.

    Raises:
        DatabaseError: it can't be made.
    """
    with having_room():
        file = tempfile.NamedTemporaryFile(prefix="crdtsql-", suffix=".image")  # noqa: SIM115 - closed below
    with file:
        yield file


@contextmanager
def having_room() -> Iterator[None]:
    """Say what to do where a temporary file can't be written in a block."""
    try:
        yield
    except (OSError, apsw.FullError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise DatabaseError(
            f"{tempfile.gettempdir()}: a temporary file can't be written there: {why}; nothing was changed; set TMPDIR to "
            "a folder that has room for a large changeset, unpacked"
        ) from error
