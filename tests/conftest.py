"""What every test has: a state directory of its own, so that no test sees the notes of another or of this machine's user."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRDTSQL_STATE_DIR", str(tmp_path / "state"))
