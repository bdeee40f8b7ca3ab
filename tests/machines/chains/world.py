"""Two groups of replicas with one history: one that requires proofs, and its twin, which requires nothing.

Whatever the one gets where, the other must get there too: after each step both show the same, and in the end all replicas are equal.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from typing import Any

import apsw

from crdtsql import CrdtsqlError, Replica, errors, sync
from crdtsql.store import Registry
from crdtsql.wire import parts_of
from tests.machines.chains import schemas
from tests.support import library, state
from tests.support.peers import START_MS

PLAIN, PROVEN = 0, 1
MOST = 6


class Killed(Exception):
    """The process ended here."""


class Member:
    """One replica, in both groups.

    Attributes:
        paths: its files, without and with proofs.
        sides: the replicas.
        backup: older states of both files.
        altered: how many of the schema changes that come one by one it has made.
    """

    def __init__(self, history: History, number: int) -> None:
        self.history, self.number, self.altered = history, number, 0
        self.paths = [folder / f"{number}.db" for folder in history.folders]
        self.sides: list[Replica] = []
        self.backup: tuple[list[Path], int] | None = None

    def open(self) -> None:
        """Open both files, which may have become new sites."""
        self.sides = [self.history.opened(side, path) for side, path in enumerate(self.paths)]

    def close(self) -> None:
        """Close both."""
        for one in self.sides:
            one.close()


class History:
    """All of it, from one seed.

    Attributes:
        story: what was done.
        compacted: something was compacted.
        purged: something was purged, so that links are there without their changesets.
        newcomer: a clone from the beginning, which hears nothing until the end.
    """

    def __init__(self, folder: Path, seed: int, family: str) -> None:
        self.random, self.family, self.now = Random(f"{family} {seed}"), family, START_MS
        self.folders = [folder / "plain", folder / "proven"]
        for one in self.folders:
            one.mkdir()
        self._sites = [Random(f"sites {seed}"), Random(f"sites {seed}")]
        self.story: list[str] = []
        self.occurred: Counter[str] = Counter()
        self.members: list[Member] = []
        self.parcels: list[list[bytes]] = []
        self.compacted, self.purged, self.changes = False, False, 0
        self.topology: Callable[[int], list[tuple[int, int]]] = self._star
        self._begin()

    def opened(self, side: int, path: Path) -> Replica:
        """Open a file of one of the groups."""
        return Replica.open(path, now=lambda: self.now, make_site=lambda: self._sites[side].randbytes(16))

    # -- the beginning -----------------------------------------------------------------------------

    def _begin(self) -> None:
        first, policies = Member(self, 0), self.random.random()
        for path in first.paths:
            schemas.create(path, self.family)
        first.open()
        for one in first.sides:
            schemas.enable(one, self.family, Random(policies))
        self.members = [first]
        for _ in range(8):
            self._write(first)
        early = self.random.random() < 0.5
        if early:
            self._prove(first)
        for number in range(1, self.random.choice((3, 3, 4, 5))):
            self._clone(first, Member(self, number), early)
        if not early:
            self.rest()
            for one in self.members:
                one.sides[PROVEN].sign()
            for one in self.members:
                self.introduce(one)
            for one in self.members:
                self._prove(one)
        self.topology = self.random.choice((self._star, self._line, self._ring))
        self._clone(first, Member(self, 100), True)
        self.newcomer = self.members.pop()

    def _prove(self, member: Member) -> None:
        member.sides[PROVEN].sign()
        member.sides[PROVEN].set_requires_proofs(True)

    def introduce(self, member: Member) -> None:
        """Let all trust one that is new; and it whom it does not know, by its first key: by a later one alone it waits (SECURITY.md)."""
        self.fold()
        for other in self.members:
            if other is member:
                continue
            for one, trusted in ((member, other), (other, member)):
                here, there = one.sides[PROVEN], trusted.sides[PROVEN]
                if there.site not in {signer.site for signer in here.trusted() if signer.trusted}:
                    here.trust(there.site, there.sign().steps[0].key.hex())

    def _clone(self, source: Member, member: Member, proven: bool) -> None:
        for side, path in enumerate(member.paths):
            source.sides[side].clone(path).close()
        member.altered = source.altered
        member.open()
        self.members.append(member)
        if proven:
            self.introduce(member)

    # -- who reaches whom --------------------------------------------------------------------------

    def _star(self, count: int) -> list[tuple[int, int]]:
        return [(0, number) for number in range(1, count)]

    def _line(self, count: int) -> list[tuple[int, int]]:
        return list(pairwise(range(count)))

    def _ring(self, count: int) -> list[tuple[int, int]]:
        return [*pairwise(range(count)), (count - 1, 0)]

    def _all(self, count: int) -> list[tuple[int, int]]:
        return list(combinations(range(count), 2))

    def edges(self) -> list[tuple[Member, Member]]:
        """Return who can sync with whom now."""
        return [(self.members[a], self.members[b]) for a, b in self.topology(len(self.members))]

    def rewire(self) -> str:
        """Let others be neighbours."""
        self.random.shuffle(self.members)
        self.topology = self.random.choice((self._star, self._line, self._ring))
        return f"{self.topology.__name__} {[one.number for one in self.members]}"

    # -- steps -------------------------------------------------------------------------------------

    def step(self) -> None:
        """Do one thing in both groups; then both show the same."""
        self.now += self.random.choice((0, 1, 40, 2000))
        weights: dict[Callable[[], str], float] = {
            self.write: 14,
            self.sync: 16,
            self.post: 3,
            self.deliver: 3,
            self.rewire: 1,
            self.clone: 1,
            self.copy: 0.5,
            self.back_up: 1,
            self.restore: 1,
            self.rotate: 0.7,
            self.purge: 0.4,
            self.compact: 0.4,
            self.add_column: 1.2,
            self.change_schema: 0.4,
            self.reopen: 1,
            self.kill: 1.5,
            self.undelete: 0.7,
            self.resolve: 0.7,
            self.keep: 1,
            self.undo: 0.7,
        }
        act = self.random.choices(list(weights), list(weights.values()))[0]
        self.story.append(act.__name__)
        said = act()
        self.story[-1] += f" {said}"
        self.occurred[act.__name__] += 1

    def both(self, member: Member, verb: Callable[[Replica], Any]) -> list[Any]:
        """Do something on both sides; what is refused must be refused on both, for one reason."""
        found: list[Any] = []
        for one in member.sides:
            try:
                found.append(verb(one))
            except (CrdtsqlError, apsw.ConstraintError) as error:
                found.append(error)
        kinds = [type(one) if isinstance(one, Exception) else None for one in found]
        if kinds[PLAIN] != kinds[PROVEN]:
            raise AssertionError(f"without proofs: {found[PLAIN]!r}; with proofs: {found[PROVEN]!r}")
        return found

    def check(self, *members: Member) -> None:
        """Compare what both sides show, and what they know."""
        for member in members:
            vectors = [one.vector() for one in member.sides]
            shown = [{**state.tables(one.connection), "held": self.held(one)} for one in member.sides]
            for name in shown[PLAIN]:
                assert shown[PLAIN][name] == shown[PROVEN][name], (
                    f"{member.number} {name}: without proofs {shown[PLAIN][name]}, with proofs {shown[PROVEN][name]}"
                )
            assert vectors[PLAIN] == vectors[PROVEN], f"{member.number}: {vectors}"

    def write(self) -> str:
        member = self.random.choice(self.members)
        return f"{member.number} {[self._write(member) for _ in range(self.random.choice((1, 1, 2, 4)))]}"

    def _write(self, member: Member) -> str:
        made = schemas.writer(member.paths[PLAIN], self.family)
        try:
            found = list(schemas.statements(made, self.random))
        finally:
            made.close()
        enforced = int(self.random.random() < 0.85)
        taken = [self._run(path, found, enforced) for path in member.paths]
        assert taken[PLAIN] == taken[PROVEN], f"{found}: {taken}"
        if self.random.random() < 0.5:
            self.both(member, Replica.fold)
        return f"{found} {taken[PLAIN]}"

    def _run(self, path: Path, found: list[schemas.Statement], enforced: int) -> bool:
        connection = library.connect(str(path))
        library.set_pragmas(connection, foreign_keys=enforced, recursive_triggers=0)
        try:
            with connection:
                for text, values in found:
                    connection.execute(text, values)
        except apsw.ConstraintError:
            return False
        finally:
            connection.close()
        return True

    def sync(self) -> str:
        one, other = self.random.choice(self.edges())
        limit = self.random.choice(("half", "half", None, 2))
        return f"{one.number} {other.number} {limit}: {self._sync(one, other, limit)}"

    def _sync(self, one: Member, other: Member, limit: Any = None) -> str:
        reports: list[Any] = []
        for member in (one, other):
            self.both(member, Replica.fold)
        for side in (PLAIN, PROVEN):
            try:
                reports.append(sync(one.sides[side], other.sides[side], max_deletes=limit))
            except CrdtsqlError as error:
                reports.append(error)
        plain, proven = reports
        if isinstance(plain, CrdtsqlError) or isinstance(proven, CrdtsqlError):
            assert type(plain) is type(proven), f"without proofs: {plain!r}; with proofs: {proven!r}"
            if isinstance(plain, errors.TooManyDeletesError):
                return self._sync(one, other)  # what was taken before it was refused may differ
            return repr(plain)
        assert proven.skipped == [], f"left out: {proven.skipped}"
        self.check(one, other)
        return "synced"

    def post(self) -> str:
        """Export for somebody, to be delivered later, or never."""
        sender, receiver = self.random.sample(self.members, 2)
        since = [one.vector() for one in receiver.sides]
        data = [one.export(vector) for one, vector in zip(sender.sides, since, strict=True)]
        self.parcels = [*self.parcels[-5:], data]
        self.occurred["bundles"] += len(parts_of(data[PROVEN])) > 1
        return f"{sender.number} -> {receiver.number}"

    def deliver(self) -> str:
        """Deliver what was exported before, perhaps to another one, where it can be taken without proofs."""
        if not self.parcels:
            return "nothing"
        data = self.random.choice(self.parcels)
        receiver = self.random.choice(self.members)
        self.both(receiver, Replica.fold)
        try:
            receiver.sides[PLAIN].merge(data[PLAIN])
        except CrdtsqlError as error:
            return f"{receiver.number}: {error!r}"
        receiver.sides[PROVEN].merge(data[PROVEN])
        self.check(receiver)
        return str(receiver.number)

    def clone(self) -> str:
        if len(self.members) >= MOST:
            return "too many"
        source = self.random.choice(self.members)
        member = Member(self, 1 + max(one.number for one in self.members))
        self._clone(source, member, True)
        return f"{source.number} -> {member.number}"

    def copy(self) -> str:
        """Copy a file as any program does."""
        if len(self.members) >= MOST:
            return "too many"
        source = self.random.choice(self.members)
        member = Member(self, 1 + max(one.number for one in self.members))
        self.seal()
        for before, after in zip(source.paths, member.paths, strict=True):
            _copy(before, after)
        member.altered = source.altered
        member.open()
        self.members.append(member)
        self.introduce(member)
        return f"{source.number} -> {member.number}"

    def back_up(self) -> str:
        member = self.random.choice(self.members)
        kept = [path.with_suffix(f".{len(self.story)}.backup") for path in member.paths]
        self.seal()
        for before, after in zip(member.paths, kept, strict=True):
            _copy(before, after)
        member.backup = kept, member.altered
        return str(member.number)

    def restore(self) -> str:
        """Put an older file in the place of one; it is a new site."""
        found = [one for one in self.members if one.backup]
        if not found or self.compacted:
            return "none"
        member = self.random.choice(found)
        assert member.backup
        kept, member.altered = member.backup
        member.backup = None
        self.both(member, lambda one: one.set_name("restored"))  # a file that nothing changed since is the same site
        member.close()
        in_place = self.random.random() < 0.5
        for before, after in zip(kept, member.paths, strict=True):
            for suffix in ("-wal", "-shm"):
                Path(f"{after}{suffix}").unlink(missing_ok=True)
            if in_place:
                shutil.copyfile(before, after)
            else:
                os.replace(before, after)
        member.open()
        self.introduce(member)
        self.check(member)
        return f"{member.number} {'in place' if in_place else ''}"

    def fold(self) -> None:
        """Let all note what was written."""
        for member in self.members:
            self.both(member, Replica.fold)

    def seal(self) -> None:
        """Let all sign what they wrote: what a copied file has that is not signed yet waits, which is right, but not what the twin does."""
        self.fold()
        for member in self.members:
            self.both(member, lambda one: one.export({}))

    def rotate(self) -> str:
        self.fold()
        member = self.random.choice(self.members)
        member.sides[PROVEN].sign(rotate=True)
        return str(member.number)

    def purge(self) -> str:
        """Purge a deleted row, where all have all."""
        self.rest()
        member, table = self.random.choice(self.members), self.random.choice(("bag", "plot", "other"))
        gone = [
            row.key for row in member.sides[PLAIN].held(table, deleted=True) if row.reason in ("deleted", "referenced")
        ]
        if not gone:
            return "none"
        key = self.random.choice(gone)
        self.both(member, lambda one: one.purge(table, [key]))
        self.rest()
        self.purged = True
        self.parcels = []
        return f"{member.number} {table} {key}"

    def compact(self) -> str:
        """Let all agree on a compaction, of which each must hear from all others."""
        self.rest()
        topology, self.topology, self.compacted = self.topology, self._all, True
        for _ in range(2):
            for member in self.members:
                self.both(member, lambda one: one.compact(keep_ms=0))
                self.rest()
        self.parcels, self.topology = [], topology
        for one in self.members:
            one.backup = None
        return "all"

    def add_column(self) -> str:
        """Let one replica add a column that others may have or lack."""
        member = self.random.choice(self.members)
        name, member.altered = f"more{member.altered}", member.altered + 1
        self.both(member, lambda one: one.alter(f"ALTER TABLE plot ADD COLUMN {name}"))
        return f"{member.number} {name}"

    def change_schema(self) -> str:
        """Let all make the same change of the schema, whatever each has."""
        self.changes += 1
        kind = self.random.choice(("rename", "drop", "late"))
        if kind == "late":
            for one in self.members:
                self.both(one, lambda replica: replica.enable("late", if_needed=True))
            return kind
        columns = [schemas.columns(one.sides[PLAIN].connection, "plot") for one in self.members]
        if kind == "drop" and any(len(now) < 5 for now in columns):
            return "none"
        for one, now in zip(self.members, columns, strict=True):
            change = f"RENAME COLUMN {now[2]} TO v{self.changes}" if kind == "rename" else f"DROP COLUMN {now[3]}"
            self.both(one, lambda replica, change=change: replica.alter(f"ALTER TABLE plot {change}"))
        return kind

    def reopen(self) -> str:
        member = self.random.choice(self.members)
        member.close()
        member.open()
        return str(member.number)

    def kill(self) -> str:
        """Let the process end within a merge of the group with proofs, at some step; then sync as if nothing had been."""
        one, other = self.random.choice(self.edges())
        left = [self.random.randrange(12)]
        for member in (one, other):
            self.both(member, Replica.fold)

        def progress(what: str, done: int, of: int) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed

        one.sides[PROVEN].on_progress = other.sides[PROVEN].on_progress = progress
        killed = False
        try:
            sync(one.sides[PROVEN], other.sides[PROVEN])
        except Killed:
            killed = True
        except errors.CrdtsqlError as error:
            killed = isinstance(error, errors.TooManyDeletesError)
            if not killed:
                raise
        for member in (one, other):
            member.close()
            member.open()
        return f"{one.number} {other.number} {killed} {self._sync(one, other)}"

    def undelete(self) -> str:
        self.fold()
        member, table = self.random.choice(self.members), self.random.choice(("bag", "plot", "other"))
        gone = [row.key for row in member.sides[PLAIN].held(table, deleted=True) if row.reason == "deleted"]
        if not gone:
            return "none"
        key = self.random.choice(gone)
        self.both(member, lambda one: one.undelete(table, *key))
        return f"{member.number} {table} {key}"

    def resolve(self) -> str:
        """Answer a conflict."""
        self.fold()
        member = self.random.choice(self.members)
        found = member.sides[PLAIN].conflicts()
        numbers = [[one.id for one in side.conflicts()] for side in member.sides]
        common = [n for n in numbers[PLAIN] if n in numbers[PROVEN]]
        if not common or not found:
            return "none"
        self.both(member, lambda one: one.resolve(common[0], "theirs" if len(self.story) % 2 else "ours"))
        return f"{member.number} {common[0]}"

    def keep(self) -> str:
        """Begin the history of a table in one file, of which others hear, or end it there, or empty it."""
        member, table = self.random.choice(self.members), self.random.choice(("bag", "plot", "other"))
        what = self.random.choice(("on", "on", "on", "off", "drop"))
        if what == "on":
            keep = self.random.choice((None, None, timedelta(minutes=30)))
            self.both(member, lambda one: one.keep_history(table, keep=keep))
        else:
            self.both(member, lambda one: one.end_history(table, drop=what == "drop"))
        return f"{member.number} {table} {what}"

    def undo(self) -> str:
        """Undo what one site wrote lately."""
        self.fold()
        member, other = self.random.sample(self.members, 2)
        since = timedelta(seconds=self.random.choice((1, 5)))
        site = other.sides[PLAIN].site
        found = self.both(member, lambda one: one.undo(site=site, since=since))
        told = [one if isinstance(one, Exception) else one.to_json() for one in found]
        assert repr(told[PLAIN]) == repr(told[PROVEN]), told
        self.occurred["rows undone"] += len(getattr(found[PLAIN], "undone", ()))
        self.check(member)
        return f"{member.number} {other.number} {repr(found[PLAIN])[:200]}"

    # -- the end -----------------------------------------------------------------------------------

    def rest(self) -> None:
        """Sync along all edges until nobody has any news."""
        self.now += 3_600_000
        for _ in range(len(self.members) + 2):
            before = [[one.vector() for one in member.sides] for member in self.members]
            for one, other in self.edges():
                said = self._sync(one, other)
                assert said == "synced", said
            vectors = [[one.vector() for one in member.sides] for member in self.members]
            if all(found == vectors[0] for found in vectors) and before == vectors:
                return
        raise AssertionError(f"there is always more to sync: {vectors}")

    def finish(self) -> None:
        """Come to rest; then all are equal, on both sides, and doctor finds nothing."""
        for member in self.members:
            for number in range(member.altered, max(one.altered for one in self.members)):
                self.both(member, lambda one, n=number: one.alter(f"ALTER TABLE plot ADD COLUMN more{n}"))
            self.both(member, lambda one: one.enable("late", if_needed=True))
        self.rest()
        shared = [[self.shared(one) for one in member.sides] for member in self.members]
        for member, found in zip(self.members, shared, strict=True):
            names = ("tables", "held", "vector") if self.compacted else tuple(found[PLAIN])
            for what in names:
                assert found[PROVEN][what] == found[PLAIN][what], (
                    f"{member.number} {what}: {_apart(found[PROVEN][what], found[PLAIN][what])}"
                )
            for what in ("tables", "held", "vector"):
                one, first = found[PROVEN][what], shared[0][PROVEN][what]
                assert one == first, f"{member.number} {what}: {_apart(one, first)}"
        for member in self.members:
            for one in member.sides:
                report = one.doctor()
                assert not report.broken, report.to_json()
        if not (self.compacted or self.purged):
            self.teach()

    def teach(self) -> None:
        """Let a clone of long ago get all from one; it trusts each site by the first key that this had."""
        member, newcomer = self.random.choice(self.members), self.newcomer.sides[PROVEN]
        newcomer.enable("late", if_needed=True)
        known = {signer.site for signer in newcomer.trusted()}
        for signer in member.sides[PROVEN].trusted():
            if signer.site not in known:
                newcomer.trust(signer.site.hex(), signer.steps[0].key.hex())
        newcomer.merge(member.sides[PROVEN].export(newcomer.vector()))
        assert newcomer.vector().items() >= member.sides[PROVEN].vector().items()

    def shared(self, one: Replica) -> dict[str, Any]:
        """Return what replicas with the same events must have alike."""
        found = state.shared(one.connection)
        for row in found["rows"].values():
            for name in [
                name for name, (value, _) in row.cells.items() if name.startswith("more") and value[1] is None
            ]:
                del row.cells[name]  # who added the column is said to have written NULL there
        return found | {"held": self.held(one)}

    def held(self, one: Replica) -> dict[Any, str]:
        """Return why rows are held, but for deleted ones once something was compacted: each forgets them when it has heard of all others."""
        found = state.held(one.connection)
        return {key: why for key, why in found.items() if not (self.compacted and why == "deleted")}

    def close(self) -> None:
        """Close all files."""
        for member in (*self.members, self.newcomer):
            member.close()


def _apart(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {k: (one.get(k), other.get(k)) for k in one.keys() | other.keys() if one.get(k) != other.get(k)}
    return one, other


def _copy(source: Path, target: Path) -> None:
    connection = apsw.Connection(str(source))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    shutil.copyfile(source, target)


def note_path(registry: Registry) -> str:
    """Return where it is noted how far a file has come: twins have sites of one name."""
    name = f"{registry.site_id(registry.self_ordinal).hex()}.json"
    folder = os.path.dirname(registry.connection.filename)
    return os.path.join(folder or os.environ["CRDTSQL_STATE_DIR"], "notes", name)
