"""What programs write in the histories: the tables of the simulation, and a column that some tables get late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import apsw

from tests.machines.compaction.pairs import Pair, Untold, nobody
from tests.machines.oracle.parts import COUNTERS
from tests.machines.simulation import tables as plain
from tests.machines.simulation.constrained import tables as constrained
from tests.machines.simulation.writes import Habits, Writer

if TYPE_CHECKING:
    from tests.machines.compaction.history import History


@dataclass(frozen=True)
class Family:
    """The tables of a history."""

    name: str
    habits: Habits
    schema: str
    writer: type[Writer]

    @classmethod
    def choose(cls, random: Random, seed: int) -> Family:
        """Choose tables without constraints in every other history, a family with constraints in the others, often with automatic numbers."""
        if seed % 2 == 0:
            habits = Habits.choose(random, None, None)
            for table, shape in habits.tables.items():
                habits.tables[table] = replace(shape, required=shape.required | _counters(shape))
            return cls(", ".join(habits.tables), habits, plain.schema(habits.tables), Writer)
        families = constrained.NUMBERED if seed % 6 == 1 else constrained.FAMILIES
        name = list(families)[seed // 6 % len(families) if seed % 6 == 1 else seed // 2 % len(families)]
        rows = random.choice(("add-wins", "add-wins", "add-wins", "delete-wins"))
        granularity = random.choice(("column", "column", "column", "row"))
        shapes = {table: replace(shape, rows=rows, granularity=granularity) for table, shape in families[name].items()}
        return cls(name, Habits({**shapes}, {}, calm=False), constrained.schema(shapes), Untold)


def _counters(shape: plain.Shape) -> set[str]:
    """Return the counters of a table: one that is inserted as NULL where a deleted row had increments shows 0, unless that is forgotten."""
    return {column for column, kind in shape.types.items() if kind in COUNTERS}


def write(history: History, pair: Pair) -> None:
    """Run one random statement, or a transaction of some, on both files."""
    orders = [_order(pair, side.replica.connection) for side in pair.sides]
    if orders[0] != orders[1]:
        history.occurred["rows stood in another order"] += 1
        _put_in_order(pair, orders)
    try:
        pair.writer.write(history.random, nobody())
    finally:
        for statement in pair.program.told():
            history.tell(f"  {pair.name}: {statement}")


def _order(pair: Pair, connection: apsw.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: connection.execute(f"SELECT {', '.join(shape.key)} FROM {table} ORDER BY {shape.order}").fetchall()
        for table, shape in pair.habits.tables.items()
    }


def _put_in_order(pair: Pair, orders: list[dict[str, list[tuple[Any, ...]]]]) -> None:
    """Let rows stand in the order in which they stand on the twin, or an update of all of them would write them in another one."""
    connection = pair.one.replica.connection
    for table, shape in pair.habits.tables.items():
        if shape.order != "rowid" or orders[0][table] == orders[1][table]:
            continue
        where = " AND ".join(f"{name} = ?" for name in shape.key)
        (last,) = connection.execute(f"SELECT max(rowid) FROM {table}").fetchall()[0]
        logged = connection.execute("SELECT count(*) FROM _crdt_log").fetchall()
        for number, key in enumerate(orders[1][table], last + 1):
            connection.execute(f"UPDATE {table} SET rowid = ? WHERE {where}", (number, *key))
        assert connection.execute("SELECT count(*) FROM _crdt_log").fetchall() == logged


def add_late(history: History, pair: Pair, table: str) -> None:
    """Add the late column to a table of a pair that does not have it, in histories that have it at all."""
    if table in history.family_late and table not in pair.late:
        default = history.family_late[table]
        pair.both(lambda replica: replica.alter(f"ALTER TABLE {table} ADD COLUMN late{default}"))
        pair.late.add(table)
        history.tell(f"  {pair.name}: {table} gets a late column")


def late(history: History, pair: Pair) -> None:
    """Add a column to a table, or write to one that was added."""
    table = history.random.choice(list(pair.habits.tables))
    if table not in pair.late:
        history.family_late.setdefault(table, history.random.choice((" TEXT", " TEXT DEFAULT 'seven'")))
        add_late(history, pair, table)
        return
    rows = list(pair.writer.rows(table))
    if rows:
        key = history.random.choice(rows)
        where = " AND ".join(f"{name} = ?" for name in pair.habits.tables[table].key)
        value = history.random.choice((None, "a", "b", "c"))
        pair.writer.connection.execute(f"UPDATE {table} SET late = ? WHERE {where}", (value, *key))
        history.tell(f"  {pair.name}: UPDATE {table} SET late = {value!r} of {key}")
        history.occurred["a late column was written"] += 1
