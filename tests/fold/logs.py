"""Random tables and statements for tests of fold: all column types, row policies, granularities and identities."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import apsw

from crdtsql import Replica
from crdtsql.base import DERIVED
from tests.support import edges
from tests.support.library import connect

DOC = """CREATE TABLE doc (id {key} PRIMARY KEY NOT NULL, title, owner, best, least, n INTEGER, x REAL, tags TEXT, seen TEXT,
  meta TEXT, up INTEGER)"""
TYPES = {
    "owner": "register",
    "best": "max",
    "least": "min",
    "n": "counter",
    "x": "counter",
    "tags": "set",
    "seen": "grow-set",
    "meta": "map",
    "up": "grow-counter",
}
SHOP = """
CREATE TABLE artist (id INTEGER PRIMARY KEY, name TEXT UNIQUE, boss INTEGER REFERENCES artist (id), tags TEXT, n INTEGER);
CREATE TABLE album (id INTEGER PRIMARY KEY AUTOINCREMENT, title, artist REFERENCES artist (id) ON DELETE {action});
CREATE TABLE credit (artist INTEGER NOT NULL REFERENCES artist (id) ON DELETE CASCADE, album INTEGER NOT NULL{album},
  part, likes INTEGER, marks TEXT, PRIMARY KEY (album, artist)) WITHOUT ROWID;
"""
ACTIONS = ("NO ACTION", "RESTRICT", "CASCADE", "SET NULL")
NUMBERS = (1, 2, 3)
ELEMENTS = ("a", "b", "c", 1, 1.0, "1", None)
PATHS = ("$.a", "$.b", "$.a.b", "$.c.d")


@dataclass(frozen=True)
class Tables:
    """The tables of one history, and how they are enabled."""

    schema: str
    enabled: tuple[tuple[str, dict[str, Any]], ...]
    keys: tuple[Any, ...]
    focus: frozenset[str]
    unites: bool
    """Whether artists of one name are one, so that their credits stand under other keys."""

    @staticmethod
    def choose(random: Random) -> Tables:
        """Choose tables, their policies and identities."""
        options = {
            "rows": random.choice(("add-wins", "add-wins", "delete-wins", "grow-only")),
            "granularity": random.choice(("column", "column", "row")),
        }
        key, identity = random.choice((("TEXT", "key"), ("INTEGER", "key"), ("INTEGER", "row")))
        doc: tuple[tuple[str, dict[str, Any]], ...] = (("doc", {"types": TYPES, "identity": identity, **options}),)
        shop: tuple[tuple[str, dict[str, Any]], ...] = (
            ("artist", {"types": {"tags": "set", "n": "counter"}, "identity": random.choice(("row", "row", "key"))}),
            ("album", {}),
            ("credit", {"types": {"likes": "counter", "marks": "set"}}),
        )
        keys = (("k1", "k2") if key == "TEXT" else NUMBERS)[: random.choice((1, 2, 2))]
        unites = random.random() < 0.4  # credits need no album then, so that more of them are shown
        refers = "" if unites else " REFERENCES album (id)"
        both = DOC.format(key=key) + ";" + SHOP.format(action=random.choice(ACTIONS), album=refers)
        chosen = doc + shop if random.random() < 0.2 else random.choice((doc, shop))
        focus = frozenset(random.sample(sorted(TYPES), random.choice((1, 2, 4))))
        return Tables(both, chosen, keys, focus, unites=unites and chosen != doc)

    def open(self, site: int, *, image: bytes | None = None) -> Replica:
        """Open a replica in memory; of an image, the file that it was taken of."""
        sites = count()
        connection = connect()
        if image is not None:
            connection.deserialize("main", image)
        else:
            connection.execute(self.schema)
        replica = Replica.on(connection, make_site=lambda: bytes([site, *([0] * 14), next(sites)]))
        if image is None:
            for name, options in self.enabled:
                replica.enable(name, **options)
            if self.unites:
                replica.set_unique("artist", ["name"], "same")
        return replica

    def begin(self, first: Replica, other: Replica) -> None:
        """Let both insert an artist of one name, and the other one a credit of it, which stands under the first one's key then."""
        if not self.unites:
            return
        first.connection.execute("INSERT INTO artist VALUES (3, 'ann', NULL, '[]', 0)")
        first.fold()
        other.connection.execute(
            "INSERT INTO artist VALUES (2, 'ann', NULL, '[]', 0); INSERT INTO credit VALUES (2, 1, 'singer', 5, '[1]')"
        )
        for sender, receiver in ((other, first), (first, other)):
            receiver.merge(sender.export(receiver.vector()))

    @property
    def names(self) -> list[str]:
        """Return the names of the tables."""
        return [name for name, _ in self.enabled]


