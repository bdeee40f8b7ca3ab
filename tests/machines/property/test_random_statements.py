"""Random statements on tables with several UNIQUE indexes and foreign keys; after each batch the clocks are judged.

`CRDTSQL_STATEMENTS` says how many statements to run in all. A failure names the seed and the statements of its batch.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest

from crdtsql import Replica
from tests.support import state
from tests.support.clauses import with_clauses
from tests.support.judge import Judge, Statement
from tests.support.library import connect, set_pragmas, with_chance

STATEMENTS = int(os.environ.get("CRDTSQL_STATEMENTS", "2000"))
SEEDS = max(6, STATEMENTS // 1000)
SCHEMA = """
CREATE TABLE a (id TEXT PRIMARY KEY, u UNIQUE, v, p, q, UNIQUE (p, q));
CREATE TABLE b (
  id INTEGER PRIMARY KEY, a TEXT REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE, w TEXT COLLATE NOCASE UNIQUE, live, m, v
);
CREATE UNIQUE INDEX b_live ON b (m) WHERE live;
CREATE TABLE c (
  x, y TEXT, b REFERENCES b ON DELETE SET NULL ON UPDATE CASCADE, e TEXT NOT NULL DEFAULT 'e1', v REAL, PRIMARY KEY (y, x)
) WITHOUT ROWID;
CREATE UNIQUE INDEX c_lower ON c (lower(e), x);
CREATE TABLE d (id TEXT COLLATE NOCASE PRIMARY KEY, up TEXT REFERENCES d ON DELETE CASCADE ON UPDATE SET NULL, n UNIQUE);
"""
TABLES = {"a": "id u v p q", "b": "id a w live m v", "c": "x y b e v", "d": "id up n"}
KEYS = {"a": ("id",), "b": ("id",), "c": ("x", "y"), "d": ("id",)}
_WORDS = ("'a'", "'A'", "'b'", "'B'", "'c'", "'d'", "'e1'", "'E1'")
_NUMBERS = ("1", "2", "3", "4", "5", "6")
_MIXED = ("NULL", "0", "1", "1.0", "'1'", "x'31'", "2.5", "'x'", "'X'", "NULL", "3", "4")
VALUES = {
    ("a", "id"): _WORDS,
    ("b", "id"): _NUMBERS,
    ("b", "a"): (*_WORDS, "NULL"),
    ("b", "w"): (*_WORDS, "NULL"),
    ("b", "live"): ("0", "1", "NULL"),
    ("c", "x"): ("1", "1.0", "'1'", "2", "x'32'"),
    ("c", "y"): _WORDS[:3],
    ("c", "b"): (*_NUMBERS, "NULL"),
    ("c", "e"): _WORDS,
    ("d", "id"): _WORDS,
    ("d", "up"): (*_WORDS, "NULL"),
}
CLAUSES = ("", " OR REPLACE", " OR REPLACE", " OR REPLACE", " OR IGNORE", " OR FAIL", " OR ROLLBACK")
MEND = """
UPDATE d SET up = NULL WHERE up NOT IN (SELECT id FROM d);
UPDATE b SET a = NULL WHERE a NOT IN (SELECT id FROM a);
UPDATE c SET b = NULL WHERE b NOT IN (SELECT id FROM b);
"""


DECLARED = ("", "REPLACE", "IGNORE", "REPLACE IGNORE", "FAIL REPLACE", "ROLLBACK IGNORE REPLACE")
"""Conflict clauses of the constraints; each seed takes some of them."""


class Writer:
    """Makes random statements.

    Attributes:
        declared: the conflict clauses of the tables' constraints.
    """

    def __init__(self, random: Random, declared: str = "") -> None:
        self.random = random
        self.declared = declared

    def statement(self) -> Statement:
        """Make one; where a constraint says REPLACE, any of them may do what OR REPLACE does."""
        made = self._statement()
        return replace(made, reinserts=True, mixes=True) if "REPLACE" in self.declared else made

    def _statement(self) -> Statement:
        forms = (
            self.insert,
            self.insert,
            self.insert,
            self.upsert,
            self.update,
            self.update,
            self.rekey,
            self.delete,
            self.many,
            self.undone,
        )
        return self.random.choice(forms)()

    def value(self, table: str, column: str) -> str:
        """Choose a literal that a column takes."""
        return self.random.choice(VALUES.get((table, column), _MIXED))

    def _row(self, table: str) -> str:
        columns = TABLES[table].split()
        if table == "b" and self.random.random() < 0.3:
            columns.remove("id")
        if self.random.random() < 0.3:
            columns.remove(self.random.choice([name for name in columns if name not in KEYS[table]]))
        return f"{table} ({', '.join(columns)}) VALUES ({', '.join(self.value(table, name) for name in columns)})"

    def _values(self, table: str) -> str:
        return f"({', '.join(self.value(table, name) for name in TABLES[table].split())})"

    def _where(self, table: str) -> str:
        return " AND ".join(f"{name} = {self.value(table, name)}" for name in KEYS[table])

    def _settings(self, table: str) -> str:
        columns = [name for name in TABLES[table].split() if name not in KEYS[table]]
        chosen = self.random.sample(columns, self.random.randint(1, len(columns)))
        return ", ".join(f"{name} = {self.value(table, name)}" for name in chosen)

    def _table(self) -> str:
        return self.random.choice([*TABLES])

    def insert(self) -> Statement:
        """INSERT, REPLACE and the others."""
        clause = self.random.choice(CLAUSES)
        return Statement("insert", f"INSERT{clause} INTO {self._row(self._table())}", reinserts=clause == " OR REPLACE")

    def upsert(self) -> Statement:
        """UPSERT both ways."""
        table = self._table()
        action = self.random.choice(("NOTHING", f"UPDATE SET {self._settings(table)}"))
        return Statement("upsert", f"INSERT INTO {self._row(table)} ON CONFLICT DO {action}")

    def update(self) -> Statement:
        """UPDATE of one row."""
        table, clause = self._table(), self.random.choice(CLAUSES)
        sql = f"UPDATE{clause} {table} SET {self._settings(table)} WHERE {self._where(table)}"
        return Statement("update", sql, reinserts=clause == " OR REPLACE")

    def rekey(self) -> Statement:
        """UPDATE of a row's key, perhaps onto another row."""
        table, clause = self._table(), self.random.choice(CLAUSES)
        keys = ", ".join(f"{name} = {self.value(table, name)}" for name in KEYS[table])
        more = self.random.choice(("", f", {self._settings(table)}"))
        mixes = clause == " OR REPLACE"  # replacing its own parent, a row is removed while it is written
        return Statement(
            "rekey", f"UPDATE{clause} {table} SET {keys}{more} WHERE {self._where(table)}", reinserts=True, mixes=mixes
        )

    def delete(self) -> Statement:
        """DELETE of one row or several."""
        table = self._table()
        return Statement(
            "delete", f"DELETE FROM {table} WHERE {self.random.choice((self._where(table), 'random() % 4 = 0'))}"
        )

    def many(self) -> Statement:
        """Write many rows at once."""
        table, clause = self._table(), self.random.choice(CLAUSES)
        columns = ", ".join(TABLES[table].split())
        sql = self.random.choice(
            (
                f"UPDATE{clause} {table} SET {self._settings(table)}",
                f"UPDATE{clause} {table} SET {self._settings(table)} WHERE random() % 2",
                f"REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE random() % 2",
                f"INSERT{clause} INTO {table} ({columns}) VALUES {', '.join(self._values(table) for _ in range(3))}",
                "UPDATE b SET id = -id",
                f"DELETE FROM {table}",
            )
        )
        return Statement("many", sql, reinserts=True, mixes=True)

    def undone(self) -> Statement:
        """Statements of which some are taken back; each may fail, and then stays undone too."""
        kept, lost = self.insert(), self.delete()
        sql = f"SAVEPOINT one; {lost.sql}; ROLLBACK TO one; {kept.sql.replace('ROLLBACK', 'IGNORE')}; RELEASE one"
        return Statement("undone", sql, kept.reinserts, mixes=True)


