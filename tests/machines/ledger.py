"""A ledger of random histories: `python -m tests.machines.ledger --seconds 3600` goes round all generators, and adds up what ran clean.

Each round runs some seeds of each generator that no run before had. What ran clean is kept per commit in a file, so that runs add up; the
first history that fails ends the run, and stands in the file as failed. Seeds begin where `make test` does not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.machines.simulation.constrained.tables import FAMILIES

ROOT = Path(__file__).parents[2]
FIRST = 1_000_000
"""The first seed; those below belong to `make test`, and to whoever looks for one by hand."""


class Generator(NamedTuple):
    """What makes random histories.

    Attributes:
        node: the tests, as pytest names them.
        batch: how many seeds are run in one go, which takes about a minute on two cores.
        variable: what says how many.
        histories: how many histories a seed makes.
    """

    node: str
    batch: int
    variable: str = "CRDTSQL_SEEDS"
    histories: int = 1


MACHINES = "tests/machines"
GENERATORS = {
    "any verb": Generator(f"{MACHINES}/simulation/constrained/test_any_verb.py", 2, "CRDTSQL_VERBS", len(FAMILIES)),
    "chains": Generator(f"{MACHINES}/chains/test_random.py", 6, "CRDTSQL_CHAINS"),
    "compaction": Generator(f"{MACHINES}/compaction/test_compaction.py::test_nobody_sees_that_a_replica_compacted", 60),
    "conflicts": Generator("tests/conflicts/test_conflicts.py::test_resolved_is_exact", 300),
    "constrained": Generator(
        f"{MACHINES}/simulation/constrained/test_constrained.py::test_replicas_show_what_the_model_says", 124
    ),
    "edges": Generator(f"{MACHINES}/property/test_edges.py", 480),
    "fleets": Generator("tests/mcp/test_fleet.py::test_a_fleet_in_one_process", 12),
    "fold": Generator("tests/fold/test_homomorphism.py", 480),
    "foretold numbers": Generator("tests/numbers/test_foretold.py::test_random_keys_have_one_answer", 480),
    "history": Generator("tests/history/test_random_histories.py", 20, histories=2),
    "marks": Generator("tests/replica/test_statements.py::test_marks_agree_with_revisions", 300),
    "memory": Generator(f"{MACHINES}/property/test_memory.py", 6, "CRDTSQL_MEMORY_SEEDS"),
    "networks": Generator(f"{MACHINES}/carry/test_convergence.py", 2, "CRDTSQL_NETWORKS"),
    "numbers": Generator(f"{MACHINES}/numbers/test_random.py", 60),
    "numbers and blocks": Generator(f"{MACHINES}/numbers/test_random_blocks.py", 30),
    "numbers and deletes": Generator(f"{MACHINES}/numbers/test_random_deletes.py", 60),
    "numbers and references": Generator(f"{MACHINES}/numbers/test_random_references.py", 20),
    "numbers that were meant": Generator("tests/numbers/test_meant.py::test_random_references_have_one_answer", 480),
    "policies": Generator("tests/merge/test_policies.py::test_replicas_hold_what_the_model_says", 20, histories=3),
    "previews": Generator("tests/replica/test_preview.py", 2, "CRDTSQL_PREVIEWS", len(FAMILIES)),
    "plain": Generator(f"{MACHINES}/simulation/test_stateful.py::test_replicas_hold_what_the_model_says", 120),
    "purges": Generator(f"{MACHINES}/property/test_purges.py", 60, "CRDTSQL_PURGES"),
    "rejoin": Generator("tests/rejoin/test_random.py", 40),
    "revisions": Generator(
        "tests/look/test_revisions.py::test_each_write_gives_another_revision_and_nothing_else_does", 300
    ),
    "schema changes": Generator(f"{MACHINES}/schema_changes/test_random.py", 48, "CRDTSQL_SCHEMA_SEEDS"),
    "schema versions": Generator(f"{MACHINES}/schema_versions/test_random.py", 60),
    "shares": Generator("tests/export/test_shares.py::test_random_crowds_are_passed_on", 60, "CRDTSQL_SHARES"),
    "stores": Generator(f"{MACHINES}/stores/test_random.py", 60),
    "waiting writes": Generator("tests/store/test_waiting.py::test_random_copies_count_once", 480),
}


class Ledger:
    """What ran so far, in a file.

    Attributes:
        next: generator -> the first seed that no run had.
        clean: commit -> generator -> how many histories ran clean.
        failed: what failed: commit, generator, first seed and number of seeds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.next: dict[str, int] = found.get("next", {})
        self.clean: dict[str, dict[str, int]] = found.get("clean", {})
        self.failed: list[list[Any]] = found.get("failed", [])

    def note(self, commit: str, name: str, first: int, batch: int, *, clean: bool, count: int | None = None) -> None:
        """Note what became of a batch, at once, and how many of it count, if not all."""
        self.next[name] = first + batch
        if clean:
            of_commit = self.clean.setdefault(commit, {})
            of_commit[name] = of_commit.get(name, 0) + (batch if count is None else count)
        else:
            self.failed.append([commit, name, first, batch])
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(
            json.dumps({"next": self.next, "clean": self.clean, "failed": self.failed}, indent=1), encoding="utf-8"
        )
        os.replace(temporary, self._path)


def run(name: str, first: int) -> subprocess.CompletedProcess[str]:
    """Run a batch of a generator's seeds."""
    generator = GENERATORS[name]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "auto", generator.node]
    environment = os.environ | {"CRDTSQL_FIRST": str(first), generator.variable: str(generator.batch)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def commit() -> str:
    """Return the commit of the tree, with a plus sign where files differ from it."""
    said = [["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]]
    head, changed = (
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout for words in said
    )
    return head.strip() + ("+" if changed else "")


def main() -> int:
    """Run, report, and return 1 if a history failed."""
    parser = argparse.ArgumentParser(description="Run random histories of all generators, and add up what ran clean.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--file", type=Path, default=ROOT / "histories.json", help="the ledger")
    parser.add_argument("--only", action="append", choices=sorted(GENERATORS), help="run these generators alone")
    arguments = parser.parse_args()
    ledger, here = Ledger(arguments.file), commit()
    until = time.monotonic() + arguments.seconds
    while time.monotonic() < until:
        for name in arguments.only or GENERATORS:
            if time.monotonic() >= until:
                break
            first, began = ledger.next.get(name, FIRST), time.monotonic()
            done = run(name, first)
            generator, clean = GENERATORS[name], done.returncode == 0
            histories = generator.batch * generator.histories
            ledger.note(here, name, first, generator.batch, clean=clean, count=histories)
            if done.returncode:
                print(done.stdout, done.stderr, sep="\n")
                print(f"{name}: a history from seed {first} on failed: CRDTSQL_FIRST={first} repeats them")
                return 1
            print(
                f"{name:24}  {GENERATORS[name].batch:5} seeds from {first:,}  {time.monotonic() - began:4.0f} s",
                flush=True,
            )
    for name, count in sorted(ledger.clean.get(here, {}).items()):
        print(f"{name:24}  {count:9,}")
    total = sum(sum(found.values()) for found in ledger.clean.values())
    print(f"{sum(ledger.clean.get(here, {}).values()):,} histories ran clean on {here}, {total:,} on all commits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
