"""Random schema changes and writes on three replicas.

CRDTSQL_SCHEMA_SEEDS=500 runs more of them; CRDTSQL_SEED=17 runs one again.
"""

from __future__ import annotations

import os

import pytest

from tests.machines.schema_changes import histories, unseen
from tests.support import seeds
from tests.support.peers import fast_directory

SEEDS = [int(os.environ["CRDTSQL_SEED"])] if "CRDTSQL_SEED" in os.environ else seeds.chosen(24, "CRDTSQL_SCHEMA_SEEDS")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_written_value_is_lost(seed: int) -> None:
    """Whatever schemas change in which order, and how: all replicas show the same rows, and have every value written last."""
    with fast_directory() as folder:
        histories.run(seed, folder)


@pytest.mark.parametrize("seed", SEEDS)
def test_unseen_writes_stop_no_sync_and_are_called_so(seed: int) -> None:
    """Whatever was written while no trigger looked: every operation goes on, and replicas that differ are not all called sound."""
    with fast_directory() as folder:
        unseen.run(seed, folder)
