"""The tables of histories of chains: a family of constrained tables, and some of typed columns and other keys beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw

from crdtsql import Replica
from tests.machines.simulation.constrained import tables as constrained
from tests.machines.simulation.constrained.making import agree
from tests.machines.simulation.constrained.test_constrained import _Untold
from tests.machines.simulation.writes import Habits

Statement = tuple[str, tuple[Any, ...]]
MORE = """
CREATE TABLE bag (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, n INTEGER NOT NULL DEFAULT 0, s TEXT, m TEXT, v);
CREATE TABLE plot (x TEXT NOT NULL, y INTEGER NOT NULL, v, w, PRIMARY KEY (x, y)) WITHOUT ROWID;
CREATE TABLE visit (id INTEGER PRIMARY KEY, spot TEXT, v);
CREATE TABLE reason (id INTEGER PRIMARY KEY, visit INTEGER REFERENCES visit ON DELETE CASCADE, v);
CREATE TABLE late (id TEXT PRIMARY KEY NOT NULL, v);
"""
TYPES = {"n": "counter", "s": "set", "m": "map"}
KEYS = ("a", "A", "b", "c")


def create(path: Path, family: str) -> None:
    """Create a file with all tables."""
    connection = apsw.Connection(str(path))
    connection.execute(constrained.schema(habits(family).tables) + MORE)
    connection.close()


def enable(replica: Replica, family: str, random: Random) -> None:
    """Enable all tables but for `late`, with policies of chance."""
    for table, shape in habits(family).tables.items():
        replica.enable(table, **shape.options)
        agree(replica, table, constrained.TABLES[table].rules)
    replica.enable("bag", types=TYPES, rows=random.choice(("add-wins", "delete-wins")))
    replica.enable(
        "plot", granularity=random.choice(("row", "column")), rows=random.choice(("add-wins", "delete-wins"))
    )
    replica.enable("visit", "reason")
    for table in ("bag", "plot", "visit"):
        if random.random() < 0.3:
            replica.keep_history(table)


def habits(family: str) -> Habits:
    """Return what programs write to a family's tables."""
    return Habits({**constrained.FAMILIES[family], **constrained.OTHER}, {}, calm=False)


def writer(path: Path, family: str) -> _Untold:
    """Return what makes up statements from what a file shows."""
    return _Untold(path, habits(family), Counter())


def columns(connection: apsw.Connection, table: str) -> list[str]:
    """Return the columns of a table."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def statements(made: _Untold, random: Random) -> Iterator[Statement]:
    """Make up the statements of a transaction."""
    for _ in range(random.choice((1, 1, 2, 4))):
        if random.random() < 0.5:
            yield made._statement(random)
        else:
            yield random.choice((_bag, _bag, _spot, _visit, _reason, _more))(made, random)


def _bag(made: _Untold, random: Random) -> Statement:
    key, value = random.choice(KEYS), random.randrange(100)
    return random.choice(
        (
            (
                "INSERT OR REPLACE INTO bag (id, n, s, m, v) VALUES (?, ?, '[1]', '{\"a\": 1}', ?)",
                (key, value % 5, value),
            ),
            ("INSERT INTO bag (id, v) VALUES (?, ?) ON CONFLICT DO UPDATE SET v = excluded.v, n = n + 1", (key, value)),
            ("UPDATE bag SET n = n + ? WHERE id = ?", (value % 7 - 3, key)),
            ("UPDATE bag SET s = json_insert(coalesce(s, '[]'), '$[#]', ?) WHERE id = ?", (value, key)),
            (
                "UPDATE bag SET m = json_set(coalesce(m, '{}'), ?, ?) WHERE id = ?",
                (f"$.{random.choice('abc')}", value, key),
            ),
            ("UPDATE bag SET id = ?, v = ? WHERE id = ?", (random.choice(KEYS), value, key)),
            ("DELETE FROM bag WHERE id = ?", (key,)),
        )
    )


def _spot(made: _Untold, random: Random) -> Statement:
    x, y, value = random.choice("pq"), random.randrange(2), random.randrange(100)
    v, w = columns(made.connection, "plot")[2:4]
    return random.choice(
        (
            (f"INSERT OR REPLACE INTO plot (x, y, {v}, {w}) VALUES (?, ?, ?, ?)", (x, y, value, f"w{value}")),
            (f"UPDATE plot SET {v} = ? WHERE x = ? AND y = ?", (value, x, y)),
            (f"UPDATE OR REPLACE plot SET y = 1 - y, {w} = ? WHERE x = ?", (value, x)),
            ("DELETE FROM plot WHERE x = ? AND y = ?", (x, y)),
        )
    )


def _visit(made: _Untold, random: Random) -> Statement:
    value = random.randrange(100)
    return random.choice(
        (
            ("INSERT INTO visit (spot, v) VALUES (?, ?)", (random.choice("pq"), value)),
            ("INSERT OR IGNORE INTO visit (id, v) VALUES (?, ?)", (random.randrange(1, 9), value)),
            ("UPDATE visit SET v = ? WHERE id = (SELECT max(id) FROM visit)", (value,)),
            ("DELETE FROM visit WHERE id = (SELECT min(id) FROM visit)", ()),
        )
    )


def _reason(made: _Untold, random: Random) -> Statement:
    value = random.randrange(100)
    return random.choice(
        (
            ("INSERT INTO reason (visit, v) SELECT max(id), ? FROM visit", (value,)),
            (
                "UPDATE reason SET visit = (SELECT min(id) FROM visit), v = ? WHERE id = (SELECT max(id) FROM reason)",
                (value,),
            ),
            ("DELETE FROM reason WHERE id = (SELECT min(id) FROM reason)", ()),
        )
    )


def _more(made: _Untold, random: Random) -> Statement:
    """Write to a column that was added later, or to the table that is enabled later."""
    found = [name for name in columns(made.connection, "plot") if name.startswith("more")]
    value = random.randrange(100)
    if found and random.random() < 0.7:
        return f"UPDATE plot SET {random.choice(found)} = ? WHERE x = ?", (value, random.choice("pq"))
    return random.choice(
        (
            ("INSERT OR REPLACE INTO late VALUES (?, ?)", (random.choice("ab"), value)),
            ("DELETE FROM late WHERE id = ?", (random.choice("ab"),)),
        )
    )
