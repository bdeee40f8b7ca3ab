"""All failing calls: `python -m tests.machines.faults.failing --seconds 3600` lets every call of every command fail, one after the other.

Where it stopped is kept per commit in a file, so that runs add up until every single call of a tree has failed once and for good. Then it
has nothing more to do. `CRDTSQL_FAULTS=1 pytest tests/machines/faults/test_faults.py` does the same in one go.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.machines.faults import scenes
from tests.machines.faults.calls import KINDS, Calls, watched
from tests.machines.faults.scenes import SCENES
from tests.machines.faults.test_faults import JOURNALS, Trials
from tests.machines.ledger import ROOT, commit
from tests.support.peers import fast_directory


class Progress:
    """How far each command is, in a file.

    Attributes:
        found: "command journal" -> kind of call -> the next call to fail, 0 where all have, and how many failures there were.
    """

    def __init__(self, path: Path, tree: str) -> None:
        self._path, self._tree = path, tree
        self._all: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.found: dict[str, dict[str, list[int]]] = self._all.setdefault(tree, {})

    def keep(self) -> None:
        """Write it down."""
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._all, indent=1), encoding="utf-8")
        os.replace(temporary, self._path)


def go_on(case: dict[str, list[int]], trials: Trials, calls: Calls, until: float) -> None:
    """Let calls of a command fail from where it stopped, until all have or time is over.

    Raises:
        AssertionError: something is wrong; it says after which call.
    """
    for kind in KINDS:
        place = case.setdefault(kind, [1, 0])
        while place[0] and time.monotonic() < until:
            before = trials.injected
            more = trials.try_out(calls, kind, place[0])
            place[:] = [place[0] + 1 if more else 0, place[1] + trials.injected - before]


def main() -> int:
    """Let calls fail, report, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(description="Let every call that commands make of the operating system fail.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--file", type=Path, default=ROOT / "faults.json", help="where it is kept how far it is")
    parser.add_argument("--only", action="append", choices=sorted(SCENES), help="these commands alone")
    arguments = parser.parse_args()
    here, until, failed = commit(), time.monotonic() + arguments.seconds, 0
    progress = Progress(arguments.file, here)
    cases = [(name, journal) for name in arguments.only or SCENES for journal in JOURNALS]
    with fast_directory() as folder, watched() as calls:
        os.environ["CRDTSQL_STATE_DIR"] = f"{folder}/state"
        for name, journal in cases:
            case = progress.found.setdefault(f"{name} {journal}", {})
            if time.monotonic() >= until or (len(case) == len(KINDS) and not any(at for at, _ in case.values())):
                continue
            trials = Trials(scenes.make(name, folder / "scene", journal))
            try:
                go_on(case, trials, calls, until)
            except AssertionError as error:
                print(f"{name} {journal}: {error}", file=sys.stderr)
                failed += 1
            print(f"{name} {journal}: {sum(count for _, count in case.values()):,} failures", flush=True)
            progress.keep()
    done = [
        kinds for kinds in progress.found.values() if len(kinds) == len(KINDS) and not any(a for a, _ in kinds.values())
    ]
    injected = sum(count for kinds in progress.found.values() for _, count in kinds.values())
    print(f"{injected:,} failures on {here}; {len(done)} of {len(SCENES) * len(JOURNALS)} cases are through")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
