"""Three replicas of a program's file, written offline by random writers and merged in random order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import apsw

from crdtsql import Replica
from crdtsql.base import policy
from tests.programs import observe
from tests.programs.survival import Ledger
from tests.programs.writer import Writer
from tests.support import state
from tests.support.peers import is_empty

PROGRAMS = Path(__file__).parent / "schemas"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.sql"))
ROUNDS = 3
STATEMENTS_PER_TABLE = 2.5
MOST_PASSES = 4


def create(path: Path, program: str | Path, seed: int, rows: int) -> None:
    """Create a program's file with some rows per table; the program is a name, or a file with a schema."""
    source = program if isinstance(program, Path) else PROGRAMS / f"{program}.sql"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
    connection.execute(source.read_text(encoding="utf-8"))
    connection.close()
    writer = Writer(str(path), "g", seed)
    try:
        writer.fill(rows)
    finally:
        writer.close()


@dataclass
class Peer:
    """A replica, and the program that writes its file."""

    name: str
    replica: Replica
    writer: Writer

    @property
    def connection(self) -> apsw.Connection:
        """Return the replica's own connection."""
        return self.replica.connection

    def close(self) -> None:
        """Close both."""
        self.writer.close()
        self.replica.close()


@dataclass
class Network:
    """Replicas, what must be true of them, and what happened."""

    peers: list[Peer]
    ledger: Ledger
    random: random.Random
    happened: list[str] = field(default_factory=list)
    outcomes: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def write(self, peer: Peer, count: int, foreign_keys: bool) -> None:
        """Let a program write to its own replica."""
        before = self.ledger.look(peer.writer.connection)
        peer.writer.burst(count, foreign_keys=foreign_keys)
        self.ledger.note(before, self.ledger.look(peer.writer.connection), peer.name)
        self.happened.append(f"{peer.name} writes{'' if foreign_keys else ' without foreign keys'}")

    def send(self, sender: Peer, receiver: Peer) -> bool:
        """Merge what a replica lacks, and look at it; return whether there was anything."""
        data = sender.replica.export(receiver.replica.vector())
        for peer in (sender, receiver):
            self.ledger.free.pop(peer.name, None)
        self.merge(receiver, data, f"{sender.name} -> {receiver.name}")
        return not is_empty(data)

    def merge(self, receiver: Peer, data: bytes, what: str) -> None:
        """Merge a changeset; all constraints must hold then."""
        self.happened.append(what)
        receiver.replica.merge(data)
        problems = observe.broken(receiver.connection)
        assert not problems, f"after {what}: {problems}"

    def settle(self) -> None:
        """Exchange everything, in random order, until all know the same; then nobody has anything left to send."""
        pairs = list(permutations(self.peers, 2))
        for _ in range(MOST_PASSES):
            self.random.shuffle(pairs)
            for sender, receiver in pairs:
                if sender.replica.vector() != receiver.replica.vector():
                    self.send(sender, receiver)
            vectors = [peer.replica.vector() for peer in self.peers]
            if all(vector == vectors[0] for vector in vectors):
                break
        sender, receiver = pairs[0]
        assert not self.send(sender, receiver), f"{sender.name} knows what {receiver.name} knows and sends something"

    def check(self) -> None:
        """Compare the replicas once they have each other's events."""
        first, *others = self.peers
        for other in others:
            found = observe.differences(first.connection, other.connection)
            assert not found, f"{first.name} and {other.name} differ: " + "\n".join(found)
        missing = self.ledger.missing(first.connection)
        assert not missing, f"rows vanished: {missing}"
        everything = {peer.name: peer.replica.export() for peer in self.peers}
        for sender, receiver in zip(self.peers, [*self.peers[1:], first], strict=True):
            before = state.content(receiver.connection)
            receiver.replica.merge(everything[sender.name])
            assert state.content(receiver.connection) == before, f"merging all of {sender.name} again changed something"


def named_by_key(replica: Replica) -> set[str]:
    """Return the tables whose rows are named by their keys."""
    return {table.name for table in replica.registry.tables() if table.identity == policy.BY_KEY}


def network(directory: Path, program: str | Path, seed: int, names: str = "abc", rows: int = 3) -> Network:
    """Create a file, enable all its tables, and clone it."""
    chance = random.Random(f"{Path(program).stem} {seed}")
    numbers = iter(range(1, 1000))
    create(directory / f"{names[0]}.db", program, seed, rows)
    make_site = lambda: bytes([next(numbers), *chance.randbytes(15)])  # noqa: E731
    first = Replica.open(directory / f"{names[0]}.db", make_site=make_site)
    first.enable(all=True)
    replicas = [first, *(first.clone(directory / f"{name}.db") for name in names[1:])]
    peers = [
        Peer(name, replica, Writer(str(directory / f"{name}.db"), name, seed))
        for name, replica in zip(names, replicas, strict=True)
    ]
    ledger = Ledger(peers[0].writer.shapes, named_by_key(first))
    ledger.note({name: {} for name in ledger.shapes}, ledger.look(peers[0].writer.connection), "genesis")
    return Network(peers, ledger, chance)


def run(
    directory: Path,
    program: str,
    seed: int,
    lax: float = 0.0,
    each: Callable[[Network], None] | None = None,
) -> Network:
    """Write offline and merge for some rounds; then everything must be equal.

    Args:
        lax: how often a program writes with foreign keys not enforced.
        each: called after every round.
    """
    found = network(directory, program, seed)
    try:
        count = max(12, round(STATEMENTS_PER_TABLE * len(found.ledger.shapes)))
        for _ in range(ROUNDS):
            for peer in found.random.sample(found.peers, len(found.peers)):
                if found.random.random() < 0.85:
                    found.write(peer, count, foreign_keys=found.random.random() >= lax)
            for _ in range(found.random.randrange(4)):
                found.send(*found.random.sample(found.peers, 2))
            if each is not None:
                each(found)
        found.settle()
        found.check()
        for peer in found.peers:
            found.outcomes.update(peer.writer.outcomes)
        return found
    except Exception as error:
        error.add_note(f"{program}, seed {seed}, lax {lax}: " + "; ".join(found.happened))
        raise
    finally:
        for peer in found.peers:
            peer.close()
