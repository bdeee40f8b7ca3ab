"""What every test has: a folder in memory, and a state directory of its own, so that none sees the notes of another or of this user."""

from __future__ import annotations

import gc
import os
from itertools import count
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
NUMBERS = count(1)


def pytest_configure() -> None:
    """Let `tmp_path` be in memory if the machine has that: every small commit waits for a disk; whoever needs one asks for it."""
    if os.access(MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """Leave what is loaded by now out of every garbage collection to come."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_state_directory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name a folder that is not there yet; most tests never have it made."""
    if "tmp_path" in request.fixturenames:
        own = request.getfixturevalue("tmp_path") / "state"
    else:
        own = tmp_path_factory.getbasetemp() / f"state {next(NUMBERS)}"
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(own))
