"""Make the golden file of a signed changeset: `python -m tests.golden.make_v2_signed`. Its site has had two keys."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.golden import whole
from tests.support import peers
from tests.support.peers import Clock, write

FOLDER = Path(__file__).with_name("v2-signed")
SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"


def main(target: Path) -> None:
    """Write the file, and what it must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one = peers.replica(Path(folder) / "1.db", SCHEMA, now=Clock(step=1_000), site=1)
        first = one.sign()
        write(one, "INSERT INTO t VALUES (1, 'before')")
        one.fold()
        one.sign(rotate=True)
        write(one, "INSERT INTO t VALUES (2, 'after')", "UPDATE t SET v = 'written anew' WHERE id = 1")
        data = one.export()
        fresh = peers.replica(Path(folder) / "9.db", SCHEMA, site=9)
        whole.write(target, data, fresh, SCHEMA, key=first.key.hex())


if __name__ == "__main__":
    main(FOLDER)
