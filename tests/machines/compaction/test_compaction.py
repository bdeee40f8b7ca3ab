"""Random networks of replicas that compact, beside twins that never do.

CRDTSQL_SEEDS=5000 runs more of them; CRDTSQL_SEED=17 runs one again, CRDTSQL_STEPS=3,8 some of its steps.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.machines.compaction import runs
from tests.machines.compaction.situations import REQUIRED
from tests.machines.simulation import histories
from tests.support import seeds

SEEDS = seeds.chosen(6)
ONE_SEED = os.environ.get("CRDTSQL_SEED")
STEPS = os.environ.get("CRDTSQL_STEPS")
PER_TEST = 20
MANY = 200
"""So many histories meet every situation."""

occurred: Counter[str] = Counter()


@pytest.mark.skipif(ONE_SEED is not None, reason="one seed was asked for")
@pytest.mark.parametrize("first", range(0, len(SEEDS), PER_TEST))
def test_nobody_sees_that_a_replica_compacted(first: int) -> None:
    """A replica that compacts shows, holds and lists as open conflicts what its twin does that got the same writes and never compacted."""
    for result in histories.run_all(runs.run, SEEDS[first : first + PER_TEST]):
        occurred.update(result.occurred)
        if result.failure is not None:
            pytest.fail(runs.explain(result), pytrace=False)


@pytest.mark.skipif(ONE_SEED is None, reason="repeats the run of one seed")
def test_one_seed() -> None:
    """The run of one seed can be repeated, all of it or some of its steps."""
    steps = None if STEPS is None else [int(step) for step in STEPS.split(",") if step]
    result = runs.run(int(ONE_SEED or 0), steps)
    if result.failure is not None:
        pytest.fail(runs.explain(result, whole=STEPS is not None), pytrace=False)


@pytest.mark.skipif(ONE_SEED is not None, reason="one seed can't meet all situations")
@pytest.mark.skipif(len(SEEDS) < MANY, reason="few histories don't meet all situations")
def test_every_situation_occurred() -> None:
    """The random runs have met every situation that they are there to test."""
    if sum(occurred.values()) == 0:
        pytest.skip("the runs were not selected")
    missing = [name for name in REQUIRED if not occurred[name]]
    assert not missing, f"never occurred in {len(SEEDS)} seeds: {missing}"


@pytest.mark.parametrize("seed", range(2))
def test_forgetting_what_nobody_agreed_to_is_noticed(seed: int) -> None:
    """A replica that forgets stamps which others may still need comes to show something else than its twin."""
    assert runs.run(seed, broken=True).failure is not None
