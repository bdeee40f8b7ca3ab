"""Random histories of writes that no trigger saw, on a few rows of three replicas, and what must come of them.

Keys and numbers are few, so that unseen rows, rows of the genesis and new rows meet under one of them. There is no model: no operation may
fail, and replicas that come to rest with different tables must not all be called sound.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica, sync
from tests.machines.schema_changes.story import told
from tests.support.peers import START_MS

NUMBERED = "CREATE TABLE task (id INTEGER PRIMARY KEY, a"
NAMED = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, a"
SHAPES = (
    (f"{NUMBERED}, b, u TEXT UNIQUE)", {}),
    (f"{NAMED}, b INTEGER, u TEXT UNIQUE)", {"b": "counter"}),
    (f"{NUMBERED}, b TEXT, u TEXT UNIQUE)", {"b": "set", "a": "register"}),
    (f"{NAMED}, b TEXT, u)", {"b": "map"}),
    (f"{NUMBERED}, b, u INTEGER REFERENCES task (id) ON DELETE SET NULL)", {}),
)
VALUES: dict[str, Callable[[random.Random], Any]] = {
    "lww": lambda choice: choice.randrange(99),
    "counter": lambda choice: choice.randrange(50),
    "set": lambda choice: f"[{choice.randrange(5)}]",
    "map": lambda choice: f'{{"k{choice.randrange(3)}": {choice.randrange(9)}}}',
}
WRITES = (
    ("INSERT OR IGNORE INTO task VALUES (:id, :a, :b, :u)", 35),
    ("UPDATE OR IGNORE task SET a = :a WHERE id = :id", 20),
    ("UPDATE OR IGNORE task SET b = :b WHERE id = :id", 15),
    ("UPDATE OR IGNORE task SET u = :u WHERE id = :id", 10),
    ("DELETE FROM task WHERE id = :id", 12),
    ("REPLACE INTO task VALUES (:id, :a, :b, :u)", 8),
)


@dataclass
class World:
    """Three replicas; those in `accepted` were told, perhaps wrongly, that nothing went unseen."""

    choice: random.Random
    numbered: bool
    refers: bool
    kind: str
    replicas: list[Replica] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    story: list[str] = field(default_factory=list)
    ms: int = START_MS

    def now(self) -> int:
        """Return a moment later than all before."""
        self.ms += 7
        return self.ms

    def row(self) -> dict[str, Any]:
        """Choose a row's values."""
        number = self.choice.randrange(1, 6)
        other = self.choice.randrange(1, 6) if self.refers else self.choice.choice((None, "u1", "u2", "u3"))
        return {
            "id": number if self.numbered else f"k{number}",
            "a": f"a{self.choice.randrange(999)}",
            "b": VALUES[self.kind](self.choice),
            "u": other,
        }


def begin(seed: int, folder: Path) -> World:
    """Make replicas of one table, with and without rows from before it was enabled."""
    choice = random.Random(seed)
    schema, types = choice.choice(SHAPES)
    world = World(choice, "INTEGER PRIMARY" in schema, "REFERENCES" in schema, types.get("b", "lww"))
    connection = apsw.Connection(str(folder / "0.db"))
    connection.execute(schema)
    for _ in range(choice.choice((0, 3, 3))):
        connection.execute(WRITES[0][0], world.row() | {"u": None})
    connection.close()
    first = Replica.open(folder / "0.db", now=world.now)
    first.enable("task", types=types, identity=choice.choice(("row", "key")) if world.numbered else "key")
    world.replicas = [first, first.clone(folder / "1.db"), first.clone(folder / "2.db")]
    world.story.append(f"{schema} {types} {first.registry.table('task').identity}")
    return world


def write(world: World, number: int) -> None:
    """Write a row."""
    statements, weights = zip(*WRITES, strict=True)
    statement, row = world.choice.choices(statements, weights)[0], world.row()
    used = {name: value for name, value in row.items() if f":{name}" in statement}
    world.replicas[number].connection.execute(statement, used)
    world.story.append(f"{number} {statement} {used}")


def go_unseen(world: World, number: int) -> None:
    """Drop the triggers, write, and repair in one of three ways."""
    connection = world.replicas[number].connection
    triggers = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '_crdt_*'"
    ).fetchall()
    for (name,) in triggers:
        connection.execute(f'DROP TRIGGER "{name}"')
    world.story.append(f"{number} unseen:")
    for _ in range(world.choice.randrange(3)):
        write(world, number)
    how = world.choice.choice(("repair", "repair", "restamp", "accept"))
    world.story.append(f"{number} {how}")
    report = world.replicas[number].repair(
        restamp=["task"] if how == "restamp" else [], accept=["task"] if how == "accept" else []
    )
    assert report.mended
    world.accepted |= {number} if how == "accept" else set()


def step(world: World) -> None:
    """Do one thing on one replica, and perhaps look at it."""
    number, chance = world.choice.randrange(3), world.choice.random()
    if chance < 0.5:
        write(world, number)
    elif chance < 0.8:
        other = world.choice.choice([n for n in range(3) if n != number])
        world.story.append(f"{number} <-> {other}")
        sync(world.replicas[number], world.replicas[other])
    else:
        go_unseen(world, number)
    if world.choice.random() < 0.5:
        world.replicas[number].vector()


def end(world: World) -> None:
    """Bring all replicas to rest; tables that differ are called broken somewhere, unless somebody said that nothing went unseen."""
    for _ in range(3):
        for one, other in ((0, 1), (1, 2), (0, 2)):
            world.story.append(f"{one} <-> {other}")
            sync(world.replicas[one], world.replicas[other])
    tables = {
        repr(replica.connection.execute("SELECT * FROM task ORDER BY 1").fetchall()) for replica in world.replicas
    }
    broken = [replica.doctor().broken for replica in world.replicas]
    assert len(tables) == 1 or any(broken) or world.accepted, tables
    for replica in world.replicas:
        assert replica.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def run(seed: int, folder: Path, steps: int = 40) -> None:
    """Run one history."""
    world = begin(seed, folder)
    with told(seed, world.story, world.replicas):
        for _ in range(steps):
            step(world)
        end(world)
