"""Values at the edge of what SQLite, JSON and clocks take: where sums overflow, numbers round, and text is none."""

from __future__ import annotations

LIMIT = 1 << 62
"""What an integer counter shows at most."""
MOST_REAL = 1.7e308
"""What a REAL counter shows at most."""

COUNTS = (0, 1, -1, 7, 1 << 40, 1 << 53, LIMIT - 1, LIMIT, 1 - LIMIT, -LIMIT, LIMIT // 2)
"""Integers that a counter takes."""
REAL_COUNTS = (0.1, 0.2, -0.1, 1.0, 1e16, 2.0**53, 1 / 3, 5e-324, 1e300, 1e308, MOST_REAL, -MOST_REAL, -1e308, -0.0)
"""Reals that a counter takes."""
