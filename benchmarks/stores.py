"""What a sync with a folder costs that has been used for long, and live syncs over a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks.workloads import Bench, Result, timed
from crdtsql import Replica
from crdtsql.transports.folder import MARK, TEXT
from crdtsql.transports.stores import segments

SEGMENTS = 10_000
TRIES = 8
PROCESS_MS = 100.0
LIVE_MS = 50.0


def stores(bench: Bench) -> Iterator[Result]:
    """Nothing new in a folder with 10,000 old segments: as a whole process, and in one that is there."""
    path, folder = bench.path(), bench.path().with_suffix(".team")
    _fill(path, folder)
    address, before = f"dir:{folder}", os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder.with_suffix(".state"))
    try:
        with Replica.open(path) as replica:
            first = timed(lambda: replica.sync(address))
            open_ms = 1000 * min(timed(lambda: replica.sync(address)) for _ in range(TRIES))
        process_ms = 1000 * min(timed(lambda: _run("sync", str(path), address)) for _ in range(TRIES))
        import_ms = 1000 * min(timed(lambda: _run("--version")) for _ in range(TRIES))
    finally:
        os.environ["CRDTSQL_STATE_DIR"] = before or ""
    detail = f"crdtsql --version takes {import_ms:.0f} ms; the first look at all files took {first:.1f} s"
    yield Result(f"nothing new, {SEGMENTS:,} old segments: a process", process_ms, "ms", PROCESS_MS, detail)
    yield Result(f"nothing new, {SEGMENTS:,} old segments: open replica", open_ms, "ms", float("inf"))
    team = bench.path().with_suffix(".live")
    team.mkdir()
    yield Result("a write of another program, by a folder and two watchers", *live(bench, f"dir:{team}", LIVE_MS))


def _fill(path: Path, folder: Path) -> None:
    """Make a replica that wrote one row at a time, and the folder with what it put there each time."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title)")
    connection.close()
    with Replica.open(path) as replica:
        replica.enable("task", identity="key")
        (folder / replica.site).mkdir(parents=True)
        (folder / MARK).write_bytes(TEXT)
        have: dict[str, int] = {}
        for number in range(SEGMENTS):
            replica.connection.execute("INSERT INTO task (id, title) VALUES (?, 'x')", (number,))
            data = replica.export(have)
            have = replica.vector()
            (folder / f"{segments.stem_of(replica.site, data)}.crdt").write_bytes(data)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "crdtsql", *arguments], check=True, stdout=subprocess.DEVNULL)


def live(bench: Bench, address: str, limit_ms: float) -> tuple[float, str, float, str]:
    """Return the median of how long a row takes from its commit in one file to being readable in the other one."""
    one, other = bench.path(), bench.path()
    connection = apsw.Connection(str(one))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title)")
    connection.close()
    with Replica.open(one) as replica:
        replica.enable("task", identity="key")
        replica.clone(other).close()
    watchers = [
        subprocess.Popen(
            [sys.executable, "-m", "crdtsql", "sync", str(path), address, "--watch"], stdout=subprocess.DEVNULL
        )
        for path in (one, other)
    ]
    writer, reader = apsw.Connection(str(one)), apsw.Connection(str(other))
    writer.set_busy_timeout(10_000)
    reader.set_busy_timeout(10_000)
    try:
        found = [arrival(writer, reader, number) for number in range(110)][10:]
    finally:
        for watcher in watchers:
            watcher.terminate()
            watcher.wait()
    found.sort()
    return 1000 * found[50], "ms", limit_ms, f"p99 {1000 * found[98]:.0f} ms"


def arrival(writer: apsw.Connection, reader: apsw.Connection, number: int) -> float:
    """Write a row, and return how many seconds it takes until it is there."""
    began = time.perf_counter()
    writer.execute("INSERT INTO task (id, title) VALUES (?, 'x')", (number,))
    while not reader.execute("SELECT 1 FROM task WHERE id = ?", (number,)).fetchall():
        if time.perf_counter() > began + 60:
            raise RuntimeError("a row did not arrive")
        time.sleep(0.0005)
    return time.perf_counter() - began
