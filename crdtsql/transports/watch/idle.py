"""Idle: what is done for a file while nobody writes to it and nothing is to be synced: it is compacted a little at a time.

Only where somebody asked for it once (`Replica.compact`). Never much at once, so that whoever begins to write waits for some
milliseconds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from crdtsql.base import BusyError, CrdtsqlError
from crdtsql.replica import Replica

QUIET_S = 1.0
"""Nothing is done until nobody has written, and nothing was synced, for so long."""
SHARE = 0.2
"""How much of the time it may take."""
REST_S = 10.0
"""So often it is looked whether there is anything to do."""
AFTER_FAILURE_S = 300.0

log = logging.getLogger("crdtsql")


class Idle:
    """What one watcher, or one desk, does for its file.

    Args:
        now: seconds, as all times that it is told.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._next_at = self._not_before = 0.0

    def disturbed(self) -> None:
        """Hear that somebody writes, or that something was synced."""
        self._next_at = max(self._not_before, self._now() + QUIET_S)

    def pause_s(self) -> float:
        """Return in how many seconds there may be something to do."""
        return max(0.0, self._next_at - self._now())

    def work(self, replica: Replica) -> bool:
        """Do a little if it is time for that; return whether others must hear of it: what was agreed on is another thing now."""
        began = self._now()
        if began < self._next_at:
            return False
        rest_s, changed = REST_S, False
        try:
            before = replica.lanes_known()
            if replica.compact_some():
                rest_s = (self._now() - began) / SHARE
            changed = replica.lanes_known() != before
        except BusyError:
            rest_s = QUIET_S
        except CrdtsqlError as error:
            log.warning("%s: it could not be compacted: %s", replica.path, error)
            rest_s = AFTER_FAILURE_S
            self._not_before = self._now() + rest_s
        self._next_at = self._now() + rest_s
        return changed
