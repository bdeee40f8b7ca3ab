"""What happens to files in the simulation: they are created, cloned, copied, backed up and restored."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from crdtsql import Replica
from tests.machines.oracle import model
from tests.machines.simulation import situations, writes
from tests.support import state

if TYPE_CHECKING:
    from tests.machines.simulation.simulation import Simulation


@dataclass
class Peer:
    """One file: the real replica, a program's connection to it, its twin in the model, and its machine's clock."""

    path: Path
    replica: Replica
    writer: writes.Writer
    twin: model.Replica
    skew_ms: int
    backup: tuple[Path, model.Replica] | None = None
    seen_conflicts: int = 0
    settled: set[model.Clash] = field(default_factory=set)
    open: set[model.Clash] = field(default_factory=set)
    island: int = 0
    marks: set[Any] = field(default_factory=set)

    def fold(self, simulation: Simulation) -> None:
        """Let the twin fold what the replica has just folded."""
        situations.note_pending(simulation.occurred, self.twin)
        self.twin.fold(simulation.now_of(self.skew_ms))


def _peer(simulation: Simulation, path: Path, skew_ms: int, twin: model.Replica | None) -> Peer:
    replica = simulation.open(path, skew_ms)
    writer = simulation.open_writer(path)
    peer = Peer(path, replica, writer, twin or model.Replica(simulation.world, b""), skew_ms)
    if twin is not None:
        _goes_on_as(peer)
    return peer


def _goes_on_as(peer: Peer) -> None:
    """Let the twin follow the identity that the file took."""
    peer.twin.site = bytes.fromhex(peer.replica.site)
    connection = peer.replica.connection
    (peer.seen_conflicts,) = connection.execute("SELECT ifnull(max(id), 0) FROM _crdt_conflict").fetchone()


def create(simulation: Simulation) -> None:
    """Create a file of its own, with rows in it or none, and enable its tables."""
    random = simulation.random
    path = simulation.new_path()
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = {random.choice(('WAL', 'DELETE'))}").fetchall()
    connection.execute(simulation.schema())
    connection.close()
    skew_ms = 0 if simulation.frozen else random.choice((0, 0, 3, -70_000, 45_000))
    peer = _peer(simulation, path, skew_ms, None)
    for table, shape in simulation.habits.tables.items():
        peer.writer.fill(random, table, peer.twin)
        rows = peer.writer.genesis(table)
        peer.replica.enable(table, **shape.options)
        peer.twin.site = bytes.fromhex(peer.replica.site)
        peer.fold(simulation)
        peer.twin.enable(rows, simulation.now_of(skew_ms))
        simulation.enabled(peer, table)
    simulation.peers.append(peer)
    simulation.created(peer)
    simulation.check(peer)


def set_skew(simulation: Simulation, peer: Peer, skew_ms: int) -> None:
    """Set a machine's clock, while it is switched off."""
    if simulation.frozen or skew_ms == peer.skew_ms:
        return
    simulation.occurred["a clock stepped back"] += skew_ms < peer.skew_ms
    peer.replica.close()
    peer.skew_ms = skew_ms
    peer.replica = simulation.open(peer.path, skew_ms)


def crash(simulation: Simulation) -> None:
    """Let a program end before its COMMIT, and crdtsql before it folded."""
    peer = simulation.random.choice(simulation.peers)
    twin = peer.twin.copy(peer.twin.site)
    content = state.content(peer.replica.connection)
    peer.writer.connection.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        if peer.writer.connection.in_transaction:  # a conflict clause may have rolled all of it back
            peer.writer.write(simulation.random, twin)
    peer.writer.close()
    peer.writer = simulation.open_writer(peer.path)
    assert state.content(peer.replica.connection) == content, "what was not committed stayed"
    simulation.occurred["a program died before its commit"] += twin.pending != peer.twin.pending
    peer.replica.close()
    peer.replica = simulation.open(peer.path, peer.skew_ms)
    simulation.occurred["a replica was closed with changes not folded"] += bool(peer.twin.pending)


def clone(simulation: Simulation) -> None:
    """Let `clone` write a second replica."""
    source = simulation.random.choice(simulation.peers)
    path = simulation.new_path()
    source.replica.clone(path)
    source.fold(simulation)
    twin = source.twin.copy(b"")
    simulation.peers.append(_peer(simulation, path, source.skew_ms, twin))
    simulation.peers[-1].island = source.island
    assert twin.site != source.twin.site
    simulation.occurred["a clone was made"] += 1
    simulation.check(simulation.peers[-1])


def _copy_file(source: Path, target: Path) -> None:
    connection = apsw.Connection(str(source))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    shutil.copyfile(source, target)


def copy(simulation: Simulation) -> None:
    """Copy the file as any program would, and open the copy."""
    source = simulation.random.choice(simulation.peers)
    path = simulation.new_path()
    _copy_file(source.path, path)
    twin = simulation.copy_twin(source.twin, b"")
    simulation.peers.append(_peer(simulation, path, source.skew_ms, twin))
    simulation.peers[-1].island = source.island
    assert twin.site != source.twin.site, "a copied file kept its site id"
    simulation.occurred["a copy was opened"] += 1
    simulation.occurred["a copy was taken with unfolded changes"] += bool(twin.pending)
    simulation.occurred["a copy had changes that were folded elsewhere"] += any(
        e.event is not None for e in twin.pending
    )
    simulation.check(simulation.peers[-1])


def back_up(simulation: Simulation) -> None:
    """Keep a copy of a file for later."""
    peer = simulation.random.choice(simulation.peers)
    path = simulation.new_path()
    _copy_file(peer.path, path)
    peer.backup = (path, simulation.copy_twin(peer.twin, peer.twin.site))


def restore(simulation: Simulation) -> None:
    """Put the backup in the file's place: its content into the same file, or another file under its name."""
    peers = [peer for peer in simulation.peers if peer.backup is not None]
    if not peers:
        return
    peer = simulation.random.choice(peers)
    assert peer.backup is not None
    path, twin = peer.backup
    peer.backup = None
    peer.replica.close()
    peer.writer.close()
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{peer.path}{suffix}").unlink(missing_ok=True)
    in_place = simulation.random.random() < 0.5
    if in_place:
        shutil.copyfile(path, peer.path)
        path.unlink()
    else:
        os.replace(path, peer.path)
    lost = peer.twin.known & ~twin.known
    site = peer.twin.site
    peer.twin, peer.marks = twin, set()
    peer.replica = simulation.open(peer.path, peer.skew_ms)
    peer.writer = simulation.open_writer(peer.path)
    folded = any(entry.first is not None for entry in twin.pending)
    if folded:  # only the log tells then that another state of the file went on
        peer.replica.fold()
    _goes_on_as(peer)
    if folded:
        peer.fold(simulation)
    if lost or not in_place:
        assert twin.site != site, "a restored file kept its site id"
    if lost:
        simulation.occurred["a backup was restored"] += 1
        simulation.occurred["an older state came back in the same file"] += in_place
        simulation.restored.add(site)
    simulation.check(peer)
