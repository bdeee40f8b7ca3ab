"""The same work on a peer: cr-sqlite's extension, for whoever has its library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from benchmarks import data, workloads
from benchmarks.workloads import Bench, Result


def crsqlite(bench: Bench, library: Path) -> Iterator[Result]:
    """Measure capture, export and import of cr-sqlite against plain SQLite."""
    for width in (5, 20):
        rows = data.rows(bench.count, width)
        insert = _insert(bench, library, width, rows)
        name = f"cr-sqlite: bulk insert, {width} columns"
        yield workloads.ratio(name, float("inf"), insert(False), insert(True), 1)
    yield from _exchange(bench, library)


def _open(bench: Bench, library: Path | None, width: int) -> apsw.Connection:
    connection = data.create(bench.path(), width)
    if library:
        connection.enable_load_extension(True)
        connection.load_extension(str(library), "sqlite3_crsqlite_init")
        connection.execute("SELECT crsql_as_crr('task')").fetchall()
    return connection


def _insert(
    bench: Bench, library: Path, width: int, rows: list[tuple[object, ...]]
) -> Callable[[bool], Callable[[], float]]:
    def run(extended: bool) -> float:
        connection = _open(bench, library if extended else None, width)
        return workloads.timed(lambda: data.insert(connection, rows))

    return lambda extended: lambda: run(extended)


def _exchange(bench: Bench, library: Path) -> Iterator[Result]:
    rows = data.rows(bench.count, 5)
    plain = workloads.timed(lambda: data.insert(_open(bench, None, 5), rows))
    one, other = _open(bench, library, 5), _open(bench, library, 5)
    data.insert(one, rows)
    columns = '"table", "pk", "cid", "val", "col_version", "db_version", "site_id", "cl", "seq"'
    changes: list[tuple[object, ...]] = []
    spent = workloads.timed(lambda: changes.extend(one.execute(f"SELECT {columns} FROM crsql_changes").fetchall()))
    yield Result("cr-sqlite: full export", spent / plain, "x", float("inf"))

    def merge() -> None:
        with other:
            other.executemany(f"INSERT INTO crsql_changes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", changes)

    yield Result("cr-sqlite: import into an empty replica", workloads.timed(merge) / plain, "x", float("inf"))
    yield Result("cr-sqlite: importing it again", workloads.timed(merge) / plain, "x", float("inf"))
