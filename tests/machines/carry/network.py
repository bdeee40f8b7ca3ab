"""A network of files that sync by several ways, while other programs write, messages come twice and old ones once more.

The ways are real: a server of HTTP, one of NATS, one of S3, a folder, a pipe to another process as ssh has it, files.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import apsw

from crdtsql import Replica, errors
from crdtsql.transports import Peer, Request, Response, Store, reached
from tests.support import hub, state
from tests.support.brokers import Server as Broker
from tests.support.buckets import BUCKET
from tests.support.command import make

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, votes INTEGER NOT NULL DEFAULT 0, tags TEXT NOT NULL DEFAULT '[]');
CREATE TABLE person (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE);
CREATE TABLE owner (task TEXT NOT NULL REFERENCES task (id), person INTEGER REFERENCES person (id), PRIMARY KEY (task, person));
"""
WRITES = (
    "INSERT INTO task (id, title) VALUES ('t{n}', '{who}') ON CONFLICT DO UPDATE SET title = excluded.title",
    "UPDATE task SET title = '{who} {n}' WHERE id = 't{n}'",
    "UPDATE task SET votes = votes + {n} WHERE id < 't{n}'",
    "UPDATE task SET tags = json_insert(tags, '$[#]', '{who}{n}') WHERE id = 't{n}'",
    "DELETE FROM task WHERE id = 't{n}' AND NOT EXISTS (SELECT 1 FROM owner WHERE task = task.id)",
    "INSERT OR IGNORE INTO person (login) VALUES ('login {n}')",
    "INSERT OR IGNORE INTO owner SELECT task.id, person.id FROM task, person WHERE task.id = 't{n}' LIMIT 1",
    "DELETE FROM owner WHERE task = 't{n}'",
)
WAYS = ("file", "dir", "ssh", "http", "s3", "nats")
REPLICAS = 5


class Calm(random.Random):
    """Chance of which nothing unlikely comes."""

    def random(self) -> float:
        """Return what is never below anything."""
        return 1.0


