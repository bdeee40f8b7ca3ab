"""The workloads. Each measures plain SQLite and crdtsql in turn and yields results with the limit it should stay below."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from benchmarks import data
from crdtsql import Replica, sync

REPEATS = 3
IMPORT = """
import pathlib, re, resource, sys, time
from crdtsql.ui.cli import cli
begin = time.perf_counter()
cli(["import", *sys.argv[1:]], standalone_mode=False)
print(time.perf_counter() - begin)
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss of a child begins with the size of its parent
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class Result:
    """One line of the table: what was measured, the figure, and the most it should be."""

    work: str
    figure: float
    unit: str
    limit: float
    detail: str = ""

    @property
    def good(self) -> bool:
        """Tell whether the figure is within its limit."""
        return self.figure <= self.limit


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


class Bench:
    """A folder for one run, and the rows that it uses."""

    def __init__(self, rows: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="crdtsql-bench-")
        self.count = rows
        self._number = 0

    def path(self) -> Path:
        """Return a path that was not used before."""
        self._number += 1
        return Path(self.folder.name) / f"{self._number}.db"

    def table(self, width: int, enabled: bool) -> tuple[apsw.Connection, Path]:
        """Create a database with an empty table."""
        path = self.path()
        connection = data.create(path, width)
        if enabled:
            with Replica.open(path) as replica:
                replica.enable("task")
        return connection, path

    def filled(self, width: int, enabled: bool, rows: list[tuple[object, ...]]) -> tuple[apsw.Connection, Path]:
        """Create a database with a full table that was enabled, and folded, before."""
        connection, path = self.table(width, enabled)
        data.insert(connection, rows)
        if enabled:
            with Replica.open(path) as replica:
                replica.vector()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return connection, path


def ratio(
    work: str, limit: float, plain: Callable[[], float], ours: Callable[[], float], repeats: int = REPEATS
) -> Result:
    """Compare the best of several runs, taken in turn."""
    pairs = [(plain(), ours()) for _ in range(repeats)]
    best_plain, best_ours = min(p for p, _ in pairs), min(o for _, o in pairs)
    detail = f"{1000 * best_ours:,.0f} ms, plain {1000 * best_plain:,.0f} ms"
    return Result(work, best_ours / best_plain, "x", limit, detail)


def capture(bench: Bench) -> Iterator[Result]:
    """What writers pay."""
    for width, limit in ((5, 2.3), (20, 1.8)):
        rows = data.rows(bench.count, width)

        def insert(enabled: bool, width: int = width, rows: list[tuple[object, ...]] = rows) -> float:
            connection, _ = bench.table(width, enabled)
            spent = timed(lambda: data.insert(connection, rows))
            connection.close()
            return spent

        yield ratio(f"bulk insert, {width} columns", limit, lambda: insert(False), lambda: insert(True))
    yield _single_rows(bench)
    for width, limit in ((5, 1.5), (20, 1.8)):
        yield _statement(bench, f"random single-column updates, {width} columns", limit, width, _random_updates)
    yield _statement(bench, "one column of every row, one UPDATE", 5, 5, _update_all)
    yield _statement(bench, "delete half of the rows, one statement", 3, 5, _delete_half)
    yield _reads(bench)


def _single_rows(bench: Bench) -> Result:
    rows = data.rows(min(5_000, bench.count), 5)

    def insert(enabled: bool) -> float:
        connection, _ = bench.table(5, enabled)

        def work() -> None:
            for row in rows:
                connection.execute("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?)", row)

        spent = timed(work)
        connection.close()
        return spent

    return ratio("single-row transactions", 1.15, lambda: insert(False), lambda: insert(True))


Statement = Callable[[apsw.Connection, list[tuple[object, ...]]], None]


def _statement(bench: Bench, work: str, limit: float, width: int, statement: Statement) -> Result:
    rows = data.rows(bench.count, width)

    def run(enabled: bool) -> float:
        connection, _ = bench.filled(width, enabled, rows)
        spent = timed(lambda: statement(connection, rows))
        connection.close()
        return spent

    return ratio(work, limit, lambda: run(False), lambda: run(True))


