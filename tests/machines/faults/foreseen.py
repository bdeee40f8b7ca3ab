"""A process without chance: forks of one process that take the same course, so that two that die at one moment leave the same bytes.

What a command leaves depends on times, on numbers of chance, and on what SQLite draws. A process of its own, which does nothing else, forks once
for each run; there clocks begin at one time and go on by a step at each look, and chance comes from one seed.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CHANCE = b"/dev/zero"
"""What SQLite takes its first numbers of chance from."""
_STEP_NS = 1_000_000
_ASKED, _SAID = struct.Struct("<qq"), struct.Struct("<qq")
Course = Callable[[int, bool], None]


class Forks:
    """A process that forks for each run, and what it is asked by."""

    def __init__(self, course: Course) -> None:
        """Begin it; `course` is what a fork does: the call at which it dies, 0 for none, and whether half of that is done."""
        theirs, self._questions = os.pipe()
        self._answers, ours = os.pipe()
        self._process = os.fork()
        if not self._process:
            try:  # from here on it is the other process
                os.close(self._questions)
                os.close(self._answers)
                _serve(course, theirs, ours)
            finally:
                os._exit(0)
        os.close(theirs)
        os.close(ours)

    def run(self, at: int, *, torn: bool = False, after_s: float | None = None) -> int:
        """Have a fork take its course, and wait for its end; kill it after some seconds if they are given. Return its exit code."""
        os.write(self._questions, _ASKED.pack(at, torn))
        process, _ = _SAID.unpack(os.read(self._answers, _SAID.size))
        if after_s is not None:
            time.sleep(after_s)
            os.kill(process, signal.SIGKILL)  # it is not waited for before it is asked for, so it is this one
        os.write(self._questions, b"\0")
        return _SAID.unpack(os.read(self._answers, _SAID.size))[1]

    def close(self) -> None:
        """End it."""
        os.close(self._questions)
        os.close(self._answers)
        os.waitpid(self._process, 0)


@contextmanager
def forking(course: Course) -> Iterator[Forks]:
    """Have a process that forks, for the length of a block."""
    forks = Forks(course)
    try:
        yield forks
    finally:
        forks.close()


def _serve(course: Course, questions: int, answers: int) -> None:
    began_ns = time.time_ns()
    gc.collect()
    gc.freeze()
    gc.disable()
    while asked := os.read(questions, _ASKED.size):
        at, torn = _ASKED.unpack(asked)
        process = os.fork()
        if not process:
            try:
                foresee(began_ns)
                course(at, bool(torn))
            finally:
                os._exit(0)
        os.write(answers, _SAID.pack(process, 0))
        if not os.read(questions, 1):
            return
        os.write(answers, _SAID.pack(process, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])))


def foresee(began_ns: int) -> None:
    """Take chance and time from this process, which ends with that."""
    chance, looks = random.Random(0), iter(range(1 << 62))
    alike: Any = chance.randbytes
    os.urandom = alike
    random._urandom = alike  # type: ignore[attr-defined]  # what `secrets` draws from
    time.time_ns = lambda: began_ns + next(looks) * _STEP_NS
    time.time = lambda: time.time_ns() / 1e9
    time.monotonic = lambda: next(looks) * _STEP_NS / 1e9
