"""Many kills: `python -m tests.machines.faults.killing --seconds 3600` kills the command of which there were fewest, again and again.

Each command is begun by a fork of this process, which has all loaded, and dies by SIGKILL: every other one at a call that changes what is on
the disk, half of the writes half done, the rest at any time. Then the files are looked at, and the command is done again. What ended
well is kept per commit in a file, so that runs add up. A kill is given by its number alone, so any can be repeated.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.machines.faults import scenes
from tests.machines.faults.calls import CHANGES, Calls, Plan, watched
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import JOURNALS, Trials, run
from tests.machines.faults.test_kills import count
from tests.machines.ledger import ROOT, Ledger, commit

BATCH = 50
"""How many kills of a command follow one another; the files are made anew for each batch."""


class Killing:
    """The kills of a command on one kind of file.

    Attributes:
        landed: how many processes died in the middle.
    """

    def __init__(self, name: str, journal: str, folder: Path, calls: Calls) -> None:
        self._name, self._calls, self.landed = f"{name} {journal}", calls, 0
        self._trials = Trials(scenes.make(name, folder, journal))
        self._last = count(calls, self._trials)[""]
        began = time.monotonic()
        self._end(self._begin(0))
        self._duration = time.monotonic() - began

    def kill(self, number: int) -> None:
        """Kill a command at the moment that a number stands for, and check what it leaves.

        Raises:
            AssertionError: something is wrong.
        """
        choice = random.Random(f"{self._name} {number}")
        at = choice.randint(1, self._last) if number % 2 else 0
        process = self._begin(at)
        if not at:
            time.sleep(choice.random() * self._duration)
            os.kill(process, signal.SIGKILL)
        self.landed += self._end(process) == -signal.SIGKILL
        self._trials.check("killed", tidy=False, anew=True)

    def _begin(self, at: int) -> int:
        self._trials.scene.bring_back()
        process = os.fork()
        if process:
            return process
        try:  # from here on it is the other process
            with self._calls.following(Plan(CHANGES, at, kills=True)):
                run(self._trials.scene.words)
        finally:
            os._exit(0)

    def _end(self, process: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_some(name: str, journal: str, first: int, batch: int, folder: Path, calls: Calls) -> int:
    """Kill a command some times; return how often it died in the middle.

    Raises:
        AssertionError: something is wrong; it says after which kill.
    """
    killing = Killing(name, journal, folder, calls)
    for number in range(first, first + batch):
        try:
            killing.kill(number)
        except AssertionError as error:
            raise AssertionError(f"{name} {journal}, kill {number}: {error}") from error
    return killing.landed


def main() -> int:
    """Kill, report, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description="Kill commands at random moments, and add up what ended well.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--file", type=Path, default=ROOT / "kills.json", help="the ledger")
    parser.add_argument("--only", action="append", choices=sorted(SCENES), help="kill these commands alone")
    parser.add_argument("--first", type=int, help="kill from this kill on, some times, and note nothing")
    arguments = parser.parse_args()
    ledger, here, failed = Ledger(arguments.file), commit(), 0
    cases = [(name, journal) for name in arguments.only or SCENES for journal in JOURNALS]
    until = time.monotonic() + arguments.seconds
    with tempfile.TemporaryDirectory() as folder, watched() as calls:
        os.environ["CRDTSQL_STATE_DIR"] = f"{folder}/state"
        while time.monotonic() < until and not failed:
            name, journal = min(cases, key=lambda case: ledger.next.get(" ".join(case), 0))
            case, began = f"{name} {journal}", time.monotonic()
            first = ledger.next.get(case, 0) if arguments.first is None else arguments.first
            landed = -1
            try:
                landed = kill_some(name, journal, first, BATCH, Path(folder) / "scene", calls)
            except AssertionError as error:
                print(error, file=sys.stderr)
                failed += 1
            if arguments.first is None:
                ledger.note(here, case, first, BATCH, clean=landed >= 0, count=landed)
            took = time.monotonic() - began
            print(f"{case:17}  {landed:4} killed of {BATCH} from {first:,}  {took:4.1f} s", flush=True)
            if arguments.first is not None:
                return failed
    killed: Counter[str] = Counter()
    for case, landed in ledger.clean.get(here, {}).items():
        killed[case.split()[0]] += landed
    for name, several in sorted(killed.items()):
        print(f"{name:10}  {several:9,}")
    print(f"{killed.total():,} kills ended well on {here}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
