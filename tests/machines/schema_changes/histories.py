"""Random histories of writes, merges and schema changes on a few replicas, and what must come of them.

A model keeps, per row and column uid, the value that was written last by the common clock. In the end every replica has every
written value: in its table if it has the column, else parked.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica
from crdtsql.base.errors import CannotAlterError
from crdtsql.base.sqltext import identifier
from crdtsql.store.tables import Table
from tests.machines.schema_changes.story import told
from tests.support.peers import START_MS
from tests.support.settled import assert_settled

NAMES = ("a", "b", "C c", 'd"d', "e", "f")
TABLES = ("task", "Job 1", 'wo"rk')
TYPES = ("TEXT", "", "DEFAULT 'seven'", "TEXT DEFAULT 'x''y'")
SHAPES = (
    ("CREATE TABLE task (k TEXT PRIMARY KEY, a, b TEXT)", "k"),
    ("CREATE TABLE task (a, k INTEGER PRIMARY KEY, b TEXT)", "k"),
    ("CREATE TABLE task (k TEXT, l INTEGER, a, b TEXT, g AS (k || l), PRIMARY KEY (l, k)) WITHOUT ROWID", "k, l"),
    ("CREATE TABLE task (k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, b TEXT, a ANY) STRICT", "k"),
)
Cell = tuple[str, str]


@dataclass
class World:
    """Replicas, and the cells that were written, by row and column uid.

    Rows in `unseen` were deleted while no trigger looked: their last values are not known there, also if another replica's
    write brings the row back. Rows in `lonely` came unseen to one replica, and nothing was written to them since; cells in
    `doubt` were changed unseen. As long as there are any, the doctor of the replicas in `unsure` must say so.
    """

    choice: random.Random
    replicas: list[Replica] = field(default_factory=list)
    cells: dict[Cell, Any] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    lonely: dict[str, int] = field(default_factory=dict)
    doubt: set[Cell] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    story: list[str] = field(default_factory=list)
    ms: int = START_MS
    values: int = 0

    def now(self) -> int:
        """Return a moment later than all before."""
        self.ms += 10
        return self.ms

    def value(self) -> str:
        """Return a value that was never written before."""
        self.values += 1
        return f"v{self.values}"


def table_of(replica: Replica) -> Table:
    """Return the one table, as it is registered after what was done to it was noticed."""
    replica.vector()
    (table,) = replica.registry.tables()
    return table


def begin(seed: int, folder: Path) -> World:
    """Make replicas of one table, with and without rows from before it was enabled."""
    choice = random.Random(seed)
    world = World(choice)
    schema, key = choice.choice(SHAPES)
    connection = apsw.Connection(str(folder / "0.db"))
    connection.execute(schema)
    for number in range(choice.choice((0, 3))):
        row = f"{number}" if "INTEGER PRIMARY" in schema else f"g{number}"
        values = ", ".join(["?"] * (key.count(",") + 3))
        bound = (row, *([1] * key.count(",")), world.value(), world.value())
        connection.execute(f"INSERT INTO task ({key}, a, b) VALUES ({values})", bound)
        world.cells[row, "a"], world.cells[row, "b"] = bound[-2:]
    connection.close()
    first = Replica.open(folder / "0.db", now=world.now)
    types = choice.choice(({}, {"b": "register"}, {"a": "register", "b": "register"}))
    granularity, policy = choice.choice(("column", "row")), choice.choice(("add-wins", "delete-wins"))
    first.enable("task", granularity=granularity, rows=policy, types=types)
    world.replicas = [first, first.clone(folder / "1.db"), first.clone(folder / "2.db")]
    return world


def step(world: World) -> None:
    """Do one thing on one replica."""
    replica = world.choice.choice(world.replicas)
    acts, weights = zip(*ACTS, strict=True)
    act = world.choice.choices(acts, weights)[0]
    world.story.append(f"{world.replicas.index(replica)} {act.__name__} {act(world, replica)}")
    for one in world.replicas:
        assert_settled(one)


def insert(world: World, replica: Replica) -> str:
    """Insert a row; columns that are left out get their default, which counts as written."""
    table = table_of(replica)
    row = str(1000 + int(world.value()[1:]))
    named = [known for known in table.fields if world.choice.random() < 0.7]
    columns = [*table.key, *(known.name for known in named)]
    bound = [row, *([1] * (len(table.key) - 1))] if table.key_uids[0] == "k" else [1, row]
    quoted = ", ".join(str(identifier(name)) for name in columns)
    marks = ", ".join(["?"] * len(columns))
    values = [world.value() for _ in named]
    replica.connection.execute(f"INSERT INTO {table.quoted} ({quoted}) VALUES ({marks})", (*bound, *values))
    note(world, replica, table, row, [known.uid for known in table.fields])
    return f"{row} {columns}"


def rows(replica: Replica, table: Table) -> list[str]:
    """List the rows by the part of the key that differs."""
    part = identifier(table.key[table.key_uids.index("k")])
    return [str(row) for (row,) in replica.connection.execute(f"SELECT {part} FROM {table.quoted} ORDER BY 1")]


def where(table: Table) -> str:
    """Say which row is meant."""
    return f"{identifier(table.key[table.key_uids.index('k')])} = ?"


def note(world: World, replica: Replica, table: Table, row: str, uids: list[str]) -> None:
    """Note what a row's columns hold as written last; of granularity row, an update writes all plain ones."""
    replica.vector()
    if world.lonely.get(row) == world.replicas.index(replica):
        del world.lonely[row]
        uids = [known.uid for known in table.fields]
    if table.granularity == "row":
        uids = [*uids, *(known.uid for known in table.plain_fields)]
    for known in table.fields:
        if known.uid in uids:
            found = replica.connection.execute(
                f"SELECT {identifier(known.name)} FROM {table.quoted} WHERE {where(table)}", (row,)
            ).fetchone()
            assert found is not None, (row, world.story)
            world.cells[row, known.uid] = found[0]
            world.doubt.discard((row, known.uid))


