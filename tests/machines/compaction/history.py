"""Random histories of pairs: some replicas compact at random moments, their twins never do, and nobody must see a difference.

Each step has a source of chance of its own, so that a history can run without some of them. `story` has what was done.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from crdtsql import Replica
from crdtsql.base.errors import CrdtsqlError
from tests.machines.compaction import checks, exchange, files, pasts, situations, verbs, writing
from tests.machines.compaction.pairs import Clock, Pair
from tests.machines.simulation.tables import ROWS
from tests.machines.simulation.writes import Habits

MOST = 6
"""How many pairs there are at most."""


@dataclass
class History:
    """One history.

    Attributes:
        broken: whether the replicas forget what nobody agreed to, which must be noticed.
    """

    seed: int
    directory: Path
    broken: bool = False
    occurred: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(f"compaction {self.seed}")
        self.clock = Clock()
        self.family = writing.Family.choose(self.random, self.seed)
        self.pairs: list[Pair] = []
        self.retired: list[str] = []
        self.family_late: dict[str, str] = {}
        self.parcels: list[exchange.Parcel] = []
        self.truth: defaultdict[tuple[bytes, bytes], dict[int, int]] = defaultdict(dict)
        """What sites had seen of each other, as anybody ever knew it: site, peer -> before which event -> up to which one."""
        self.past: dict[str, list[list[dict[str, int]]]] = {}
        self.story: list[str] = []
        self.watch = situations.Watch(self.occurred)
        self.count = 0
        self.healthy: set[str] = set()
        """The pairs of which all that know of any of them know: the first one and its clones, unless restored or forgotten."""

    # -- the machinery ----------------------------------------------------------------------------

    def run(self, steps: list[int]) -> None:
        """Begin with a few pairs, take random steps, and end with everything exchanged and compacted."""
        try:
            self.begin()
            for number in steps:
                self.random = random.Random(f"compaction {self.seed} {number}")
                self.tell(f"step {number}:")
                if self.pairs:
                    self.step()
            self.random = random.Random(f"compaction {self.seed} at rest")
            self.tell("at rest:")
            if self.pairs:
                self.end()
        finally:
            for pair in self.pairs:
                pair.close()

    def tell(self, what: str) -> None:
        """Note what is done, for whoever has to understand a failure."""
        self.story.append(what)

    def tick(self) -> None:
        """Let time go on, by more than any number of events can use up."""
        self.clock.ms += 1000

    def new_pair(self, habits: Habits | None = None) -> Pair:
        """Return a pair without files."""
        self.count += 1
        habits = Habits(dict((habits or self.family.habits).tables), self.family.habits.focus, self.family.habits.calm)
        return Pair(f"r{self.count}", self.directory, self.clock, habits, self.family.writer)

    def begin(self) -> None:
        """Make the first pairs: most are clones, some were filled on their own."""
        number = self.random.choice((3, 3, 4, 5))
        self.healthy = {files.create(self, filled=True).name}
        while len(self.pairs) < number:
            self.tick()
            self.random.choice((files.clone, files.clone, files.copy, files.newcomer, self.filled_separately))(self)

        if self.random.random() < 0.6:
            self.write()
            self.gossip(1)
            self.gossip(1)

    def filled_separately(self, _history: History) -> None:
        """Create files that have rows of their own, and nearly always meet another one at once."""
        pair, (other,) = files.create(self), self.pick(1)
        if self.random.random() < 0.9 and pair is not other:
            self.tell(f"  sync {pair.name} and {other.name}")
            exchange.deliver(self, exchange.export(self, pair, other), other)
            exchange.deliver(self, exchange.export(self, other, pair), pair)

    def step(self) -> None:
        """Take one step."""
        actions = self.actions()
        self.tick()
        self.random.choices(list(actions), list(actions.values()))[0]()

    def actions(self) -> dict[Callable[[], Any], float]:
        """Return what may happen in a step, and how often it does."""
        room = len(self.pairs) < MOST
        return {
            self.write: 40,
            partial(exchange.sync, self): 26,
            partial(exchange.send, self): 8,
            partial(exchange.send_old, self): 7,
            self.compact: 16,
            self.gossip: 6,
            self.retire: 2,
            self.undelete: 4,
            self.resolve: 3,
            self.turn: 0.7,
            self.late: 3,
            self.verify: 2,
            partial(pasts.begin_or_end, self): 6,
            partial(pasts.undo, self): 4,
            partial(pasts.purge_actor, self): 1,
            lambda: files.newcomer(self): 2 * room,
            partial(self.go_on, files.clone): 2 * room,
            partial(self.go_on, files.copy): 2 * room,
            lambda: files.back_up(self): 2,
            lambda: files.restore(self): 2,
            lambda: files.lose(self): 1.2,
            self.forget: 2 + 6 * bool(self.retired),
        }

    def go_on(self, come: Callable[[History], None]) -> None:
        """Let files come that others don't know of; they are often written to at once, and what they stem from is sometimes forgotten."""
        come(self)
        pair = self.pairs[-1]
        self.tick()
        if self.random.random() < 0.5:
            self.write(pair)
        source = self.random.choice(self.pairs)
        others = [other for other in self.pairs if other not in (pair, source)]
        if others and self.random.random() < 0.2:
            other = self.random.choice(others)
            other.both(Replica.fold)
            known = verbs.sites(other.one.replica) - verbs.ended(other.one.replica)
            if source.site in known:
                self.tick()
                self.forget_site(other, source.site)

    def check(self, *pairs: Pair) -> None:
        """Compare pairs with their twins, and those that have the same events with each other."""
        for pair in pairs:
            checks.assert_alike(pair)
            checks.note_seen(pair.one.replica, self.truth)
            checks.assert_seen(pair, self.truth)
            self.watch.looked(pair)
        self.occurred["checks"] += len(pairs)
        self.occurred["equal vectors"] += checks.assert_equal(self.pairs)

    # -- steps ------------------------------------------------------------------------------------

    def pick(self, number: int) -> list[Pair]:
        """Return some pairs, fewer if there are not so many."""
        return self.random.sample(self.pairs, min(number, len(self.pairs)))

    def write(self, pair: Pair | None = None) -> None:
        """Let a program write, to a pair or to a random one."""
        pair = pair or self.pick(1)[0]
        before = situations.stamps(pair)
        acts = pasts.acting(self, pair)
        for _ in range(self.random.choice((1, 2, 3, 5))):
            writing.write(self, pair)
        if acts:
            pair.program.execute("DELETE FROM crdt_actor")
        if self.random.random() < 0.7:
            self.watch.wrote(pair, before, self.pairs)
            self.check(pair)

    def compact(self) -> None:
        """Let a replica compact, while its twin only folds."""
        (pair,) = self.pick(1)
        keep_ms = self.random.choice((0, 0, 0, 0, 5000))
        self.compact_one(pair, keep_ms)

    def compact_one(self, pair: Pair, keep_ms: int = 0) -> None:
        """Let a replica compact, while its twin only folds."""
        self.tell(f"  compact {pair.name} keep_ms={keep_ms}")
        pasts.trim(pair)
        pair.both(Replica.fold)
        before = situations.stamps(pair)
        if self.broken:
            removed = pair.one.do(verbs.compact_unasked)
            self.tell(f"    forgot {removed} unasked")
            pair.one.do(Replica.close)
            pair.one.open()
        else:
            seen = verbs.seen(pair.one.replica)
            checks.note_seen(pair.one.replica, self.truth)
            report = pair.one.do(lambda replica: replica.compact(keep_ms=keep_ms))
            self.occurred["what a site had seen was forgotten"] += bool(seen - verbs.seen(pair.one.replica))
            self.tell(f"    {verbs.told(report)}")
        self.watch.compacted(pair, before, self.pairs)
        self.check(pair)

    def gossip(self, often: float = 0.4) -> None:
        """Let all compact and sync in a row, while somebody goes on writing: rounds are finished so.

        Args:
            often: how often one of them compacts.
        """
        order = self.pick(len(self.pairs))
        for pair, other in [*pairwise(order), *pairwise(reversed(order))]:
            if pair not in self.pairs or other not in self.pairs:
                continue
            if self.random.random() < often:
                self.compact_one(pair)
            self.tick()
            self.tell(f"  sync {pair.name} and {other.name}")
            if exchange.deliver(self, exchange.export(self, pair, other), other):
                exchange.deliver(self, exchange.export(self, other, pair), pair)
            self.tick()
            if self.random.random() < 0.2:
                self.write()
                self.tick()

    def retire(self) -> None:
        """Forget who is gone, and let all agree to it, until nobody names them any more."""
        self.meet()
        self.forget_gone()
        for _ in range(self.random.choice((1, 2, 3))):
            self.compact_all()
            if self.random.random() < 0.5:
                self.write()

    def undelete(self) -> None:
        """Bring a deleted row back, where its values are still there."""
        (pair,) = self.pick(1)
        pair.both(Replica.fold)
        rows = sorted(checks.deleted(pair.twin.replica))
        if not rows:
            return
        table, exact = self.random.choice(rows)
        key = tuple(checks.value_of(part) for part in exact)
        self.tell(f"  undelete {pair.name} {table} {key}")
        try:
            pair.one.do(lambda replica: replica.undelete(table, *key))
        except CrdtsqlError as error:
            self.tell(f"    refused: {error}")
            if checks.may_be_purged(pair, (table, exact)):
                self.occurred["undelete of a row that may be purged"] += 1
            else:
                self.same_error(pair, error, lambda replica: replica.undelete(table, *key))
            self.check(pair)
            return
        pair.twin.do(lambda replica: replica.undelete(table, *key))
        self.occurred["undeletes"] += 1
        self.check(pair)

    def resolve(self) -> None:
        """Take one side of all open conflicts."""
        (pair,) = self.pick(1)
        take = self.random.choice(("ours", "theirs"))
        pair.both(Replica.fold)
        here, there = (len(found.resolved) for found in pair.both(lambda replica: replica.resolve_all(take)))
        self.tell(f"  {pair.name} takes {take} of {here} conflicts")
        assert here == there, f"{pair.name} resolved {here} conflicts, its twin {there}"
        self.occurred["conflicts were resolved"] += here > 0
        self.check(pair)

    def turn(self) -> None:
        """Exchange everything, and give a table another row policy everywhere."""
        self.meet()
        table = self.random.choice(list(self.family.habits.tables))
        shape = self.family.habits.tables[table]
        policy = self.random.choice([rows for rows in ROWS if rows != shape.rows])
        self.tell(f"  {table} is {policy} from now on")
        self.parcels.clear()
        for pair in self.pairs:
            pair.backup = None
            pair.both(lambda replica: replica.set_rows(table, policy, granularity=shape.granularity))
        for pair in (self.family, *self.pairs):
            pair.habits.tables[table] = replace(shape, rows=policy)
        self.occurred["a table got another policy after a compaction"] += bool(verbs.floor(self.pairs[0].one.replica))
        self.check(*self.pairs)

    def same_error(self, pair: Pair, error: CrdtsqlError, work: Callable[[Replica], Any]) -> None:
        """Check that the twin is refused what the replica was refused."""
        try:
            pair.twin.do(work)
        except type(error):
            return
        raise AssertionError(f"{pair.name} was refused what its twin was not: {error}")

    def late(self) -> None:
        """Add a column to a table, or write to one that was added."""
        (pair,) = self.pick(1)
        writing.late(self, pair)
        self.check(pair)

    def verify(self) -> None:
        """Compare two replicas that have the same events, whatever was compacted on either side."""
        if len(self.pairs) < 2:
            return
        one, other = self.pick(2)
        self.tell(f"  verify {one.name} and {other.name}")
        if not (
            exchange.deliver(self, exchange.export(self, one, other), other)
            and exchange.deliver(self, exchange.export(self, other, one), one)
        ):
            return
        if one.one.do(Replica.vector) != other.one.do(
            Replica.vector
        ):  # what came last was that all have all of an ended site
            exchange.deliver(self, exchange.export(self, one, other), other)
        report = one.one.do(lambda replica: replica.verify(other.one.replica))
        assert report.compared, f"{one.name} and {other.name} have not the same changes: {report}"
        self.occurred["verify"] += 1
        assert report.equal, f"verify says that {one.name} and {other.name} differ: {report}"

    def forget(self) -> None:
        """Say that a site is ended: one that is gone, or one that is still there and comes back."""
        (pair,) = self.pick(1)
        pair.both(Replica.fold)
        vector = verbs.sites(pair.one.replica) - verbs.ended(pair.one.replica)
        gone = [site for site in self.retired if site in vector]
        living = [p.site for p in self.pairs if p is not pair and p.site in vector]
        site = self.random.choice(gone) if gone and self.random.random() < 0.85 else self.random.choice(living or [""])
        if site and (site in gone or self.random.random() < 0.3):
            self.forget_site(pair, site)

    def forget_site(self, pair: Pair, site: str) -> None:
        """Say that a site is ended."""
        self.tell(
            f"  {pair.name} forgets {site[:8]}, {'which is gone' if site in self.retired else 'which is still there'}"
        )
        pair.both(Replica.fold)
        pair.one.do(lambda replica: replica.forget(site))
        self.healthy -= {other.name for other in self.pairs if other.site == site}
        self.occurred[
            "a site that is gone was forgotten" if site in self.retired else "a site that comes back was forgotten"
        ] += 1
        self.check(pair)

    # -- the end ----------------------------------------------------------------------------------

    def end(self) -> None:
        """Exchange everything, forget who is gone, compact on all sides, and go on a little."""
        for pair in self.pairs:
            for table in self.family.habits.tables:
                writing.add_late(self, pair, table)
        self.meet()
        self.forget_gone()
        self.compact_all()
        for _ in range(3):
            self.tick()
            self.write()
        self.meet()
        self.random.choice(self.pairs).both(lambda replica: replica.resolve_all("ours"))
        for _ in range(3):
            self.compact_all()
        self.occurred["a retired site is named by stamps in the end"] += checks.assert_retired(self.pairs) > 0
        for pair in self.pairs:
            checks.assert_sound(pair)
        for pair in self.pairs[1:]:
            report = self.pairs[0].one.do(lambda replica, pair=pair: replica.verify(pair.one.replica))
            assert report.equal, f"verify says that {pair.name} differs: {report}"
        self.watch.ended(self.pairs)

    def compact_all(self) -> None:
        """Let all agree, exchange that, and compact."""
        self.meet()
        for pair in self.pairs:
            self.tick()
            self.compact_one(pair)
        self.meet()
        for pair in self.pairs:
            self.tick()
            self.compact_one(pair)

    def forget_gone(self) -> None:
        """Let one replica forget all sites that are gone."""
        pair = self.random.choice(self.pairs)
        living = {p.site for p in self.pairs}
        pair.both(Replica.fold)
        for site in sorted(verbs.awaited(pair.one.replica)):
            if site not in living:
                self.tick()
                self.forget_site(pair, site)

    def meet(self) -> None:
        """Let all pairs have all that the others have."""
        for _ in range(len(self.pairs) + 2):
            self.meet_once()
            vectors = [pair.both(Replica.vector)[0] for pair in self.pairs]
            if all(vector == vectors[0] for vector in vectors):
                return
        raise AssertionError(f"not all have all: {vectors}")

    def meet_once(self) -> None:
        """Let one pair have what all others have, and these what it has then."""
        hub = self.pairs[0]
        for there in (True, False):
            for pair in self.pairs[1:]:
                self.tick()
                sender, receiver = (pair, hub) if there else (hub, pair)
                if sender in self.pairs and receiver in self.pairs:
                    exchange.deliver(self, exchange.export(self, sender, receiver), receiver)
