"""Breather: how a verb that goes in steps leaves the file alone between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

HELD_S, FREE_S = 0.03, 0.06
"""After so long a compaction leaves the file alone, for so long at least: whoever waits to write looks again within that time."""


class Breather:
    """Leaves the file alone after it was held for a while, so that others come to write."""

    def __init__(self, most_s: float = HELD_S, times: int = 2) -> None:
        """Leave it alone once it was held for `most_s` in all, for so many times as long as that was, and long enough."""
        self._most_s, self._times, self._held_s = most_s, times, 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the file for the length of a block."""
        began = time.perf_counter()
        yield
        self._held_s += time.perf_counter() - began
        if self._held_s > self._most_s:
            time.sleep(max(FREE_S, self._times * self._held_s))
            self._held_s = 0.0
