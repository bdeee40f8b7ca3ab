"""Random histories of three replicas, one of which rejoins now and then: nothing unsent is lost or there twice, nothing comes back.

Meanwhile the histories of tables begin and end, runs are undone, and actors are purged.
"""

from __future__ import annotations

import ast
import json
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, errors, sync
from crdtsql.history import UndoneWrites
from tests.support import seeds
from tests.support.peers import Clock, read
from tests.support.settled import assert_settled

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, n INTEGER DEFAULT 0, tags TEXT DEFAULT '[]', conf TEXT DEFAULT '{}', best INTEGER DEFAULT 0);
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT NOT NULL, mark TEXT UNIQUE, up INTEGER REFERENCES note(id), task TEXT REFERENCES task(id));
CREATE TABLE link (note INTEGER REFERENCES note(id), task TEXT, w REAL, PRIMARY KEY (note, task));
"""
TABLES = ("task", "note", "link")
TYPES = {"task.n": "counter", "task.tags": "set", "task.conf": "map", "task.best": "max"}
ACTORS, RUNS = ("ann", "bot"), ("r1", "r2", "r3")


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
        self.whole = {name for name in TABLES if self.chance.random() < 0.3}
        """The tables of which each write is kept."""
        for name in sorted(self.whole):
            first.keep_history(name)
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
        actor = self.chance.random() < 0.3
        if actor:
            run(
                "INSERT INTO crdt_actor (actor, run) VALUES (?, ?)",
                (self.chance.choice(ACTORS), self.chance.choice(RUNS)),
            )
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
        if actor:
            run("DELETE FROM crdt_actor")

    def past(self, replica: Replica) -> None:
        """Begin or end the history of a table, undo what was written, or let an actor's name be forgotten."""
        name, what = (
            self.chance.choice(TABLES),
            self.chance.choice(("on", "on", "on", "off", "drop", "undo", "undo", "purge")),
        )
        if what == "on":
            replica.keep_history(name)
        elif what in ("off", "drop"):
            self.whole.discard(name)
            replica.end_history(name, drop=what == "drop")
        elif what == "undo":
            whose = (
                {"run": self.chance.choice(RUNS)}
                if self.chance.random() < 0.7
                else {"actor": self.chance.choice(ACTORS)}
            )
            self.note(replica.undo(**whose))
        else:
            replica.purge_actor(self.chance.choice(ACTORS))

    def note(self, report: UndoneWrites) -> None:
        """Note what an undo wrote."""
        for one in report.undone:
            if one.did == "deleted":
                self.deleted |= {
                    value for value in (*one.key, *(was for was, _ in one.values.values())) if isinstance(value, str)
                }
            elif one.table == "task" and one.key == ("g1",) and "n" in one.values:
                was, now = one.values["n"]
                self.added["g1"] += int(str(now)) - int(str(was))

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
        self.check_histories()

    def check_histories(self) -> None:
        """Compare the histories of all, and what they say of now, as far as all was kept, with what is there."""
        for name in TABLES:
            found = [
                read(one, f"SELECT * FROM crdt_history_{name} ORDER BY 1, 2, 3")
                for one in self.replicas
                if one.has_history(name)
            ]
            assert all(entries == found[0] for entries in found), name
        for one in self.replicas:
            for name in sorted(self.whole):
                past = {_plain(tuple(row.values.values())) for row in one.as_of(name, timedelta(0))}
                kept = {row.key for row in one.held(name, deleted=True)}  # why they are, or are not, shown is no write
                width = len(one.registry.table(name).key)
                shown = {_plain(row): row[:width] for row in read(one, f"SELECT * FROM {name}")}
                assert {row for row in past - shown.keys() if _key(row, width) not in kept} == set(), (name, one.path)
                assert {key for row, key in shown.items() if row not in past} <= kept, (name, one.path)
            assert not one.doctor().broken


def _plain(row: tuple[Any, ...]) -> str:
    """Return a row as it can be compared: sets and maps have no order."""
    return repr(
        [json.dumps(_sorted(json.loads(one)), sort_keys=True) if str(one)[:1] in ("[", "{") else one for one in row]
    )


def _key(row: str, width: int) -> tuple[Any, ...]:
    return tuple(ast.literal_eval(row)[:width])


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


@pytest.mark.parametrize("seed", seeds.chosen(8))
def test_random_histories(tmp_path: Path, seed: int) -> None:
    """Replicas of which some rejoin at any moment end equal by ordinary syncs, with each increment once, and no row twice."""
    world = World(tmp_path, seed)
    for _ in range(60):
        what = world.chance.random()
        if what < 0.66:
            world.write(world.chance.choice(world.replicas))
        elif what < 0.72:
            world.past(world.chance.choice(world.replicas))
        elif what < 0.92:
            sync(*world.chance.sample(world.replicas, 2))
        else:
            world.rejoin()
    world.settle()
    world.check()
