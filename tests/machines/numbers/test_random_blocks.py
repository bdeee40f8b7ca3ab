"""Random histories of replicas with AUTOINCREMENT tables."""

from __future__ import annotations

import pytest

from tests.machines.numbers import blocks
from tests.support import seeds
from tests.support.peers import fast_directory

SEEDS = seeds.chosen(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_id_that_was_told_changes(seed: int) -> None:
    """Whoever is alone in its lane, as all are that were cloned from one file or have met, keeps every id that it was told; ids lie
    in own blocks, also when one is used up; and in the end each site has a lane of its own."""
    with fast_directory() as folder:
        assert blocks.run(seed, folder) > 0
