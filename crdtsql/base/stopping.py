"""Stopping: an event that tells threads to end, and that a signal handler may set.

`threading.Event` has a lock that is not reentrant: if a signal comes just while the main thread holds it in `wait`, a handler that
sets the event waits for itself for ever. A `SimpleQueue` may be put to while the same thread takes from it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import queue


class StopEvent(threading.Event):
    """An event that is set once, by any thread or in a signal handler."""

    def __init__(self) -> None:
        import queue  # few commands wait

        super().__init__()
        self._is_over = False
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._is_over

    def set(self) -> None:
        """Set it, and wake who waits."""
        self._is_over = True
        self._woken.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait so many seconds for it, for ever if None; tell whether it is set."""
        if not self._is_over:
            from queue import Empty

            try:
                self._woken.get(timeout=None if timeout is None else max(0, timeout))
            except Empty:
                return self._is_over
            self._woken.put(None)  # for others that wait
        return self._is_over
