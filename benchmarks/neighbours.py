"""Files that gossip over HTTP for real: each has a process that serves it and watches a few neighbours."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import apsw

from benchmarks.workloads import Bench, Result
from crdtsql import Replica
from crdtsql.transports import http

FILES, NEIGHBOURS, ROWS = 20, 4, 30
LONGEST_S = 120.0


def neighbours(bench: Bench) -> Iterator[Result]:
    """How long a row that is written somewhere takes until it is in all files."""
    first = bench.path()
    folder = first.parent
    connection = apsw.Connection(str(first))
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE task (id INTEGER PRIMARY KEY, title TEXT)")
    connection.close()
    paths = [folder / f"node{number}.db" for number in range(FILES)]
    before = os.environ.get("CRDTSQL_STATE_DIR")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder / "nodes.state")
    try:
        with Replica.open(first) as replica:
            replica.enable("task", identity="key")
            for path in paths:
                replica.clone(path).close()
        with ExitStack() as running:
            for number in range(FILES):
                running.enter_context(_running(folder, number))
            yield _measured(paths)
    finally:
        os.environ["CRDTSQL_STATE_DIR"] = before or ""


def _running(folder: Path, number: int) -> ExitStack:
    """Run a node until the end of the block."""
    command = [sys.executable, "-m", "benchmarks.neighbours", str(folder), str(number)]
    stack = ExitStack()
    process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    stack.callback(process.terminate)
    return stack


def _measured(paths: list[Path]) -> Result:
    chance, files, took = random.Random(1), [apsw.Connection(str(path)) for path in paths], []
    for file in files:
        file.set_busy_timeout(20_000)
    for row in range(ROWS + 1):
        chance.choice(files).execute("INSERT INTO task VALUES (?, 'x')", (row,))
        began, left = time.monotonic(), files
        while left:
            left = [file for file in left if not file.execute("SELECT 1 FROM task WHERE id = ?", (row,)).fetchall()]
            if time.monotonic() - began > LONGEST_S:
                raise RuntimeError(f"row {row} is not in {len(left)} files")
            time.sleep(0.002)
        took.append(1000 * (time.monotonic() - began))
    took = sorted(took[1:])  # the first row waits for the processes to start
    detail = f"at most {took[-1]:.0f} ms; each watches {NEIGHBOURS} others"
    return Result(
        f"gossip, {FILES} processes over HTTP: a row is everywhere", took[ROWS // 2], "ms", float("inf"), detail
    )


def _node(folder: Path, number: int) -> None:
    """Serve a file, and watch some others, until a signal comes."""
    others = [other for other in range(FILES) if other != number]
    chosen = {(number + 1) % FILES, *random.Random(number).sample(others, NEIGHBOURS - 1)}
    path, stop = folder / f"node{number}.db", threading.Event()

    def watch() -> None:
        with Replica.open(path) as replica:
            replica.watch(*(f"unix:{folder}/{other}.sock:node{other}" for other in sorted(chosen)), stop=stop)

    watcher = threading.Thread(target=watch)

    def begin(_addresses: dict[str, list[str]], _in_clear: bool) -> None:
        watcher.start()

    http.run([path], unix=f"{folder}/{number}.sock", told=begin)
    stop.set()
    watcher.join()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _node(Path(sys.argv[1]), int(sys.argv[2]))
