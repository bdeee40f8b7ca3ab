"""Accounting: what a person wrote, and nobody who had seen it overwrote, is in a table, among the held rows or in the conflict log.

Programs write numbers that are used once, each to one row, so that each names the write that it stems from. Whoever gives a row
another key writes its mark to another row, so what is accounted for is a mark and its row, as the model names rows. A replica that has
one keeps it, until somebody writes over it, or deletes its row, whose table showed it or whose conflict log listed it for that cell. Of
two that were written concurrently the loser is in the log of the replica where they met; others may only get what was written over the winner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

import apsw

from tests.machines.oracle.events import Row
from tests.machines.oracle.model import Entry, RowState, World
from tests.machines.simulation.tables import Key, Shape

Placed = tuple[Row, Any]
"""A mark, and the row that it was written to."""
Rows = Mapping[Key, Mapping[str, Any]]

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


def written(pending: Iterable[Entry], tables: Mapping[str, Shape]) -> set[Placed]:
    """Return the marks that programs wrote, of what waits in a log."""
    names = marked(tables)
    values = ((row, written.get(MARKED)) for _, row, written in pending if row[0] in names)
    return {(row, mark) for row, mark in values if is_mark(mark)}


def held(states: Mapping[Row, RowState], tables: Mapping[str, Shape]) -> set[Placed]:
    """Return the marks of all rows, in tables or among the held ones, as the model has them and the file was found to have them."""
    names = marked(tables)
    values = (
        (row, state.cells[MARKED][0]) for row, state in states.items() if row[0] in names and MARKED in state.cells
    )
    return {(row, mark) for row, mark in values if is_mark(mark)}


def logged(connection: apsw.Connection, tables: Mapping[str, Shape]) -> set[Placed]:
    """Return the marks that the conflict log lists, with the keys of their rows as people see them."""
    found: set[Placed] = set()
    for name, number in marked(tables).items():
        keys = [f"k{n}" for n in range(1, len(tables[name].key) + 1)]
        of_column = f"col = {number} AND tbl = (SELECT id FROM _crdt_table WHERE name = '{name}')"
        entries = connection.execute(f"SELECT won, lost, {', '.join(keys)} FROM _crdt_conflict WHERE {of_column}")
        found |= {((name, tuple(key)), value) for won, lost, *key in entries for value in (won, lost) if is_mark(value)}
    return found


def overwritten(
    row: Row, before: Mapping[str, Rows], after: Mapping[str, Rows], tables: Mapping[str, Shape]
) -> set[Any]:
    """Return the mark that a row showed before a statement that wrote to it, if it does not afterwards."""
    name, key = row
    if name not in marked(tables):
        return set()
    old, new = (found[name].get(key, {}).get(MARKED) for found in (before, after))
    return {old} if is_mark(old) and old != new else set()


def lost_elsewhere(world: World, known: int, row: Row, mark: Any) -> bool:
    """Tell whether a mark lost to a concurrent write of its cell that a replica knows of, though perhaps not its value.

    A row may be deleted and get its mark back, by programs that give rows other keys: the latest write is what counts.
    """
    wrote = [event for event in world.of(known) if event.writes.get(row, {}).get(MARKED) == mark]
    rivals = (other for other in world.of(known) if MARKED in other.writes.get(row, {}))
    return bool(wrote) and any(other.stamp > wrote[-1].stamp and world.concurrent(wrote[-1], other) for other in rivals)


def forgotten(world: World, row: Row) -> set[Placed]:
    """Return the marks of a row that its purge, which is the last event, had seen: whoever purges it has seen them, and wants none kept."""
    purge = world.events[-1]
    wrote = (event for event in world.events if world.happened_before(event, purge))
    marks = (event.writes.get(row, {}).get(MARKED) for event in wrote)
    return {(row, mark) for mark in marks if is_mark(mark)}


def is_mark(value: Any) -> bool:
    """Tell whether a value is a mark."""
    return isinstance(value, int) and value >= FIRST
