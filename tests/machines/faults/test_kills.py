"""Processes that die at a chosen call of the operating system, so that kills are spread over all of what a command does to the disk.

However fast a command is, it is killed in the middle: at each of its writes, syncs, truncations and deletions, some of the writes half done.
`CRDTSQL_KILLS` says how many processes are killed in all; half of them as in `tests/machines/crash`, which kills by time.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.machines.faults import scenes
from tests.machines.faults.calls import CHANGES, UNIX, Calls, Plan, watched
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import CASES, JOURNALS, Trials, refusal, run

KILLS = int(os.environ.get("CRDTSQL_KILLS", "40"))
WHOLE = [(name, journal) for name in SCENES for journal in JOURNALS]
EACH = max(2, KILLS // 20)
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.machines.faults.test_kills"])
pytestmark = pytest.mark.skipif(not UNIX, reason="SQLite's system calls are replaced on Linux only")


def die(words: list[str], at: int, environment: dict[str, str]) -> None:
    """Run a command, in a process of its own, which ends at a call."""
    os.environ.clear()
    os.environ.update(environment)
    with watched() as calls, calls.following(Plan(CHANGES, at, kills=True, torn=at % 2 == 1)):
        run(words)


def count(calls: Calls, trials: Trials) -> Counter[str]:
    """Count the calls of a command that change what is on the disk; "" has all of them."""
    trials.scene.bring_back()
    with calls.following(Plan(CHANGES)) as plan:
        assert refusal(run(trials.scene.words)) == ""
    return plan.counts


@pytest.mark.parametrize(("name", "journal"), WHOLE if KILLS > 100 else CASES)
def test_a_process_that_dies_spoils_nothing(name: str, journal: str, tmp_path: Path) -> None:
    """Whatever was written last when a process died, the files are sound, and doing it again comes to the same as if it had lived."""
    trials = Trials(scenes.make(name, tmp_path / "scene", journal))
    with watched() as calls:
        counts = count(calls, trials)
    last = counts[""]
    choice, moments = random.Random(f"{name} {journal} {KILLS}"), []
    for number in range(min(EACH, last)):
        first, end = last * number // min(EACH, last), last * (number + 1) // min(EACH, last)
        moments.append(choice.randint(first + 1, end))
    for at in moments:
        trials.scene.bring_back()
        process = FORKING.Process(target=die, args=(trials.scene.words, at, dict(os.environ)))
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, f"call {at} of {last}"
        try:
            trials.check("killed", tidy=False)
        except AssertionError as error:
            raise AssertionError(f"killed at call {at} of {last}: {error}") from error
    with open(os.environ.get("CRDTSQL_FAULTS_LOG", os.devnull), "a", encoding="utf-8") as log:
        by_call = ", ".join(f"{call} {counts[call]}" for call in CHANGES.calls)
        log.write(f"killed {name} {journal}: at {moments} of {last} ({by_call})\n")
