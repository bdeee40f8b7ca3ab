"""Commands to which SQLite is given less memory than they need: `python -m tests.machines.faults.memory FOLDER STEPS "NAME JOURNAL" ...`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tests.machines.faults import scenes
from tests.machines.faults.test_faults import Trials, run


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Let SQLite have so many bytes in a block."""
    apsw.hard_heap_limit(most)
    try:
        yield
    finally:
        apsw.hard_heap_limit(0)


def main(folder: Path, steps: int, cases: list[str]) -> None:
    """Give commands more and more memory, in so many steps, until they have enough."""
    for case in cases:
        name, journal = case.split()
        trials = Trials(scenes.make(name, folder, journal))
        trials.scene.bring_back()
        base = apsw.memory_used()
        apsw.memory_high_water(True)
        assert run(trials.scene.words).exit_code == 0
        most = apsw.memory_high_water() - base
        refused = [trials.try_with(limited(base + 1 + most * step // steps)) for step in range(steps)]
        assert any(refused), case
        assert not trials.try_with(limited(base + 2 * most)), case


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
