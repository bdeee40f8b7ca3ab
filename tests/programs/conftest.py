"""Tests that run whole programs work in memory if they can: every command commits durably."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import fast_directory


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a fast directory."""
    with fast_directory() as found:
        yield found
