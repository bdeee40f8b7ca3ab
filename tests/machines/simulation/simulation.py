"""A network of real replicas beside the model, driven by one random seed.

Each step lets some program write, or a changeset travel: late, doubled, to somebody else, or too early. After each merge
the receiver must hold exactly what the model says. `occurred` counts the situations that a run has really met.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

from crdtsql import Replica
from crdtsql.base.errors import ClockSkewError, MissingChangesError
from crdtsql.wire.envelope import IMAGE, PREFIX, REST, ROWS, unpack
from tests.machines.oracle import model
from tests.machines.oracle.events import Event, Row
from tests.machines.simulation import answers, at_rest, files, situations, writes
from tests.machines.simulation.files import Peer
from tests.machines.simulation.tables import Shape, for_model, schema, stored
from tests.support import state
from tests.support.library import large, sparing
from tests.support.peers import START_MS, is_empty


def _differences(real: state.RowState | None, expected: state.RowState | None) -> str:
    """Name what differs in a row, one thing a line."""
    if real is None or expected is None:
        return "" if real is expected else f"real  {real}\nmodel {expected}"
    lines = []
    for thing in fields(real):
        left, right = getattr(real, thing.name), getattr(expected, thing.name)
        if isinstance(left, dict):
            names = [name for name in left.keys() | right.keys() if left.get(name) != right.get(name)]
            lines += [f"{thing.name}.{name}: real {left.get(name)}\n  model {right.get(name)}" for name in names]
        elif left != right:
            lines.append(f"{thing.name}: real {left}\n  model {right}")
    return "\n".join(lines)


FORMATS = {IMAGE: "an image", ROWS: "rows"}


@dataclass
class Parcel:
    """A changeset under way, and what the model says it carries."""

    data: bytes
    changeset: model.Changeset
    deliveries: int = 0


@dataclass
class Simulation:
    """One history; each step has a source of chance of its own, so that the same history can run without some of them.

    Attributes:
        rows, granularity: the policies of all tables, if they are not those of the history.
    """

    seed: int
    directory: Path
    occurred: Counter[str] = field(default_factory=Counter)
    rows: str | None = None
    granularity: str | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.seed}")
        self.habits = self.choose_habits()
        self.world = model.World(for_model(self.habits.tables))
        self.elapsed_ms = 0
        self.frozen = self.random.random() < 0.3
        self.parcels: list[Parcel] = []
        self.vectors: list[dict[str, int]] = []
        self.peers: list[Peer] = []
        self.count = 0
        self.exported = 0
        self.restored: set[bytes] = set()
        self.written_on: set[int] = set()

    # -- the machinery ----------------------------------------------------------------------------

    def choose_habits(self) -> writes.Habits:
        """Choose the tables of this history, and what programs do with them."""
        return writes.Habits.choose(self.random, self.rows, self.granularity)

    def schema(self) -> str:
        """Return the statements that create the tables."""
        return schema(self.habits.tables)

    def open_writer(self, path: Path) -> writes.Writer:
        """Open a program's connection."""
        return writes.Writer(path, self.habits, self.occurred)

    def enabled(self, peer: Peer, table: str) -> None:
        """Do what is to be done once a table of a new file is enabled."""

    def copy_twin(self, twin: model.Replica, site: bytes) -> model.Replica:
        """Copy what the model knows of a file, with what was not folded yet."""
        return twin.copy(site)

    def turn(self, rows: str) -> None:
        """Let the model and the programs know that all tables have another row policy."""
        for name, shape in list(self.habits.tables.items()):
            self.turn_table(name, replace(shape, rows=rows))

    def turn_table(self, name: str, shape: Shape) -> None:
        """Let the model and the programs know that a table is enabled otherwise."""
        self.habits.tables[name] = shape
        self.world.tables = for_model(self.habits.tables)

    def created(self, peer: Peer) -> None:
        """Prepare a file that was just created."""

    def now_of(self, skew_ms: int) -> int:
        return START_MS + self.elapsed_ms + skew_ms

    def make_site(self) -> bytes:
        return self.random.randbytes(16)

    def open(self, path: Path, skew_ms: int) -> Replica:
        return Replica.open(path, now=lambda: self.now_of(skew_ms), make_site=self.make_site)

    def new_path(self) -> Path:
        self.count += 1
        return self.directory / f"{self.seed}-{self.count}.db"

    def run(self, steps: Iterable[int]) -> None:
        """Begin with a few replicas, take random steps, and end with everything exchanged."""
        try:
            self._begin()
            for number in steps:
                self.random = random.Random(f"{self.seed} {number}")
                self._step()
            self._end()
        finally:
            for peer in self.peers:
                peer.writer.close()
                peer.replica.close()

    def _begin(self) -> None:
        number = self.random.choice((2, 2, 3, 3, 4, 5))
        files.create(self)
        while len(self.peers) < number:
            self.random.choice(self.beginnings())(self)

    def beginnings(self) -> Sequence[Callable[[Simulation], None]]:
        """Return how a further file may come about at the beginning."""
        return (files.create, files.clone, files.clone, files.copy)

    def _step(self) -> None:
        if not self.frozen:
            self.elapsed_ms += self.random.choice((0, 0, 1, 40, 1500))
        actions = self.actions()
        action = self.random.choices(list(actions), list(actions.values()))[0]
        if getattr(action, "func", None) in (files.clone, files.copy) and len(self.peers) >= 7:
            action = self._send
        action()

    def actions(self) -> dict[Callable[[], None], float]:
        """Return what may happen in a step, and how often it does."""
        return {
            self._write: 48,
            self._send: 24,
            self._post: 10,
            self._deliver: 12,
            self._fold: 3,
            self._part: 3,
            self._shift_clock: 4,
            partial(files.crash, self): 3,
            partial(files.clone, self): 1,
            partial(files.copy, self): 2.5,
            partial(files.back_up, self): 5,
            partial(files.restore, self): 4,
            partial(answers.undelete, self): 4,
            partial(answers.purge, self): 5,
            partial(answers.resolve, self): 6,
        }

    # -- steps ------------------------------------------------------------------------------------

    def _shift_clock(self) -> None:
        peer = self.random.choice(self.peers)
        files.set_skew(self, peer, self.random.choice((-90_000, 0, 60_000, 200_000, 400_000)))
        self.write(peer)

    def write(self, peer: Peer) -> None:
        """Let a program run one statement."""
        peer.writer.write(self.random, peer.twin)
        self.written_on.add(peer.island)

    def _write(self) -> None:
        peer = self.random.choice(self.peers)
        for _ in range(self.random.choice((1, 1, 2, 3, 5))):
            self.write(peer)
        if self.random.random() < 0.4:
            self.check(peer)

    def _part(self) -> None:
        """Cut the network in two; or heal it."""
        if any(peer.island for peer in self.peers):
            self._heal()
        else:
            for peer in self.peers:
                peer.island = self.random.randint(0, 1)
            self.written_on = set()

    def _heal(self) -> None:
        if len({peer.island for peer in self.peers}) == 2 and self.written_on == {0, 1}:
            self.occurred["a network partition healed"] += 1
        for peer in self.peers:
            peer.island = 0

    def _fold(self) -> None:
        self.check(self.random.choice(self.peers))

    def _send(self) -> None:
        sender, receiver = self.random.sample(self.peers, 2)
        if sender.island != receiver.island:
            self.occurred["a network partition kept two apart"] += 1
            return
        parcel = self.export(sender, receiver.replica.vector())
        receiver.fold(self)
        if self.random.random() < 0.2:
            self.write(receiver)
        if self.random.random() < 0.3:
            self.parcels.append(parcel)
        if self.random.random() < 0.1:
            self.occurred["changes were dropped"] += bool(parcel.changeset.rows)
            return
        self.deliver(parcel, receiver)

    def _post(self) -> None:
        """Export for somebody and deliver it later, or never; sometimes for a vector of long ago."""
        sender, receiver = self.random.sample(self.peers, 2)
        vector = receiver.replica.vector()
        receiver.fold(self)
        self.vectors.append(vector)
        self.parcels.append(self.export(sender, self.random.choice([vector, *self.vectors[-5:], {}])))
        if self.random.random() < 0.3:
            # Its next one builds on this one, which may not have arrived.
            self.write(sender)
            self.parcels.append(self.export(sender, sender.replica.vector()))
            self.write(sender)
            self.parcels.append(self.export(sender, {s.hex(): h for s, h in self.parcels[-1].changeset.vector.items()}))
        del self.parcels[:-12]

    def _deliver(self) -> None:
        if self.parcels:
            parcel, receiver = self.random.choice(self.parcels), self.random.choice(self.peers)
            later = self.parcels[self.parcels.index(parcel) + 1 :]
            self.occurred["changes overtook others"] += not parcel.deliveries and any(p.deliveries for p in later)
            self.deliver(parcel, receiver)

    def export(self, sender: Peer, since: dict[str, int]) -> Parcel:
        self.exported += 1
        with large() if self.exported % 4 == 0 else nullcontext(), sparing() if self.exported % 3 else nullcontext():
            data = sender.replica.export(since)
        self.occurred[f"changesets had {FORMATS[unpack(data).version]}"] += 1
        self.occurred["changesets did not list all sites"] += bool(PREFIX.unpack_from(data)[2] & REST)
        sender.fold(self)
        changeset = sender.twin.export({bytes.fromhex(site): hlc for site, hlc in since.items()})
        sent = sum(table.rows for table in unpack(data).header.tables)
        assert sent == changeset.rows, f"{sent} rows were sent, of which {changeset.rows} have news"
        return Parcel(data, changeset)

    def deliver(self, parcel: Parcel, receiver: Peer) -> None:
        """Merge a changeset and compare all that it did with the model."""
        now = self.now_of(receiver.skew_ms)
        before = receiver.replica.connection
        held_back = bool(receiver.twin.pending)
        if held_back:
            self.occurred["changes were folded by a merge"] += 1
            if self.random.random() < 0.5:
                self.check(receiver)
        twin = receiver.twin
        folded = model.Replica(twin.world, twin.site, twin.known, twin.clock, list(twin.pending))
        events = len(self.world.events)
        situations.note_pending(self.occurred, folded)
        folded.fold(now)
        verdict = folded.verdict(parcel.changeset, now)
        if verdict in ("missing", "drift"):
            for entry in twin.pending:  # a refused merge folds nothing either
                entry.event = None if entry.event is not None and entry.event >= events else entry.event
            self.world.take_back(events)
            content = state.content(before)
            error = MissingChangesError if verdict == "missing" else ClockSkewError
            try:
                receiver.replica.merge(parcel.data)
            except error:
                pass
            else:
                raise AssertionError(f"a merge that must be refused ({verdict}) was taken")
            assert state.content(before) == content, "a refused merge changed the file"
            self.occurred[f"refused: {verdict}"] += 1
            if verdict == "missing" and self.random.random() < 0.5:
                sender = next((p for p in self.peers if p.twin.site == parcel.changeset.sender), None)
                if sender is not None and sender is not receiver:
                    self.deliver(self.export(sender, {s.hex(): h for s, h in receiver.twin.vector.items()}), receiver)
            return
        receiver.twin = folded
        clashes = folded.clashes(parcel.changeset)
        situations.note_merge(self.occurred, folded, parcel.changeset, verdict, clashes, self.restored)
        if parcel.deliveries:
            self.occurred["delivered again"] += 1
        parcel.deliveries += 1
        self.occurred["merges"] += 1
        report = receiver.replica.merge(parcel.data)
        assert report.known == (verdict == "known")
        known = folded.known
        folded.merge(parcel.changeset)
        if verdict == "known" and self.random.random() < 0.3:
            content = state.content(before)
            receiver.replica.merge(parcel.data)
            assert state.content(before) == content, "merging what is known changed the file"
        self.check_new_conflicts(receiver, clashes if verdict == "merge" else set(), known)
        was_open, was_settled = receiver.open, receiver.settled
        self.check(receiver)
        if not held_back:
            self.occurred["a settled conflict arrived"] += bool(was_open & receiver.settled)
            self.occurred["a settled conflict was opened again"] += bool(was_settled & receiver.open)

    # -- comparing --------------------------------------------------------------------------------

    def may_overwrite_unseen(self, clash: model.Clash, known: int) -> bool:
        """Tell whether a write, or one that its writer had seen, took the place of an earlier one that the table did not show.

        Args:
            known: the events that the replica knew before it took the write.
        """
        return any(self._was_taken_along(clash.row, event.seen) for event in self.inserted_between(clash, known))

    def _was_taken_along(self, row: Row, known: int) -> bool:
        """Tell whether a row does not live to who knows so much, though it has been written without knowing of its deletes."""
        state = self.world.rows(known)[row]
        return not state.alive and not all(gone for _, _, gone in state.heads)

    def inserted_between(self, clash: model.Clash, known: int) -> list[Event]:
        """List the inserts of the row whose writers had seen what lost, and which the winner is or had seen."""
        events = {event.stamp: event for event in self.world.events if clash.row in event.writes}
        won = events[clash.won]
        return [
            event
            for event in events.values()
            if event.kind == "insert"
            and any(self.world.happened_before(lost, event) for lost in self._losing(clash, event, known))
            and (event is won or self.world.happened_before(event, won))
        ]

    def _losing(self, clash: model.Clash, insert: Event, known: int) -> list[Event]:
        """List the writes whose value an insert took: of a typed cell, those that stood when the replica met it."""
        cell = (clash.row, clash.column)
        if self.world.type_of(*cell) == "lww":
            return [event for event in self.world.events if event.stamp == clash.lost]
        before = insert.seen if known >> insert.number & 1 else known
        writes = [event for event in self.world.events if cell in event.typed and before >> event.number & 1]
        wholes = [event for event in writes if event.typed[cell].whole]
        return [one for one in writes if not any(self.world.happened_before(one, whole) for whole in wholes)]

    def check_new_conflicts(self, peer: Peer, expected: set[model.Clash], known: int) -> None:
        """Compare what a merge added to the conflict log with the model; `known` are the events before it."""
        answers.check_new(self, peer, expected, known)

    def check(self, peer: Peer) -> None:
        """Fold, and compare everything with the model."""
        vector = peer.replica.vector()
        peer.fold(self)
        assert {bytes.fromhex(site): upto for site, upto in vector.items()} == peer.twin.vector
        real = state.rows(peer.replica.connection)
        self.occurred["checks"] += 1
        rows = peer.twin.rows
        expected = {
            (table, tuple(map(state.exact_of, key))): self._expected(table, row) for (table, key), row in rows.items()
        }
        for name in real.keys() | expected.keys():
            found = _differences(real.get(name), expected.get(name))
            assert not found, f"{peer.path.name} {name}:\n{found}"
        answers.check_settled(self, peer, rows)

    def _expected(self, table: str, row: model.RowState) -> state.RowState:
        shape = self.habits.tables[table]
        return state.RowState(
            row.alive,
            row.born,
            row.heads,
            {c: (state.exact_of(stored(shape, c, value)), stamp) for c, (value, stamp) in row.cells.items()},
            {column: state.exact_heads(shape.types[column], heads) for column, heads in row.heads_of.items()},
        )

    def _end(self) -> None:
        """Come to rest; sometimes let all replicas get another policy or type then, go on, and come to rest again."""
        self.come_to_rest()
        self.random = random.Random(f"{self.seed} at rest")
        change = self.random.choice((None, None, at_rest.change_policy, at_rest.retype, at_rest.retype))
        if change is None:
            return
        for peer in self.peers:
            files.set_skew(self, peer, 0)
        change(self)
        for number in range(6):
            self.random = random.Random(f"{self.seed} {number} after that")
            self._step()
        self.come_to_rest()

    def come_to_rest(self) -> None:
        """Exchange everything; then all are equal, nothing is left to send, and all merges change nothing."""
        self._heal()
        for peer in self.peers:
            self.check(peer)
        self.elapsed_ms += 3_600_000  # so that no clock is ahead any more
        hub, *others = self.peers
        for first, second in [(other, hub) for other in others] + [(hub, other) for other in others]:
            self.deliver(self.export(first, second.replica.vector()), second)
        shared = [state.shared(peer.replica.connection) for peer in self.peers]
        for peer, one in zip(self.peers, shared, strict=True):
            for what, expected in shared[0].items():
                assert one[what] == expected, (
                    f"{peer.path.name} and {hub.path.name} have the same events and differ in {what}"
                )
        for other in others:
            report = hub.replica.verify(other.replica)
            assert report.equal, f"verify says that replicas at rest differ: {report.to_json()}"
        events = [peer.replica.vector() for peer in self.peers]
        everything = [peer.replica.export() for peer in self.peers]
        contents = [state.content(peer.replica.connection) for peer in self.peers]
        for first, second, data in zip(self.peers, self.peers[1:] + self.peers[:1], everything, strict=True):
            news = first.replica.export(second.replica.vector())
            assert is_empty(news), "replicas at rest have something to send"
            assert second.replica.merge(news).known
            assert second.replica.merge(data).known
        assert events == [peer.replica.vector() for peer in self.peers]
        assert contents == [state.content(peer.replica.connection) for peer in self.peers], (
            "merging again changed a file"
        )
