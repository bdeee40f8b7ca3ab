"""Seeds: which random histories a test runs, so that runs add up: CRDTSQL_FIRST is the first seed, CRDTSQL_SEEDS how many there are."""

from __future__ import annotations

import os


def chosen(count: int, variable: str = "CRDTSQL_SEEDS") -> range:
    """Return the seeds to run.

    Args:
        count: how many where nothing is said.
        variable: the environment variable that says how many.
    """
    first = int(os.environ.get("CRDTSQL_FIRST", "0"))
    return range(first, first + int(os.environ.get(variable) or count))
