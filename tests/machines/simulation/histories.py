"""Run histories by their seeds, and make one that fails small.

The environment's CRDTSQL_SEED and CRDTSQL_STEPS name one history: its seed, and the steps to take.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar
from unittest import mock

from crdtsql.base import naming
from tests.machines.simulation.constrained.simulation import Constrained
from tests.machines.simulation.simulation import Simulation
from tests.support import library
from tests.support.peers import fast_directory

Found = TypeVar("Found")
STEPS = 30
SHRINKING_SECONDS = 60


@dataclass
class Result:
    """What became of a history, of tables with constraints or without: what it met, and how it failed, if it did."""

    seed: int
    steps: list[int]
    constrained: bool = False
    occurred: Counter[str] = field(default_factory=Counter)
    failure: str | None = None
    kind: tuple[str, ...] = ()


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing about copied and restored files: there are many."""
    logger = logging.getLogger("crdtsql")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def run_all(run_one: Callable[[int], Found], seeds: Iterable[int]) -> Iterator[Found]:
    """Run histories on all cores; those that are left are dropped when the caller stops looking."""
    results = _workers().map(run_one, seeds, chunksize=5)
    try:
        yield from results
    finally:
        results.close()


@cache
def _workers() -> ProcessPoolExecutor:
    """Give the processes that run histories; they have loaded everything, and end with this one."""
    return ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=library.begin)


def run(seed: int, steps: Sequence[int] | None = None, *, constrained: bool = False) -> Result:
    """Run one history, all of it or some of its steps."""
    result = Result(seed, list(range(STEPS) if steps is None else steps), constrained)
    with (
        _quiet(),
        fast_directory() as directory,
        mock.patch.dict(os.environ, {"CRDTSQL_STATE_DIR": str(directory / "state")}),
        mock.patch.object(naming, "MANY_COLUMNS", 1 if seed % 2 else naming.MANY_COLUMNS),
    ):
        simulation = (Constrained if constrained else Simulation)(seed, directory, result.occurred)
        try:
            simulation.run(result.steps)
        except Exception as error:
            result.failure = "".join(traceback.format_exception(error))
            result.kind = _kind(error)
        result.occurred["events"] += len(simulation.world.events)
        result.occurred["histories"] += 1
    return result


def _kind(error: BaseException) -> tuple[str, ...]:
    """Say where an error came from, so that a smaller history that fails otherwise is not taken for the same."""
    frames = traceback.extract_tb(error.__traceback__)
    return (type(error).__name__, *(f"{frame.filename}:{frame.name}:{frame.line}" for frame in frames[-1:]))


def run_constrained(seed: int, steps: Sequence[int] | None = None) -> Result:
    """Run one history of tables with constraints."""
    return run(seed, steps, constrained=True)


def shrink(failed: Result) -> Result:
    """Leave out steps as long as the history fails in the same way."""
    until = time.monotonic() + SHRINKING_SECONDS
    size = len(failed.steps) // 2
    while size:
        start = 0
        while start < len(failed.steps) and time.monotonic() < until:
            steps = failed.steps[:start] + failed.steps[start + size :]
            fewer = run(failed.seed, steps, constrained=failed.constrained)
            if fewer.kind == failed.kind:
                failed = fewer
            else:
                start += size
        size //= 2
    return failed


def explain(failed: Result) -> str:
    """Say how a history failed, with the command that repeats it, and the smallest one that fails alike."""
    small = shrink(failed)
    test = "constrained/test_constrained.py" if failed.constrained else "test_stateful.py"
    command = f".venv/bin/python -m pytest tests/machines/simulation/{test}"
    steps = ",".join(map(str, small.steps))
    return (
        f"{small.failure}\n"
        f"to repeat it:                   CRDTSQL_SEED={failed.seed} {command}\n"
        f"with {len(small.steps)} of {len(failed.steps)} steps, as shown: CRDTSQL_SEED={failed.seed} CRDTSQL_STEPS={steps} {command}"
    )
