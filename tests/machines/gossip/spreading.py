"""Spreading: how many rounds of gossip it takes until all replicas have everything.

In a round each replica syncs with those that it would tell of news (`gossip.to_tell`); a part of the syncs fails. The replicas are
real ones, or, where there are too many, sets of the sites whose one row they have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from crdtsql import Replica
from crdtsql.replica import SyncOptions
from crdtsql.transports.exchange import sync_with_peer
from crdtsql.transports.file import FilePeer
from crdtsql.transports.watch import gossip
from tests.support import peers

HEADER_BYTES, ROW_BYTES = 300, 66
"""About what a small changeset costs (benchmarks/RESULTS.md), for replicas that are only sets."""


@dataclass
class Spread:
    """What a run took.

    Attributes:
        rounds: until all were equal.
        syncs: how many there were, failed ones left out.
        sent_bytes: changesets that were sent, both ways together.
    """

    rounds: int = 0
    syncs: int = 0
    sent_bytes: int = 0


def run(
    count: int, meet: Callable[[int, int], int], are_equal: Callable[[], bool], chance: Random, loss: float
) -> Spread:
    """Let replicas gossip until all are equal.

    Args:
        meet: syncs two of them, by number, and returns how many bytes were sent.
        loss: which part of the syncs fails.
    """
    spread = Spread()
    while not are_equal():
        spread.rounds += 1
        for number in chance.sample(range(count), count):
            for other in gossip.to_tell([one for one in range(count) if one != number], chance):
                if chance.random() >= loss:
                    spread.sent_bytes += meet(number, other)
                    spread.syncs += 1
    return spread


def of_sets(count: int, chance: Random, loss: float) -> Spread:
    """Let sets gossip, each of which begins with one row of its own."""
    has = [1 << number for number in range(count)]

    def meet(one: int, other: int) -> int:
        news = [(has[other] & ~has[one]).bit_count(), (has[one] & ~has[other]).bit_count()]
        has[one] = has[other] = has[one] | has[other]
        return sum(HEADER_BYTES + ROW_BYTES * rows for rows in news if rows)

    return run(count, meet, lambda: len(set(has)) == 1, chance, loss)


def of_replicas(replicas: list[Replica], chance: Random, loss: float) -> Spread:
    """Let replicas gossip that have written something each."""

    def meet(one: int, other: int) -> int:
        report = sync_with_peer(replicas[one], FilePeer(replicas[other]), SyncOptions())
        return report.received_bytes + report.sent_bytes

    def are_equal() -> bool:
        return all(one.vector() == replicas[0].vector() for one in replicas)

    return run(len(replicas), meet, are_equal, chance, loss)


def replicas(count: int, folder: Path) -> list[Replica]:
    """Make replicas of one file, each of which has written one row."""
    first = peers.replica(folder / "0.db", "CREATE TABLE task (id INTEGER PRIMARY KEY, title)")
    made = [first, *(first.clone(folder / f"{number}.db") for number in range(1, count))]
    for number, one in enumerate(made):
        one.connection.execute("INSERT INTO task VALUES (?, 'x')", (number,))
    return made
