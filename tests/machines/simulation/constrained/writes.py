"""A program that writes tables with constraints with ordinary SQL, and tells the model what became of its statements.

SQLite's own cascades, and the rows that REPLACE evicts, are writes of the program like any other. What changed is read from
the user's tables before and after; the log only says in which order, and that each change was captured.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

import apsw

from crdtsql.base import naming
from tests.machines.oracle import model
from tests.machines.oracle.events import Row
from tests.machines.oracle.numbers import Birth, Foretold, translate
from tests.machines.oracle.parts import same
from tests.machines.oracle.rules import Rules
from tests.machines.oracle.shown import Shown
from tests.machines.simulation import accounting
from tests.machines.simulation.constrained import standing
from tests.machines.simulation.constrained.standing import Own
from tests.machines.simulation.constrained.tables import TABLES, Constrained
from tests.machines.simulation.tables import Key
from tests.machines.simulation.writes import Rows, Writer
from tests.support import library

Statement = tuple[str, tuple[Any, ...]]
Writes = list[tuple[str, Row, dict[str, Any]]]
Names = dict[str, dict[Any, Birth]]
INSERTED, DELETED, PERHAPS_EVICTED, UPDATED = 1, 2, 3, 4
TOKENS = count(1)
NOTHING: tuple[str, Row, dict[str, Any]] = ("nothing", ("", ()), {})


class ConstrainedWriter(Writer):
    """A connection of the user's, with foreign keys and recursive triggers on or off."""

    @property
    def numbered(self) -> list[str]:
        """Return the tables with automatic ids."""
        return [table for table in self.habits.tables if self._constrained(table).rules.numbered]

    @property
    def referred(self) -> list[str]:
        """Return those of them that others refer to."""
        held = {name for table in self.habits.tables for name in self._constrained(table).holds.values()}
        return [table for table in self.numbered if table in held]

    def genesis(self, table: str) -> dict[Row, dict[str, Any]]:
        """Return the rows of a table that is about to be enabled, as the model names them."""
        names: Names = {found: {key[0]: Birth(found, key[0]) for key in self.rows(found)} for found in self.numbered}
        return {self._row(table, key, names): self._values_of(table, v, names) for key, v in self.rows(table).items()}

    def everything(self) -> dict[str, Rows]:
        return {table: self.rows(table) for table in self.habits.tables}

    def fill(self, random: Random, table: str, twin: model.Replica) -> None:
        """Insert rows that are there before the table is enabled; what they do to tables that are enabled is told."""
        library.set_pragmas(self.connection, foreign_keys=1)
        is_begun = bool(self.connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_crdt_log'").get)
        for key in random.sample(self.shape(table).pool, random.choice((0, 1, 2))):
            insertion = self._insertion(random, table, "INSERT", key)
            if is_begun:
                self.run(twin, [insertion])
            else:
                with suppress(apsw.ConstraintError):
                    self.connection.execute(*insertion)

    def write(self, random: Random, twin: model.Replica) -> None:
        """Run a random statement, or a transaction of some; what a constraint refuses changes nothing."""
        enforced = random.random() < 0.85 or bool(self.numbered)
        library.set_pragmas(self.connection, recursive_triggers=int(random.random() < 0.3))
        many = random.choice((1, 1, 1, 1, 2, 3))
        self.run(twin, [self._statement(random) for _ in range(many)], enforced=enforced)

    def claim(self, random: Random, twin: model.Replica, table: str, number: int) -> None:
        """Insert a row under a number, if there is none."""
        self.run(twin, [self._insertion(random, table, "INSERT OR IGNORE", (number,))])

    def refer(self, random: Random, twin: model.Replica, table: str, number: int) -> None:
        """Let rows refer to a number, new ones where there are none: one of each column that holds numbers of the table."""
        for child, shape in ((name, self._constrained(name)) for name in self.habits.tables):
            for column in (name for name, held in shape.holds.items() if held == table):
                text, bindings = self._insertion(random, child, "INSERT OR REPLACE", random.choice(shape.pool))
                names = (*shape.key, *shape.columns)
                values = [number if name == column else value for name, value in zip(names, bindings, strict=True)]
                self.run(twin, [(text, tuple(values))])

    def choices(self, table: str, column: str) -> list[Any]:
        """Return the values that programs write to a column."""
        return [value for value in self._constrained(table).values[column] if value is not None]

    def create(self, random: Random, twin: model.Replica, table: str, key: Key, values: Mapping[str, Any]) -> None:
        """Insert a row with some values, if its key is free or the one that has it may go, and rows that refer to it."""
        self._create(random, twin, table, key, values)
        self.follow(random, twin, table, key)

    def follow(self, random: Random, twin: model.Replica, table: str, key: Key) -> None:
        """Insert a row that refers to a key for each reference to it."""
        for child, shape in ((name, self._constrained(name)) for name in self.habits.tables):
            for reference in shape.rules.references:
                if reference.parent == table and reference.parent_columns == self.shape(table).key:
                    pairs = dict(zip(reference.columns, key, strict=True))
                    pool = [found for found in shape.pool if (child, found) != (table, key)]
                    own = tuple(pairs.get(c, part) for c, part in zip(shape.key, random.choice(pool), strict=True))
                    self._create(random, twin, child, own, pairs)

    def _create(self, random: Random, twin: model.Replica, table: str, key: Key, values: Mapping[str, Any]) -> None:
        shape = self._constrained(table)
        text, bindings = self._insertion(random, table, random.choice(("INSERT OR IGNORE", "INSERT OR REPLACE")), key)
        names = (*shape.key, *shape.columns)
        written = [values.get(name, value) for name, value in zip(names, bindings, strict=True)]
        self.run(twin, [(text, tuple(written))])

    def meddle(self, random: Random, twin: model.Replica, table: str, key: Key) -> None:
        """Write on, where rows of a table are one: to a row that may refer to one of them, or for one that refers to that, or delete it."""
        children = [name for name in self.habits.tables if any(r.parent == table for r in self._rules(name).references)]
        there = [(child, found) for child in children for found in self.rows(child)]
        kind = random.choice(("reference", "other", "follow", "delete"))
        if kind == "delete" or not there:
            self.drop(random, twin, table, key)
            return
        child, found = random.choice(there)
        if kind == "follow":
            self.follow(random, twin, *random.choice(((child, found), (table, key))))
            return
        shape = self._constrained(child)
        refer = {column for reference in shape.rules.references for column in reference.columns}
        columns = [column for column in shape.columns if (column in refer) == (kind == "reference")]
        for column in random.sample(columns, min(len(columns), 1)):
            setting, values = self._setting(random, shape, column)
            self.run(twin, [(f"UPDATE OR IGNORE {child} SET {setting} WHERE {self._where(child)}", (*values, *found))])

    def drop(self, random: Random, twin: model.Replica, table: str, key: Key) -> None:
        """Delete the row of a key, if there is one."""
        enforced = bool(self.numbered) or random.random() < 0.5
        self.run(twin, [(f"DELETE FROM {table} WHERE {self._where(table)}", key)], enforced=enforced)

    def _rules(self, table: str) -> Rules:
        return self._constrained(table).rules

    def _where(self, table: str) -> str:
        return " AND ".join(f"{name} = ?" for name in self.shape(table).key)

    def delete(self, random: Random, twin: model.Replica, table: str, number: int) -> None:
        """Delete the row under a number, if there is one."""
        del random
        self.run(twin, [(f"DELETE FROM {table} WHERE id = ?", (number,))])

    def update(self, random: Random, twin: model.Replica, table: str, number: int) -> None:
        """Update the row under a number, if there is one."""
        setting, values = self._setting(random, self._constrained(table), accounting.MARKED)
        self.run(twin, [(f"UPDATE {table} SET {setting} WHERE id = ?", (*values, number))])

    def run(self, twin: model.Replica, statements: list[Statement], *, enforced: bool = True) -> None:
        """Run statements in a transaction, and tell the model."""
        library.set_pragmas(self.connection, foreign_keys=int(enforced))
        before = self.everything()
        found = self._try(statements)
        if found is None:
            self.occurred["a constraint refused a statement"] += 1
            return
        if not found:
            return
        self._note(before, found, enforced)
        self.tell(twin, found)

    # -- statements -------------------------------------------------------------------------------

    def _statement(self, random: Random) -> Statement:
        table = random.choice(list(self.habits.tables))
        there = list(self.rows(table))
        kinds = {"insert": 4, "replace": 1.5, "upsert": 0.7}
        if there:
            kinds |= {"update": 6, "update or replace": 1, "update all": 0.6, "delete": 2.2, "key": 1}
        kind = random.choices(list(kinds), list(kinds.values()))[0]
        shape = self._constrained(table)
        key = random.choice(shape.pool)
        if kind == "insert":
            free = [found for found in shape.pool if found not in there] or [key]
            verb = random.choice(("INSERT", "INSERT", "INSERT", "INSERT OR IGNORE"))
            return self._insertion(random, table, verb, random.choice(free))
        if kind == "replace":
            return self._insertion(random, table, random.choice(("INSERT OR REPLACE", "REPLACE")), key)
        if kind == "upsert":
            text, bindings = self._insertion(random, table, "INSERT", key)
            column = random.choice(shape.columns)
            return f"{text} ON CONFLICT ({', '.join(shape.key)}) DO UPDATE SET {column} = excluded.{column}", bindings
        old = random.choice(there)
        where = f"WHERE {' AND '.join(f'{name} = ?' for name in shape.key)}"
        if kind == "delete":
            return f"DELETE FROM {table} {where}", old
        if kind == "key":
            verb = random.choice(("UPDATE", "UPDATE OR REPLACE"))
            return f"{verb} {table} SET {', '.join(f'{name} = ?' for name in shape.key)} {where}", (*key, *old)
        columns = random.sample(shape.columns, min(len(shape.columns), random.choice((1, 1, 2))))
        settings = [self._setting(random, shape, column) for column in columns]
        if kind == "update all":
            settings = [self._each_its_mark(table, *setting) for setting in settings]
        text = ", ".join(setting for setting, _ in settings)
        values = tuple(value for _, bound in settings for value in bound)
        if kind == "update all":
            return f"UPDATE OR IGNORE {table} SET {text}", values
        verb = "UPDATE OR REPLACE" if kind == "update or replace" else "UPDATE"
        return f"{verb} {table} SET {text} {where}", (*values, *old)

    def _each_its_mark(self, table: str, setting: str, bound: tuple[Any, ...]) -> Statement:
        """Let a setting that writes a mark to all rows write another one to each, for a mark names one write."""
        if not any(map(accounting.is_mark, bound)):
            return setting, bound
        for _ in self.shape(table).pool:
            accounting.mark()
        names = self.shape(table).key
        before, own = (", ".join(f"{alias}.{name}" for name in names) for alias in ("row_before", table))
        return f"{setting} + (SELECT count(*) FROM {table} AS row_before WHERE ({before}) < ({own}))", bound

    def _constrained(self, table: str) -> Constrained:
        return TABLES[table]

    def _setting(self, random: Random, shape: Constrained, column: str) -> Statement:
        if shape.types[column] == "counter":
            return f"{column} = {column} + ?", (random.choice((-2, -1, -1, 1)),)
        return f"{column} = ?", (self._value(random, shape, column),)

    def _value(self, random: Random, shape: Constrained, column: str) -> Any:
        if column == accounting.MARKED and shape.types[column] == "lww" and random.random() < 0.8:
            return accounting.mark()
        return random.choice(shape.values[column])

    def _insertion(self, random: Random, table: str, verb: str, key: Key) -> Statement:
        shape = self._constrained(table)
        return self._into(table, verb), (*key, *(self._value(random, shape, column) for column in shape.columns))

    def _standing(self, twin: model.Replica) -> dict[Row, Own]:
        """Return the rows that the tables show under other keys than their own, by where they stand."""
        if not any(self._may_move(table) for table in self.habits.tables):
            return {}
        now = Shown(twin.world, twin.known, {table: self._rules(table) for table in self.habits.tables})
        found = {}
        for row, record in now.view.shown.items():
            own = row[0], tuple(translate(part, now.labels) for part in row[1])
            found[row[0], tuple(record[column] for column in self._rules(row[0]).key)] = Own(own, row)
        return {place: own for place, own in found.items() if place != own.key}

    def _may_move(self, table: str) -> bool:
        return any(set(found.columns) & set(self._rules(table).key) for found in self._rules(table).references)

    # -- automatic ids ----------------------------------------------------------------------------

    def tell(self, twin: model.Replica, found: Writes) -> None:
        """Tell the model what was written, with births in place of numbers."""
        names, gone = self._names(twin) if self.numbered else ({}, set())
        logged = accounting.logged(self.connection, self.habits.tables)
        rows, now = standing.Standing(self._standing(twin), twin.pending), self.everything()
        for one, overwrote in zip(found, self.overwrote, strict=True):
            kind, (table, key), _ = one
            if kind == "insert" and table in self.numbered:
                known = names[table].get(key[0])
                if known is None or known in gone:
                    self.occurred["a number was used again"] += known is not None
                    names[table][key[0]] = Birth(table, key[0], next(TOKENS), known)
            named = rows.take(one, NOTHING[1] if kind == "nothing" else self._row(table, key, names), now)
            (kind, row, values), place = named.write, named.place
            table, key = row
            if named.left is not None:
                self.habits.overwritten.update((named.left, mark) for mark in overwrote)
            if kind == "nothing":
                twin.write(kind, row, values)
                twin.pending[-1].place = place
                continue
            if kind == "delete" and table in self.numbered and not values.get("replaced"):
                gone.add(names[table][key[0]])
            written = {} if kind == "delete" else self._values_of(table, values, names)
            meant = named.name or self._row(table, key, names)
            if kind in ("insert", "delete") or accounting.MARKED in values:
                overwrote |= {mark for of, mark in logged if of == row}
            self.habits.overwritten.update((meant, mark) for mark in overwrote)
            twin.write(kind, meant, written)
            twin.pending[-1].place = place

    def _names(self, twin: model.Replica) -> tuple[Names, set[Birth]]:
        """Return which rows have which numbers here, and those of them that are not there now."""
        rules = {table: self._constrained(table).rules for table in self.habits.tables}
        now = Shown(twin.world, twin.known, rules)
        names: Names = {table: {} for table in self.numbered}
        for table, key in now.states:
            if table in names:
                names[table][now.labels[key[0]]] = key[0]
        gone = {row[1][0] for row in now.states if row[0] in names and row not in now.view.shown}
        for kind, (table, key), _ in twin.pending:
            if kind == "insert" and table in names:
                if key[0] not in now.labels:
                    names[table][key[0].claimed] = key[0]
                gone.discard(key[0])
            if kind == "delete" and table in names:
                gone.add(key[0])
        return names, gone

    def _row(self, table: str, key: Key, names: Names) -> Row:
        shape = self._constrained(table)
        if shape.rules.numbered:
            return table, (names[table].get(key[0], key[0]),)
        held = (shape.holds.get(column) for column in shape.key)
        return table, tuple(_named(part, names.get(found or "")) for part, found in zip(key, held, strict=True))

    def _values_of(self, table: str, values: Mapping[str, Any], names: Names) -> dict[str, Any]:
        """Return values with rows in place of numbers, and with numbers that no row has yet as such.

        SQLite lets a row refer to nothing in its own table if REPLACE writes it (fact 29).
        """
        shape = self._constrained(table)
        found = {}
        for column, value in values.items():
            held = shape.holds.get(column, "")
            found[column] = _named(value, names.get(held))
            if held and isinstance(found[column], int):
                found[column] = Foretold(held, value, next(TOKENS))
        return found

    # -- what became of them ----------------------------------------------------------------------

    def _try(self, statements: list[Statement]) -> Writes | None:
        """Run statements in one transaction; return what they wrote, None if they were refused."""
        found: Writes = []
        self.overwrote: list[set[Any]] = []
        self.connection.execute("SAVEPOINT program")
        try:
            for statement, bindings in statements:
                found += self._run_one(statement, bindings)
            self.connection.execute("RELEASE program")
        except apsw.ConstraintError:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO program; RELEASE program")
            else:
                self.occurred["a constraint's own clause undid a transaction"] += 1
            return None
        return found

    def _run_one(self, statement: str, bindings: tuple[Any, ...]) -> Writes:
        before, last = self.everything(), self.connection.execute("SELECT ifnull(max(seq), 0) FROM _crdt_log").get
        self.connection.execute(statement, bindings)
        after = self.everything()
        found = self._captured(last, before, after)
        self.overwrote += [accounting.overwritten(row, before, after, self.habits.tables) for _, row, _ in found]
        changed = {
            (table, key)
            for (table,) in self.connection.execute("SELECT name FROM _crdt_table")
            if not naming.is_history(table)
            for key in before[table].keys() | after[table].keys()
            if not _alike(before[table].get(key), after[table].get(key))
        }
        missed = changed - {row for _, row, _ in found}
        assert not missed, f"{statement} {bindings} changed {missed}, which was not captured"
        return [_replaced(found, place) for place in range(len(found))]

    def _captured(self, last: int, before: Mapping[str, Rows], after: Mapping[str, Rows]) -> Writes:
        names = dict(self.connection.execute("SELECT id, name FROM _crdt_table"))
        found: Writes = []
        for entry in self.connection.execute("SELECT * FROM _crdt_log WHERE seq > ? ORDER BY seq", (last,)):
            columns = [name for name, *_ in self.connection.execute("SELECT name FROM pragma_table_info('_crdt_log')")]
            values = dict(zip(columns, entry, strict=True))
            table = names[values["tbl"]]
            shape = self.shape(table)
            key = tuple(values[f"k{n}"] for n in range(1, len(shape.key) + 1))
            found.append(self._meaning(table, key, values, before[table], after[table]))
        return found

    def _meaning(
        self, table: str, key: Key, entry: Mapping[str, Any], before: Rows, after: Rows
    ) -> tuple[str, Row, dict[str, Any]]:
        """Say what an entry of the log means, given the table before and after the statement."""
        now = after.get(key)
        if entry["op"] == PERHAPS_EVICTED:
            evicted = key in before and now is None
            self.occurred["REPLACE evicted a row"] += evicted
            return (
                ("delete", (table, key), {"evicted": True})
                if evicted
                else ("nothing", NOTHING[1], {"met": (table, key)})
            )
        if entry["op"] == DELETED:
            return "delete", (table, key), {}
        if entry["op"] == INSERTED:
            return NOTHING if now is None else ("insert", (table, key), dict(now))
        now = now or before.get(key)  # written, and then deleted by the same statement
        if now is None:
            return NOTHING
        columns = [name for n, name in enumerate(self.shape(table).columns) if entry["detail"] >> n & 1]
        return "update", (table, key), {column: now[column] for column in columns}

    def _note(self, before: Mapping[str, Rows], found: Writes, enforced: bool) -> None:
        tables = {row[0] for kind, row, _ in found if kind != "nothing"}
        self.occurred["one statement changed several tables"] += len(tables) > 1
        self.occurred["foreign keys were not enforced"] += not enforced and bool(found)
        del before


def _replaced(found: Writes, place: int) -> tuple[str, Row, dict[str, Any]]:
    """Return a write of a statement, and of a delete whether REPLACE did it on the way: the statement met the row and inserts it."""
    kind, row, values = found[place]
    met = any(write[2].get("met") == row for write in found[:place])
    inserted = any(write[:2] == ("insert", row) for write in found[place + 1 :])
    return kind, row, {"replaced": True} if kind == "delete" and met and inserted else values


def _named(value: Any, names: Mapping[Any, Birth] | None) -> Any:
    """Return the row that a number is meant to be, if there is one."""
    return value if names is None or isinstance(value, Birth) else names.get(value, value)


def _alike(left: Mapping[str, Any] | None, right: Mapping[str, Any] | None) -> bool:
    if left is None or right is None:
        return left is right
    return all(same(left[column], right[column]) for column in left)
