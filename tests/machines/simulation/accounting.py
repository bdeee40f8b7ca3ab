"""Accounting: what a person wrote, and nobody who had seen it overwrote, is in a table, among the held rows or in the conflict log.

Programs write numbers that are used once, each to one row, so that each names the write that it stems from. A replica that has one
keeps it, until somebody writes over it, or deletes its row, whose table showed it or whose conflict log listed it for that cell. Of
two that were written concurrently the loser is in the log of the replica where they met; others may only get what was written over the winner.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import apsw

from tests.machines.oracle.events import Row
from tests.machines.oracle.model import World
from tests.machines.simulation.tables import Shape

MARKED = "v"
"""The column, where a table has it, that holds marks."""
FIRST = 1000
"""Other values of the column are smaller."""
_numbers = count(FIRST)


def mark() -> int:
    """Make a number that nobody has written yet."""
    return next(_numbers)


def marked(tables: Mapping[str, Shape]) -> dict[str, int]:
    """Return the tables that hold marks: name -> number of the column."""
    return {
        name: list(shape.columns).index(MARKED) for name, shape in tables.items() if shape.types.get(MARKED) == "lww"
    }


def shown(connection: apsw.Connection, tables: Mapping[str, Shape]) -> set[Any]:
    """Return the marks that tables show."""
    return _marks(connection, [f"SELECT {MARKED} FROM {name}" for name in marked(tables)])


def logged(connection: apsw.Connection, tables: Mapping[str, Shape], row: Row) -> set[Any]:
    """Return the marks that the conflict log lists of a row."""
    name, key = row
    if name not in marked(tables):
        return set()
    where = " AND ".join(f"k{n} IS ?{n}" for n in range(1, len(key) + 1))
    table = f"tbl = (SELECT id FROM _crdt_table WHERE name = '{name}')"
    entries = connection.execute(f"SELECT won, lost FROM _crdt_conflict WHERE {table} AND {where}", key)
    return {value for entry in entries for value in entry if is_mark(value)}


def kept(connection: apsw.Connection, tables: Mapping[str, Shape]) -> set[Any]:
    """Return the marks that a replica has anywhere."""
    queries = []
    for name, number in marked(tables).items():
        logged = f"WHERE col = {number} AND tbl = (SELECT id FROM _crdt_table WHERE name = '{name}')"
        queries += [
            f"SELECT {MARKED} FROM {name}",
            f"SELECT v{number} FROM _crdt_held_{name}",
            f"SELECT won FROM _crdt_conflict {logged}",
            f"SELECT lost FROM _crdt_conflict {logged}",
        ]
    return _marks(connection, queries)


def lost_elsewhere(world: World, known: int, mark: Any) -> bool:
    """Tell whether a mark lost to a concurrent write of its cell that a replica knows of, though perhaps not its value.

    A program that gives a row another key writes its mark once more: the latest write is where the mark is.
    """
    events = list(world.of(known))
    wrote = [(event, row) for event in events for row, values in event.writes.items() if values.get(MARKED) == mark]
    if not wrote:
        return False
    latest, row = wrote[-1]
    rivals = (other for other in events if MARKED in other.writes.get(row, {}))
    return any(other.stamp > latest.stamp and world.concurrent(latest, other) for other in rivals)


def _marks(connection: apsw.Connection, queries: list[str]) -> set[Any]:
    return {value for query in queries for (value,) in connection.execute(query) if is_mark(value)}


def is_mark(value: Any) -> bool:
    """Tell whether a value is a mark."""
    return isinstance(value, int) and value >= FIRST
