"""A random writer: any program that knows the schema, offline, with values from small pools.

Rows satisfy constraints as far as chance allows; what SQLite refuses is left. Writers of different replicas choose from the same
pools, so that ids, keys and UNIQUE values collide, and parents go while children come.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import apsw

from tests.programs.shape import Column, Shape, quoted, read

WORDS = ["a", "A", "b", "B", "ab", "news", "News", "x y", "ünï", "", "0", "it's", "C", "c", "work", "Work ", "t1", "t2"]
STAMP = 1_700_000_000
STATEMENTS = {
    "insert": 44,
    "insert or ignore": 4,
    "replace": 6,
    "upsert": 8,
    "update": 20,
    "update or replace": 3,
    "update many": 2,
    "update key": 2,
    "delete": 10,
    "delete many": 1,
}
REFUSALS = ("nested too deep", "too many levels of trigger recursion", "max trigger depth")


class Writer:
    """Writes to one file through a connection of its own."""

    def __init__(self, path: str, name: str, seed: int, *, statements: Sequence[str] = tuple(STATEMENTS)) -> None:
        self.connection = apsw.Connection(path)
        self.connection.set_busy_timeout(10_000)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.random = random.Random(f"{seed} {name}")
        self.name = name
        self.shapes = read(self.connection)
        self.by_name = {shape.name.lower(): shape for shape in self.shapes}
        self.statements = statements
        self.marks = 0
        self.outcomes: Counter[tuple[str, bool]] = Counter()
        full_text = self.connection.execute("SELECT 1 FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%'").get
        # Without it REPLACE fires no delete trigger, and an index of external content would be wrong by the program's own fault.
        self.recursive = "ON" if full_text else self.random.choice(["ON", "OFF"])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def burst(self, count: int, *, foreign_keys: bool = True) -> None:
        """Run some statements, some of them in transactions."""
        self.connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        self.connection.execute(f"PRAGMA recursive_triggers = {self.recursive}")
        while count > 0:
            length = self.random.choice([1, 1, 2, 5])
            count -= length
            if length == 1:
                self.statement()
                continue
            self.connection.execute("BEGIN IMMEDIATE")
            for _ in range(length):
                self.statement()
            if self.connection.in_transaction:
                self._run("commit", "COMMIT")
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def fill(self, rounds: int) -> None:
        """Insert rows into every table, parents first as the schema lists them."""
        self.connection.execute("PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; BEGIN IMMEDIATE")
        for _ in range(rounds):
            for shape in self.shapes:
                self._insert(shape, "INSERT")
        if self.connection.in_transaction:
            self._run("commit", "COMMIT")
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def statement(self) -> None:
        """Run one random statement."""
        shape = self.random.choice(self.shapes)
        weights = [STATEMENTS[name] for name in self.statements]
        what = "insert" if shape.is_view else self.random.choices(self.statements, weights)[0]
        if what in ("insert", "insert or ignore", "replace"):
            self._insert(shape, what.upper())
        elif what == "upsert":
            self._upsert(shape)
        elif what.startswith("update"):
            self._update(shape, what)
        else:
            self._delete(shape, what)

    def _run(self, what: str, statement: str, values: Sequence[Any] = ()) -> None:
        try:
            self.connection.execute(statement, values)
            self.outcomes[what, True] += 1
        except (apsw.ConstraintError, apsw.MismatchError):
            self.outcomes[what, False] += 1
        except apsw.SQLError as error:
            if not any(text in str(error) for text in REFUSALS):
                error.add_note(f"{statement} {values}")
                raise
            self.outcomes[what, False] += 1

    def _insert(self, shape: Shape, form: str) -> None:
        row = self.row(shape)
        self._run(form.lower(), *_insertion(form, shape, row))

    def _upsert(self, shape: Shape) -> None:
        target, terms = self.random.choice([*shape.uniques, (shape.key, [*map(quoted, shape.key)])])
        row = self.row(shape)
        if not row:
            return
        settable = [c.name for c in shape.written if c.name in row and c.name not in {shape.mark, *target, *shape.key}]
        statement, values = _insertion("INSERT", shape, row)
        names = self.random.sample(settable, min(len(settable), 2))
        action = f"DO UPDATE SET {', '.join(f'{quoted(n)} = excluded.{quoted(n)}' for n in names)}"
        action = action if names else "DO NOTHING"
        self._run("upsert", f"{statement} ON CONFLICT ({', '.join(terms)}) {action}", values)

    def _update(self, shape: Shape, what: str) -> None:
        columns = [c for c in shape.written if c.name != shape.mark and not c.key_position]
        if what == "update key" or not columns:
            columns = [c for c in shape.written if c.key_position]
        key = self._some_row(shape)
        if key is None:
            return
        chosen = self.random.sample(columns, min(len(columns), self.random.choice([1, 1, 2])))
        new = self.row(shape, {column.name for column in chosen})
        chosen = [column for column in chosen if column.name in new]
        if not chosen:
            return
        form = "UPDATE OR REPLACE" if what == "update or replace" else "UPDATE"
        where, values = self._where(shape, key, many=what == "update many")
        settings = ", ".join(f"{quoted(column.name)} = ?" for column in chosen)
        self._run(
            what, f"{form} {quoted(shape.name)} SET {settings} WHERE {where}", [*(new[c.name] for c in chosen), *values]
        )

    def _delete(self, shape: Shape, what: str) -> None:
        key = self._some_row(shape)
        if key is not None:
            where, values = self._where(shape, key, many=what == "delete many")
            self._run(what, f"DELETE FROM {quoted(shape.name)} WHERE {where}", values)

    def _where(self, shape: Shape, key: tuple[Any, ...], *, many: bool) -> tuple[str, tuple[Any, ...]]:
        if many and len(shape.key) > 1:
            return f"{quoted(shape.key[0])} IS ?", key[:1]
        if many:
            return f"{quoted(shape.key[0])} >= ?", key[:1]
        return " AND ".join(f"{quoted(name)} IS ?" for name in shape.key), key

    def _some_row(self, shape: Shape) -> tuple[Any, ...] | None:
        return self._some(shape.name, shape.key)

    def _some(self, table: str, columns: list[str]) -> tuple[Any, ...] | None:
        names = ", ".join(map(quoted, columns))
        # Ordered by value: replicas have the same rows under other rowids, and a seed must mean the same choice.
        rows = self.connection.execute(f"SELECT {names} FROM {quoted(table)} ORDER BY {names} LIMIT 60").fetchall()
        return self.random.choice(rows) if rows else None

    def row(self, shape: Shape, wanted: set[str] | None = None) -> dict[str, Any]:
        """Choose the values of a row, or of some of its columns; columns that are left out take their default."""
        row: dict[str, Any] = {}
        for reference in shape.references:
            if self.random.random() < 0.9 and (wanted is None or set(reference.columns) & wanted):
                found = self._some(reference.parent, reference.parent_columns)
                if found is not None:
                    row |= dict(zip(reference.columns, found, strict=True))
        for column in shape.written:
            if column.name in row or (wanted is not None and column.name not in wanted):
                continue
            omitted = wanted is None and self._omits(shape, column)
            if not omitted:
                row[column.name] = self.value(shape, column)
        if wanted is None and shape.mark is not None:
            self.marks += 1
            row[shape.mark] = f"{self.name}{self.marks} {self.random.choice(WORDS)}"
        return row if wanted is None else {name: value for name, value in row.items() if name in wanted}

    def _omits(self, shape: Shape, column: Column) -> bool:
        if shape.has_rowid_key and column.key_position:
            return self.random.random() < 0.6
        if column.default is not None:
            return self.random.random() < 0.4
        return not column.not_null and not column.key_position and self.random.random() < 0.1

    def value(self, shape: Shape, column: Column) -> Any:
        """Choose a value for a column."""
        chance = self.random.random()
        if chance < 0.08 and not column.not_null and not column.key_position:
            return None
        if column.length is not None:
            return ((self.random.choice(WORDS) or "z") * 80)[: column.length]
        if column.literals and chance < 0.9:
            literal = self.random.choice(column.literals)
            return literal + self.random.choice([0, 0, 1, -1, 2]) if isinstance(literal, int) else literal
        if shape.has_rowid_key and column.key_position:
            return self._id(shape, column)
        return self._of_kind(column)

    def _id(self, shape: Shape, column: Column) -> int:
        (most,) = self.connection.execute(f"SELECT max({quoted(column.name)}) FROM {quoted(shape.name)}").fetchone()
        if most is not None and STAMP * 1000 <= most < STAMP * 2000:  # times in milliseconds
            return STAMP * 1000 + self.random.randrange(40)
        return self.random.randrange(1, 16)

    def _of_kind(self, column: Column) -> Any:
        name = column.name.lower()
        if column.kind == "integer":
            if any(part in name for part in ("time", "date", "mod", "_at", "stamp", "utc")):
                return STAMP + self.random.randrange(20)
            return self.random.randrange(8)
        if column.kind == "real":
            return self.random.choice([0.0, 0.5, 1.0, 2, 3.25, 47.5])
        if column.kind == "numeric":
            if any(part in column.declared.upper() for part in ("DATE", "TIME")):
                return f"2024-05-0{self.random.randrange(1, 9)} 10:00:00"
            return self.random.choice([0, 1, 1, 2.5, 10, "12.50"])
        if column.kind == "blob":
            return bytes([self.random.randrange(4)] * self.random.randrange(4))
        return self.random.choice(WORDS) + self.random.choice(["", "", "1", "2"])


def _insertion(form: str, shape: Shape, row: dict[str, Any]) -> tuple[str, list[Any]]:
    if not row:
        return f"{form} INTO {quoted(shape.name)} DEFAULT VALUES", []
    names = ", ".join(map(quoted, row))
    return f"{form} INTO {quoted(shape.name)} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
