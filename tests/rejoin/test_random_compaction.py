"""Random histories of replicas that compact, forget each other, and rejoin where a sync says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from crdtsql import Replica, errors, sync
from crdtsql.base import rounds_rule
from crdtsql.compaction import floor
from tests.rejoin.test_random import World
from tests.support.peers import read


class Compacting(World):
    """A world in which a sync may say that a replica missed a compaction, which then rejoins."""

    def sync(self, one: Replica, other: Replica) -> None:
        """Sync, or let the one rejoin that must."""
        try:
            sync(one, other)
        except errors.RejoinError:
            lost, present = (one, other) if self._is_lost(one, other) else (other, one)
            self.take(lost, present, anyway=self._is_lost(present, lost))

    def _is_lost(self, one: Replica, other: Replica) -> bool:
        theirs = floor.read(other.registry)
        ends = {**theirs.ends, **floor.read(one.registry).ends}
        return bytes.fromhex(one.site) in ends or not rounds_rule.covers(one.registry.vector(), theirs.floor)

    def take(self, lost: Replica, present: Replica, *, anyway: bool) -> None:
        """Let a replica rejoin; a third one brings first what it has of it, if it can."""
        third = next(replica for replica in self.replicas if replica not in (lost, present))
        try:
            sync(third, present)
        except errors.RejoinError:
            anyway = True
        try:
            self.reports.append(lost.rejoin(present.export(), anyway=anyway))
        except errors.CannotRejoinError:
            self.reports.append(lost.rejoin(present.export(), anyway=True))

    def settle(self) -> None:
        """Sync until all have everything."""
        for _ in range(4):
            for one, other in ((0, 1), (1, 2), (0, 2)):
                self.sync(self.replicas[one], self.replicas[other])


@pytest.mark.parametrize("seed", [22, 24, 26, 28, 34, 38])
def test_random_histories(tmp_path: Path, seed: int) -> None:
    """Whoever missed a compaction comes back by rejoining, and all end equal, whatever was forgotten when."""
    world = Compacting(tmp_path, seed)
    for _ in range(70):
        what, one = world.chance.random(), world.chance.choice(world.replicas)
        if what < 0.56:
            world.write(one)
        elif what < 0.62:
            world.past(one)
        elif what < 0.85:
            world.sync(*world.chance.sample(world.replicas, 2))
        elif what < 0.98:
            one.compact(keep_ms=0)
        else:
            world.fold_all()
            others = [replica.site for replica in world.replicas if replica is not one]
            site = world.chance.choice(others)
            if (
                bytes.fromhex(site) in one.registry.vector()
                and bytes.fromhex(site) not in floor.read(one.registry).ends
            ):
                one.forget(site)
    world.settle()
    states = [
        [read(replica, f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("task", "note", "link")]
        for replica in world.replicas
    ]
    assert states[0] == states[1] == states[2]
    world.check_histories()