def update(world: World, replica: Replica) -> str:
    """Write a cell."""
    table = table_of(replica)
    present = rows(replica, table)
    if not present or not table.fields:
        return "nothing"
    row, known = world.choice.choice(present), world.choice.choice(table.fields)
    value = world.value()
    replica.connection.execute(
        f"UPDATE {table.quoted} SET {identifier(known.name)} = ? WHERE {where(table)}", (value, row)
    )
    note(world, replica, table, row, [known.uid])
    return f"{row} {known.name} {value}"


def delete(world: World, replica: Replica) -> str:
    """Delete a row; what becomes of it is not foretold, but all must agree."""
    table = table_of(replica)
    present = rows(replica, table)
    if not present:
        return "nothing"
    row = world.choice.choice(present)
    world.deleted.add(row)
    replica.connection.execute(f"DELETE FROM {table.quoted} WHERE {where(table)}", (row,))
    replica.vector()
    return row


def merge(world: World, replica: Replica) -> str:
    """Take what another replica has."""
    other = world.choice.choice([known for known in world.replicas if known is not replica])
    replica.merge(other.export(replica.vector()))
    return str(world.replicas.index(other))


def free_name(world: World, table: Table, names: tuple[str, ...] = NAMES) -> str | None:
    """Choose a name that the table does not use."""
    taken = {name.lower() for name in (*table.names, "g", "k", "l")}
    return world.choice.choice([name for name in names if name.lower() not in taken] or [None])


def add(world: World, replica: Replica) -> str:
    """Add a column, by `alter` or behind its back, and then perhaps write it before crdtsql knows of it."""
    table = table_of(replica)
    name = free_name(world, table)
    if name is None:
        return "nothing"
    declared = world.choice.choice(TYPES)
    if any(
        "STRICT" in sql
        for (sql,) in replica.connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,))
    ):
        declared = declared if declared.startswith("TEXT") else f"ANY {declared}"
    statement = f"ALTER TABLE {table.quoted} ADD COLUMN {identifier(name)} {declared}"
    written = []
    if world.choice.random() < 0.5:
        replica.alter(statement)
    else:
        replica.connection.execute(statement)
        present = rows(replica, table)
        for row in world.choice.sample(present, min(2, len(present))):
            value = world.value()
            replica.connection.execute(
                f"UPDATE {table.quoted} SET {identifier(name)} = ? WHERE {where(table)}", (value, row)
            )
            written.append(row)
    table = table_of(replica)
    uid = next(known.uid for known in table.fields if known.name == name)
    for row in written:
        note(world, replica, table, row, [uid])
    return f"{statement} {written}"


