"""Pace: how soon to look at a file again: at once where somebody writes just now, seldom where nobody has for a while."""

from __future__ import annotations

SHORTEST_S, LONGEST_S = 0.004, 0.05
SHARE = 0.004
"""How much of the time that has passed without a write may pass until the next look."""


def pause_s(quiet_s: float) -> float:
    """Return in how many seconds to look again, if nobody has written for `quiet_s`."""
    return min(LONGEST_S, max(SHORTEST_S, SHARE * quiet_s))
