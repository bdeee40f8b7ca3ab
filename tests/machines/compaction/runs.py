"""Run histories of pairs by their seeds, and make one that fails small."""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest import mock

from crdtsql.compaction import retiring
from tests.machines.compaction.history import History
from tests.support.peers import fast_directory

STEPS = 40
SHRINKING_SECONDS = 90


@dataclass
class Result:
    """What became of a history: what it met, what was done, and how it failed, if it did."""

    seed: int
    steps: list[int]
    broken: bool = False
    occurred: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    failure: str | None = None
    kind: tuple[str, ...] = ()


def run(seed: int, steps: Sequence[int] | None = None, *, broken: bool = False) -> Result:
    """Run one history, all of it or some of its steps."""
    result = Result(seed, list(range(STEPS) if steps is None else steps), broken)
    logger = logging.getLogger("crdtsql")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            fast_directory() as directory,
            mock.patch.dict(os.environ, {"CRDTSQL_STATE_DIR": str(directory / "state")}),
            mock.patch.object(retiring, "KEPT_MS", 0 if seed % 3 else retiring.KEPT_MS),
        ):
            history = History(seed, directory, broken, result.occurred)
            result.story = history.story
            try:
                history.run(result.steps)
            except Exception as error:
                result.failure = "".join(traceback.format_exception(error))
                frame = traceback.extract_tb(error.__traceback__)[-1]
                result.kind = (type(error).__name__, frame.filename, frame.name, str(frame.lineno))
    finally:
        logger.setLevel(level)
    result.occurred["histories"] += 1
    return result


def shrink(failed: Result) -> Result:
    """Leave out steps as long as the history fails in the same way."""
    until = time.monotonic() + SHRINKING_SECONDS
    size = max(len(failed.steps) // 2, 1)
    while size:
        start = 0
        while start < len(failed.steps) and time.monotonic() < until:
            steps = failed.steps[:start] + failed.steps[start + size :]
            fewer = run(failed.seed, steps, broken=failed.broken)
            if fewer.kind == failed.kind:
                failed = fewer
            else:
                start += size
        size //= 2
    return failed


def explain(failed: Result, *, whole: bool = False) -> str:
    """Say how a history failed, what was done in the smallest one that fails alike, and the commands that repeat both."""
    small = failed if whole else shrink(failed)
    command = "python -m pytest tests/machines/compaction/test_compaction.py"
    steps = ",".join(map(str, small.steps))
    story = "\n".join(small.story)
    return (
        f"{story}\n{small.failure}\n"
        f"to repeat it:                   CRDTSQL_SEED={failed.seed} {command}\n"
        f"with {len(small.steps)} of {len(failed.steps)} steps, as shown: CRDTSQL_SEED={failed.seed} CRDTSQL_STEPS={steps} {command}"
    )
