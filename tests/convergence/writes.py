"""A program that writes with ordinary SQL, and tells the model what it wrote.

What a statement changes is read from the user's table before and after it, never from anything of crdtsql's.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import apsw

from tests.model import model

SCHEMA = """
CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, a, b, c) WITHOUT ROWID;
CREATE TABLE item (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b NOT NULL DEFAULT 0);
CREATE TABLE link (x TEXT NOT NULL, y INT NOT NULL, a REAL, PRIMARY KEY (y, x)) WITHOUT ROWID;
"""
COLUMNS = {"note": ("a", "b", "c"), "item": ("a", "b"), "link": ("a",)}
KEYS = {"note": ("id",), "item": ("id",), "link": ("y", "x")}
VALUES = (
    None,
    0,
    1,
    1.0,
    -1,
    2.5,
    "",
    "x",
    "X",
    "y",
    b"",
    b"\x00\xff",
    2**63 - 1,
    -(2**63),
    "a\0b",
    float("inf"),
    "z" * 200,
)
POOL: dict[str, list[tuple[Any, ...]]] = {
    "note": [("n1",), ("n2",), ("n3",), ("it's",)],
    "item": [(1,), (2,), (3,), (-7,)],
    "link": [(1, "p"), (1, "q"), (2, "p")],
}


class Writer:
    """A connection of the user's."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))
        self.connection.set_busy_timeout(1000)

    def close(self) -> None:
        self.connection.close()

    def rows(self, table: str) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return what the user's table shows, by key, in the order in which statements visit it."""
        names = [*KEYS[table], *COLUMNS[table]]
        width = len(KEYS[table])
        return {
            row[:width]: dict(zip(COLUMNS[table], row[width:], strict=True))
            for row in self.connection.execute(
                f"SELECT {', '.join(names)} FROM {table} ORDER BY {', '.join(KEYS[table])}"
            )
        }

    def write(self, random: random.Random, twin: model.Replica, occurred: Counter[str]) -> None:
        """Run one random statement."""
        table = random.choice(("note", "note", "item", "link"))
        actions = (
            self._insert,
            self._insert,
            self._replace,
            self._upsert,
            self._update,
            self._update,
            self._update,
            self._update_all,
            self._delete,
            self._delete,
            self._change_key,
        )
        random.choice(actions)(random, table, twin, occurred)
        if random.random() < 0.02:
            self._delete_all(random, table, twin, occurred)

    def _value(self, random: random.Random, table: str, column: str) -> Any:
        if table == "item" and column == "b":
            return random.choice([value for value in VALUES if value is not None])
        return random.choice(VALUES)

    def _values(self, random: random.Random, table: str) -> list[Any]:
        return [self._value(random, table, column) for column in COLUMNS[table]]

    def _into(self, table: str, verb: str) -> str:
        names = [*KEYS[table], *COLUMNS[table]]
        return f"{verb} INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def _inserted(self, table: str, key: tuple[Any, ...], twin: model.Replica) -> None:
        twin.write("insert", (table, key), self.rows(table)[key])

    def _updated(self, table: str, before: dict[Any, Any], twin: model.Replica, occurred: Counter[str]) -> int:
        changed = 0
        for key, after in self.rows(table).items():
            values = {c: value for c, value in after.items() if not model.same(before[key][c], value)}
            if not values:
                continue
            changed += 1
            if all(event.kind == "genesis" for event in twin.world.of(twin.known) if (table, key) in event.writes):
                occurred["a genesis row was updated"] += 1
            twin.write("update", (table, key), values)
            occurred["an update changed several columns"] += len(values) > 1
        occurred["an update changed a row"] += changed > 0
        return changed

    def _insert(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        key = random.choice(POOL[table])
        if key in self.rows(table):
            return
        known = [event for event in twin.world.of(twin.known) if (table, key) in event.writes]
        if any(event.kind == "delete" and event.site != twin.site for event in known) and not any(
            row == (table, key) for _, row, _ in twin.pending
        ):
            occurred["inserted again after a delete of another site was seen"] += 1
        self.connection.execute(self._into(table, "INSERT"), (*key, *self._values(random, table)))
        self._inserted(table, key, twin)
        occurred["a row was inserted"] += 1

    def _replace(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        key = random.choice(POOL[table])
        occurred["INSERT OR REPLACE of a row that was there"] += key in self.rows(table)
        self.connection.execute(self._into(table, "INSERT OR REPLACE"), (*key, *self._values(random, table)))
        self._inserted(table, key, twin)

    def _upsert(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        key, column = random.choice(POOL[table]), random.choice(COLUMNS[table])
        before = self.rows(table)
        conflict = f" ON CONFLICT ({', '.join(KEYS[table])}) DO UPDATE SET {column} = excluded.{column}"
        self.connection.execute(self._into(table, "INSERT") + conflict, (*key, *self._values(random, table)))
        if key in before:
            occurred["an upsert updated"] += self._updated(table, before, twin, occurred) > 0
        else:
            self._inserted(table, key, twin)

    def _update(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        before = self.rows(table)
        if not before:
            return
        key = random.choice(list(before))
        columns = random.sample(COLUMNS[table], random.randint(1, len(COLUMNS[table])))
        settings = ", ".join(f"{column} = ?" for column in columns)
        where = " AND ".join(f"{name} = ?" for name in KEYS[table])
        values = [self._value(random, table, column) for column in columns]
        self.connection.execute(f"UPDATE {table} SET {settings} WHERE {where}", (*values, *key))
        occurred["an update that changed nothing"] += not self._updated(table, before, twin, occurred)

    def _update_all(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        before, column = self.rows(table), random.choice(COLUMNS[table])
        self.connection.execute(f"UPDATE {table} SET {column} = ?", (self._value(random, table, column),))
        occurred["an update of all rows"] += self._updated(table, before, twin, occurred) > 1

    def _deleted(self, table: str, key: tuple[Any, ...], twin: model.Replica, occurred: Counter[str]) -> None:
        events = [event for event in twin.world.of(twin.known) if (table, key) in event.writes]
        pending = any(row == (table, key) for _, row, _ in twin.pending)
        occurred["a genesis row was deleted"] += not pending and all(event.kind == "genesis" for event in events)
        twin.write("delete", (table, key), {})

    def _delete(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        before = self.rows(table)
        if not before:
            return
        key = random.choice(list(before))
        where = " AND ".join(f"{name} = ?" for name in KEYS[table])
        self.connection.execute(f"DELETE FROM {table} WHERE {where}", key)
        self._deleted(table, key, twin, occurred)
        occurred["a row was deleted"] += 1

    def _delete_all(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        before = self.rows(table)
        self.connection.execute(f"DELETE FROM {table}")
        for key in before:
            self._deleted(table, key, twin, occurred)
        occurred["all rows were deleted"] += len(before) > 1

    def _change_key(self, random: random.Random, table: str, twin: model.Replica, occurred: Counter[str]) -> None:
        before = self.rows(table)
        free = [key for key in POOL[table] if key not in before]
        if not before or not free:
            return
        old, new = random.choice(list(before)), random.choice(free)
        settings = ", ".join(f"{name} = ?" for name in KEYS[table])
        where = " AND ".join(f"{name} = ?" for name in KEYS[table])
        self.connection.execute(f"UPDATE {table} SET {settings} WHERE {where}", (*new, *old))
        self._deleted(table, old, twin, occurred)
        self._inserted(table, new, twin)
        occurred["a key was changed"] += 1
        known = twin.rows
        occurred["a key was changed to one that was deleted"] += (table, new) in known and not known[table, new].alive
