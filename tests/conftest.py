"""What every test has: a folder in memory, and a state directory of its own, so that none sees the notes of another or of this user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    """Let `tmp_path` be in memory if the machine has that: every small commit waits for a disk; whoever needs one asks for it."""
    if os.access(MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(autouse=True)
def _own_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "state"))
