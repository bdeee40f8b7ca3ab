"""What typed columns cost, compared with columns of which the last writer wins."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks import data
from benchmarks.workloads import REPEATS, Bench, Result, ratio, timed
from crdtsql import Replica

TYPES = {"c2": "counter", "c4": "set"}
Rows = list[tuple[object, ...]]


def typed(bench: Bench) -> Iterator[Result]:
    """Counters and sets: capture, fold, merge."""
    yield from _increments(bench)
    yield _fold_increments(bench)
    yield from _merges(bench)
    yield from _large_set()


def _rows(count: int) -> Rows:
    """Make the rows of the other benchmarks, with a set of three words as the last column."""
    return [
        (*row[:5], json.dumps(["red", "green", f"tag {number % 50}"])) for number, row in enumerate(data.rows(count, 5))
    ]


def _filled(bench: Bench, types: dict[str, str], rows: Rows) -> tuple[apsw.Connection, Path]:
    connection, path = bench.table(5, False)
    with Replica.open(path) as replica:
        replica.enable("task", types=types)
        data.insert(connection, rows)
        replica.vector()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return connection, path


def _increments(bench: Bench) -> Iterator[Result]:
    rows = _rows(bench.count)

    def one_by_one(connection: apsw.Connection) -> None:
        with connection:
            connection.executemany("UPDATE task SET c2 = c2 + 1 WHERE id = ?", [(row[0],) for row in rows[::5]])

    def at_once(connection: apsw.Connection) -> None:
        with connection:
            connection.execute("UPDATE task SET c2 = c2 + 1")

    for work, statement in (("random increments", one_by_one), ("one UPDATE that increments all", at_once)):

        def run(types: dict[str, str], statement: object = statement) -> float:
            connection, _ = _filled(bench, types, rows)
            spent = timed(lambda: statement(connection))  # type: ignore[operator]
            connection.close()
            return spent

        yield ratio(f"{work}: counter against lww", 1.2, lambda: run({}), lambda: run(TYPES))


def _fold_increments(bench: Bench) -> Result:
    spent = []
    for _ in range(REPEATS):
        connection, path = _filled(bench, TYPES, _rows(1_000))
        keys = [row[0] for row in _rows(1_000)]
        with connection:
            connection.executemany(
                "UPDATE task SET c2 = c2 + 1 WHERE id = ?", [(key,) for key in keys] * (bench.count // 1_000)
            )
        with Replica.open(path) as replica:
            spent.append(timed(replica.vector))
        connection.close()
    return Result(f"fold of {bench.count:,} increments on 1,000 rows", 1000 * min(spent), "ms", 500)


def _merges(bench: Bench) -> Iterator[Result]:
    rows = _rows(bench.count)
    for work, write in (
        ("merge into an empty replica: counter and set against lww", False),
        ("the same after each counter and each set was changed", True),
    ):

        def run(types: dict[str, str], write: bool = write) -> float:
            connection, path = _filled(bench, types, rows)
            if write:
                with connection:
                    connection.execute("UPDATE task SET c2 = c2 + 1, c4 = json_insert(c4, '$[#]', 'new')")
            connection.close()
            _, target = bench.table(5, False)
            with Replica.open(path) as one, Replica.open(target) as other:
                other.enable("task", types=types)
                changeset = one.export()
                return timed(lambda: other.merge(changeset))

        yield ratio(work, 2.5, lambda: run({}), lambda: run(TYPES))


def _large_set() -> Iterator[Result]:
    bench = Bench(1)
    elements = [f"element {number}" for number in range(10_000)]
    connection, path = _filled(bench, TYPES, [(*_rows(1)[0][:5], json.dumps(elements))])
    copy = bench.path()
    spent, size = [], 0
    with Replica.open(path) as one:
        one.clone(copy).close()
        with Replica.open(copy) as other:
            for turn in range(REPEATS + 1):
                connection.execute("UPDATE task SET c4 = json_insert(c4, '$[#]', ?)", (f"new {turn}",))
                begin = time.perf_counter()
                changeset = one.export(other.vector())
                other.merge(changeset)
                spent.append(time.perf_counter() - begin)
                size = len(changeset)
    connection.close()
    yield Result("one element added to a set of 10,000: fold, export, import", 1000 * min(spent[1:]), "ms", 30)
    yield Result("its changeset", float(size), "B", 2_000)