def _replica(declared: str) -> Replica:
    replica = Replica.on(connect())
    replica.connection.execute(with_clauses(SCHEMA, declared))
    replica.enable(*TABLES, identity="key")
    return replica


def _begin(seed: int, declared: str) -> Replica:
    """Make a replica some of whose rows are older than it."""
    connection = connect()
    connection.execute(with_clauses(SCHEMA, declared))
    writer = Writer(Random(seed))
    for table in TABLES:
        for _ in range(seed % 3 * 4):
            connection.execute(f"INSERT OR IGNORE INTO {writer._row(table)}")
    replica = Replica.on(connection)
    replica.enable(*TABLES, identity="key")
    return replica


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_statements_are_captured(seed: int) -> None:
    """After any statements the clocks agree with the tables, and other replicas come to the same state."""
    random = Random(seed)
    declared = DECLARED[seed % len(DECLARED)]
    writer, replica, follower = Writer(random, declared), _begin(seed, declared), _replica(declared)
    with_chance(replica.connection, seed)
    judge = Judge(replica)
    left = STATEMENTS // SEEDS
    while left > 0:
        recursive, foreign = random.randrange(2), random.randrange(2)
        set_pragmas(replica.connection, recursive_triggers=recursive, foreign_keys=foreign)
        batch = [writer.statement() for _ in range(random.randint(1, 3))]
        left -= len(batch)
        judge.start()
        try:
            for statement in batch:
                judge.run(statement)
                if replica.connection.in_transaction:
                    replica.connection.execute("ROLLBACK")
            judge.check()
            if random.random() < 0.03 or left <= 0:
                _follow(replica, follower)
        except Exception as error:
            story = "\n".join(f"{statement.sql};" for statement in batch)
            pragmas = f"recursive_triggers={recursive}, foreign_keys={foreign}"
            raise AssertionError(
                f"seed {seed}, {left} left, {pragmas}:\n{story}\n{type(error).__name__}: {error}"
            ) from error
    empty = _replica(declared)
    _follow(replica, empty)


def _follow(replica: Replica, follower: Replica) -> None:
    """Bring a follower up to date and compare the two."""
    replica.connection.execute(MEND)
    follower.merge(replica.export(follower.vector()))
    ours, theirs = state.shared(replica.connection), state.shared(follower.connection)
    assert ours["vector"] == theirs["vector"]
    differing = {
        key for key in ours["rows"].keys() | theirs["rows"].keys() if ours["rows"].get(key) != theirs["rows"].get(key)
    }
    assert not differing, [(key, ours["rows"].get(key), theirs["rows"].get(key)) for key in sorted(differing)[:3]]