def rename(world: World, replica: Replica) -> str:
    """Rename a column, by `alter`, behind its back, or by rebuilding the table."""
    table = table_of(replica)
    name = free_name(world, table)
    if name is None or not table.fields:
        return "nothing"
    known = world.choice.choice(table.fields)
    statement = f"ALTER TABLE {table.quoted} RENAME COLUMN {identifier(known.name)} TO {identifier(name)}"
    if world.choice.random() < 0.5:
        replica.alter(statement)
    else:
        replica.connection.execute(statement)
    assert name in [other.name for other in table_of(replica).fields if other.uid == known.uid]
    return statement


def swap(world: World, replica: Replica) -> str:
    """Let two columns exchange their names, behind its back."""
    table = table_of(replica)
    if len(table.fields) < 2:
        return "nothing"
    one, other = world.choice.sample(table.fields, 2)
    for old, new in ((one.name, "zz"), (other.name, one.name), ("zz", other.name)):
        replica.connection.execute(f"ALTER TABLE {table.quoted} RENAME COLUMN {identifier(old)} TO {identifier(new)}")
    now = {known.uid: known.name for known in table_of(replica).fields}
    assert (now[one.uid], now[other.uid]) == (other.name, one.name)
    return f"{one.name} {other.name}"


def drop(world: World, replica: Replica) -> str:
    """Drop a column."""
    table = table_of(replica)
    if not table.fields:
        return "nothing"
    known = world.choice.choice(table.fields)
    statement = f"ALTER TABLE {table.quoted} DROP COLUMN {identifier(known.name)}"
    try:
        replica.alter(statement)
    except CannotAlterError as error:  # an index is on it
        assert "after drop column" in str(error) or "no other columns" in str(error), error
    return statement


def rename_table(world: World, replica: Replica) -> str:
    """Rename the table."""
    table = table_of(replica)
    name = world.choice.choice([name for name in TABLES if name.lower() != table.name.lower()])
    statement = f"ALTER TABLE {table.quoted} RENAME TO {identifier(name)}"
    if world.choice.random() < 0.5:
        replica.alter(statement)
    else:
        replica.connection.execute(statement)
    assert table_of(replica).name == name
    return statement


def index(world: World, replica: Replica) -> str:
    """Create or drop an index."""
    table = table_of(replica)
    if not table.fields:
        return "nothing"
    known = world.choice.choice(table.fields)
    there = replica.connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'by_it'").fetchone()
    statement = "DROP INDEX by_it" if there else f"CREATE INDEX by_it ON {table.quoted} ({identifier(known.name)})"
    if world.choice.random() < 0.5:
        replica.alter(statement)
    else:
        replica.connection.execute(statement)
    return statement


