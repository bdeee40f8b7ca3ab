"""A world of replicas, two folders that a sync program keeps alike, and everything that can go wrong between them.

What must hold all the way: whatever was put whole stays reachable from nothing in what both folders have together, unless the world
destroyed a file; a replica never goes back. In the end, once nothing goes wrong any more: all replicas are equal, one that has nothing gets
everything from either folder alone, and nobody puts anything more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count

import apsw

from crdtsql import Replica, errors, sync
from crdtsql.base import Agreement
from crdtsql.compaction import floor
from crdtsql.replica import SyncOptions
from crdtsql.transports.interface import Entry, Store
from crdtsql.transports.stores import segments
from crdtsql.transports.stores.reach import includes, join, reach
from crdtsql.transports.stores.rest import sync_with_store
from crdtsql.transports.stores.segments import Segment
from crdtsql.transports.stores.upkeep import Rules
from tests.support import state
from tests.support.peers import START_MS

SCHEMA = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, done)"
KEYS = [f"k{number}" for number in range(6)]
RULES = Rules(
    grace_ms=25,
    others_grace_ms=60,
    most_short=4,
    short_bytes=1 << 20,
    snapshot_bytes=2_000,
    eagerness=0.5,
    look_closer_ms=5,
)
MOST_ROUNDS = 24


class Killed(Exception):
    """The process ended here."""


class Depot(Store):
    """A folder in memory that may end the process of who uses it."""

    def __init__(self, address: str, marks: count[int]) -> None:
        self.address, self._marks = address, marks
        self.kill_after: int | None = None
        self.half: Callable[[], bool] = lambda: False
        self.on_put: Callable[[str, bytes], None] = lambda name, data: None
        self.files: dict[str, tuple[bytes, str]] = {}
        self.stale: dict[str, tuple[bytes, str]] | None = None

    @property
    def _listed(self) -> dict[str, tuple[bytes, str]]:
        return self.files if self.stale is None else self.stale

    def write(self, name: str, data: bytes) -> None:
        """Have a file, with a mark of its own."""
        self.files[name] = (data, str(next(self._marks)))

    def _step(self) -> None:
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                raise Killed

    def exists(self) -> bool:
        """It is one from the beginning."""
        return True

    def begin(self) -> None:
        """Do nothing."""

    def names(self) -> Collection[str]:
        """List the names."""
        return list(self._listed)

    def entries(self) -> Mapping[str, Entry]:
        """List the files."""
        return {name: Entry(len(data), mark) for name, (data, mark) in self._listed.items()}

    def get(self, name: str) -> bytes | None:
        """Return a file."""
        self._step()
        return self.files[name][0] if name in self.files else None

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Keep a file; whoever is killed meanwhile may leave half of it."""
        try:
            self._step()
        except Killed:
            if self.half():
                self.write(name, bytes(data[: len(data) // 2]))
            raise
        self.write(name, bytes(data))
        self.on_put(name, bytes(data))

    def delete(self, name: str) -> None:
        """Lose a file."""
        self._step()
        self.files.pop(name, None)


def whole(files: Mapping[str, bytes]) -> dict[str, Segment]:
    """Return the segments among files that are whole."""
    found = {}
    for stem, names in segments.gather(files).items():
        with suppress(errors.InvalidChangesetError):
            found[stem] = segments.checked(stem, b"".join(files[name] for name in names))
    return found


class Member:
    """A replica, the folders it visits, and what was seen of it."""

    def __init__(self, replica: Replica, depots: list[Depot]) -> None:
        self.replica, self.depots = replica, depots
        self.backups = [replica.connection.serialize("main")]
        self.had: dict[bytes, int] = {}

    def rows(self) -> list[tuple[object, ...]]:
        """Return what it shows."""
        return list(self.replica.connection.execute("SELECT id, title, done FROM task ORDER BY id"))

    def agreement(self) -> Agreement:
        """Return what it knows of what may be forgotten, and who agreed of those that must."""
        found = floor.read(self.replica.registry)
        return replace(found, acks=found.acks & found.members(self.replica.known()))


class World:
    """All of it, from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.destructive = seed % 2 == 1
        self._clock, marks = count(START_MS), count(1)
        self.depots = [Depot(f"depot:{seed}:{number}", marks) for number in (0, 1)]
        self.shared: set[str] = set()
        self.halves: set[tuple[int, str]] = set()
        self.ever: dict[bytes, int] = {}
        self._checked: dict[str, Segment] = {}
        for depot in self.depots:
            depot.on_put = self._note_put
            depot.half = lambda: self.rng.random() < 0.5
        self.members = [self.newcomer(self._places(number)) for number in range(self.rng.choice([3, 4, 5]))]
        self.patience = self.rng.choice([0, 0, 2])

    def _places(self, number: int) -> list[Depot]:
        return [self.depots, self.depots[:1], self.depots[1:]][number % 3]

    def now(self) -> int:
        """Return the time, which goes on with each look."""
        return next(self._clock)

    def newcomer(self, depots: list[Depot]) -> Member:
        """Make a replica that has nothing yet."""
        connection = apsw.Connection(":memory:")
        connection.execute(SCHEMA)
        replica = Replica.on(connection, now=self.now, make_site=lambda: self.rng.randbytes(16))
        replica.enable("task")
        return Member(replica, depots)

    def _note_put(self, name: str, data: bytes) -> None:
        for stem in segments.gather([name]):
            self._checked[stem] = segments.checked(stem, data)
            self.ever = join(self.ever, self._checked[stem].upto)

    # -- what happens ------------------------------------------------------------------------------

    def step(self) -> None:
        """Let one thing happen."""
        happens = (
            [self.write] * 6
            + [self.visit] * 8
            + [self.carry] * 5
            + [self.meet, self.agree, self.at_once, self.kill, self.restore, self.join]
        )
        if self.destructive:
            happens += [self.lose, self.rot]
        else:
            happens += [self.retire]
        self.rng.choice(happens)()
        for _ in range(self.rng.randrange(6)):
            self.now()
        self.check()

    def write(self) -> None:
        """Somebody writes rows."""
        self._write(self.rng.choice(self.members))

    def _write(self, member: Member) -> None:
        connection = member.replica.connection
        for _ in range(self.rng.choice([1, 1, 3])):
            key, value = self.rng.choice(KEYS), self.rng.randbytes(self.rng.choice([2, 2, 300])).hex()
            if self.rng.random() < 0.2:
                connection.execute("DELETE FROM task WHERE id = ?", (key,))
            else:
                column = self.rng.choice(["title", "done"])
                connection.execute(
                    f"INSERT INTO task (id, {column}) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}",
                    (key, value),
                )

    def visit(self) -> None:
        """Somebody syncs with a folder."""
        member = self.rng.choice(self.members)
        self._visit(member, self.rng.choice(member.depots))
        if self.rng.random() < 0.2:
            member.backups.append(member.replica.connection.serialize("main"))

    def _visit(self, member: Member, depot: Depot, patience: int | None = None) -> int:
        options = SyncOptions(patience=self.patience if patience is None else patience)
        site = member.replica.site
        report = sync_with_store(member.replica, depot, options, rules=RULES, now=self.now, chance=self.rng)
        known = member.replica.known()
        assert member.replica.site != site or includes(known, member.had), "a replica went back"
        assert not report.skipped
        member.had = known
        return report.sent

    def at_once(self) -> None:
        """Two replicas that have met visit one folder at once: neither sees what the other one puts."""
        depot = self.rng.choice(self.depots)
        found = [member for member in self.members if depot in member.depots]
        if len(found) > 1:
            one, other = self.rng.sample(found, 2)
            self._meet(one, other)
            before = dict(depot.files)
            self._visit(one, depot)
            depot.stale = before
            self._visit(other, depot)
            depot.stale = None

    def kill(self) -> None:
        """A process ends in the middle of a visit."""
        member = self.rng.choice(self.members)
        depot = self.rng.choice(member.depots)
        depot.kill_after = self.rng.randrange(4)
        with suppress(Killed):
            self._visit(member, depot)
        depot.kill_after = None

    def carry(self, *, soundly: bool = False) -> None:
        """The sync program brings some of what one folder has to the other one, in any order, sometimes half of a file."""
        for name in sorted(self.shared):
            if any(name not in depot.files for depot in self.depots) and (soundly or self.rng.random() < 0.5):
                self.shared.discard(name)
                for number, depot in enumerate(self.depots):
                    depot.files.pop(name, None)
                    self.halves.discard((number, name))
        for here, there in ((0, 1), (1, 0)):
            source, target = self.depots[here], self.depots[there]
            for name in sorted(source.files):
                half = (there, name) in self.halves
                if ((name in target.files or name in self.shared) and not half) or (here, name) in self.halves:
                    continue
                if soundly or self.rng.random() < 0.5:
                    self._copy(name, source.files[name][0], there, soundly=soundly)

    def _copy(self, name: str, data: bytes, there: int, *, soundly: bool) -> None:
        target, chance = self.depots[there], 1.0 if soundly else self.rng.random()
        if chance < 0.15:
            target.write(name, data[: self.rng.randrange(len(data))])
            self.halves.add((there, name))
        elif chance < 0.2:
            target.write(name.replace(".crdt", ".sync-conflict-20261127-ABCDEF.crdt"), data)
        else:
            target.write(name, data)
            self.halves.discard((there, name))
            self.shared.add(name)

    def meet(self) -> None:
        """Two replicas sync without any folder."""
        self._meet(*self.rng.sample(self.members, 2))

    def agree(self) -> None:
        """Somebody asks whether anything may be forgotten; what is as old as that is not there, so that nobody is refused."""
        self.rng.choice(self.members).replica.compact(keep_ms=2 * START_MS)

    def _meet(self, one: Member, other: Member) -> None:
        sync(one.replica, other.replica)
        one.had, other.had = one.replica.known(), other.replica.known()

    def restore(self) -> None:
        """An older state of somebody's file is put back: what stands in a folder proves that, or the file was recognized when it was opened."""
        member = self.rng.choice(self.members)
        member.replica.connection.close()
        opened = state.opened(self.rng.choice(member.backups))
        member.replica = Replica.on(opened, now=self.now, make_site=lambda: self.rng.randbytes(16))
        member.had = member.replica.known()
        if self.rng.random() < 0.5:
            self._write(member)
        own = bytes.fromhex(member.replica.site)
        depot = self.rng.choice(member.depots)
        there = reach(whole({name: data for name, (data, _) in depot.files.items()}).values(), {})
        if there.get(own, 0) > member.had.get(own, 0):
            self._visit(member, depot)
            assert member.replica.site != own.hex(), "nobody noticed that a replica was restored"
        else:
            with member.replica._writing():
                member.replica._become_new_site("it was restored")

    def join(self) -> None:
        """Somebody new begins with nothing, where there are not many yet."""
        if len(self.members) < 7:
            self.members.append(self.newcomer(self._places(self.rng.randrange(3))))

    def retire(self) -> None:
        """Somebody is gone for good, with all that only this replica had."""
        if len(self.members) > 2:
            self.members.remove(self.rng.choice(self.members))

    def lose(self) -> None:
        """A file is destroyed, in one folder or in both."""
        names = sorted({name for depot in self.depots for name in depot.files})
        if names:
            name = self.rng.choice(names)
            for depot in self.depots if self.rng.random() < 0.5 else [self.rng.choice(self.depots)]:
                depot.files.pop(name, None)

    def rot(self) -> None:
        """A file that was whole is damaged where it lies."""
        depot = self.rng.choice(self.depots)
        if depot.files:
            name = self.rng.choice(sorted(depot.files))
            data = bytearray(depot.files[name][0])
            data[self.rng.randrange(len(data))] ^= 1 + self.rng.randrange(255)
            depot.write(name, bytes(data))

    # -- what must hold ----------------------------------------------------------------------------

    def check(self) -> None:
        """Whatever was put whole is reachable in what both folders have together, if nothing was destroyed."""
        if self.destructive:
            return
        there = {}
        for depot in self.depots:
            for name, (data, _) in depot.files.items():
                for stem in segments.gather([name]):
                    if stem in self._checked and len(data) == self._checked[stem].size:
                        there[stem] = self._checked[stem]
        assert includes(reach(there.values(), {}), self.ever), "something that was put can't be reached any more"

    def come_to_rest(self) -> None:
        """Let nothing go wrong any more, until nobody puts anything; then all must be equal. What was seen whole may go after that."""
        self._rest()
        if self.destructive:
            for _ in range(3):
                self.rot()
                self.lose()
            self._rest()

    def _rest(self) -> None:
        quiet = 0
        for _ in range(MOST_ROUNDS):
            self.carry(soundly=True)
            sent = sum(self._visit(member, depot) for member in self.members for depot in member.depots)
            self.check()
            quiet = quiet + 1 if not sent else 0
            if quiet >= 4:
                break
        else:
            raise AssertionError("the replicas do not come to rest")
        first = self.members[0]
        for member in self.members[1:]:
            assert member.replica.known() == first.replica.known(), "vectors differ at rest"
            assert member.rows() == first.rows(), "tables differ at rest"
            assert member.agreement() == first.agreement(), "what was agreed on differs at rest"
        for depot in self.depots:
            late = self.newcomer([depot])
            assert self._visit(late, depot) == 0, "a newcomer puts something"
            assert late.rows() == first.rows(), "a newcomer does not get everything"


def play(seed: int, steps: int = 45) -> World:
    """Play one history."""
    world = World(seed)
    for _ in range(steps):
        world.step()
    world.come_to_rest()
    return world
