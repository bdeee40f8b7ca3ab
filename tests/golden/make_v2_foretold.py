"""Make the golden file of a changeset with keys that refer to rows which are not there yet: `python -m tests.golden.make_v2_foretold`.

One key refers to a row that its site knew; the other one awaits the next row of a number, so it has a foretold one, and is held.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import apsw

from crdtsql import Replica
from tests.golden import whole
from tests.support.peers import Clock, write

FOLDER = Path(__file__).with_name("v2-foretold")
SCHEMA = (
    "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT); "
    "CREATE TABLE k (p INTEGER REFERENCES p, n INTEGER, v TEXT, PRIMARY KEY (p, n))"
)
TABLES = ("p", "k")


def main(target: Path) -> None:
    """Write the file, and what it must give."""
    if target.exists():
        raise SystemExit(f"{target} is kept as it is; golden files are never made again")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = folder
        one, fresh = (_make(Path(folder) / f"{n}.db", n) for n in (1, 9))
        for statement in (
            "INSERT INTO p VALUES (1, 'known')",
            "INSERT INTO k VALUES (1, 1, 'of one that is known')",
            "INSERT INTO k VALUES (2, 1, 'of one that is awaited')",
        ):
            write(one, statement)
        whole.write(target, one.export(), fresh, SCHEMA, TABLES, options={"identity": None})


def _make(path: Path, number: int) -> Replica:
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    connection.close()
    replica = Replica.open(path, now=Clock(step=1_000), make_site=lambda: bytes([number]) + bytes(15))
    replica.enable(*TABLES)
    return replica


if __name__ == "__main__":
    main(FOLDER)
