"""A replica that compacts and its twin that never does: two files that get the same writes and the same changesets.

The files of a pair live in two worlds, which know nothing of each other: each has a state directory of its own, because both files of
a pair go by the same site id.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica
from tests.machines.oracle import model
from tests.machines.simulation.constrained.writes import ConstrainedWriter, Writes
from tests.machines.simulation.writes import Habits, Writer
from tests.support import library
from tests.support.peers import START_MS

WORLDS = ("compacting", "plain")
WRITING = ("INSERT", "REPLACE", "UPDATE", "DELETE", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")
SUFFIXES = ("", "-wal", "-shm", "-journal")


@dataclass
class Clock:
    """The time of all machines: each step is later than all that was written before it."""

    ms: int = START_MS

    def __call__(self) -> int:
        return self.ms


class Untold(ConstrainedWriter):
    """A program that writes tables with constraints, whose writes no model follows."""

    def tell(self, twin: model.Replica, found: Writes) -> None:
        """Tell nobody."""


class Doubled:
    """A connection that runs each statement that writes on the twin's file as well, where it must come out alike."""

    def __init__(self, path: Path, twin: Path) -> None:
        self._connection, self._twin = library.connect(str(path)), library.connect(str(twin))
        for connection in (self._connection, self._twin):
            connection.set_busy_timeout(1000)
        self._told: list[str] = []

    def told(self) -> list[str]:
        """Return the statements that were run since this was asked last."""
        found, self._told = self._told, []
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, bindings: Any = None) -> apsw.Cursor:
        """Run a statement."""
        if not statement.lstrip().upper().startswith(WRITING):
            return self._connection.execute(statement, bindings)
        if not statement.startswith(("SAVEPOINT", "RELEASE", "PRAGMA", "ROLLBACK")):
            self._told.append(f"{statement} {bindings}" if bindings else statement)
        found, failed = _try(self._connection, statement, bindings)
        _, failed_there = _try(self._twin, statement, bindings)
        assert repr(failed) == repr(failed_there), f"{statement} {bindings}: {failed!r}, on the twin {failed_there!r}"
        if failed is not None:
            raise failed
        assert found is not None
        return found

    def close(self) -> None:
        """Close both."""
        self._connection.close()
        self._twin.close()


def _try(
    connection: apsw.Connection, statement: str, bindings: Any
) -> tuple[apsw.Cursor | None, apsw.ConstraintError | None]:
    try:
        return connection.execute(statement, bindings), None
    except apsw.ConstraintError as error:
        return None, error


@dataclass
class Side:
    """One file of a pair, in one of the two worlds."""

    path: Path
    name: str
    clock: Clock
    replica: Replica = field(init=False)

    @contextmanager
    def world(self) -> Iterator[None]:
        """Let the notes of this world be those that are read and written."""
        before = os.environ.get("CRDTSQL_STATE_DIR", "")
        os.environ["CRDTSQL_STATE_DIR"] = str(self.path.parent / "state")
        try:
            yield
        finally:
            os.environ["CRDTSQL_STATE_DIR"] = before

    def open(self) -> None:
        """Open the file; a site id that it gets follows from its name and the time, so that the twin gets the same one."""
        made: dict[int, int] = {}

        def make_site() -> bytes:
            made[self.clock.ms] = made.get(self.clock.ms, 0) + 1
            return random.Random(f"{self.name} {self.clock.ms} {made[self.clock.ms]}").randbytes(16)

        with self.world():
            self.replica = Replica.open(self.path, now=self.clock, make_site=make_site)

    def do(self, work: Callable[[Replica], Any]) -> Any:
        """Let the replica do something."""
        with self.world():
            return work(self.replica)


class Pair:
    """A replica and its twin, and a program that writes to both."""

    def __init__(self, name: str, folder: Path, clock: Clock, habits: Habits, writer: type[Writer]) -> None:
        self.name, self.clock, self.habits, self._writer = name, clock, habits, writer
        self.sides = [Side(folder / world / f"{name}.db", name, clock) for world in WORLDS]
        self.backup: list[Path] | None = None
        self.late: set[str] = set()
        self.writer: Writer

    @property
    def one(self) -> Side:
        """The replica that may compact."""
        return self.sides[0]

    @property
    def twin(self) -> Side:
        """The one that never does."""
        return self.sides[1]

    @property
    def site(self) -> str:
        """The id that both go by."""
        return self.one.replica.site

    def open(self, occurred: Any) -> None:
        """Open both files, and a program's connection to them."""
        for side in self.sides:
            side.open()
        self.writer = self._writer(self.one.path, self.habits, occurred)
        self.writer.connection.close()
        self.program = Doubled(self.one.path, self.twin.path)
        self.writer.connection = self.program  # type: ignore[assignment]

    def close(self) -> None:
        """Close all that is open."""
        self.writer.close()
        for side in self.sides:
            with side.world():
                side.replica.close()

    def both(self, work: Callable[[Replica], Any]) -> list[Any]:
        """Let both do something."""
        return [side.do(work) for side in self.sides]

    def copy_files(self, suffix: str) -> list[Path]:
        """Copy both files as any program would; return where they are."""
        targets = [side.path.with_suffix(suffix) for side in self.sides]
        for side, target in zip(self.sides, targets, strict=True):
            copy_file(side.path, target)
        return targets


def copy_file(source: Path, target: Path) -> None:
    """Copy a database file, with all that was committed to it."""
    connection = apsw.Connection(str(source))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    shutil.copyfile(source, target)


def nobody() -> model.Replica:
    """Return a model for programs that tell what they wrote, to which nobody listens."""
    return model.Replica(model.World(), b"")
