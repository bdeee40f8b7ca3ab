"""Limits: how much a client may send, how often, and how slowly. Knows no request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes of its clients.

    Attributes:
        body_bytes: of one request.
        waiting_bytes: of all requests together that are not answered yet, in temporary files.
        patience_s: so long a client may send or take nothing, and so long it may take for its headers.
        slowest_bytes: a body must come, and an answer be taken, at this rate, in bytes a second, after the first `patience_s`.
        requests: that each token may make at once.
        requests_per_s: that each token may make in the long run.
        waiting_requests: to one file; more are turned away.
        connections: at a time.
        heartbeat_s: how often a stream of news says that it is still there.
    """

    body_bytes: int = 256 << 20
    waiting_bytes: int = 1 << 30
    patience_s: float = 30.0
    slowest_bytes: int = 16 << 10
    requests: int = 1_000
    requests_per_s: float = 100.0
    waiting_requests: int = 256
    connections: int = 2_048
    heartbeat_s: float = 15.0

    def seconds_left(self, began: float, size: int) -> float:
        """Return how long may pass until more of what began then comes, or is taken, after so many bytes."""
        allowed = self.patience_s + size / self.slowest_bytes - (time.monotonic() - began)
        return min(self.patience_s, allowed)


class Rates:
    """How many requests each token has left: as many as it may make at once, filled up as time goes by."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_s, self._now = limits.requests, limits.requests_per_s, now
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """Take one; return 0, or if there is none after how many seconds there is."""
        now = self._now()
        left, at = self._left.get(who, (float(self._most), now))
        left = min(float(self._most), left + (now - at) * self._per_s)
        if left < 1:
            self._left[who] = (left, now)
            return (1 - left) / self._per_s
        self._left[who] = (left - 1, now)
        return 0.0


class Budget:
    """How many bytes of bodies there may be at a time."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take so many; tell whether there were."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self._left += size
