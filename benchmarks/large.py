"""Large files: `python -m benchmarks.large --rows 1000000` goes through the main verbs, each in a process of its own.

Prints for each command its seconds of processor time and of the clock, the most memory that it held, and what it read of files.
`--one-in-a-hundred` leaves out the transaction that changes all rows.
`--blobs 500` does the same with a table of blobs of 1 MiB, of which one row changes in another column.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import apsw

from benchmarks import lasting

WIDTH = 6
MIB = 1 << 20
COMMAND = """
import os, sys
from crdtsql.ui.cli import cli
try:
    cli(sys.argv[2:], standalone_mode=False)
finally:
    files = [f"/proc/self/{name}" for name in ("status", "io", "stat")]
    text = "".join(open(file).read() for file in files if os.path.exists(file))
    open(sys.argv[1], "w").write(text)
"""


class Used(NamedTuple):
    """What a command used: seconds, the most bytes of memory, and bytes that it read of files, in its cache or not."""

    cpu_s: float
    wall_s: float
    memory: int
    read: int


class Large:
    """A folder with files, and the commands that are run on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"CRDTSQL_STATE_DIR": str(folder / "state")}
        self.first, self.second, self.third = (folder / name for name in ("first.db", "second.db", "third.db"))

    def run(self, what: str, *arguments: object) -> None:
        """Run a command, and print what it used."""
        noted = self.folder / "noted"
        command = [sys.executable, "-c", COMMAND, str(noted), *map(str, arguments)]
        began, before = time.monotonic(), os.times()
        subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.monotonic() - began, os.times()
        text = noted.read_text()
        cpu = sum(after[2:4]) - sum(before[2:4])
        memory = int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]
        read = int(re.search(r"rchar: (\d+)", text)[1])  # type: ignore[index]
        report(what, Used(cpu, wall, memory, read))

    def write(self, path: Path, statement: str) -> None:
        """Write in one transaction, as another program does, and say how long that took."""
        began = time.monotonic()
        program = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=60) as c: c.execute(sys.argv[2])"
        subprocess.run([sys.executable, "-c", program, str(path), statement], check=True)
        print(f"{'(the program itself)':52} {'':10} {time.monotonic() - began:9.1f} s", flush=True)

    def check_equal(self, query: str) -> None:
        """Check that all files show the same."""
        found = [_answer(path, query) for path in (self.first, self.second, self.third) if path.exists()]
        if len({*found}) != 1:
            raise RuntimeError(f"files differ: {query}: {found}")

    def rows(self, count: int, *, all_change: bool = True) -> None:
        """Go through the verbs with a table of `count` rows, of which one in a hundred changes, and then all of them."""
        make(self.first, count)
        self.run("enable", "enable", self.first, "task")
        self.run("clone", "clone", self.first, self.second)
        changeset = self.folder / "whole.crdt"
        self.run("export of all", "export", self.first, "-o", changeset)
        print(f"{'(its size)':52} {changeset.stat().st_size / MIB:9.1f} MiB", flush=True)
        create(self.third)
        self.run("enable, of an empty table", "enable", self.third, "task")
        self.run("import of all", "import", self.third, changeset)
        changeset.unlink()
        self.write(self.first, "UPDATE task SET c2 = c2 + 1 WHERE rowid % 100 = 0")
        self.run("fold of 1 %", "vector", self.first)
        self.run("sync of 1 %", "sync", self.first, self.second)
        self.run("sync with nothing new", "sync", self.first, self.second)
        if all_change:
            self.write(self.first, "UPDATE task SET c3 = c3 + 1, c4 = 'in one transaction'")
            self.run("fold of a transaction of all rows", "vector", self.first)
            self.run("sync of a transaction of all rows", "sync", self.first, self.second)
        self.run("the same to the third", "sync", self.first, self.third)
        self.check_equal("SELECT count(*), sum(c2), sum(c3), count(DISTINCT c4), min(id), max(id) FROM task")
        self.run("verify", "verify", self.first, self.second)
        for path in (self.first, self.second, self.third):
            self.run(f"compact {path.name}: begin or agree", "compact", path, "--keep", "0")
            self.run("sync", "sync", self.first, self.second)
            self.run("sync", "sync", self.first, self.third)
        for path in (self.first, self.second, self.third):
            self.run(f"compact {path.name}", "compact", path, "--keep", "0")
        self.run("verify after that", "verify", self.first, self.second)
        self.check_equal("SELECT count(*), sum(c2), sum(c3), count(DISTINCT c4), min(id), max(id) FROM task")

    def blobs(self, count: int) -> None:
        """Sync a change of one row of a table of blobs of 1 MiB."""
        make_blobs(self.first, count)
        print(f"{'(the file)':52} {self.first.stat().st_size / MIB:9.1f} MiB", flush=True)
        self.run("enable", "enable", self.first, "file")
        self.run("clone", "clone", self.first, self.second)
        self.run("sync with nothing new", "sync", self.first, self.second)
        self.write(self.first, "UPDATE file SET name = 'another' WHERE id = '1'")
        self.run("sync of another column of one row", "sync", self.first, self.second)
        self.write(self.first, f"UPDATE file SET body = randomblob({MIB}) WHERE id = '2'")
        self.run("sync of one blob", "sync", self.first, self.second)
        self.check_equal("SELECT count(*), sum(name = 'another'), sum(length(body)) FROM file")

    def stall(self, count: int, *options: str) -> None:
        """Say how long a writer waited at most while a changeset of `count` rows came in."""
        make(self.first, count)
        self.run("enable", "enable", self.first, "task")
        create(self.second)
        self.run("enable, of an empty table", "enable", self.second, "task")
        changeset = self.folder / "whole.crdt"
        self.run("export of all", "export", self.first, "-o", changeset)
        self.write(self.second, f"INSERT INTO task SELECT 'own', {', '.join(['NULL'] * WIDTH)}")
        writer = subprocess.Popen(
            [sys.executable, "-c", lasting.WRITER, str(self.second), "own"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        self.run(f"import of {count:,} rows {' '.join(options)}", "import", self.second, changeset, *options)
        said, _ = writer.communicate("end\n")
        writes, longest, median = (float(word) for word in said.split())
        print(
            f"a writer wrote {writes:,.0f} times; it waited {longest:.2f} s at most, {1000 * median:.1f} ms in the middle"
        )
        self.run("sync back", "sync", self.first, self.second)
        self.check_equal("SELECT count(*), sum(c2), sum(c3), min(id), max(id) FROM task")


def report(what: str, used: Used) -> None:
    """Print what a command used."""
    memory, read = used.memory / MIB, used.read / MIB
    print(f"{what:52} {used.cpu_s:8.1f} s {used.wall_s:9.1f} s {memory:8.0f} MiB held {read:9.1f} MiB read", flush=True)


def create(path: Path) -> apsw.Connection:
    """Create a file with an empty table."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, c0 TEXT, c1 TEXT, c2 INTEGER, c3 REAL, c4 TEXT, c5 INTEGER)"
    )
    return connection


def make(path: Path, count: int) -> None:
    """Create a file with a table of so many rows."""
    connection = create(path)
    connection.execute("PRAGMA cache_size = -1000000")
    with connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO task "
            "SELECT lower(hex(randomblob(16))), 'task number ' || i, 'open', i % 1000, i / 8.0, 'by agent ' || (i % 20), i FROM n",
            (count,),
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def make_blobs(path: Path, count: int) -> None:
    """Create a file with a table of so many blobs."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE file (id TEXT PRIMARY KEY NOT NULL, name TEXT, body BLOB)")
    for number in range(count):
        connection.execute("INSERT INTO file VALUES (?, 'a file', randomblob(?))", (str(number), MIB))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _answer(path: Path, query: str) -> str:
    program = (
        "import json, sqlite3, sys\nprint(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path), query], capture_output=True, text=True, check=True)
    return json.dumps(json.loads(done.stdout))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large")
    parser.add_argument("--rows", type=int, default=0, help="go through the verbs with a table of so many rows")
    parser.add_argument("--one-in-a-hundred", action="store_true", help="don't change all rows in one transaction")
    parser.add_argument("--blobs", type=int, default=0, help="change a row of a table of so many blobs of 1 MiB")
    parser.add_argument("--stall", type=int, default=0, help="let another program write while so many rows come in")
    parser.add_argument("--options", default="", help="options of that import")
    parser.add_argument("--folder", type=Path, help="where to put the files (default: a temporary folder)")
    chosen = parser.parse_args()
    for work, count in (("rows", chosen.rows), ("blobs", chosen.blobs), ("stall", chosen.stall)):
        if count:
            print(f"{work}: {count:,}", flush=True)
            with tempfile.TemporaryDirectory(prefix="crdtsql-large-", dir=chosen.folder) as folder:
                large = Large(Path(folder))
                if work == "rows":
                    large.rows(count, all_change=not chosen.one_in_a_hundred)
                elif work == "blobs":
                    large.blobs(count)
                else:
                    large.stall(count, *chosen.options.split())


if __name__ == "__main__":
    main()
