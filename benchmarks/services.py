"""Stores that others run: live writes over a stream, many replicas over one, and a bucket that has been used for long.

Each replica of the many is a process of its own with the watcher that `sync --watch` runs, and another connection writes.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from benchmarks.stores import live
from benchmarks.workloads import Bench, Result, timed
from crdtsql import Replica
from crdtsql.transports import reached
from crdtsql.transports.stores import segments
from tests.support import brokers, buckets

REPLICAS, WRITES = 50, 10_000
SEGMENTS = 2_000
LONGEST_S = 300.0
LIVE_MS, EVERYWHERE_S = 30.0, 30.0


def services(bench: Bench) -> Iterator[Result]:
    """Streams first, then buckets."""
    before = os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(bench.path().with_suffix(".state"))
    server = brokers.Server(bench.path().with_suffix(".nats"))
    try:
        yield Result(
            "a write of another program, by NATS and two watchers", *live(bench, server.address("two"), LIVE_MS)
        )
        yield _everywhere(bench, server.address("fifty"))
        yield from _bucket(bench)
    finally:
        server.kill()
        os.environ["CRDTSQL_STATE_DIR"] = before or ""


def _everywhere(bench: Bench, address: str) -> Result:
    """Write rows in many replicas at once, and wait until each has all of them."""
    paths = [bench.path() for _ in range(REPLICAS)]
    made = [sys.executable, "-m", "benchmarks.services", address, *map(str, paths)]
    subprocess.run(made, check=True, cwd=Path(__file__).parent.parent)  # not here: this process is going to be forked
    forks = multiprocessing.get_context("fork")
    ready, done, start = forks.Queue(), forks.Queue(), forks.Event()
    members = [
        forks.Process(target=_member, args=(path, number, address, ready, start, done))
        for number, path in enumerate(paths)
    ]
    for member in members:
        member.start()
    for _ in members:
        ready.get()
    began = time.time()
    start.set()
    ends = [done.get() for _ in members]
    for member in members:
        member.join()
    if any(count != WRITES for count, _, _ in ends):
        raise RuntimeError("some rows did not arrive")
    wrote, everywhere = (max(end[which] for end in ends) - began for which in (1, 2))
    detail = f"{WRITES / everywhere:,.0f} writes/s; written after {wrote:.1f} s, {REPLICAS * WRITES:,} arrivals"
    return Result(
        f"{WRITES:,} writes in {REPLICAS} replicas, everywhere by NATS", everywhere, "s", EVERYWHERE_S, detail
    )


def _member(path: Path, number: int, address: str, ready: Any, start: Any, done: Any) -> None:
    """Be one of the many: watch in a thread, write one row at a time, and wait for those of the others."""
    stop, each = threading.Event(), WRITES // REPLICAS
    watcher = threading.Thread(target=_watch, args=(path, address, stop))
    watcher.start()
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(60_000)
    time.sleep(2)  # until all have connected
    ready.put(number)
    start.wait()
    for key in range(number * each, (number + 1) * each):
        connection.execute("INSERT INTO task VALUES (?, 'x')", (key,))
    wrote = time.time()
    count = 0
    while count < WRITES and time.time() < wrote + LONGEST_S:
        time.sleep(0.05)
        count = connection.execute("SELECT count(*) FROM task").get
    done.put((count, wrote, time.time()))
    stop.set()
    watcher.join()


def _watch(path: Path, address: str, stop: threading.Event) -> None:
    with Replica.open(path, lock_timeout=60.0) as replica:
        replica.watch(address, stop=stop)


def _make(address: str, first: str, *others: str) -> None:
    """Make replicas of one file, and the stream."""
    connection = apsw.Connection(first)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title)")
    connection.close()
    with Replica.open(first) as replica:
        replica.enable("task", identity="key")
        replica.sync(address)
        for other in others:
            replica.clone(other).close()


def _bucket(bench: Bench) -> Iterator[Result]:
    """Sync with nothing new, and read all that is there, by a bucket with many old segments."""
    path, late = bench.path(), bench.path()
    with buckets.running() as server:
        address = f"s3://{buckets.BUCKET}/team"
        _make(address, str(path), str(late))
        with Replica.open(path) as replica, reached(replica, address) as store:
            have = replica.vector()
            for number in range(SEGMENTS):
                replica.connection.execute("INSERT INTO task VALUES (?, 'x')", (number,))
                data = replica.export(have)
                have = replica.vector()
                store.put(f"{segments.stem_of(replica.site, data)}.crdt", data)
            replica.sync(store)
            replica.sync(store)
            server.asked.clear()
            nothing = min(timed(lambda: replica.sync(store)) for _ in range(4))
            requests = len(server.asked) // 4
        with Replica.open(late) as replica:
            first = timed(lambda: replica.sync(address))
    detail = f"{requests} requests; a newcomer took all of it in {first:.1f} s"
    yield Result(
        f"nothing new, {SEGMENTS:,} old segments in a bucket: open replica", 1000 * nothing, "ms", float("inf"), detail
    )


if __name__ == "__main__":
    _make(*sys.argv[1:])