def write(random: Random, tables: Tables, connection: apsw.Connection) -> str:
    """Run one statement of a program, which the table may refuse; return it."""
    table = random.choice([name for name in tables.names if not (tables.unites and name == "album")])
    statement, values = _doc(random, tables) if table == "doc" else _shop(random, table, tables.unites)
    if table in ("artist", "album") and random.random() < 0.3:
        statement, values = _restore(random, table, connection) or (statement, values)
    connection.execute(f"PRAGMA recursive_triggers = {int(random.random() < 0.2)}")
    connection.execute(f"PRAGMA foreign_keys = {int(random.random() < 0.4)}")
    try:
        connection.execute(statement, values)
    except apsw.ConstraintError as error:
        return f"-- refused ({error}): {statement} {values}"
    finally:
        connection.execute("PRAGMA foreign_keys = 0; PRAGMA recursive_triggers = 0")
    return f"{statement} {values}"


def _restore(random: Random, table: str, connection: apsw.Connection) -> tuple[str, tuple[Any, ...]] | None:
    """Return a statement that inserts, replaces or deletes the row of a derived number, or of the one after it, if there is any."""
    births = f"_crdt_born_{table}"
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (births,)).fetchall():
        return None
    found = connection.execute(f"SELECT k1 FROM {births} WHERE k1 >= {DERIVED} ORDER BY k1").fetchall()
    if not found:
        return None
    number = random.choice(found)[0] + random.choice((0, 0, 1))
    columns = "id, title" if table == "album" else "id, boss"
    return random.choice(
        (
            (f"INSERT INTO {table} ({columns}) VALUES (?, ?)", (number, random.choice(NUMBERS))),
            (f"INSERT OR REPLACE INTO {table} ({columns}) VALUES (?, ?)", (number, number)),
            (f"DELETE FROM {table} WHERE id BETWEEN ? AND ? + 1", (number, number)),
        )
    )


def _array(random: Random) -> str:
    return json.dumps(random.choices(ELEMENTS, k=random.choice((0, 1, 2, 3))))


def _object(random: Random) -> str:
    return json.dumps(
        {
            name: random.choice((1, "x", None, {}, [1], {"b": random.choice((1, 2))}))
            for name in random.sample("abc", random.choice((0, 1, 2)))
        }
    )


def _doc(random: Random, tables: Tables) -> tuple[str, tuple[Any, ...]]:
    key = random.choice(tables.keys)
    row = (
        key,
        random.choice(("t", "u", None)),
        random.choice(("ann", "ben", None)),
        random.choice((1, 5, 9, "z", None)),
        random.choice((1, 5, 9, None)),
        random.choice((0, 5, None)),
        random.choice((0.0, 2.5, None)),
        random.choice((None, _array(random))),
        random.choice((None, _array(random))),
        random.choice((None, _object(random))),
        random.choice((0, 3, None)),
    )
    marks = ", ".join("?" * len(row))
    every = random.random() < 0.15
    where, which = ("", ()) if every else (" WHERE id = ?", (key,))
    settings = _settings(random, tables.focus)
    return random.choices(
        (
            (f"INSERT INTO doc VALUES ({marks})", row),
            (f"INSERT OR REPLACE INTO doc VALUES ({marks})", row),
            (f"INSERT OR IGNORE INTO doc VALUES ({marks})", row),
            (f"INSERT INTO doc VALUES ({marks}) ON CONFLICT DO UPDATE SET {settings[0]}", (*row, *settings[1])),
            (f"UPDATE doc SET {settings[0]}{where}", (*settings[1], *which)),
            (f"DELETE FROM doc{where}", which),
            ("UPDATE OR REPLACE doc SET id = ? WHERE id = ?", (random.choice(tables.keys), key)),
        ),
        (3, 1.5, 0.5, 1, 10, 2, 0.5),
    )[0]


