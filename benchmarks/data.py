"""The rows that the benchmarks write: a random uuid as key, and columns like those of a task board."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import apsw

STATES = ("open", "claimed", "done", "failed")
KINDS = ("TEXT", "TEXT", "INTEGER", "REAL", "TEXT")


def columns(count: int) -> str:
    """Declare value columns: title, state, number, score, note, and over again."""
    return ", ".join(f"c{number} {KINDS[number % 5]}" for number in range(count))


def rows(count: int, width: int, seed: int = 1) -> list[tuple[object, ...]]:
    """Make rows of a uuid and `width` values."""
    chance = random.Random(seed)
    return [
        (str(uuid.UUID(int=chance.getrandbits(128), version=4)), *_values(chance, number, width))
        for number in range(count)
    ]


def _values(chance: random.Random, number: int, width: int) -> Iterator[object]:
    for column in range(width):
        kind = column % 5
        if kind == 0:
            yield f"task number {number}"
        elif kind == 1:
            yield STATES[number % 4]
        elif kind == 2:
            yield chance.randrange(1000)
        elif kind == 3:
            yield chance.randrange(1000) / 8
        else:
            yield "written by agent " + str(number % 20)


def connect(path: Path) -> apsw.Connection:
    """Open a database as the benchmarks' programs do: WAL, synchronous NORMAL."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    return connection


def create(path: Path, width: int) -> apsw.Connection:
    """Create a database with an empty table of `width` value columns."""
    connection = connect(path)
    connection.execute(f"CREATE TABLE task (id TEXT NOT NULL PRIMARY KEY, {columns(width)})")
    return connection


def insert(connection: apsw.Connection, new: list[tuple[object, ...]]) -> None:
    """Insert rows in one transaction."""
    marks = ", ".join("?" * len(new[0]))
    with connection:
        connection.executemany(f"INSERT INTO task VALUES ({marks})", new)


def size_of(connection: apsw.Connection, path: Path) -> int:
    """Return the size of the file with the WAL emptied into it."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size
