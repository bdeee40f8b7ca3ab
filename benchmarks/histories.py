"""What a history costs the writers of its table, and the commands that follow."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import data
from benchmarks.workloads import Bench, Result, ratio, timed
from crdtsql import Replica

MOST, MOST_FOLD = 1.4, 10.0
WORK = {
    "insert": "INSERT INTO task SELECT 'more ' || id, c0, c1, c2, c3, c4 FROM task WHERE id NOT GLOB 'more *'",
    "update of one column": "UPDATE task SET c2 = c2 + 1",
    "update of two columns": "UPDATE task SET c2 = c2 + 1, c4 = c4 || 'x'",
    "delete": "DELETE FROM task WHERE id GLOB '*5'",
}


def histories(bench: Bench) -> Iterator[Result]:
    """Capture and fold of tables with a history against the same without."""
    for work, statement in WORK.items():
        for folds, most in ((False, MOST), (True, MOST_FOLD)):

            def run(kept: bool, statement: str = statement, folds: bool = folds) -> float:
                connection, path = bench.table(5, False)
                with Replica.open(path) as replica:
                    replica.enable("task")
                    data.insert(connection, data.rows(bench.count, 5))
                    if kept:
                        replica.keep_history("task")
                    replica.vector()
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

                    def write() -> None:
                        with connection:
                            connection.execute(statement)

                    spent = timed(write)
                    spent = timed(replica.vector) if folds else spent
                connection.close()
                return spent

            what = "fold of it" if folds else "capture"
            yield ratio(
                f"history, {work} of all rows: {what}, against none", most, lambda: run(False), lambda: run(True)
            )
