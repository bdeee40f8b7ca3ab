"""Random histories of three replicas, one of which rejoins now and then: nothing unsent is lost or there twice, nothing comes back."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, errors, sync
from tests.support import seeds
from tests.support.peers import Clock, read
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, n INTEGER DEFAULT 0, tags TEXT DEFAULT '[]', conf TEXT DEFAULT '{}', best INTEGER DEFAULT 0);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL, mark TEXT UNIQUE, up INTEGER REFERENCES note(id), task TEXT REFERENCES task(id));
CREATE TABLE link (note INTEGER REFERENCES note(id), task TEXT, w REAL, PRIMARY KEY (note, task));
"""
TYPES = {"task.n": "counter", "task.tags": "set", "task.conf": "map", "task.best": "max"}


class World:
    """Three replicas, and what must be true of them."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.chance, self.clock = random.Random(seed), Clock(step=3)
        connection = apsw.Connection(str(directory / "0.db"))
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO task (id, title, n) VALUES ('g1', 'old', 5), ('g2', 'old', 0)")
        connection.execute("INSERT INTO note (id, body) VALUES (1, 'g note')")
        connection.close()
        first = Replica.open(directory / "0.db", now=self.clock)
        first.enable(all=True, types=TYPES)
        self.replicas = [first, *(first.clone(directory / f"{number}.db") for number in (1, 2))]
        self.marks = 0
        self.inserted: set[str] = set()
        self.deleted: set[str] = set()
        self.added = Counter[str]()
        self.reports: list[Any] = []

    def pick(self, replica: Replica, statement: str) -> Any:
        """Return one of the values that a SELECT finds, None if there is none."""
        found = read(replica, statement)
        return self.chance.choice(found)[0] if found else None

    def write(self, replica: Replica) -> None:
        """Write something somewhere."""
        run = replica.connection.execute
        self.marks += 1
        mark = f"m{self.marks}"
        task, note = self.pick(replica, "SELECT id FROM task"), self.pick(replica, "SELECT id FROM note")
        kind = self.chance.choice("tttnnnuuccssjbdlwr")
        if kind == "t":
            run("INSERT INTO task (id, title) VALUES (?, ?)", (mark, mark))
            self.inserted.add(mark)
        elif kind == "n":
            up, of = self.chance.choice([None, note]), self.chance.choice([None, task])
            run("INSERT INTO note (body, up, task) VALUES (?, ?, ?)", (mark, up, of))
            self.inserted.add(mark)
        elif kind == "u" and task:
            run("UPDATE task SET title = ? WHERE id = ?", (mark, task))
        elif kind == "c":
            amount = self.chance.choice([1, 10, -3])
            run("UPDATE task SET n = n + ? WHERE id = 'g1'", (amount,))
            self.added["g1"] += replica.connection.changes() * amount
        elif kind == "s" and task:
            tags = json.loads(read(replica, f"SELECT tags FROM task WHERE id = '{task}'")[0][0])
            tags = tags[1:] if tags and self.chance.random() < 0.4 else [*tags, mark]
            run("UPDATE task SET tags = ? WHERE id = ?", (json.dumps(tags), task))
        elif kind == "j" and task:
            conf = json.loads(read(replica, f"SELECT conf FROM task WHERE id = '{task}'")[0][0])
            run("UPDATE task SET conf = ? WHERE id = ?", (json.dumps(conf | {self.chance.choice("xyz"): mark}), task))
        elif kind == "b" and task:
            run("UPDATE task SET best = max(best, ?) WHERE id = ?", (self.marks, task))
        elif kind == "d" and task and task != "g1":
            run("PRAGMA foreign_keys = ON")
            try:
                run("DELETE FROM task WHERE id = ?", (task,))
                self.deleted.add(task)
            except apsw.ConstraintError:
                pass
            run("PRAGMA foreign_keys = OFF")
        elif kind == "l" and task and note:
            run("INSERT OR IGNORE INTO link VALUES (?, ?, 0.5)", (note, task))
        elif kind == "w" and note:
            run("UPDATE OR IGNORE note SET mark = ? WHERE id = ?", (self.chance.choice("ABC"), note))
        elif kind == "r" and note and note != 1:
            if not read(replica, f"SELECT 1 FROM note WHERE up = {note} UNION SELECT 1 FROM link WHERE note = {note}"):
                self.deleted.add(read(replica, f"SELECT body FROM note WHERE id = {note}")[0][0])
                run("DELETE FROM note WHERE id = ?", (note,))

    def fold_all(self) -> None:
        """Take note of all writes."""
        for replica in self.replicas:
            replica.fold()

    def rejoin(self) -> None:
        """Let one replica take the state of another, once no third one has writes of it that the other lacks."""
        one, other = self.chance.sample(self.replicas, 2)
        third = next(replica for replica in self.replicas if replica not in (one, other))
        if third.vector().get(one.site, 0) > (has := other.vector().get(one.site, 0)):
            own = bytes.fromhex(one.site)
            if one.registry.peers().get(bytes.fromhex(third.site), {}).get(own, 0) > has:
                with pytest.raises(errors.CannotRejoinError, match="would bring them"):
                    one.rejoin(other.export())
            sync(third, other)
        # What only a replica had that has rejoined since is gone with it, and must be written anew.
        report = one.rejoin(other.export(), anyway=True)
        self.reports.append(report)
        dead = {row[0] for row in read(other, "SELECT k1 FROM _crdt_clock_task WHERE gone = 1")}
        assert not dead & {row[0] for row in read(one, "SELECT id FROM task")} - {
            row[0] for row in read(other, "SELECT id FROM task")
        }
        assert_settled(one)

    def settle(self) -> None:
        """Sync until all have everything."""
        for _ in range(3):
            for one, other in ((0, 1), (1, 2), (0, 2)):
                sync(self.replicas[one], self.replicas[other])

    def check(self) -> None:
        """Compare all replicas, and look for what was lost, doubled or brought back."""
        states = [
            [read(replica, f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("task", "note", "link")]
            for replica in self.replicas
        ]
        assert states[0] == states[1] == states[2]
        bodies = Counter(row[1] for row in states[0][1])
        assert not [body for body, count in bodies.items() if count > 1]
        there = {*bodies, *(row[0] for row in states[0][0])}
        held = {
            value for replica in self.replicas for row in replica.held() for value in (*row.key, *row.values.values())
        }
        logged = {
            value for report in self.reports for one in report.logged for value in (*one.key, *one.values.values())
        }
        assert not self.inserted - self.deleted - there - held - logged
        ((n,),) = read(self.replicas[0], "SELECT n FROM task WHERE id = 'g1'")
        assert n == 5 + self.added["g1"]


@pytest.mark.parametrize("seed", seeds.chosen(8))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    """Replicas of which some rejoin at any moment end equal by ordinary syncs, with each increment once, and no row twice."""
    world = World(tmp_path, seed)
    for _ in range(60):
        what = world.chance.random()
        if what < 0.7:
            world.write(world.chance.choice(world.replicas))
        elif what < 0.92:
            sync(*world.chance.sample(world.replicas, 2))
        else:
            world.rejoin()
    world.settle()
    world.check()
