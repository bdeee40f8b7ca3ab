"""Many kills: `python -m tests.machines.faults.killing --seconds 3600` kills the command of which there were fewest, again and again.

With `--each 1000` it ends once so many of each command ended well on this tree.

Each command is begun by a fork of a process which has all loaded, and dies by SIGKILL: every other one at a call that changes what is on
the disk, each of them in turn, with the write half done and not at all, the rest at any time. Then the files are looked at, and the command
is done again; but not where a command that died before left the same bytes in all files, because forks have the same times and numbers
of chance (`foreseen.py`). They are in memory, where there is a folder for that: what a process wrote outlives it there as on a disk. What ended
well is kept per commit in a file, so that runs add up. A kill is given by its number alone, so any can be repeated.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.machines.faults import scenes
from tests.machines.faults.calls import CHANGES, Calls, Plan, watched
from tests.machines.faults.foreseen import Forks
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import JOURNALS, Trials, run
from tests.machines.faults.test_kills import count
from tests.machines.ledger import ROOT, Ledger, commit
from tests.support.peers import fast_directory

BATCH = 250
"""How many kills of a command follow one another; the files are made anew for each batch."""


class Killing:
    """The kills of a command on one kind of file.

    Attributes:
        landed: how many processes died in the middle.
        states: digests of all that processes left that died, each looked at once.
    """

    def __init__(self, name: str, journal: str, folder: Path, calls: Calls) -> None:
        self._name, self.landed = f"{name} {journal}", 0
        self.states: set[bytes] = set()
        self._trials = trials = Trials(scenes.make(name, folder, journal))
        last = count(calls, trials)[""]
        self._moments = [(at, torn) for at in range(1, last + 1) for torn in (False, True)]
        random.Random(self._name).shuffle(self._moments)

        def course(at: int, torn: bool) -> None:
            with calls.following(Plan(CHANGES, at, kills=True, torn=torn)):
                run(trials.scene.words)

        self._forks = Forks(course)
        self._duration = min(self._timed() for _ in range(3))

    def kill(self, number: int) -> None:
        """Kill a command at the moment that a number stands for, and check what it leaves, unless that was left before, byte by byte.

        Raises:
            AssertionError: something is wrong.
        """
        self._trials.scene.bring_back()
        if number % 2:
            at, torn = self._moments[number // 2 % len(self._moments)]
            ended = self._forks.run(at, torn=torn)
        else:
            choice = random.Random(f"{self._name} {number}")
            ended = self._forks.run(0, after_s=choice.random() * self._duration)
        self.landed += ended == -signal.SIGKILL
        if (state := self._trials.scene.digest()) in self.states:
            return
        self._trials.check("killed", tidy=False, anew=True)
        self.states.add(state)

    def _timed(self) -> float:
        self._trials.scene.bring_back()
        began = time.monotonic()
        self._forks.run(0)
        return time.monotonic() - began

    def close(self) -> None:
        """End the process that forks."""
        self._forks.close()


def kill_some(name: str, journal: str, first: int, batch: int, folder: Path, calls: Calls) -> tuple[int, int]:
    """Kill a command some times; return how often it died in the middle, and how many states that left.

    Raises:
        AssertionError: something is wrong; it says after which kill.
    """
    with closing(Killing(name, journal, folder, calls)) as killing:
        for number in range(first, first + batch):
            try:
                killing.kill(number)
            except AssertionError as error:
                raise AssertionError(f"{name} {journal}, kill {number}: {error}") from error
        return killing.landed, len(killing.states)


def of_command(ledger: Ledger, commit: str) -> Counter[str]:
    """Count the kills of each command that ended well on a tree."""
    found: Counter[str] = Counter()
    for case, landed in ledger.clean.get(commit, {}).items():
        found[case.split()[0]] += landed
    return found


def main() -> int:
    """Kill, report, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description="Kill commands at random moments, and add up what ended well.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--file", type=Path, default=ROOT / "kills.json", help="the ledger")
    parser.add_argument("--only", action="append", choices=sorted(SCENES), help="kill these commands alone")
    parser.add_argument("--each", type=int, help="end once so many kills of each command ended well on this tree")
    parser.add_argument("--first", type=int, help="kill from this kill on, some times, and note nothing")
    arguments = parser.parse_args()
    ledger, here, failed = Ledger(arguments.file), commit(), 0
    cases = [(name, journal) for name in arguments.only or SCENES for journal in JOURNALS]
    until = time.monotonic() + arguments.seconds
    with fast_directory() as folder, watched() as calls:
        os.environ["CRDTSQL_STATE_DIR"] = f"{folder}/state"
        while time.monotonic() < until and not failed:
            done = of_command(ledger, here)
            wanted = [case for case in cases if arguments.each is None or done[case[0]] < arguments.each]
            if not wanted:
                break
            name, journal = min(wanted, key=lambda case: ledger.next.get(" ".join(case), 0))
            case, began = f"{name} {journal}", time.monotonic()
            first = ledger.next.get(case, 0) if arguments.first is None else arguments.first
            landed, states = -1, 0
            try:
                landed, states = kill_some(name, journal, first, BATCH, folder / "scene", calls)
            except AssertionError as error:
                print(error, file=sys.stderr)
                failed += 1
            if arguments.first is None:
                ledger.note(here, case, first, BATCH, clean=landed >= 0, count=landed)
            took = time.monotonic() - began
            print(
                f"{case:17}  {landed:4} killed of {BATCH} from {first:,}, {states:3} states  {took:4.1f} s", flush=True
            )
            if arguments.first is not None:
                return failed
    killed = of_command(ledger, here)
    for name, several in sorted(killed.items()):
        print(f"{name:10}  {several:9,}")
    print(f"{killed.total():,} kills ended well on {here}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
