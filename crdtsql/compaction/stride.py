"""Stride: how many rows a step looks at, so that nobody who wants to write waits for long."""

from __future__ import annotations

from dataclasses import dataclass, field

LONGEST_S = 0.03
"""So long a step should hold the lock at most."""
FEWEST, FIRST, MOST = 200, 400, 2_000


@dataclass(slots=True)
class Stride:
    """Goes by how long the steps before took.

    Attributes:
        rows: so many the next step looks at.
    """

    rows: int = field(default_factory=lambda: FIRST)

    def took(self, seconds: float) -> None:
        """Hear how long a step took."""
        if seconds > LONGEST_S:
            self.rows = max(FEWEST, int(self.rows * max(0.25, LONGEST_S / seconds)))
        elif seconds < LONGEST_S / 2:
            self.rows = min(MOST, 2 * self.rows)
