"""Make the golden file of a changeset of a group that compacts typed columns: `python -m tests.golden.make_v2_typed`.

One row is of the genesis again, with what its parts said; the other one was written since, so its counter has totals that begin anew.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.golden import whole
from tests.support.peers import Clock, exchange, replica, write

FOLDER = Path(__file__).with_name("v2-typed")
SCHEMA = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER DEFAULT 0, tags TEXT DEFAULT '[]')"
TYPES = {"n": "counter", "tags": "set"}


def main(target: Path) -> None:
    """Write the file, and what it must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one, fresh = (replica(Path(folder) / f"{n}.db", SCHEMA, now=Clock(step=1_000), site=n) for n in (1, 9))
        for made in (one, fresh):
            for column, kind in TYPES.items():
                made.set_type("t", column, kind)
        write(one, "INSERT INTO t (id) VALUES ('rests'), ('goes on')")
        other = one.clone(Path(folder) / "2.db")
        for number, writer in enumerate((one, other), 1):
            write(writer, f"UPDATE t SET n = n + {number}, tags = json_insert(tags, '$[#]', {number})")
        for _ in range(5):
            exchange(one, other)
            for writer in (one, other):
                writer.compact(keep_ms=0)
        for number, writer in enumerate((one, other), 1):
            write(
                writer,
                f"UPDATE t SET n = n + {10 * number}, tags = json_insert(tags, '$[#]', 'late') WHERE id = 'goes on'",
            )
        exchange(one, other)
        whole.write(target, one.export(), fresh, SCHEMA, options={"types": TYPES})


if __name__ == "__main__":
    main(FOLDER)
