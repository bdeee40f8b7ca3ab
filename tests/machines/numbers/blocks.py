"""Random histories of replicas with AUTOINCREMENT tables, against an oracle that knows one thing: what programs were told.

Programs insert one row after the other and write down the id that SQLite tells them. Files are cloned, copied, synced one way or
both, in any order; blocks of ids are used up. No id may change that was told to the only site of its lane, and none may lie in
a block of another lane.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import apsw

from crdtsql import Replica, sync
from crdtsql.base import blocks_rule
from crdtsql.store import lanes
from tests.support.peers import START_MS, send

SCHEMA = """
CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT);
CREATE TABLE reply (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT, note INTEGER REFERENCES note (id));
"""
MOST_FILES = 6


def lane_of(replica: Replica) -> int | None:
    """Return a replica's own lane."""
    found = lanes.read(replica.registry).get(bytes.fromhex(replica.site))
    return None if found is None else found.number


@dataclass
class History:
    """Some files, and what their programs were told: (table, body) -> id, for rows whose site was alone in its lane.

    Attributes:
        shared: the blocks in which two sites of one lane have inserted, before they met.
    """

    folder: Path
    rng: random.Random
    replicas: list[Replica] = field(default_factory=list)
    told: dict[tuple[str, str], int] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    numbers: count[int] = field(default_factory=lambda: count(1))
    clock: count[int] = field(default_factory=lambda: count(START_MS))

    def open(self, name: str) -> Replica:
        """Open a file."""
        opened = Replica.open(
            self.folder / name, now=lambda: next(self.clock), make_site=lambda: self.rng.randbytes(16)
        )
        self.replicas.append(opened)
        return opened

    def begin(self) -> None:
        """Create one file, or up to four that were enabled each by itself and have met."""
        for number in range(self.rng.choice([1, 1, 2, 3, 4])):
            connection = apsw.Connection(str(self.folder / f"{number}.db"))
            connection.execute(SCHEMA)
            connection.close()
            self.open(f"{number}.db").enable(all=True)
        if len(self.replicas) > 1:
            self.meet()

    def meet(self) -> None:
        """Let strangers hear of each other once: one way first, so that one knows and both go on, then all."""
        first, second = self.replicas[:2]
        send(first, second)
        for replica in (second, first):
            self.note(replica, "note")
        for replica in self.replicas[1:]:
            send(replica, first)
        for replica in self.replicas[1:]:
            send(first, replica)
        assert len({lane_of(one) for one in self.replicas}) == len(self.replicas), (
            "strangers that have met have one lane"
        )
        self.exchange()

    def exchange(self) -> None:
        """Let all have all."""
        pairs = list(pairwise(self.replicas))
        for one, other in [*pairs, *reversed(pairs)]:
            sync(one, other)

    def step(self) -> None:
        """Let one thing happen."""
        replica = self.rng.choice(self.replicas)
        action = self.rng.choices(
            (self.insert, self.sync, self.send, self.delete, self.use_up, self.copy, self.clone, self.fold),
            (40, 20, 12, 6, 8, 3, 5, 6),
        )[0]
        action(replica)
        self.forget_shared()

    def forget_shared(self) -> None:
        """Forget what was told in a lane that two sites have which have not met: what both use of it is renumbered."""
        found = Counter(lane_of(replica) for replica in self.replicas)
        lanes_shared = [blocks_rule.of_lane(lane) for lane, sites in found.items() if lane is not None and sites > 1]
        for row, number in list(self.told.items()):
            if any(blocks.hold(number) for blocks in lanes_shared):
                self.shared.add(number // blocks_rule.SIZE)
            if number // blocks_rule.SIZE in self.shared:
                del self.told[row]

    def insert(self, replica: Replica) -> None:
        """Insert one row, and note the id that the program was told."""
        own, others = lane_of(replica), {lane_of(other) for other in self.replicas if other is not replica}
        row, number = self.note(replica, self.rng.choice(["note", "reply"]))
        if own in others:
            self.shared.add(number // blocks_rule.SIZE)
        if own is None or number // blocks_rule.SIZE in self.shared:
            del self.told[row]
        elif len(self.replicas) > 1:
            assert blocks_rule.of_lane(own).hold(number), f"{number} is in a block of another lane than {own}"

    def note(self, replica: Replica, table: str) -> tuple[tuple[str, str], int]:
        """Insert one row, and write down its id; return both."""
        row = table, f"row {next(self.numbers)}"
        statement = "INSERT INTO note (body) VALUES (?)"
        if table == "reply":
            statement = "INSERT INTO reply (body, note) SELECT ?, max(id) FROM note"
        replica.connection.execute(statement, row[1:])
        self.told[row] = replica.connection.last_insert_rowid()
        return row, self.told[row]

    def sync(self, replica: Replica) -> None:
        """Sync with another one."""
        other = self.rng.choice(self.replicas)
        if other is not replica:
            sync(replica, other)

    def send(self, replica: Replica) -> None:
        """Send one way."""
        other = self.rng.choice(self.replicas)
        if other is not replica:
            send(replica, other)

    def delete(self, replica: Replica) -> None:
        """Delete a row, often the last one."""
        table = self.rng.choice(["note", "reply"])
        order = self.rng.choice(["id DESC", "random()"])
        unused = "id NOT IN (SELECT note FROM reply WHERE note IS NOT NULL)" if table == "note" else "1"
        found = replica.connection.execute(
            f"SELECT body FROM {table} WHERE {unused} ORDER BY {order} LIMIT 1"
        ).fetchall()
        for body in found:
            replica.connection.execute(f"DELETE FROM {table} WHERE body = ?", body)
            self.deleted.add(body[0])

    def use_up(self, replica: Replica) -> None:
        """Use up what is left of a block but for some ids, as if rows had been inserted and deleted, then go on."""
        if len(self.replicas) == 1:
            return
        replica.connection.execute(
            "UPDATE sqlite_sequence SET seq = seq / 1000 * 1000 + 985 WHERE seq % 1000 BETWEEN 1 AND 984"
        )
        for _ in range(self.rng.randrange(25)):
            self.insert(replica)

    def fold(self, replica: Replica) -> None:
        """Run a command that only looks."""
        replica.fold()

    def clone(self, replica: Replica) -> None:
        """Clone a file."""
        if len(self.replicas) < MOST_FILES:
            name = f"{len(self.replicas)}c.db"
            replica.clone(self.folder / name).close()
            self.open(name)

    def copy(self, replica: Replica) -> None:
        """Copy a file as cp does, and run a command on the copy before any program writes to it."""
        if len(self.replicas) < MOST_FILES:
            replica.fold()
            name = f"{len(self.replicas)}p.db"
            shutil.copy(replica.path, self.folder / name)
            self.open(name)

    def check(self) -> None:
        """Check that all replicas are alike, that each has a lane of its own, and that all ids are as they were told."""
        for _ in range(2):
            self.exchange()
        if len(self.replicas) > 1:
            assert len({lane_of(one) for one in self.replicas}) == len(self.replicas), "two sites have one lane"
        for table in ("note", "reply"):
            found = [dict(one.connection.execute(f"SELECT body, id FROM {table}").fetchall()) for one in self.replicas]
            assert all(one == found[0] for one in found), "replicas differ"
            told = {body: number for (of, body), number in self.told.items() if of == table}
            gone = told.keys() - found[0].keys() - self.deleted
            assert not gone, f"rows are gone: {gone}"
            moved = {body: (told[body], now) for body, now in found[0].items() if told.get(body, now) != now}
            assert not moved, f"ids are not as they were told: {moved}"


def run(seed: int, folder: Path, steps: int = 60) -> int:
    """Play one history; return how many ids were told."""
    history = History(folder, random.Random(seed))
    try:
        history.begin()
        for _ in range(steps):
            history.step()
        history.check()
    finally:
        for replica in history.replicas:
            replica.close()
    return len(history.told)
