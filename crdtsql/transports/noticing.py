"""Noticing: hear at once of what changes in a folder, where the system tells of that and the package watchfiles is installed.

It only makes a watcher faster: nothing is heard of a network share's other users, and a system may run out of what it watches with. So
whoever listens also looks from time to time, and what fails here is as good as silence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from watchfiles import watch

STEP_MS, GATHER_MS = 50, 50
"""How often the thread looks whether it is to end, and how long at most it gathers changes into one."""


class Ear:
    """A thread that calls `wake` when something changes in a folder."""

    def __init__(self, folder: str, wake: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._hear, args=(folder, wake), name="crdtsql-folder", daemon=True)
        self._thread.start()

    def _hear(self, folder: str, wake: Callable[[], None]) -> None:
        with suppress(OSError, RuntimeError):
            for _ in watch(
                folder,
                watch_filter=None,
                debounce=GATHER_MS,
                step=STEP_MS,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                wake()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()
