"""An event that a signal handler may set, whenever the signal comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from crdtsql.base import StopEvent

HAMMER = """
import random, signal, sys, threading
from crdtsql.base import StopEvent

for number in range(400):
    ending = StopEvent()
    signal.signal(signal.SIGALRM, lambda *_: ending.set())
    signal.setitimer(signal.ITIMER_REAL, 0.0002 + random.random() / 1000)
    while not ending.wait(0.000001):
        pass
print("done")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that sends signals")
def test_a_signal_may_come_at_any_moment() -> None:
    """A handler that sets it while the main thread looks at it does not wait for itself; `threading.Event` does, soon."""
    done = subprocess.run([sys.executable, "-c", HAMMER], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "done\n"


def test_all_who_wait_are_woken() -> None:
    """It is an event as others are: each thread that waits hears of it, and whoever comes later."""
    ending, woken = StopEvent(), list[bool]()
    threads = [threading.Thread(target=lambda: woken.append(ending.wait(30))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert not ending.wait(0) and not ending.wait(-1) and not ending.is_set()
    began = time.monotonic()
    ending.set()
    for thread in threads:
        thread.join()
    assert woken == [True] * 3 and ending.wait() and ending.is_set()
    assert time.monotonic() - began < 10
