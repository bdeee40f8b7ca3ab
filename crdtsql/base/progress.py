"""Progress: how long work tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called during long work with (what, steps done, steps in all)."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""