class Network:
    """Some replicas, and a file on a server that is reached by HTTP.

    Args:
        ways: by which they sync, if there are several each replica has two.
    """

    def __init__(self, folder: Path, ways: tuple[str, ...], rng: random.Random, services: Mapping[str, Any]) -> None:
        self.rng, self.folder, self.services = rng, folder, services
        self.happened: Counter[str] = Counter()
        make(folder / "server.db", SCHEMA, [])
        first = Replica.open(folder / "server.db")
        first.enable(all=True)
        first.set_type("task", "votes", "counter")
        first.set_type("task", "tags", "set")
        self.members = [first.clone(folder / f"{number}.db") for number in range(REPLICAS)]
        first.close()
        (folder / "team").mkdir()
        self.ways = {
            member.path: rng.sample(ways, min(2, len(ways))) if rng.random() < 0.8 else list(ways)
            for member in self.members
        }
        if len(ways) > 1:
            self.ways[self.members[0].path] = list(ways)  # so that all are connected
        self.remotes: dict[tuple[str, str], Peer | Store] = {}
        self.before: dict[str, Request] = {}

    def address(self, member: Replica, way: str) -> str:
        """Return where a way leads to from a member: files and pipes lead to the next one, the others to one place."""
        following = self.members[(self.members.index(member) + 1) % REPLICAS].path
        if way == "http":
            return str(self.services["http"])
        if way == "nats":
            broker: Broker = self.services["nats"]
            return broker.address(f"team-{self.folder.name}")
        return {
            "file": f"file://{following}",
            "ssh": f"ssh://here{following}",
            "dir": f"dir:{self.folder / 'team'}",
            "s3": f"s3://{BUCKET}/{self.folder.name}",
        }[way]

    def remote(self, member: Replica, way: str) -> Peer | Store:
        """Open a remote, or give the one that is open; it has its ways with what it carries."""
        key = (member.path, way)
        if key not in self.remotes:
            remote = reached(member, self.address(member, way))
            (self._meddle_with_peer if isinstance(remote, Peer) else self._meddle_with_store)(member, remote)
            self.remotes[key] = remote
        return self.remotes[key]

    def _meddle_with_peer(self, member: Replica, peer: Any) -> None:
        """Let others write before and after an exchange, send a request twice, and an old one once more before it."""
        exchange = peer.exchange

        def meddled(request: Request) -> Response:
            self.write_from_outside(member)
            old, self.before[peer.address] = self.before.get(peer.address), request
            if old is not None and old.site == request.site and self.rng.random() < 0.2:
                self.happened["an old request came once more"] += 1
                exchange(old)
            if self.rng.random() < 0.2:
                self.happened["a request came twice"] += 1
                exchange(request)
            response: Response = exchange(request)
            self.write_from_outside(member)
            return response

        peer.exchange = meddled

    def _meddle_with_store(self, member: Replica, store: Any) -> None:
        """Let others write while files are put and taken; some are put twice, and some not there yet."""
        put, get_many = store.put, store.get_many

        def meddled_put(name: str, data: bytes) -> None:
            self.write_from_outside(member)
            put(name, data)
            if self.rng.random() < 0.2:
                self.happened["a file was put twice"] += 1
                put(name, data)

        def meddled_get_many(names: Sequence[str]) -> Iterator[bytes | None]:
            for found in get_many(names):
                self.write_from_outside(member)
                late = self.rng.random() < 0.1
                self.happened["a file was not there yet"] += late
                yield None if late else found

        store.put, store.get_many = meddled_put, meddled_get_many

    def write_from_outside(self, member: Replica) -> None:
        """Write to a file as a program does that knows nothing of a sync that is under way."""
        if self.rng.random() >= 0.3:
            return
        connection = apsw.Connection(member.path)
        connection.set_busy_timeout(0)
        try:
            connection.execute(self._statement(member))
            self.happened["a program wrote during a sync"] += 1
        except apsw.BusyError:
            self.happened["a program waited for a sync"] += 1
        finally:
            connection.close()

    def _statement(self, member: Replica) -> str:
        return self.rng.choice(WRITES).format(n=self.rng.randrange(8), who=Path(member.path).stem)

    def step(self) -> None:
        """Write somewhere, or let one sync by one of its ways."""
        member = self.rng.choice(self.members)
        if self.rng.random() < 0.5:
            member.connection.execute(self._statement(member))
            self.happened["a write"] += 1
            return
        self.sync(member, self.rng.choice(self.ways[member.path]))

    def sync(self, member: Replica, way: str) -> None:
        """Sync by one way; what a reader has seen must stay seen."""
        before = member.vector()
        try:
            report = member.sync(self.remote(member, way))
        except errors.TransportError as error:
            self.happened[f"refused: {error}"[:60]] += 1
            return
        after = member.vector()
        assert all(after.get(site, 0) >= upto for site, upto in before.items()), "a reader went back"
        self.happened[way] += 1
        self.happened["news arrived"] += bool(report.received)

    def come_to_rest(self) -> None:
        """Sync undisturbed, as often as news needs to get everywhere, then compare everything."""
        self.rng = Calm()
        for _ in range(REPLICAS + 1):
            for member in self.members:
                for way in self.ways[member.path]:
                    member.sync(self.remote(member, way))
        first, *others = (state.shared(member.connection) for member in self.members)
        for number, other in enumerate(others, 1):
            for what, expected in first.items():
                assert other[what] == expected, f"replicas 0 and {number} differ in {what}"
        for member in self.members:
            assert member.connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert not self.members[0].doctor().broken

    def close(self) -> None:
        """Let go of everything."""
        for remote in self.remotes.values():
            remote.close()
        for member in self.members:
            member.close()


@contextmanager
def network(folder: Path, ways: tuple[str, ...], seed: int, services: Mapping[str, Any]) -> Iterator[Network]:
    """Make a network, and close it."""
    folder.mkdir()
    with ExitStack() as opened:
        made = Network(folder, ways, random.Random(f"{seed} {ways}"), services)
        opened.callback(made.close)
        if "http" in ways:
            server = opened.enter_context(hub.serving(folder / "server.db"))
            server.grant(folder / "server.db")
            made.services = {**services, "http": server.address(folder / "server.db")}
        yield made
