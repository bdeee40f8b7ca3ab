"""Values of typed columns that came while no trigger looked, and that the type does not take."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from crdtsql import Replica, sync
from tests.support.peers import read, write

TYPES = {"n": "counter", "x": "grow-counter", "s": "set", "m": "map"}
UNTAKEN = {
    "text in a counter": ("n", "'many'", "n is a counter and must be a number within plus and minus 2^62, and row 'k' has 'many'"),
    "an integer beyond the range": ("n", "9223372036854775807", "and row 'k' has 9223372036854775807"),
    "infinity in a counter": ("x", "9e999", "and row 'k' has inf"),
    "a set that is none": ("s", "'no json'", "and row 'k' has 'no json'"),
    "text that is no UTF-8 in a map": ("m", "CAST(x'ff' AS TEXT)", "and row 'k' has CAST(x'ff' AS TEXT)"),
}  # fmt: skip


@pytest.mark.parametrize(("column", "value", "said"), UNTAKEN.values(), ids=UNTAKEN.keys())
@pytest.mark.parametrize("restamp", [[], ["t"]], ids=["repair", "restamp"])
def test_repair_names_a_value_that_no_replica_takes(
    tmp_path: Path, column: str, value: str, said: str, restamp: list[str]
) -> None:
    """`repair` names the row and changes nothing; once it has another value, repair goes on, and so do the syncs."""
    file = tmp_path / "a.db"
    write(
        file,
        "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n INTEGER, x REAL, s TEXT, m TEXT)",
        "INSERT INTO t (id) VALUES ('k')",
    )
    with Replica.open(file) as first:
        first.enable("t", types=TYPES)
        with first.clone(tmp_path / "b.db") as second:
            connection = apsw.Connection(str(file))
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
            connection.execute(f"UPDATE t SET {column} = {value}")
            (found,) = first.repair(restamp=restamp).findings
            assert (found.mended, found.table) == (False, "t")
            assert said in found.problem
            connection.execute(f"UPDATE t SET {column} = NULL")
            connection.close()
            assert first.repair(restamp=["t"]).mended
            sync(first, second)
            assert read(first, "SELECT * FROM t") == read(second, "SELECT * FROM t") == [("k", None, None, None, None)]