def _settings(random: Random, focus: frozenset[str]) -> tuple[str, tuple[Any, ...]]:
    """Return what an UPDATE sets: two columns mostly."""
    choices: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("title = ?", (random.choice(("t", "v", None)),)),
        ("owner = ?", (random.choice(("ann", "cleo", None)),)),
        ("best = ?", (random.choice((2, 7, 11, None)),)),
        ("least = ?", (random.choice((0, 4, 8, None)),)),
        ("n = n + ?", (random.choice((1, 5, -5, -1, *edges.COUNTS)),)),
        ("n = ?", (random.choice((0, 7, None, *edges.COUNTS)),)),
        ("x = ifnull(x, 0) + ?", (random.choice((0.5, -0.5, 2.0, *edges.REAL_COUNTS)),)),
        ("x = ?", (random.choice((0.0, None, *edges.REAL_COUNTS)),)),
        ("up = ifnull(up, 0) + ?", (random.choice((1, 2)),)),
        ("tags = json_insert(ifnull(tags, '[]'), '$[#]', ?)", (random.choice(ELEMENTS),)),
        ("tags = json_remove(tags, '$[0]')", ()),
        ("tags = json_remove(tags, '$[#-1]')", ()),
        ("tags = replace(tags, ',', ' , ')", ()),
        ("tags = ?", (random.choice((None, _array(random))),)),
        ("seen = json_insert(ifnull(seen, '[]'), '$[#]', ?)", (random.choice(ELEMENTS),)),
        ("meta = json_set(ifnull(meta, '{}'), ?, ?)", (random.choice(PATHS), random.choice((1, 2, "x")))),
        ("meta = json_remove(meta, ?)", (random.choice(PATHS),)),
        ("meta = ?", (random.choice((None, _object(random))),)),
    )
    chosen: dict[str, tuple[str, tuple[Any, ...]]] = {}
    wanted = [setting for setting in choices if setting[0].split(" ")[0] in focus | {"title"}]
    for setting in random.choices(wanted, k=random.choice((1, 1, 2))):
        chosen.setdefault(setting[0].split(" ")[0], setting)
    return ", ".join(setting for setting, _ in chosen.values()), tuple(v for _, found in chosen.values() for v in found)


def _shop(random: Random, table: str, unites: bool) -> tuple[str, tuple[Any, ...]]:
    number, other, third = (random.choice(NUMBERS) for _ in range(3))
    name = random.choice(("ann", "ben", "cleo") if unites else ("ann", "ben", "cleo", "dora"))
    maybe = random.choice((None, number, other))
    statements: dict[str, tuple[tuple[float, str, tuple[Any, ...]], ...]] = {
        "artist": (
            (3, "INSERT INTO artist VALUES (?, ?, ?, '[]', 0)", (number, name, maybe)),
            (1, "INSERT INTO artist (name, boss) VALUES (?, ?)", (name, maybe)),
            (1.5, "INSERT OR REPLACE INTO artist VALUES (?, ?, ?, '[1]', 5)", (number, name, maybe)),
            (0.5, "INSERT OR IGNORE INTO artist VALUES (?, ?, ?, '[1]', 5)", (number, name, maybe)),
            (
                1,
                "INSERT INTO artist VALUES (?, ?, ?, '[]', 0) ON CONFLICT (id) DO UPDATE SET n = n + 1",
                (number, name, maybe),
            ),
            (4, "DELETE FROM artist WHERE id = ?", (number,)),
            (1, "UPDATE artist SET boss = ? WHERE id = ?", (maybe, other)),
            (1, "UPDATE artist SET n = n + 1, tags = json_insert(tags, '$[#]', ?) WHERE id = ?", (other, number)),
            (0.5, "UPDATE OR REPLACE artist SET name = ? WHERE id = ?", (name, number)),
            (0.5, "UPDATE OR REPLACE artist SET id = ? WHERE id = ?", (number, other)),
        ),
        "album": (
            (2, "INSERT INTO album (title, artist) VALUES (?, ?)", (name, maybe)),
            (2, "INSERT OR REPLACE INTO album VALUES (?, ?, ?)", (number, name, maybe)),
            (2, "UPDATE album SET artist = ? WHERE id = ?", (maybe, other)),
            (2, "DELETE FROM album WHERE id = ?", (other,)),
        ),
        "credit": (
            (3, "INSERT OR IGNORE INTO credit VALUES (?, ?, ?, ?, '[1]')", (number, other, name, third)),
            (0.5, "INSERT OR REPLACE INTO credit VALUES (?, ?, ?, ?, '[2]')", (number, other, name, third)),
            (1, "UPDATE credit SET part = ? WHERE artist = ?", (third, number)),
            (
                1,
                "UPDATE credit SET likes = likes + 1, marks = json_insert(marks, '$[#]', ?) WHERE artist = ?",
                (third, number),
            ),
            (1, "DELETE FROM credit WHERE artist = ?", (number,)),
            (
                2 if unites else 0,
                "INSERT INTO artist VALUES (?, ?, NULL, '[]', 0); INSERT OR IGNORE INTO credit VALUES (?, 1, ?, 7, '[3]')",
                (number, f"{name} {third}", number, name),
            ),
        ),
    }
    found = statements[table]
    return random.choices([(text, values) for _, text, values in found], [weight for weight, _, _ in found])[0]
