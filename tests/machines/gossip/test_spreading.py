"""News reach all replicas in some log n rounds, if each tells a few random ones and a part of the syncs fails."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random

import pytest

from crdtsql.transports.watch import gossip
from tests.machines.gossip import spreading

LOSS = 0.3


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_all_are_equal_after_some_log_n_rounds(count: int) -> None:
    """Of 10, 100 and 1,000 replicas all have everything after less than log2 n rounds, though three of ten syncs fail."""
    for seed in range(3):
        spread = spreading.of_sets(count, Random(seed), LOSS)
        assert spread.rounds <= math.log2(count), f"seed {seed}"


def test_replicas_are_equal_after_as_many_rounds(tmp_path: Path) -> None:
    """Real replicas need as many rounds, and show the same rows then."""
    made = spreading.replicas(10, tmp_path)
    spread = spreading.of_replicas(made, Random(1), LOSS)
    assert spread.rounds <= math.log2(10)
    shown = [one.connection.execute("SELECT id FROM task ORDER BY id").fetchall() for one in made]
    assert shown == [[(number,) for number in range(10)]] * 10
    for one in made:
        one.close()


def test_few_remotes_are_all_told() -> None:
    """Whoever has few remotes tells all of them at once; of many, other ones each time."""
    chance = Random(1)
    assert sorted(gossip.to_tell(["a", "b"], chance)) == ["a", "b"]
    many = list(range(50))
    told = {one for _ in range(40) for one in gossip.to_tell(many, chance)}
    assert len(told) > gossip.FANOUT * 10
