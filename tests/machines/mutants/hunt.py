"""Run histories against the package that is first on the path, until one fails.

`python -m tests.machines.mutants.hunt SEEDS [constrained]`
"""

from __future__ import annotations

import logging
import sys

from tests.machines.simulation import histories


def main() -> int:
    """Print the seed that noticed; return 1 if none did."""
    logging.getLogger("crdtsql").setLevel(logging.ERROR)
    for seed in range(int(sys.argv[1])):
        result = histories.run(seed, constrained="constrained" in sys.argv)
        if result.failure is not None:
            print(f"{seed}: {result.failure.strip().splitlines()[-1][:150]}")
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