def rebuild(world: World, replica: Replica) -> str:
    """Rebuild the table as tools do, which drops its triggers; write meanwhile, and say that what it shows counts."""
    table = table_of(replica)
    connection = replica.connection
    (statement,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,)).fetchone()
    connection.execute("DROP INDEX IF EXISTS by_it")
    body = statement[statement.index("(") :]
    columns = ", ".join(str(identifier(name)) for name in table.names)
    connection.execute(
        f"BEGIN; CREATE TABLE rebuilt {body}; INSERT INTO rebuilt ({columns}) SELECT {columns} FROM {table.quoted}; "
        f"DROP TABLE {table.quoted}; ALTER TABLE rebuilt RENAME TO {table.quoted}; COMMIT"
    )
    present = rows(replica, table)
    restamped = bool(present) and world.choice.random() < 0.5
    changed, came, went = None, None, None
    if table.fields and present and world.choice.random() < 0.7:
        known = world.choice.choice(table.fields)
        value = world.value()
        row = world.choice.choice(present)
        connection.execute(f"UPDATE {table.quoted} SET {identifier(known.name)} = ? WHERE {where(table)}", (value, row))
        changed = (row, known.uid)
    if world.choice.random() < 0.5:
        came = str(1000 + int(world.value()[1:]))
        columns = [*table.key, *(known.name for known in table.fields)]
        bound = [came, *([1] * (len(table.key) - 1))] if table.key_uids[0] == "k" else [1, came]
        bound += [world.value() for _ in table.fields]
        marks = ", ".join(["?"] * len(bound))
        quoted = ", ".join(str(identifier(name)) for name in columns)
        connection.execute(f"INSERT INTO {table.quoted} ({quoted}) VALUES ({marks})", tuple(bound))
    if (table.genesis is None or not restamped) and len(present) > 1 and world.choice.random() < 0.5:
        went = world.choice.choice(present)
        world.deleted.add(went)
        world.unseen.add(went)
        connection.execute(f"DELETE FROM {table.quoted} WHERE {where(table)}", (went,))
    number = world.replicas.index(replica)
    if not restamped:
        report = replica.repair()
        assert report.mended and report.findings
        world.unsure |= {number} if replica.doctor().broken else set()
        assert number in world.unsure or (table.genesis is None and not present)
        world.doubt |= {changed} - {None}
        if came is not None and table.genesis is None:
            note(world, replica, table, came, [known.uid for known in table.fields])
        elif came is not None:
            world.lonely[came] = number
        return f"repair {changed} {came} {went}"
    replica.repair(restamp=[table.name])
    world.unsure.discard(number)
    for row in rows(replica, table):
        note(world, replica, table, row, [known.uid for known in table.fields])
    return f"restamp {changed} {came} {went}"


ACTS: tuple[tuple[Callable[[World, Replica], str], int], ...] = (
    (insert, 5),
    (update, 8),
    (delete, 1),
    (merge, 6),
    (add, 3),
    (rename, 2),
    (swap, 1),
    (drop, 2),
    (rename_table, 1),
    (index, 1),
    (rebuild, 1),
)


def end(world: World) -> None:
    """Bring all replicas to rest, and compare them with the model and with each other."""
    for _ in range(2):
        for receiver in world.replicas:
            for sender in world.replicas:
                if sender is not receiver:
                    receiver.merge(sender.export(receiver.vector()))
    held = [cells_of(replica) for replica in world.replicas]
    alone = world.lonely.keys() | world.unseen
    present = [set(rows(replica, table_of(replica))) - alone for replica in world.replicas]
    assert present[0] == present[1] == present[2], present
    for number, cells in enumerate(held):
        for cell, value in world.cells.items():
            if cell[0] not in world.deleted and cell not in world.doubt:
                assert cells.get(cell) == value, (number, cell, cells.get(cell), value)
    for one, other in zip(held, held[1:], strict=False):
        for cell in one.keys() & other.keys():
            if cell[0] in present[0] - world.unseen and cell in world.cells and cell not in world.doubt:
                assert one[cell] == other[cell], (cell, one[cell], other[cell])
    for number, replica in enumerate(world.replicas):
        assert replica.doctor().broken == (number in world.unsure), world.unsure
        assert not replica.repair().findings
        assert replica.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def cells_of(replica: Replica) -> dict[Cell, Any]:
    """Return what a replica has of each cell, in its table or parked."""
    table = table_of(replica)
    part = table.key_uids.index("k")
    found: dict[Cell, Any] = {}
    for known in table.parked:
        key = table.key_names[part]
        for row, value in replica.connection.execute(
            f"SELECT {key}, v FROM {table.cells_parked} WHERE col = ?", (known.id,)
        ):
            found[str(row), known.uid] = value
    for known in table.fields:
        for row, value in replica.connection.execute(
            f"SELECT {identifier(table.key[part])}, {identifier(known.name)} FROM {table.quoted}"
        ):
            found[str(row), known.uid] = value
    return found


def run(seed: int, folder: Path, steps: int = 60) -> None:
    """Run one history."""
    world = begin(seed, folder)
    with told(seed, world.story, world.replicas):
        for _ in range(steps):
            step(world)
        end(world)
