"""A program that writes with ordinary SQL, and tells the model what it wrote.

What a statement changes is read from the user's table before and after it, never from anything of crdtsql's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import apsw

from tests.machines.oracle import model
from tests.machines.oracle.parts import same
from tests.machines.simulation import values
from tests.machines.simulation.tables import GRANULARITIES, ROWS, TABLES, Key, Shape, stored
from tests.support import library

Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True)
class Habits:
    """What the programs of one history do: few tables, and some columns more than others, so that writes meet.

    Attributes:
        tables: name -> the table with its policies in this history.
        focus: table -> the column that is updated most.
        calm: whether rows rarely come and go, so that their cells have time to grow.
        overwritten: the marks (accounting.py) that somebody whose table showed them wrote over.
    """

    tables: dict[str, Shape]
    focus: Mapping[str, str]
    calm: bool
    overwritten: set[Any] = field(default_factory=set)

    @classmethod
    def choose(cls, random: Random, rows: str | None, granularity: str | None) -> Habits:
        """Choose the habits of a history; its policies, where they are not given."""
        plain = [name for name, shape in TABLES.items() if not shape.typed]
        typed = [name for name, shape in TABLES.items() if shape.typed]
        names = random.sample(plain, random.choice((0, 0, 1))) + random.sample(typed, random.choice((1, 1, 2)))
        focus = {name: random.choice(TABLES[name].columns) for name in names}
        tables = {
            name: replace(
                TABLES[name],
                rows=rows or _one_of(random, ROWS),
                granularity=granularity or _one_of(random, GRANULARITIES),
            )
            for name in names
        }
        return cls(tables, focus, random.random() < 0.5)


def _one_of(random: Random, weights: Mapping[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


class Writer:
    """A connection of the user's."""

    def __init__(self, path: Path, habits: Habits, occurred: Counter[str]) -> None:
        self.connection = library.connect(str(path))
        self.connection.set_busy_timeout(1000)
        self.habits = habits
        self.occurred = occurred

    def close(self) -> None:
        self.connection.close()

    def shape(self, table: str) -> Shape:
        """Return how a table is enabled now."""
        return self.habits.tables[table]

    def rows(self, table: str) -> Rows:
        """Return what the user's table shows, by key, in the order in which statements visit it."""
        shape = self.shape(table)
        names, width = [*shape.key, *shape.columns], len(shape.key)
        return {
            row[:width]: dict(zip(shape.columns, row[width:], strict=True))
            for row in self.connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {shape.order}")
        }

    def genesis(self, table: str) -> dict[model.Row, dict[str, Any]]:
        """Return the rows of a table that is about to be enabled."""
        return {(table, key): values for key, values in self.rows(table).items()}

    def write(self, random: Random, twin: model.Replica) -> None:
        """Run one random statement."""
        table = random.choice(list(self.habits.tables))
        often = 0.4 if self.habits.calm else 1
        actions = {
            self._insert: 2,
            self._replace: 1.5 * often,
            self._upsert: 1,
            self._update: 5,
            self._update_all: 1,
            self._delete: 2 * often,
            self._change_key: often,
        }
        random.choices(list(actions), list(actions.values()))[0](random, table, twin)
        if random.random() < 0.02:
            self._delete_all(random, table, twin)

    def fill(self, random: Random, table: str, twin: model.Replica) -> None:
        """Insert rows that are there before the table is enabled; they touch no other table."""
        del twin
        for key in random.sample(self.shape(table).pool, random.choice((0, 1, 2))):
            while True:
                row = self._values(random, table)
                if all(values.is_taken(self.shape(table), column, value) for column, value in row.items()):
                    break
            self.connection.execute(self._into(table, "INSERT"), (*key, *row.values()))

    # -- running statements -----------------------------------------------------------------------

    def _values(self, random: Random, table: str) -> dict[str, Any]:
        return {
            c: stored(self.shape(table), c, values.value(random, self.shape(table), c))
            for c in self.shape(table).columns
        }

    def _into(self, table: str, verb: str) -> str:
        names = [*self.shape(table).key, *self.shape(table).columns]
        return f"{verb} INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def _run(self, table: str, statement: str, bindings: Sequence[Any], taken: bool) -> bool:
        """Run a statement, which a column's type refuses unless it is `taken`; tell whether it took effect."""
        if taken:
            self.connection.execute(statement, bindings)
            return True
        before = self.rows(table)
        try:
            self.connection.execute(statement, bindings)
        except apsw.ConstraintError as error:
            assert "crdtsql" in str(error), error
        else:
            raise AssertionError(f"{statement} {bindings} must be refused: {before}")
        assert self.rows(table) == before, "a refused statement changed the table"
        self.occurred["a type refused a value"] += 1
        return False

    def inserted(self, table: str, key: Key, twin: model.Replica) -> None:
        twin.write("insert", (table, key), self.rows(table)[key])

    def updated(self, table: str, before: Rows, twin: model.Replica) -> int:
        """Tell the model what an UPDATE changed: typed columns are logged one by one, the last first, then the others.

        Where an update stamps the whole row, one of typed columns alone stamps the others as well.
        """
        changed = 0
        typed = self.shape(table).typed
        for key, after in self.rows(table).items():
            found = {c: value for c, value in after.items() if not same(before[key][c], value)}
            if not found:
                continue
            changed += 1
            events = [event for event in twin.world.of(twin.known) if (table, key) in event.writes]
            if all(event.kind == "genesis" for event in events):
                self.occurred["a genesis row was updated"] += 1
            for column in reversed(typed):
                if column in found:
                    twin.write("update", (table, key), {column: found[column]})
            plain = {column: value for column, value in found.items() if column not in typed}
            if plain or self.shape(table).stamps_together:
                twin.write("update", (table, key), plain)
            self.occurred["an update changed several columns"] += len(found) > 1
            self.occurred["an update changed typed columns and others"] += 0 < len(plain) < len(found)
        self.occurred["an update changed a row"] += changed > 0
        return changed

    def _set(self, random: Random, table: str, columns: Sequence[str], key: Key | None, twin: model.Replica) -> int:
        """UPDATE some columns of one row, or of all; return how many changed, or -1 if the statement was refused."""
        before = self.rows(table)
        names = self.shape(table).key
        settings = {column: values.setting(random, self.shape(table), column) for column in columns}
        bindings = [binding for _, found in settings.values() for binding in found]
        which = key or ()
        where = f"WHERE {' AND '.join(f'{name} = ?' for name in names)}" if key else ""
        expressions = ", ".join(expression for expression, _ in settings.values())
        wanted = self.connection.execute(
            f"SELECT {', '.join(names)}, {expressions} FROM {table} {where}", (*bindings, *which)
        ).fetchall()
        new = {row[: len(names)]: dict(zip(columns, row[len(names) :], strict=True)) for row in wanted}
        if any(found[c] is None for found in new.values() for c in self.shape(table).required & found.keys()):
            return -1
        taken = all(
            values.may_become(self.shape(table), column, before[row][column], stored(self.shape(table), column, value))
            for row, found in new.items()
            for column, value in found.items()
        )
        text = ", ".join(f"{column} = {expression}" for column, (expression, _) in settings.items())
        if not self._run(table, f"UPDATE {table} SET {text} {where}", (*bindings, *which), taken):
            return -1
        return self.updated(table, before, twin)

    # -- statements -------------------------------------------------------------------------------

    def _insert(self, random: Random, table: str, twin: model.Replica) -> None:
        key = random.choice(self.shape(table).pool)
        if key in self.rows(table):
            return
        known = [event for event in twin.world.of(twin.known) if (table, key) in event.writes]
        if any(event.kind == "delete" and event.site != twin.site for event in known) and not any(
            row == (table, key) for _, row, _ in twin.pending
        ):
            self.occurred["inserted again after a delete of another site was seen"] += 1
            self.occurred["a delete-wins row was inserted again"] += self.shape(table).rows == "delete-wins"
        if self._put(random, table, key, "INSERT"):
            self.inserted(table, key, twin)
            self.occurred["a row was inserted"] += 1

    def _put(self, random: Random, table: str, key: Key, verb: str) -> bool:
        row = self._values(random, table)
        taken = all(values.is_taken(self.shape(table), column, value) for column, value in row.items())
        return self._run(table, self._into(table, verb), (*key, *row.values()), taken)

    def _replace(self, random: Random, table: str, twin: model.Replica) -> None:
        key = random.choice(self.shape(table).pool)
        there = key in self.rows(table)
        if self._put(random, table, key, "INSERT OR REPLACE"):
            self.occurred["INSERT OR REPLACE of a row that was there"] += there
            self.inserted(table, key, twin)

    def _upsert(self, random: Random, table: str, twin: model.Replica) -> None:
        shape = self.shape(table)
        key, column = random.choice(shape.pool), random.choice(shape.columns)
        before, row = self.rows(table), self._values(random, table)
        adds = shape.types[column] in ("counter", "grow-counter")
        expression = f"ifnull({column}, 0) + ifnull(excluded.{column}, 0)" if adds else f"excluded.{column}"
        if key in before:
            new, old = row[column], before[key][column]
            if adds and values.is_taken(self.shape(table), column, new):
                new = (old or 0) + (new or 0)
            elif adds:
                return
            taken = values.may_become(self.shape(table), column, old, new)
        else:
            taken = all(values.is_taken(self.shape(table), name, value) for name, value in row.items())
        conflict = f" ON CONFLICT ({', '.join(shape.key)}) DO UPDATE SET {column} = {expression}"
        if not self._run(table, self._into(table, "INSERT") + conflict, (*key, *row.values()), taken):
            return
        if key in before:
            changed = self.updated(table, before, twin) > 0
            self.occurred["an upsert updated"] += changed
            self.occurred["an upsert added to a counter"] += changed and adds
        else:
            self.inserted(table, key, twin)

    def _update(self, random: Random, table: str, twin: model.Replica) -> None:
        there, columns = list(self.rows(table)), self.shape(table).columns
        if not there:
            return
        focus = self.habits.focus[table]
        several = (
            [focus]
            if random.random() < 0.5
            else random.sample(columns, min(len(columns), random.choice((1, 1, 1, 2, 9))))
        )
        changed = self._set(random, table, several, random.choice(there), twin)
        self.occurred["an update that changed nothing"] += changed == 0

    def _update_all(self, random: Random, table: str, twin: model.Replica) -> None:
        there = list(self.rows(table))
        if there:
            changed = self._set(
                random, table, [random.choice((self.habits.focus[table], *self.shape(table).columns))], None, twin
            )
            self.occurred["an update of all rows"] += changed > 1

    def _deleted(self, table: str, key: Key, twin: model.Replica) -> None:
        events = [event for event in twin.world.of(twin.known) if (table, key) in event.writes]
        pending = any(row == (table, key) for _, row, _ in twin.pending)
        self.occurred["a genesis row was deleted"] += not pending and all(event.kind == "genesis" for event in events)
        twin.write("delete", (table, key), {})

    def _keeps_rows(self, table: str, statement: str, bindings: Sequence[Any]) -> bool:
        """Run a statement that takes rows away; tell whether the table refused it, as one that only grows must."""
        if self._run(table, statement, bindings, self.shape(table).rows != "grow-only"):
            return False
        self.occurred["a grow-only row was kept"] += 1
        return True

    def _delete(self, random: Random, table: str, twin: model.Replica) -> None:
        there = list(self.rows(table))
        if not there:
            return
        self.delete(table, random.choice(there), twin)

    def delete(self, table: str, key: Key, twin: model.Replica) -> None:
        """Delete one row."""
        where = " AND ".join(f"{name} = ?" for name in self.shape(table).key)
        if not self._keeps_rows(table, f"DELETE FROM {table} WHERE {where}", key):
            self._deleted(table, key, twin)
            self.occurred["a row was deleted"] += 1

    def update(self, random: Random, table: str, key: Key, twin: model.Replica) -> None:
        """Update a column of one row."""
        self._set(random, table, [random.choice(self.shape(table).columns)], key, twin)

    def _delete_all(self, random: Random, table: str, twin: model.Replica) -> None:
        there = list(self.rows(table))
        if there and not self._keeps_rows(table, f"DELETE FROM {table}", ()):
            for key in there:
                self._deleted(table, key, twin)
            self.occurred["all rows were deleted"] += len(there) > 1

    def _change_key(self, random: Random, table: str, twin: model.Replica) -> None:
        before, names = self.rows(table), self.shape(table).key
        free = [key for key in self.shape(table).pool if key not in before]
        if not before or not free:
            return
        old, new = random.choice(list(before)), random.choice(free)
        settings = ", ".join(f"{name} = ?" for name in names)
        where = " AND ".join(f"{name} = ?" for name in names)
        if self._keeps_rows(table, f"UPDATE {table} SET {settings} WHERE {where}", (*new, *old)):
            return
        self._deleted(table, old, twin)
        self.inserted(table, new, twin)
        self.occurred["a key was changed"] += 1
        known = twin.rows
        self.occurred["a key was changed to one that was deleted"] += (table, new) in known and not known[
            table, new
        ].alive
