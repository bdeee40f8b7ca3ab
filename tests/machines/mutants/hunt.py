"""Run histories against the package that is first on the path, until one fails.

`python -m tests.machines.mutants.hunt SEEDS [constrained | schemas | compaction]`
"""

from __future__ import annotations

import logging
import sys

from tests.machines.compaction import runs
from tests.machines.schema_changes import histories as schema_changes
from tests.machines.schema_changes import unseen
from tests.machines.simulation import histories
from tests.support.peers import fast_directory


def failure_of(seed: int) -> str | None:
    """Run the histories of one seed; return what failed in them."""
    if "compaction" in sys.argv:
        return runs.run(seed).failure
    if "schemas" not in sys.argv:
        return histories.run(seed, constrained="constrained" in sys.argv).failure
    for run in (unseen.run, schema_changes.run):
        with fast_directory() as folder:
            try:
                run(seed, folder)
            except AssertionError as error:
                return str(error).splitlines()[0]
    return None


def main() -> int:
    """Print the seed that noticed; return 1 if none did."""
    logging.getLogger("crdtsql").setLevel(logging.CRITICAL if "schemas" in sys.argv else logging.ERROR)
    for seed in range(int(sys.argv[1])):
        failure = failure_of(seed)
        if failure is not None:
            print(f"{seed}: {failure.strip().splitlines()[-1][:150]}")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