def _random_updates(connection: apsw.Connection, rows: list[tuple[object, ...]], seed: int = 3, part: int = 5) -> None:
    chance = random.Random(seed)
    chosen = chance.sample(rows, len(rows) // part)
    with connection:
        connection.executemany(
            "UPDATE task SET c1 = ? WHERE id = ?",
            [(f"changed {seed} {number}", row[0]) for number, row in enumerate(chosen)],
        )


def _update_all(connection: apsw.Connection, _rows: list[tuple[object, ...]]) -> None:
    with connection:
        connection.execute("UPDATE task SET c2 = c2 + 1")


def _delete_half(connection: apsw.Connection, _rows: list[tuple[object, ...]]) -> None:
    with connection:
        connection.execute("DELETE FROM task WHERE c2 % 2 = 0")


def _reads(bench: Bench) -> Result:
    rows = data.rows(bench.count, 5)
    opened = {enabled: bench.filled(5, enabled, rows)[0] for enabled in (False, True)}
    keys = [(row[0],) for row in random.Random(4).sample(rows, min(10_000, len(rows)))]

    def read(enabled: bool) -> float:
        def work() -> None:
            opened[enabled].execute("SELECT count(*), sum(c2), max(c0) FROM task").fetchall()
            for key in keys:
                opened[enabled].execute("SELECT * FROM task WHERE id = ?", key).fetchall()

        return timed(work)

    read(False)
    read(True)
    return ratio("reads: scan and 10,000 look-ups", 1.05, lambda: read(False), lambda: read(True), 5)


def exchange(bench: Bench) -> Iterator[Result]:
    """What fold, export and import cost, and what they leave behind."""
    yield from _whole_table(bench)
    yield from _file_size(bench)
    yield _both_sides(bench)


def _whole_table(bench: Bench) -> Iterator[Result]:
    rows = data.rows(bench.count, 5)
    spent: dict[str, list[float]] = {name: [] for name in ("plain", "fold", "export", "import", "again")}
    size = 0
    for _ in range(REPEATS):
        plain, _path = bench.table(5, False)
        spent["plain"].append(timed(lambda plain=plain: data.insert(plain, rows)))
        plain.close()
        connection, source = bench.table(5, True)
        data.insert(connection, rows)
        connection.close()
        _, target = bench.table(5, True)
        with Replica.open(source) as one, Replica.open(target) as other:
            spent["fold"].append(timed(one.vector))
            begin = time.perf_counter()
            changeset = one.export()
            spent["export"].append(time.perf_counter() - begin)
            size = len(changeset)
            spent["import"].append(timed(lambda other=other, changeset=changeset: other.merge(changeset)))
            spent["again"].append(timed(lambda other=other, changeset=changeset: other.merge(changeset)))
    best = {name: min(figures) for name, figures in spent.items()}
    for name, work, limit in (
        ("fold", "fold of the inserts", 0.9),
        ("export", "full export", 1.0),
        ("import", "import into an empty replica", 1.3),
        ("again", "importing it again", 0.1),
    ):
        detail = f"{1000 * best[name]:,.0f} ms, plain insert {1000 * best['plain']:,.0f} ms"
        yield Result(work, best[name] / best["plain"], "x", limit, detail)
    yield Result("changeset, bytes per row", size / bench.count, "B", 40)


def _file_size(bench: Bench) -> Iterator[Result]:
    for width, limit in ((5, 1.7), (20, 1.4)):
        rows = data.rows(bench.count, width)
        sizes = {}
        for enabled in (False, True):
            connection, path = bench.filled(width, enabled, rows)
            sizes[enabled] = data.size_of(connection, path)
            connection.close()
        detail = f"{sizes[True]:,} B, plain {sizes[False]:,} B"
        yield Result(f"file after fold, {width} columns", sizes[True] / sizes[False], "x", limit, detail)


def _both_sides(bench: Bench) -> Result:
    rows = data.rows(bench.count, 5)

    def plain() -> float:
        spent = 0.0
        for seed in (3, 4):
            connection, _ = bench.filled(5, False, rows)
            spent += timed(lambda connection=connection, seed=seed: _same_rows(connection, rows, seed))
            connection.close()
        return spent

    def ours() -> float:
        connection, path = bench.filled(5, True, rows)
        connection.close()
        copy = bench.path()
        with Replica.open(path) as one:
            one.clone(copy)
        for file, seed in ((path, 3), (copy, 4)):
            writer = data.connect(file)
            _same_rows(writer, rows, seed)
            writer.close()
        with Replica.open(path) as one, Replica.open(copy) as other:
            return timed(lambda: sync(one, other))

    return ratio("20 % of rows changed on both sides, exchange both ways", 2.2, plain, ours)


def _same_rows(connection: apsw.Connection, rows: list[tuple[object, ...]], seed: int) -> None:
    chosen = random.Random(3).sample(rows, len(rows) // 5)
    with connection:
        connection.executemany(
            "UPDATE task SET c1 = ? WHERE id = ?",
            [(f"changed {seed} {number}", row[0]) for number, row in enumerate(chosen)],
        )


def scale(bench: Bench) -> Iterator[Result]:
    """What must not grow with the size of the table, and what may grow only in line with it."""
    for count in (bench.count, 10 * bench.count):
        yield from _small_delta(bench, count)
    yield from _instant_enable(bench, 10 * bench.count)
    yield from _large_import(bench, 10 * bench.count)


def _small_delta(bench: Bench, count: int) -> Iterator[Result]:
    rows = data.rows(count, 5)
    connection, path = bench.filled(5, True, rows)
    copy = bench.path()
    folds, exports, imports = [], [], []
    with Replica.open(path) as one:
        one.clone(copy)
        with Replica.open(copy) as other:
            for turn in range(5):
                chosen = random.Random(turn).sample(rows, 100)
                with connection:
                    connection.executemany(
                        "UPDATE task SET c1 = ? WHERE id = ?", [(f"turn {turn}", row[0]) for row in chosen]
                    )
                folds.append(timed(one.vector))
                since = other.vector()
                begin = time.perf_counter()
                changeset = one.export(since)
                exports.append(time.perf_counter() - begin)
                imports.append(timed(lambda other=other, changeset=changeset: other.merge(changeset)))
    connection.close()
    both = min(fold + export for fold, export in zip(folds, exports, strict=True))
    detail = f"export alone {1000 * min(exports):.2f} ms"
    yield Result(f"100 changed rows of {count:,}: fold + export", 1000 * both, "ms", 3, detail)
    yield Result(f"100 changed rows of {count:,}: import", 1000 * min(imports), "ms", 3)


def _instant_enable(bench: Bench, count: int) -> Iterator[Result]:
    connection, path = bench.filled(5, False, data.rows(count, 5))
    before = data.size_of(connection, path)
    with Replica.open(path) as replica:
        spent = timed(lambda: replica.enable("task"))
    grown = data.size_of(connection, path) - before
    connection.close()
    yield Result(f"enable on {count:,} rows", 1000 * spent, "ms", 50)
    yield Result(f"enable on {count:,} rows: file grows by", grown / 1000, "kB", 100)


def _large_import(bench: Bench, count: int) -> Iterator[Result]:
    spent = {}
    for rows in (count // 2, count):
        connection, path = bench.filled(6, True, data.rows(rows, 6))
        connection.close()
        file = bench.path()
        with Replica.open(path) as replica:
            file.write_bytes(replica.export())
        _, target = bench.table(6, True)
        command = [sys.executable, "-c", IMPORT, str(target), str(file)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        spent[rows], memory = float(lines[-2]), int(lines[-1])
    yield Result(f"import of {count:,} rows x 6 columns: peak memory", memory / 1e6, "MB", 400)
    yield Result(
        "its time, against twice the time of half",
        spent[count] / (2 * spent[count // 2]),
        "x",
        1.25,
        f"{spent[count]:.1f} s",
    )
