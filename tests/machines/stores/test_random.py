"""Random histories of replicas that share two folders."""

from __future__ import annotations

import pytest

from tests.machines.stores.world import play
from tests.support import seeds

SEEDS = seeds.chosen(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_folders(seed: int) -> None:
    """Whatever folders do to their files, and members to themselves: all that was put stays reachable, and all replicas become equal."""
    play(seed)
