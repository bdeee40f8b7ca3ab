"""Random networks of replicas against the model.

CRDTSQL_SEEDS=5000 runs more of them; CRDTSQL_SEED=17 runs one again.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.convergence.simulation import Simulation
from tests.convergence.situations import REQUIRED
from tests.support.peers import fast_directory

SEEDS = int(os.environ.get("CRDTSQL_SEEDS", "110"))
ONE_SEED = os.environ.get("CRDTSQL_SEED")
PER_TEST = 10
STEPS = 30

occurred: Counter[str] = Counter()


def run(seed: int) -> None:
    with fast_directory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRDTSQL_STATE_DIR", str(directory / "state"))
        simulation = Simulation(seed, directory)
        try:
            simulation.run(STEPS)
        except BaseException as error:
            error.add_note(
                f"to repeat it: CRDTSQL_SEED={seed} make test, or\n"
                f"  CRDTSQL_SEED={seed} .venv/bin/python -m pytest tests/convergence/test_stateful.py"
            )
            raise
        occurred.update(simulation.occurred)


@pytest.mark.skipif(ONE_SEED is not None, reason="one seed was asked for")
@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_replicas_hold_what_the_model_says(first: int) -> None:
    """After every merge, in whatever order changes arrive, a replica holds what the full causal history defines."""
    for seed in range(first, min(first + PER_TEST, SEEDS)):
        run(seed)


@pytest.mark.skipif(ONE_SEED is None, reason="repeats the run of one seed")
def test_one_seed() -> None:
    """The run of one seed can be repeated."""
    run(int(ONE_SEED or 0))


@pytest.mark.skipif(ONE_SEED is not None, reason="one seed can't meet all situations")
def test_every_situation_occurred() -> None:
    """The random runs have met every situation that they are there to test."""
    if sum(occurred.values()) == 0:
        pytest.skip("the runs were not selected")
    missing = [name for name in REQUIRED if not occurred[name]]
    assert not missing, f"never occurred in {SEEDS} seeds: {missing}"
