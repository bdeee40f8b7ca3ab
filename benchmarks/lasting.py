"""What long use leaves behind: files, changesets and syncs, before and after compaction, against a fresh file of the same rows."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import data
from benchmarks.workloads import Bench, Result
from crdtsql import Replica, sync

START_MS = 1_700_000_000_000
DAY_MS = 24 * 3600 * 1000
TARGET, SYNC_LIMIT, STALL_MS = 1.05, 1.5, 200.0
"""How much larger than fresh a file may be after compaction, how much longer a sync may take, and how long a writer may wait."""
WIDTH, TRIES, ROUNDS = 5, 15, 6
WRITER = """
import select, sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("PRAGMA synchronous = NORMAL")
waits = []
print("writing", flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    began = time.perf_counter()
    connection.execute("UPDATE task SET c2 = ? WHERE id = ?", (len(waits), sys.argv[2]))
    waits.append(time.perf_counter() - began)
print(len(waits), max(waits), sorted(waits)[len(waits) // 2])
"""


class Clock:
    """A clock that goes on by so many milliseconds with each look."""

    def __init__(self, step_ms: float = 1) -> None:
        self.ms, self.step_ms = float(START_MS), step_ms

    def __call__(self) -> int:
        """Return milliseconds since 1970."""
        self.ms += self.step_ms
        return int(self.ms)


@dataclass(frozen=True)
class Size:
    """What is measured of a pair of replicas: bytes of the first file and of all that it exports, and seconds of a sync of one row."""

    file: int
    changeset: int
    sync: float


class Pair:
    """Two replicas of a table, both open."""

    def __init__(self, bench: Bench, rows: list[tuple[object, ...]], clock: Clock) -> None:
        self.bench, self.clock, self.rows = bench, clock, rows
        self.paths = [bench.path(), bench.path()]
        connection = data.create(self.paths[0], WIDTH)
        if rows:
            data.insert(connection, rows)
        connection.close()
        self.first = Replica.open(self.paths[0], now=clock)
        self.first.enable("task")
        self.second = self.first.clone(self.paths[1])
        self.both = (self.first, self.second)
        self.settle()

    def settle(self) -> None:
        """Write a row on each side, so that both are known, and sync."""
        for replica in self.both:
            replica.connection.execute("UPDATE task SET c2 = c2 + 1 WHERE id = (SELECT min(id) FROM task)")
        sync(*self.both)

    def size(self) -> Size:
        """Measure; rows stay as they are but for one value."""
        for replica in self.both:
            replica.fold()
            replica.connection.execute("VACUUM")
        times = []
        for number in range(TRIES):
            self.both[number % 2].connection.execute(
                "UPDATE task SET c2 = ? WHERE id = (SELECT max(id) FROM task)", (number,)
            )
            began = time.perf_counter()
            sync(*self.both)
            times.append(time.perf_counter() - began)
        return Size(data.size_of(self.first.connection, self.paths[0]), len(self.first.export()), min(times))

    def compact(self) -> float:
        """Let both agree, and forget all; return how many seconds the first one took in all."""
        spent = 0.0
        for _ in range(ROUNDS):
            for replica in self.both:
                began = time.perf_counter()
                replica.compact(keep_ms=0)
                spent += (time.perf_counter() - began) * (replica is self.first)
            sync(*self.both)
        return spent

    def fresh(self) -> Pair:
        """Make a pair of files that have the same rows, and nothing else."""
        rows = list(self.first.connection.execute("SELECT * FROM task ORDER BY id"))
        return Pair(self.bench, rows, Clock())

    def close(self) -> None:
        """Close both."""
        for replica in self.both:
            replica.close()


Work = Callable[[Pair, int], None]


def lasting(bench: Bench) -> Iterator[Result]:
    """Each kind of long use, smaller where there are fewer rows than 100,000; then what writers wait while a file is compacted."""
    part = min(1.0, bench.count / 100_000)
    cases: list[tuple[str, int, int, Work, float]] = [
        ("{:,} updates of 1,000 rows", int(1_000_000 * part), 1_000, _update, 1),
        ("{:,} rows inserted and deleted, 1,000 stay", int(100_000 * part), 1_000, _delete, 1),
        ("{:,} sites come and go, 1,000 rows", int(1_000 * part), 1_000, _come_and_go, 1_000),
        ("a year of syncs, {:,} of them, 1,000 rows", int(4_000 * part), 1_000, _sync_often, 1),
    ]
    for name, count, rows, work, step_ms in cases:
        yield from _case(bench, name.format(count), count, rows, work, step_ms)
    yield _stall(bench, int(200_000 * part))


def _case(bench: Bench, name: str, count: int, rows: int, work: Work, step_ms: float) -> Iterator[Result]:
    pair = Pair(bench, data.rows(rows, WIDTH), Clock(step_ms))
    work(pair, count)
    before = pair.size()
    spent = pair.compact()
    after = pair.size()
    pair.compact()  # of the rows that measuring wrote
    for replica in pair.both:
        replica.connection.execute("VACUUM")
    bare = data.size_of(pair.first.connection, pair.paths[0])
    other = pair.fresh()
    fresh = other.size()
    detail = f"{bare:,} B, before {before.file:,} B, fresh {fresh.file:,} B; compacted in {spent:.1f} s"
    yield Result(f"{name}: file", bare / fresh.file, "x", TARGET, detail)
    detail = f"{after.changeset:,} B, before {before.changeset:,} B, fresh {fresh.changeset:,} B"
    yield Result(f"{name}: full changeset", after.changeset / fresh.changeset, "x", TARGET, detail)
    detail = f"{1000 * after.sync:.1f} ms, before {1000 * before.sync:.1f} ms, fresh {1000 * fresh.sync:.1f} ms"
    yield Result(f"{name}: sync of one row", after.sync / fresh.sync, "x", SYNC_LIMIT, detail)
    pair.close()
    other.close()


def _update(pair: Pair, count: int) -> None:
    """Update random rows, on both sides in turn; sync after every hundredth part."""
    chance, keys = random.Random(1), [row[0] for row in pair.rows]
    for part in range(100):
        replica = pair.both[part % 2]
        with replica.connection:
            replica.connection.executemany(
                f"UPDATE task SET c{part % 5} = ? WHERE id = ?",
                ((chance.randrange(1000), chance.choice(keys)) for _ in range(count // 100)),
            )
        sync(*pair.both)


def _delete(pair: Pair, count: int) -> None:
    """Insert rows on one side, and delete them on the other one, a tenth at a time."""
    for part in range(10):
        rows = [(f"{part}-{row[0]}", *row[1:]) for row in data.rows(count // 10, WIDTH, seed=part + 2)]
        data.insert(pair.first.connection, rows)
        sync(*pair.both)
        pair.second.connection.execute("DELETE FROM task WHERE id GLOB ?", (f"{part}-*",))
        sync(*pair.both, max_deletes="off")


def _come_and_go(pair: Pair, count: int) -> None:
    """Have other sites write a row each; each is ended afterwards."""
    chance, keys = random.Random(1), [row[0] for row in pair.rows]
    own = bytes.fromhex(pair.first.site)
    sites = []
    for _ in range(count):
        sites.append(chance.randbytes(16))
        pair.first.registry.become(sites[-1])
        pair.first.connection.execute(
            "UPDATE task SET c2 = ? WHERE id = ?", (chance.randrange(1000), chance.choice(keys))
        )
        pair.first.fold()
    pair.first.registry.become(own)
    sync(*pair.both)
    for site in sites:
        pair.first.forget(site.hex())
    sync(*pair.both)


def _sync_often(pair: Pair, count: int) -> None:
    """Change a row on one side or the other, and sync; the time goes on, so that all of it takes a year."""
    chance, keys = random.Random(1), [row[0] for row in pair.rows]
    for number in range(count):
        pair.clock.ms += 365 * DAY_MS / count
        connection = pair.both[number % 2].connection
        connection.execute("UPDATE task SET c2 = ? WHERE id = ?", (chance.randrange(1000), chance.choice(keys)))
        sync(*pair.both)


def _stall(bench: Bench, count: int) -> Result:
    rows = data.rows(count, WIDTH)
    connection, path = bench.filled(WIDTH, True, rows)
    connection.execute("DELETE FROM task WHERE rowid % 2 = 0")
    connection.close()
    with Replica.open(path) as replica:
        replica.fold()
        kept = _first_key(path)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, kept], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        began = time.perf_counter()
        replica.compact(keep_ms=0)
        spent = time.perf_counter() - began
    told, _ = writer.communicate("\n")
    writes, longest, median = told.split()
    detail = f"of {writes} writes, median {1000 * float(median):.1f} ms; compacted in {spent:.1f} s"
    name = f"a write of another program while {count:,} rows are compacted: longest"
    return Result(name, 1000 * float(longest), "ms", STALL_MS, detail)


def _first_key(path: Path) -> str:
    connection = data.connect(path)
    (key,) = connection.execute("SELECT min(id) FROM task").fetchone() or ("",)
    connection.close()
    return str(key)
