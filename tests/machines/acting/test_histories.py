"""Whatever clients, syncs, copies and compactions do: who wrote a value is known wherever the value is, or nobody said it."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from random import Random

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base.errors import RejoinError
from crdtsql.store import Actor
from tests.support import peers

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, note)"
ACTORS = ("ann", "ben", "cyd")
MOST_FILES = 5
HISTORIES = 24


class History:
    """Files that clients write to, and beside them who wrote each value, by a rule of its own: the last one who said so in that file."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random, self.folder, self.clock = Random(seed), folder, peers.Clock(step=1)
        self.files: list[Path] = []
        self.acting: dict[Path, str | None] = {}
        self.wrote: dict[str, str | None] = {}
        self.unsure: dict[str, str | None] = {}
        for number in (1, 2, 3):
            path = folder / f"{number}.db"
            peers.replica(path, SCHEMA, site=number, now=self.clock).close()
            self.add(path)
        self.sync(*self.files[:2]), self.sync(*self.files[1:])

    def add(self, path: Path) -> None:
        self.files.append(path)
        self.acting[path] = None

    def open(self, path: Path) -> Replica:
        return Replica.open(path, now=self.clock)

    def step(self) -> None:
        moves = (
            [self.say] * 5
            + [self.end] * 2
            + [self.write] * 8
            + [self.undo, self.fold, self.copy, self.compact, self.purge]
            + [self.alone] * 2
            + [self.exchange] * 4
        )
        self.random.choice(moves)()

    def client(self, path: Path, *statements: str) -> None:
        connection = apsw.Connection(str(path))
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.close()

    def say(self) -> None:
        path, who = self.random.choice(self.files), self.random.choice(ACTORS)
        update = self.acting[path] is not None and self.random.random() < 0.3
        self.client(
            path,
            f"UPDATE crdt_actor SET actor = '{who}'" if update else f"INSERT INTO crdt_actor (actor) VALUES ('{who}')",
        )
        self.acting[path] = who

    def end(self) -> None:
        path = self.random.choice(self.files)
        self.client(path, "DELETE FROM crdt_actor")
        self.acting[path] = None

    def value(self, path: Path) -> str:
        value = f"v{len(self.wrote)}"
        self.wrote[value] = self.acting[path]
        return value

    def statement(self, path: Path) -> str:
        key, column = f"k{self.random.randrange(6)}", self.random.choice(("title", "note"))
        if self.random.random() < 0.15:
            return f"DELETE FROM task WHERE id = '{key}'"
        value = self.value(path)
        return f"INSERT INTO task (id, {column}) VALUES ('{key}', '{value}') ON CONFLICT DO UPDATE SET {column} = '{value}'"

    def write(self) -> None:
        path = self.random.choice(self.files)
        statements = []
        for _ in range(self.random.randint(1, 3)):
            if self.random.random() < 0.3:
                self.acting[path] = who = self.random.choice((*ACTORS, None))
                statements.append(
                    f"INSERT INTO crdt_actor (actor) VALUES ('{who}')" if who else "DELETE FROM crdt_actor"
                )
            statements.append(self.statement(path))
        self.client(path, *statements)

    def alone(self) -> None:
        """Write once as somebody; whoever acts on the file goes on."""
        path, who, value = self.random.choice(self.files), self.random.choice(ACTORS), f"v{len(self.wrote)}"
        self.wrote[value] = who
        with self.open(path) as replica:
            replica.write("task", f"k{self.random.randrange(6)}", values={"title": value}, actor=Actor(who))

    def purge(self) -> None:
        """Write events that are no entries of a log, between those that are."""
        with self.open(self.random.choice(self.files)) as replica:
            replica.purge(deleted_before=timedelta(0))

    def undo(self) -> None:
        connection = apsw.Connection(str(self.random.choice(self.files)))
        connection.execute("BEGIN; INSERT INTO crdt_actor (actor) VALUES ('mallory')")
        connection.execute("INSERT OR REPLACE INTO task VALUES ('k1', 'undone', 'undone'); ROLLBACK")
        connection.close()

    def fold(self) -> None:
        with self.open(self.random.choice(self.files)) as replica:
            replica.fold()

    def copy(self) -> None:
        if len(self.files) < MOST_FILES:
            path = self.folder / f"copy{len(self.files)}.db"
            source = self.random.choice(self.files)
            shutil.copy(source, path)
            self.add(path)
            if self.random.random() < 0.5:  # before anything of ours sees it, so that nothing tells that it is a copy
                known = {*self.wrote}
                self.client(path, self.statement(path))
                self.unsure |= {value: self.acting[source] for value in self.wrote.keys() - known}
            self.open(path).close()

    def compact(self) -> None:
        for path in self.files:
            with self.open(path) as replica:
                replica.compact(keep_ms=0)

    def exchange(self) -> None:
        self.sync(*self.random.sample(self.files, 2))

    def sync(self, one: Path, other: Path) -> None:
        with self.open(one) as here, self.open(other) as there:
            for sender, receiver in ((here, there), (there, here)):
                try:
                    receiver.merge(sender.export(receiver.vector()))
                except RejoinError:
                    return

    def check(self) -> int:
        """Compare what each replica says of each value with who wrote it; return how many said it."""
        said = 0
        for path in self.files:
            with self.open(path) as replica:
                replica.fold()
                for (key,) in peers.read(replica, "SELECT id FROM task"):
                    for cell in replica.blame("task", key):
                        if not cell.genesis and cell.value is not None:
                            by = None if cell.by is None else cell.by.actor
                            assert by in {
                                self.wrote[cell.value],
                                self.unsure.get(cell.value, self.wrote[cell.value]),
                            }, (path.name, key, cell)
                            said += by is not None
                found = replica.acting()
                assert (None if found is None else found.actor) == self.acting[path], path.name
                assert len(peers.read(replica, "SELECT * FROM _crdt_acting")) <= 1
        return said


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_who_wrote_is_known_wherever_the_value_is(seed: int) -> None:
    """Blame names the one who said that it writes, on every replica, for each value that is there; the rest is nobody's."""
    with peers.fast_directory() as folder:
        history = History(folder, seed)
        said = 0
        for number in range(60):
            history.step()
            if number % 20 == 19:
                said += history.check()
        for _ in range(2):
            for one, other in zip(history.files, history.files[1:], strict=False):
                history.sync(one, other)
        assert said + history.check() > 0
