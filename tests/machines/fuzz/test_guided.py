"""The targets of coverage-guided fuzzing do what they promise; `make fuzz` runs them."""

from __future__ import annotations

import random

import pytest

from crdtsql import Replica
from tests.machines.fuzz import guided
from tests.support import passing


@pytest.mark.parametrize("name", guided.TARGETS)
def test_seeds_and_damaged_seeds_are_harmless(name: str) -> None:
    """What the corpus begins with is executed, also cut off and with other bytes in it."""
    execute, seeds = guided.TARGETS[name]()
    choice = random.Random(name)
    for seed in seeds:
        spoiled = bytearray(seed)
        spoiled[choice.randrange(1, len(seed))] ^= 1 << choice.randrange(8)
        for data in (seed, seed[: len(seed) // 2], bytes(spoiled), b""):
            guided.timed(execute)(data)


def test_seeds_of_merges_are_accepted() -> None:
    """Or whatever is made of them would be refused for a reason that says nothing."""
    for one in guided.honest():
        assert not passing.receiver(one.receiver).merge(one.sealed()).known


def test_seeds_of_bundles_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them brings at least one link."""
    execute, seeds = guided.TARGETS["bundle"]()
    taken, merge = list[bool](), Replica.merge

    def watched(self: Replica, data: bytes) -> object:
        report = merge(self, data)
        taken.append(report.known)
        return report

    monkeypatch.setattr(Replica, "merge", watched)
    for seed in seeds:
        execute(seed)
    assert len(taken) == 2 * len(seeds) and not any(taken)


def test_a_change_by_what_was_refused_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target of merges compares the whole file with what it was."""
    execute, seeds = guided.TARGETS["merge"]()
    merge = Replica.merge

    def careless(self: Replica, data: bytes) -> object:
        self.connection.execute("UPDATE calm SET v = 'careless'")
        return merge(self, data)

    monkeypatch.setattr(Replica, "merge", careless)
    with pytest.raises(AssertionError, match="yet changed"):
        execute(seeds[0][:50])


def test_what_takes_too_long_is_noticed() -> None:
    """Two seconds of the processor are the limit."""

    def forever(data: bytes) -> None:
        until = guided.time.process_time() + guided.LONGEST_SECONDS
        while guided.time.process_time() < until:
            pass

    with pytest.raises(AssertionError, match="too long"):
        guided.timed(forever)(b"")
