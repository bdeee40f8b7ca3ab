"""Make the golden file of a changeset whose vector names no ended sites: `python -m tests.golden.make_v2_retired`.

Two sites were ended. One wrote a row that still names it, of the other only the list tells; so an ordinal is left out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.golden import whole
from tests.support import peers
from tests.support.peers import Clock, exchange, write

FOLDER = Path(__file__).with_name("v2-retired")
SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"


def main(target: Path) -> None:
    """Write the file, and what it must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one = peers.replica(Path(folder) / "1.db", SCHEMA, now=Clock(step=1_000), site=1, identity="row")
        one.compact(keep_ms=0)
        other = one.clone(Path(folder) / "2.db")
        write(other, "INSERT INTO t VALUES (1, 'one')")
        exchange(one, other)
        write(one, "INSERT INTO t VALUES (2, 'two')")
        exchange(one, other)
        for number, statements in enumerate(
            (("UPDATE t SET v = 'guest' WHERE id = 1",), ("INSERT INTO t VALUES (4, 'four')",)), 3
        ):
            guest = one.clone(Path(folder) / f"{number}.db")
            write(guest, *statements)
            exchange(guest, one)
            one.forget(guest.site)
        write(one, "UPDATE t SET v = 'last' WHERE id = 1")
        for _ in range(5):
            for replica in (one, other):
                replica.compact(keep_ms=0)
            exchange(one, other)
        one.compact(keep_ms=0)
        write(one, "INSERT INTO t VALUES (5, 5)")
        data = one.export()
        fresh = peers.replica(Path(folder) / "9.db", SCHEMA, site=9, identity="row")
        whole.write(target, data, fresh, SCHEMA, options={"identity": "row"})


if __name__ == "__main__":
    main(FOLDER)
