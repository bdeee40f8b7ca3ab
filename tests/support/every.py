"""One test for all modules, or all SQL files: a test for each of them would cost more than what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import update_wrapper
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def every(things: Collection[T]) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Make a check of one thing a test of all of them, which names every one that breaks the rule, and why."""

    def test_of_all(check: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            assert things
            failures = []
            for thing in things:
                try:
                    check(thing)
                except Exception as error:
                    name = thing.relative_to(ROOT) if isinstance(thing, Path) else thing
                    failures.append(f"{name}: {type(error).__name__}: {error}")
            if failures:
                pytest.fail("\n".join(failures), pytrace=False)

        update_wrapper(test, check)
        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would ask it for fixtures
        return test

    return test_of_all
