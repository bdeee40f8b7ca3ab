"""How many rounds it takes until all replicas have everything, and how many bytes, where each tells a few random others."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.workloads import Bench, Result
from tests.machines.gossip import spreading

LOSS = 0.3
FILES = 20


def gossip(_: Bench) -> Iterator[Result]:
    """10, 100 and 1,000 simulated replicas, and some real ones; three of ten syncs fail."""
    for count in (10, 100, 1000):
        spread = spreading.of_sets(count, Random(1), LOSS)
        yield _result(f"gossip, {count:,} simulated replicas: rounds", spread, count)
    with tempfile.TemporaryDirectory() as folder:
        made = spreading.replicas(FILES, Path(folder))
        yield _result(f"gossip, {FILES} files: rounds", spreading.of_replicas(made, Random(1), LOSS), FILES)
        for one in made:
            one.close()


def _result(work: str, spread: spreading.Spread, count: int) -> Result:
    each = spread.sent_bytes / count
    detail = f"log2 n is {math.log2(count):.1f}; {spread.syncs:,} syncs, {each:,.0f} B sent for each replica"
    return Result(work, spread.rounds, "", round(math.log2(count), 1), detail)
