"""Run random histories against the model for a given time, on all cores: `python -m tests.machines.simulation.soak --seconds 600`.

Ends at the first history that differs from the model, with the command that repeats it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count

from tests.machines.simulation import histories, situations
from tests.machines.simulation.constrained import situations as constrained_situations
from tests.support import library

ENOUGH = 600
"""So many histories must meet all situations."""
REQUIRED = (*situations.REQUIRED, *constrained_situations.REQUIRED, *constrained_situations.RARE)
RUNS = (histories.run, histories.run_constrained)
NUMBERS = ("histories", "events", "merges", "checks")


def results(first: int, seconds: float) -> Iterator[histories.Result]:
    """Yield the results of histories from a seed on, with and without constraints, until the time is over."""
    until = time.monotonic() + seconds
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=library.begin
    ) as pool:
        seeds = count()
        running: set[Future[histories.Result]] = set()
        try:
            while running or time.monotonic() < until:
                while len(running) < 4 * workers and time.monotonic() < until:
                    number = next(seeds)
                    running.add(pool.submit(RUNS[number % 2], first + number // 2))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            pool.shutdown(cancel_futures=True)


def main() -> int:
    """Run, report, and return 1 if a history failed or a situation never occurred."""
    parser = argparse.ArgumentParser(description="Run random histories of replicas against the model.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, help="the first seed; a random one if not given")
    arguments = parser.parse_args()
    first = random.randrange(1_000_000_000) if arguments.first is None else arguments.first
    print(f"histories from seed {first} on, for {arguments.seconds:.0f} s", flush=True)
    occurred: Counter[str] = Counter()
    began = time.monotonic()
    for result in results(first, arguments.seconds):
        occurred.update(result.occurred)
        if result.failure is not None:
            print(histories.explain(result))
            return 1
    width = max(map(len, REQUIRED))
    for name in REQUIRED:
        print(f"{name:{width}}  {occurred[name]:,}")
    print(
        ", ".join(f"{occurred[name]:,} {name}" for name in NUMBERS),
        f"in {time.monotonic() - began:.0f} s: no divergence",
    )
    missing = [name for name in REQUIRED if not occurred[name]]
    if missing:
        print(f"never occurred: {', '.join(missing)}")
    return bool(missing) and occurred["histories"] >= ENOUGH


if __name__ == "__main__":
    sys.exit(main())
