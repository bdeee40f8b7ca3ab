"""Whatever clients write on whichever replica: every value is in the history of all, tables were as they were, and a run can be undone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base.errors import UsageError
from tests.support import peers, seeds

SCHEMA = """
CREATE TABLE task (id TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, title, n INTEGER NOT NULL DEFAULT 0);
CREATE TABLE pair (a INTEGER NOT NULL, b TEXT NOT NULL, v, w, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE list (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE item (id INTEGER PRIMARY KEY, list INTEGER REFERENCES list (id) ON DELETE CASCADE, words TEXT);
CREATE TABLE doc (id TEXT PRIMARY KEY NOT NULL, votes INTEGER DEFAULT 0, tags TEXT DEFAULT '[]', meta TEXT DEFAULT '{}', best INTEGER);
INSERT INTO doc (id) VALUES ('d1'), ('d2');
INSERT INTO task VALUES ('t1', 'genesis', 1), ('t2', x'00ff', 2);
INSERT INTO list VALUES (1, 'first');
"""
TABLES = ("task", "pair", "list", "item", "doc")
TYPES = {"doc.votes": "counter", "doc.tags": "set", "doc.meta": "map", "doc.best": "max"}
VALUES = (None, "a", "b", 1, 2.5, b"\x00\x01", "", "it's")
STEPS = 40


class World:
    """Three replicas with histories, and beside them what plain clients wrote to each."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random, self.clock = Random(seed), peers.Clock(step=1)
        first = folder / "1.db"
        connection = apsw.Connection(str(first))
        connection.execute(SCHEMA)
        connection.close()
        self.files = [first, folder / "2.db", folder / "3.db"]
        keeps = (None, None, timedelta(milliseconds=60))
        self.keep = {name: self.random.choice(keeps) for name in TABLES}
        with self.open(first) as replica:
            replica.enable(*TABLES, types=TYPES)
            if self.random.random() < 0.3:
                replica.set_rows("task", "delete-wins")
            late = self.random.random() < 0.5  # then the others hear of it by a sync
            if late:
                self._clone(replica)
            for name in TABLES:
                replica.keep_history(name, keep=self.keep[name])
            if not late:
                self._clone(replica)
        for path in self.files[1:]:
            self.exchange(first, path)
        for path in self.files:  # whom nobody heard of is not asked before something is forgotten
            connection = apsw.Connection(str(path))
            connection.execute("INSERT INTO list (name) VALUES (?)", (path.name,))
            connection.close()
        self.meet()
        self.wrote: dict[str, list[tuple[Any, ...]]] = {}
        self.past: list[tuple[datetime, dict[str, list[Any]]]] = []
        self.numbers = 0

    def _clone(self, replica: Replica) -> None:
        for path in self.files[1:]:
            replica.clone(path).close()

    def open(self, path: Path) -> Replica:
        return Replica.open(path, now=self.clock)

    def client(self, path: Path, actor: tuple[str, str] | None = None) -> None:
        """Write one transaction as a plain client."""
        connection = apsw.Connection(str(path))
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        if actor:
            connection.execute("INSERT INTO crdt_actor (actor, run) VALUES (?, ?)", actor)
        for _ in range(self.random.randint(1, 5)):
            self.statement(connection)
        if actor:
            connection.execute("DELETE FROM crdt_actor")
        connection.execute("COMMIT")
        connection.close()

    def statement(self, connection: apsw.Connection) -> None:
        pick = self.random.choice
        value, other = pick(VALUES), pick(VALUES)
        key = pick(("t1", "T1", "t2", "t3", "t4"))
        moves = (
            ("INSERT INTO task VALUES (?, ?, 5) ON CONFLICT DO UPDATE SET title = excluded.title", (key, value)),
            ("UPDATE task SET title = ?, n = n + 1 WHERE id = ?", (value, key)),
            ("INSERT OR REPLACE INTO task (id, title) VALUES (?, ?)", (key, value)),
            ("DELETE FROM task WHERE id = ?", (key,)),
            ("UPDATE OR IGNORE task SET id = ? WHERE id = ?", (pick(("t5", "t6")), key)),
            ("INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?)", (pick((1, 2)), pick("xy"), value, other)),
            ("UPDATE pair SET v = ? WHERE a = ?", (value, pick((1, 2)))),
            ("UPDATE pair SET w = v, v = ?", (value,)),
            ("DELETE FROM pair WHERE b = ?", (pick("xy"),)),
            ("INSERT INTO list (name) VALUES (?)", (f"list {self.random.random()}",)),
            ("INSERT OR REPLACE INTO list SELECT id, ? FROM list ORDER BY id LIMIT 1", (f"again {self.random.random()}",)),
            ("INSERT INTO item (list, words) SELECT max(id), ? FROM list", (str(self.random.random()),)),
            ("UPDATE item SET words = ? WHERE id = (SELECT max(id) FROM item)", (str(self.random.random()),)),
            ("DELETE FROM item WHERE id = (SELECT min(id) FROM item)", ()),
            ("UPDATE doc SET votes = votes + ?", (self.random.randint(-3, 5),)),
            ("UPDATE doc SET tags = json_insert(tags, '$[#]', ?) WHERE id = 'd1'", (f"g{self.random.random()}",)),
            ("UPDATE doc SET tags = json_remove(tags, '$[0]') WHERE id = 'd1'", ()),
            ("UPDATE doc SET meta = json_set(meta, '$.' || ?, ?) WHERE id = ?", (pick("pqr"), self.random.random(), pick(("d1", "d2")))),
            ("UPDATE doc SET best = max(ifnull(best, 0), ?)", (self.random.randint(1, 99),)),
        )  # fmt: skip
        statement, values = pick(moves)
        connection.execute(statement, values)

    def step(self) -> None:
        move = self.random.random()
        if move < 0.6:
            self.client(self.random.choice(self.files))
        elif move < 0.7:
            with self.open(self.random.choice(self.files)) as replica:
                replica.fold()
        elif move < 0.88:
            self.exchange(*self.random.sample(self.files, 2))
        elif move < 0.91:
            with self.open(self.random.choice(self.files)) as replica:
                replica.compact(keep_ms=0)
        elif move < 0.95:
            self.compact()
        else:
            self.rest()

    def exchange(self, one: Path, other: Path) -> None:
        with self.open(one) as a, self.open(other) as b:
            sync(a, b)

    def compact(self) -> None:
        """Let all agree that what is there may be forgotten, and forget it."""
        for _ in range(2):
            for path in self.files:
                with self.open(path) as replica:
                    replica.compact(keep_ms=0)
            self.meet()

    def meet(self) -> None:
        """Let all have everything."""
        for one, other in ((0, 1), (1, 2), (0, 1), (0, 2)):
            self.exchange(self.files[one], self.files[other])

    def rest(self) -> None:
        """Let all have everything, and remember how their tables are."""
        self.meet()
        found = [self.shown(path) for path in self.files]
        assert found[0] == found[1] == found[2]
        self.clock.ms += 5
        self.past.append((datetime.fromtimestamp(self.clock.ms / 1000, UTC), found[0]))
        self.clock.ms += 5

    def as_of(self, replica: Replica, name: str, moment: datetime) -> list[Any] | None:
        """Return the rows of a table as they were, None if entries of that time were taken out."""
        try:
            return rows(replica.as_of(name, moment))
        except UsageError:
            keep = self.keep[name]
            assert keep is not None and moment < datetime.fromtimestamp(self.clock.ms / 1000, UTC) - keep, (
                name,
                moment,
            )
            return None

    def shown(self, path: Path) -> dict[str, list[Any]]:
        connection = apsw.Connection(str(path))
        found = {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in TABLES}
        connection.close()
        return found


def rows(found: list[Any]) -> list[Any]:
    """Return rows of the past as a SELECT returns them."""
    return sorted((tuple(row.values.values()) for row in found), key=repr)


def plain(table: str, every: list[Any]) -> list[Any]:
    """Return rows as they can be compared: a past set or map has no order of its own."""
    if table in ("list", "item"):  # a past row is shown under the number that it has now
        return [row[-1] for row in every]
    if table != "doc":
        return every
    return [
        (*row[:2], sorted(json.loads(row[2])), json.dumps(json.loads(row[3]), sort_keys=True), *row[4:])
        for row in every
    ]


def same(table: str, some: list[Any], others: list[Any]) -> bool:
    """Tell whether rows are the same, in any order."""
    return sorted(map(repr, plain(table, some))) == sorted(map(repr, plain(table, others)))


@pytest.mark.parametrize("seed", seeds.chosen(5))
def test_tables_were_as_the_history_says(seed: int, tmp_path: Path) -> None:
    """Asked after whatever came later, on every replica, it gives the tables as they were when all replicas were equal."""
    world = World(tmp_path, seed)
    world.rest()
    for _ in range(STEPS):
        world.step()
    world.rest()
    for path in world.files:
        with world.open(path) as replica:
            for moment, tables in world.past:
                for name in TABLES:
                    past = world.as_of(replica, name, moment)
                    assert past is None or same(name, past, tables[name]), (path.name, name, moment)
            assert not replica.doctor().broken
    histories = []
    for path in world.files:
        with world.open(path) as replica:
            histories.append({name: replica.history(name) for name in TABLES})
    assert histories[0] == histories[1] == histories[2]


@pytest.mark.parametrize("seed", seeds.chosen(5))
def test_a_run_is_undone_wherever_it_is_asked_for(seed: int, tmp_path: Path) -> None:
    """What one run wrote, on one replica or several, while nobody else wrote: undone on any replica, all are as before."""
    world = World(tmp_path, seed)
    for _ in range(STEPS // 2):
        world.step()
    world.rest()
    before = world.past[-1][1]
    writer = world.random.choice(world.files)
    for _ in range(world.random.randint(1, 4)):
        world.client(writer, ("bot", "r1"))
        if world.random.random() < 0.5:
            with world.open(writer) as replica:
                replica.fold()
    world.rest()
    with world.open(world.random.choice(world.files)) as replica:
        report = replica.undo(run="r1")
    world.rest()
    after = world.past[-1][1]
    left = {(one.table, one.key) for one in report.left}
    for name in TABLES:
        changed = [row for row in plain(name, after[name]) if row not in plain(name, before[name])]
        assert len(changed) <= len(left), (name, changed, report.left)
    assert {one.column for one in report.left} <= {"best"}, report.left
