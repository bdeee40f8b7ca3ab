"""What an everyday sync costs, one changed row between two open replicas, and how that grows with what has nothing to do with it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import apsw

from benchmarks.workloads import Bench, Result, timed
from crdtsql import Replica, sync

TRIES = 10
TASK = "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, done, mail UNIQUE)"
LIMIT, COLUMNS_LIMIT = 1.5, 4.0
ONE_ROW_MS, NOTHING_MS = 0.8, 0.3
MANY_TABLES, ENABLE_S = 500, 0.5
Fill = Callable[[Replica, Replica], object]


@dataclass(frozen=True)
class Cost:
    """Seconds that one changed row takes to export and to merge, and that a sync with nothing new takes: the best of some tries."""

    export: float
    merge: float
    nothing: float


def growth(bench: Bench) -> Iterator[Result]:
    """One changed row of a small file, then of files that have a thousand of something else."""
    base = _cost(bench, TASK, ["task"], lambda *_: None)
    yield Result("one changed row, open replicas: export", 1000 * base.export, "ms", ONE_ROW_MS)
    yield Result("one changed row, open replicas: import", 1000 * base.merge, "ms", ONE_ROW_MS)
    yield Result("nothing new: sync of two open replicas", 1000 * base.nothing, "ms", NOTHING_MS)
    tables = [f"other{number}" for number in range(100)]
    more_tables = "; ".join([TASK, *(f"CREATE TABLE {name} (id TEXT PRIMARY KEY NOT NULL, v)" for name in tables)])
    columns = ", ".join(f"c{number}" for number in range(100))
    cases: list[tuple[str, float, str, list[str], Fill]] = [
        ("100 tables more", LIMIT, more_tables, ["task", *tables], lambda *_: None),
        ("100 columns more", COLUMNS_LIMIT, TASK.replace("done,", f"done, {columns},"), ["task"], lambda *_: None),
        ("10,000 held rows", LIMIT, TASK, ["task"], _hold),
        ("9,000 open conflicts", LIMIT, TASK, ["task"], _clash),
        ("1,000 sites", LIMIT, TASK, ["task"], _visit),
        ("1,000 syncs before", LIMIT, TASK, ["task"], _sync_often),
    ]
    for name, limit, schema, enabled, fill in cases:
        cost = _cost(bench, schema, enabled, fill)
        for what, ours, plain in (("export", cost.export, base.export), ("import", cost.merge, base.merge)):
            detail = f"{1000 * ours:.1f} ms, without {1000 * plain:.1f} ms"
            yield Result(f"the {what} with {name}", ours / plain, "x", limit, detail)
    for what, column in (("", "b"), (", each refers to the one before", "b REFERENCES {}")):
        yield Result(f"enable --all of {MANY_TABLES} tables{what}", _enable(bench, column), "s", ENABLE_S)


def _enable(bench: Bench, column: str) -> float:
    path = bench.path()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    for number in range(MANY_TABLES):
        connection.execute(
            f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, a, {column.format(f't{max(number - 1, 0)}')})"
        )
    connection.close()
    with Replica.open(path) as replica:
        return timed(lambda: replica.enable(all=True))


def _cost(bench: Bench, schema: str, tables: list[str], fill: Fill) -> Cost:
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
    tries = [_try(first, second, number) for number in range(TRIES)]
    first.close()
    second.close()
    return Cost(*(min(times) for times in zip(*tries, strict=True)))


def _try(first: Replica, second: Replica, number: int) -> tuple[float, float, float]:
    first.connection.execute("UPDATE task SET done = ? WHERE id = 'one'", (number,))
    known, made = second.vector(), list[bytes]()
    export = timed(lambda: made.append(first.export(known)))
    merge = timed(lambda: second.merge(made[0]))
    sync(first, second)
    return export, merge, timed(lambda: sync(first, second))


def _hold(*replicas: Replica) -> None:
    for name, replica in zip("ab", replicas, strict=True):
        rows = ((f"{name}{number}", number) for number in range(10_000))
        with replica.connection:
            replica.connection.executemany("INSERT INTO task (id, mail) VALUES (?, ?)", rows)


def _clash(first: Replica, second: Replica) -> None:
    with first.connection:
        first.connection.executemany("INSERT INTO task (id) VALUES (?)", ((f"c{number}",) for number in range(9_000)))
    sync(first, second)
    for title, replica in (("ours", first), ("theirs", second)):
        replica.connection.execute("UPDATE task SET title = ? WHERE id GLOB 'c*'", (title,))


def _visit(first: Replica, _second: Replica) -> None:
    """Have a thousand other sites write a row each."""
    chance = random.Random(1)
    for number in range(1_000):
        with first.connection:
            first.registry.become(chance.randbytes(16))
            first.connection.execute("INSERT INTO task (id) VALUES (?)", (f"s{number}",))
        first.fold()


def _sync_often(*replicas: Replica) -> None:
    for number in range(1_000):
        replicas[number % 2].connection.execute("UPDATE task SET title = ? WHERE id = 'one'", (number,))
        sync(*replicas)
