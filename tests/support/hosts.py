"""Machines on which commands run one after the other, each with its notes and what its operator says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.store import copies, said
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title)"


class Host:
    """Where commands run: a machine, its notes, and what its operator says.

    Attributes:
        clock: of all machines; goes on by a second with each look.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch, self.numbers = folder, patch, count(1)
        self.clock: Callable[[], int] = peers.Clock(step=1000)
        self.be()

    def be(self, word: str | None = None, *, name: str | None = None, notes: str | None = None) -> None:
        """Be a new machine without notes, or the one of that name, with its notes or others."""
        name = name or f"machine {next(self.numbers)}"
        self.patch.setenv("CRDTSQL_STATE_DIR", os.fspath(self.folder / "states" / (notes or name)))
        self.patch.setattr(copies, "_machine", lambda: name)
        self.patch.setenv(said.VARIABLE, word or "")

    def open(self, path: Path) -> Replica:
        """Open a replica here."""
        return Replica.open(path, now=self.clock)

    def exchange(
        self, path: Path, hub: Path, word: str | None = None, *, name: str | None = None, notes: str | None = None
    ) -> str:
        """Sync a file, on a machine without notes or that of a name, with the hub, on its own one; return the file's site."""
        self.be(name="hub")
        with self.open(hub) as other:
            self.be(word, name=name, notes=notes)
            with self.open(path) as one:
                sync(one, other)
                assert keys(path) == keys(hub)
                return one.site

    def site(self, path: Path) -> str:
        """Open a replica here, and return its site."""
        with self.open(path) as opened:
            return opened.site


def write(path: Path, key: str) -> None:
    """Write a row as another program does."""
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO task VALUES (?, ?)", (key, key))
    connection.close()


def renew(path: Path) -> None:
    """Replace a file by a copy of it at the same path."""
    shutil.copy(path, f"{path}.new")
    os.replace(f"{path}.new", path)


def keys(path: Path) -> set[str]:
    """Return the keys that a file shows."""
    connection = apsw.Connection(str(path))
    found = {key for (key,) in connection.execute("SELECT id FROM task")}
    connection.close()
    return found
