"""A network of real replicas beside the model, driven by one random seed.

Each step lets some program write, or a changeset travel: late, doubled, to somebody else, or too early. After each merge
the receiver must hold exactly what the model says. `occurred` counts the situations that a run has really met.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crdtsql import Replica
from crdtsql.changeset import unpack
from crdtsql.errors import ClockDriftError, MissingChangesError
from tests.convergence import files, situations, writes
from tests.convergence.files import Peer
from tests.model import events, model
from tests.support import state
from tests.support.peers import START_MS, is_empty


@dataclass
class Parcel:
    """A changeset under way, and what the model says it carries."""

    data: bytes
    changeset: model.Changeset
    deliveries: int = 0


@dataclass
class Simulation:
    """One run."""

    seed: int
    directory: Path
    occurred: Counter[str] = field(default_factory=Counter)
    rows: str = "add-wins"
    granularity: str = "column"

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.world = model.World(self._tables())
        self.elapsed_ms = 0
        self.frozen = self.random.random() < 0.3
        self.parcels: list[Parcel] = []
        self.vectors: list[dict[str, int]] = []
        self.peers: list[Peer] = []
        self.count = 0
        self.restored: set[bytes] = set()

    def _tables(self) -> dict[str, events.Table]:
        return {table: events.Table({}, self.rows, self.granularity) for table in writes.COLUMNS}

    # -- the machinery ----------------------------------------------------------------------------

    def now_of(self, skew_ms: int) -> int:
        return START_MS + self.elapsed_ms + skew_ms

    def make_site(self) -> bytes:
        return self.random.randbytes(16)

    def open(self, path: Path, skew_ms: int) -> Replica:
        return Replica.open(path, now=lambda: self.now_of(skew_ms), make_site=self.make_site)

    def new_path(self) -> Path:
        self.count += 1
        return self.directory / f"{self.seed}-{self.count}.db"

    def run(self, steps: int) -> None:
        """Begin with a few replicas, take random steps, and end with everything exchanged."""
        try:
            self._begin()
            for _ in range(steps):
                self._step()
            self._end()
        finally:
            for peer in self.peers:
                peer.writer.close()
                peer.replica.close()

    def _begin(self) -> None:
        number = self.random.randint(2, 4)
        files.create(self)
        while len(self.peers) < number:
            self.random.choice((files.create, files.create, files.clone, files.copy))(self)

    def _step(self) -> None:
        if not self.frozen:
            self.elapsed_ms += self.random.choice((0, 0, 1, 40, 1500))
        actions = (
            (self._write, 46),
            (self._send, 22),
            (self._post, 10),
            (self._deliver, 14),
            (self._fold, 3),
            (files.clone, 1),
            (files.copy, 2.5),
            (files.back_up, 5),
            (files.restore, 4),
            (self._shift_clock, 4),
        )
        action = self.random.choices([a for a, _ in actions], [w for _, w in actions])[0]
        if action in (files.clone, files.copy) and len(self.peers) >= 5:
            action = self._send
        if getattr(action, "__self__", None) is self:
            action()
        else:
            action(self)

    def _shift_clock(self) -> None:
        peer = self.random.choice(self.peers)
        files.set_skew(self, peer, self.random.choice((-90_000, 0, 60_000, 200_000, 400_000)))
        peer.writer.write(self.random, peer.twin, self.occurred)

    # -- steps ------------------------------------------------------------------------------------

    def _write(self) -> None:
        peer = self.random.choice(self.peers)
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            peer.writer.write(self.random, peer.twin, self.occurred)
        if self.random.random() < 0.5:
            self.check(peer)

    def _fold(self) -> None:
        self.check(self.random.choice(self.peers))

    def _send(self) -> None:
        sender, receiver = self.random.sample(self.peers, 2)
        parcel = self.export(sender, receiver.replica.vector())
        receiver.twin.fold(self.now_of(receiver.skew_ms))
        if self.random.random() < 0.2:
            receiver.writer.write(self.random, receiver.twin, self.occurred)
        if self.random.random() < 0.3:
            self.parcels.append(parcel)
        self.deliver(parcel, receiver)

    def _post(self) -> None:
        """Export for somebody and deliver it later, or never; sometimes for a vector of long ago."""
        sender, receiver = self.random.sample(self.peers, 2)
        vector = receiver.replica.vector()
        receiver.twin.fold(self.now_of(receiver.skew_ms))
        self.vectors.append(vector)
        self.parcels.append(self.export(sender, self.random.choice([vector, *self.vectors[-5:], {}])))
        if self.random.random() < 0.3:
            # Its next one builds on this one, which may not have arrived.
            sender.writer.write(self.random, sender.twin, self.occurred)
            self.parcels.append(self.export(sender, sender.replica.vector()))
            sender.writer.write(self.random, sender.twin, self.occurred)
            self.parcels.append(self.export(sender, {s.hex(): h for s, h in self.parcels[-1].changeset.vector.items()}))
        del self.parcels[:-12]

    def _deliver(self) -> None:
        if self.parcels:
            self.deliver(self.random.choice(self.parcels), self.random.choice(self.peers))

    def export(self, sender: Peer, since: dict[str, int]) -> Parcel:
        data = sender.replica.export(since)
        sender.twin.fold(self.now_of(sender.skew_ms))
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
        folded.fold(now)
        verdict = folded.verdict(parcel.changeset, now)
        if verdict in ("missing", "drift"):
            del self.world.events[events:]  # a refused merge folds nothing either
            content = state.content(before)
            error = MissingChangesError if verdict == "missing" else ClockDriftError
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
        report = receiver.replica.merge(parcel.data)
        assert report.known == (verdict == "known")
        folded.merge(parcel.changeset)
        if verdict == "known" and self.random.random() < 0.3:
            content = state.content(before)
            receiver.replica.merge(parcel.data)
            assert state.content(before) == content, "merging what is known changed the file"
        self._check_conflicts(receiver, clashes if verdict == "merge" else set())
        self.check(receiver)

    # -- comparing --------------------------------------------------------------------------------

    def _check_conflicts(self, peer: Peer, expected: set[Any]) -> None:
        connection = peer.replica.connection
        found = state.conflicts(connection, peer.seen_conflicts)
        (peer.seen_conflicts,) = connection.execute("SELECT ifnull(max(id), 0) FROM _crdt_conflict").fetchone()
        by_stamp = {}
        for event in self.world.events:
            for row, values in event.writes.items():
                for column, value in values.items():
                    by_stamp[row, column, event.stamp] = (event, value)
        named = set()
        for table, key, column, won, won_value, lost, lost_value in found:
            row = (table, tuple(v.decode() if isinstance(v, bytes) else v for _, v in key))
            winner, loser = by_stamp[row, column, won], by_stamp[row, column, lost]
            assert self.world.concurrent(winner[0], loser[0]), (
                f"recorded as a conflict, but not concurrent: {row} {column}"
            )
            assert (state.exact_of(winner[1]), state.exact_of(loser[1])) == (won_value, lost_value)
            named.add((row, column, won, lost))
        assert named == expected, f"conflicts recorded {named - expected}, conflicts missed {expected - named}"
        assert len(found) == len(named)

    def check(self, peer: Peer) -> None:
        """Fold, and compare everything with the model."""
        vector = peer.replica.vector()
        peer.twin.fold(self.now_of(peer.skew_ms))
        assert {bytes.fromhex(site): upto for site, upto in vector.items()} == peer.twin.vector
        real = state.rows(peer.replica.connection)
        expected = {
            (table, tuple(map(state.exact_of, key))): state.RowState(
                row.alive,
                row.born,
                row.heads,
                {column: (state.exact_of(value), stamp) for column, (value, stamp) in row.cells.items()},
            )
            for (table, key), row in peer.twin.rows.items()
        }
        for name in real.keys() | expected.keys():
            assert real.get(name) == expected.get(name), (
                f"{peer.path.name} {name}:\nreal  {real.get(name)}\nmodel {expected.get(name)}"
            )

    def _end(self) -> None:
        """Exchange everything; then all are equal, nothing is left to send, and all merges change nothing."""
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
        events = [peer.replica.vector() for peer in self.peers]
        everything = [peer.replica.export() for peer in self.peers]
        contents = [state.content(peer.replica.connection) for peer in self.peers]
        for first, second in zip(self.peers, self.peers[1:] + self.peers[:1], strict=True):
            data = first.replica.export(second.replica.vector())
            assert is_empty(data), "replicas at rest have something to send"
            assert second.replica.merge(data).known
        for peer in self.peers:
            assert all(peer.replica.merge(data).known for data in everything)
        assert events == [peer.replica.vector() for peer in self.peers]
        assert contents == [state.content(peer.replica.connection) for peer in self.peers], (
            "merging again changed a file"
        )
