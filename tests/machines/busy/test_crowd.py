"""Many processes use one file at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.busy.crowd import OTHERS, Crowd

SECONDS, MOST_S = 5, 30


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_crowd_loses_nothing(tmp_path: Path, journal: str) -> None:
    """Writers, readers, watchers, a server and commands on one file lose nothing, fail nothing, and let nobody wait for long."""
    crowd = Crowd(tmp_path, journal)
    crowd.make()
    crowd.run(SECONDS)
    crowd.settle()
    assert crowd.wrong == []
    assert crowd.hits and all(rounds and longest < MOST_S for rounds, longest in crowd.waits.values())
    crowd.kept |= {"never": "written"}
    crowd.hits += 1
    crowd.settle()
    assert len(crowd.wrong) == 2 * (1 + len(OTHERS)), "what is lost must be noticed"
