"""Random groups that require proofs, and their twins that require nothing: whatever happens, both show the same in the end.

CRDTSQL_CHAINS=200 runs more of them.
"""

from __future__ import annotations

from itertools import count

import pytest

from crdtsql.store.identity import copies
from tests.machines.chains import world
from tests.machines.chains.world import History
from tests.machines.simulation import accounting
from tests.machines.simulation.constrained.tables import FAMILIES
from tests.support import seeds
from tests.support.peers import fast_directory

SEEDS = seeds.chosen(4, "CRDTSQL_CHAINS")
STEPS = 40


@pytest.mark.parametrize("seed", SEEDS)
def test_proofs_keep_nothing_from_anybody(seed: int) -> None:
    """A group whose replicas take from others only what its author signed gets everywhere what its twin without proofs gets there."""
    family = list(FAMILIES)[seed % len(FAMILIES)]
    with fast_directory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDTSQL_STATE_DIR", str(directory / "state"))
        patch.setattr(copies, "_note_path", world.note_path)
        patch.setattr(accounting, "_numbers", count(accounting.FIRST))  # so that a seed is one history
        history = History(directory, seed, family)
        try:
            for _ in range(STEPS):
                history.step()
            history.finish()
        except Exception as error:
            error.add_note(f"{family} {seed}: " + "\n".join(history.story))
            raise
        finally:
            history.close()
