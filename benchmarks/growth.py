"""What an everyday sync costs, one changed row between two open replicas, and how that grows with what has nothing to do with it."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import apsw

from benchmarks.workloads import Bench, Result, timed
from crdtsql import Replica, sync

TRIES = 40
TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, done, mail UNIQUE)"
LIMIT, COLUMNS_LIMIT = 1.5, 4.0
ONE_ROW_MS, NOTHING_MS = 0.8, 0.3
TABLES, COLUMNS, CONFLICTS, SITES, SYNCS, HELD = 500, 500, 100_000, 1_000, 3_000, 10_000
ENABLE_S, PROCESS_MS, ONE_ROW_BYTES, ROWS = 0.5, 60, 300, 100_000
STEPS = ("export", "import", "sync with nothing new")
Fill = Callable[[Replica, Replica], object]
Pair = tuple[Replica, Replica]
Seconds = tuple[float, float, float]


def growth(bench: Bench) -> Iterator[Result]:
    """One changed row of a small file, then of files that have much of something else, by turns with the small one.

    Each figure that must not grow is CPU time: a larger file waits longer for the disk.
    """
    small = _pair(bench, TASK, ["task"], lambda *_: None)
    best = _best([_try(*small, number, time.perf_counter) for number in range(TRIES)])
    yield Result("one changed row, open replicas: export", 1000 * best[0], "ms", ONE_ROW_MS)
    yield Result("one changed row, open replicas: import", 1000 * best[1], "ms", ONE_ROW_MS)
    yield Result("nothing new: sync of two open replicas", 1000 * best[2], "ms", NOTHING_MS)
    yield Result("one changed row: changeset", _size(*small), "B", ONE_ROW_BYTES)
    yield from _processes(small)
    tables = [f"other{number}" for number in range(TABLES)]
    more_tables = "; ".join([TASK, *(f"CREATE TABLE {name} (id TEXT PRIMARY KEY NOT NULL, v)" for name in tables)])
    columns = ", ".join(f"c{number}" for number in range(COLUMNS))
    cases: list[tuple[str, float, str, list[str], Fill]] = [
        (f"{ROWS:,} rows", LIMIT, TASK, ["task"], _insert),
        (f"{TABLES} tables more", LIMIT, more_tables, ["task", *tables], lambda *_: None),
        (
            f"{COLUMNS} columns more",
            COLUMNS_LIMIT,
            TASK.replace("done,", f"done, {columns},"),
            ["task"],
            lambda *_: None,
        ),
        (f"{HELD:,} held rows", LIMIT, TASK, ["task"], _hold),
        (f"{CONFLICTS:,} open conflicts", LIMIT, TASK, ["task"], _clash),
        (f"{SITES:,} sites", LIMIT, TASK, ["task"], _visit),
        (f"{SYNCS:,} syncs before", LIMIT, TASK, ["task"], _sync_often),
    ]
    for turn, (name, limit, schema, enabled, fill) in enumerate(cases, 1):
        large = _pair(bench, schema, enabled, fill)
        tries: tuple[list[Seconds], list[Seconds]] = [], []
        for number in range(turn * TRIES, (turn + 1) * TRIES):
            for pair, taken in zip((large, small), tries, strict=True):
                taken.append(_try(*pair, number, time.process_time))
        for what, ours, plain in zip(STEPS, *map(_best, tries), strict=True):
            detail = f"{1000 * ours:.2f} ms of CPU, without {1000 * plain:.2f} ms"
            yield Result(f"the {what} with {name}", ours / plain, "x", limit, detail)
        _close(large)
    _close(small)
    for what, column in (("", "b"), (", each refers to the one before", "b REFERENCES {}")):
        taken, cpu = _enable(bench, column)
        yield Result(f"enable --all of {TABLES} tables{what}", taken, "s", ENABLE_S, f"{cpu:.2f} s of CPU")


def _enable(bench: Bench, column: str) -> tuple[float, float]:
    path = bench.path()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    for number in range(TABLES):
        connection.execute(
            f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, a, {column.format(f't{max(number - 1, 0)}')})"
        )
    connection.close()
    with Replica.open(path) as replica:
        cpu = time.process_time()
        return timed(lambda: replica.enable(all=True)), time.process_time() - cpu


def _pair(bench: Bench, schema: str, tables: list[str], fill: Fill) -> Pair:
    replicas = []
    for _ in range(2):
        path = bench.path()
        connection = apsw.Connection(str(path))
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(schema)
        connection.close()
        replica = Replica.open(path)
        replica.enable(*tables)
        replicas.append(replica)
    first, second = replicas
    first.connection.execute("INSERT INTO task (id, title) VALUES ('one', 'a row')")
    sync(first, second)
    fill(first, second)
    sync(first, second)
    return first, second


def _close(pair: Pair) -> None:
    for replica in pair:
        replica.close()


def _best(tries: list[Seconds]) -> list[float]:
    """Return for each step what is reached in a tenth of the tries, which the rest of the machine did not disturb."""
    return [sorted(taken)[len(taken) // 10] for taken in zip(*tries, strict=True)]


def _try(first: Replica, second: Replica, number: int, clock: Callable[[], float]) -> Seconds:
    """Return how long a changed row takes to export and to merge, and a sync with nothing new."""
    first.connection.execute("UPDATE task SET done = ? WHERE id = 'one'", (number,))
    known = second.vector()
    begin = clock()
    changeset = first.export(known)
    exported = clock()
    second.merge(changeset)
    merged = clock()
    sync(first, second)
    synced = clock()
    sync(first, second)
    return exported - begin, merged - exported, clock() - synced


def _size(first: Replica, second: Replica) -> int:
    known = second.vector()
    first.connection.execute("UPDATE task SET done = 'x' WHERE id = 'one'")
    size = len(first.export(known))
    sync(first, second)
    return size


def _processes(pair: Pair) -> Iterator[Result]:
    """Commands that find nothing new, each as a process of its own: what it takes of CPU, with its start."""
    here, there = (replica.path for replica in pair)
    for name, arguments in (("vector", ["vector", here]), ("sync with nothing new", ["sync", here, there])):
        command = [sys.executable, "-m", "crdtsql", *arguments]
        taken = []
        for _ in range(TRIES // 2):
            before = _of_children()
            subprocess.run(command, check=True, capture_output=True)
            taken.append(_of_children() - before)
        yield Result(f"a process: {name}", 1000 * min(taken), "ms", PROCESS_MS, "CPU, bytecode cached")


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _insert(first: Replica, _second: Replica) -> None:
    with first.connection:
        rows = ((f"r{number}", number) for number in range(ROWS))
        first.connection.executemany("INSERT INTO task (id, title) VALUES (?, ?)", rows)


def _hold(*replicas: Replica) -> None:
    for name, replica in zip("ab", replicas, strict=True):
        rows = ((f"{name}{number}", number) for number in range(HELD))
        with replica.connection:
            replica.connection.executemany("INSERT INTO task (id, mail) VALUES (?, ?)", rows)


def _clash(first: Replica, second: Replica) -> None:
    for replica in (first, second):
        replica.limit_conflicts(total=2 * CONFLICTS)
    with first.connection:
        first.connection.executemany(
            "INSERT INTO task (id) VALUES (?)", ((f"c{number}",) for number in range(CONFLICTS))
        )
    sync(first, second)
    for title, replica in (("ours", first), ("theirs", second)):
        replica.connection.execute("UPDATE task SET title = ? WHERE id GLOB 'c*'", (title,))


def _visit(first: Replica, _second: Replica) -> None:
    """Have a thousand other sites write a row each."""
    chance = random.Random(1)
    for number in range(SITES):
        with first.connection:
            first.registry.become(chance.randbytes(16))
            first.connection.execute("INSERT INTO task (id) VALUES (?)", (f"s{number}",))
        first.fold()


def _sync_often(*replicas: Replica) -> None:
    for number in range(SYNCS):
        replicas[number % 2].connection.execute("UPDATE task SET title = ? WHERE id = 'one'", (number,))
        sync(*replicas)
