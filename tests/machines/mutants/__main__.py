"""Seed bugs one by one and let histories, or the tests named for them, find them: `python -m tests.machines.mutants [--seeds 1000] [NAME ...]`.

Each mutant is a copy of the package with one wrong edit. A mutant that survives fails the run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.machines.mutants.catalogue import MUTANTS
from tests.machines.mutants.kind import Mutant

ROOT = Path(__file__).parents[3]


def hunt(mutant: Mutant, seeds: int) -> str | None:
    """Return what noticed a mutant: the seed and the last line of the failure; None if nothing did."""
    with tempfile.TemporaryDirectory(prefix="crdtsql-mutant-") as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "crdtsql", copy / "crdtsql", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "tests").symlink_to(ROOT / "tests")
        file = copy / "crdtsql" / mutant.file
        text = file.read_text(encoding="utf-8")
        if text.count(mutant.find) != 1:
            raise SystemExit(
                f"{mutant.name}: {mutant.file} has the text {text.count(mutant.find)} times: {mutant.find!r}"
            )
        file.write_text(text.replace(mutant.find, mutant.put), encoding="utf-8")
        command = [sys.executable, "-m", *_hunters(mutant, seeds)]
        environment = os.environ | {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        if mutant.tests:
            failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
            return failed[0][:150] if done.returncode == 1 and failed else None
        if done.returncode == 0:
            return done.stdout.strip()
        if done.stdout or done.stderr.strip():
            return f"at once: {(done.stderr or done.stdout).strip().splitlines()[-1][:150]}"
        return None


def _hunters(mutant: Mutant, seeds: int) -> list[str]:
    """Return the module that hunts a mutant, with its arguments."""
    if mutant.tests:
        return ["pytest", "-x", "-q", "-p", "no:cacheprovider", mutant.tests]
    kinds = {"constrained": mutant.constrained, "schemas": mutant.schemas, "compaction": mutant.compaction}
    return ["tests.machines.mutants.hunt", str(seeds), *(kind for kind, wanted in kinds.items() if wanted)]


def main() -> int:
    """Hunt all mutants, print who noticed, and return 1 if one survived."""
    parser = argparse.ArgumentParser(description="Seed bugs and let histories or tests find them.")
    parser.add_argument("--seeds", type=int, default=1000, help="histories per mutant")
    parser.add_argument("names", nargs="*", help="parts of the names of mutants; all if none is given")
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if not arguments.names or any(part in m.name for part in arguments.names)]
    began, survivors = time.monotonic(), []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for mutant, noticed in zip(chosen, pool.map(lambda m: hunt(m, arguments.seeds), chosen), strict=True):
            print(f"{mutant.name:60}  {'SURVIVED' if noticed is None else noticed}", flush=True)
            if noticed is None:
                survivors.append(mutant.name)
    killed = len(chosen) - len(survivors)
    print(
        f"{killed} of {len(chosen)} mutants were noticed within {arguments.seeds} seeds, in {time.monotonic() - began:.0f} s"
    )
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
