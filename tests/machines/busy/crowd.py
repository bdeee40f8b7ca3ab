"""A crowd on one file: `python -m tests.machines.busy.crowd --seconds 300` lets many processes use it at once.

Three programs write it and one reads, two watchers and a server work on it, and commands import, export, sync, look at it and compact
it, while others write the replicas at the other ends. In the end every write that was committed is in all files, once; nobody saw a
transaction in part, no command failed, and nobody waited for long.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from crdtsql import Replica, sync
from tests.machines.busy.programs import Program
from tests.support.command import ok, query

SCHEMA = """
CREATE TABLE pair (id TEXT PRIMARY KEY NOT NULL, value TEXT);
CREATE TABLE shared (id TEXT PRIMARY KEY NOT NULL, hits INTEGER NOT NULL);
INSERT INTO shared VALUES ('all', 0);
"""
OTHERS = ("watched", "stored", "served", "carried")
SHOWN = ("SELECT * FROM pair ORDER BY id", "SELECT * FROM shared")


class Crowd:
    """A file that many use, the replicas at the other ends, and what came of it.

    Attributes:
        waits: program -> how often it did what it does, and how long that took at most, in seconds.
        wrong: what went wrong.
        kept: rows that must be there in the end: key -> value.
        hits: how often all counted together.
    """

    def __init__(self, folder: Path, journal: str = "wal") -> None:
        self.folder, self.journal = folder, journal
        self.waits: dict[str, tuple[int, float]] = {}
        self.wrong: list[str] = []
        self.kept: dict[str, str | None] = {}
        self.hits = 0

    def path(self, name: str) -> Path:
        """Return the path of a file."""
        return self.folder / f"{name}.db"

    def make(self) -> None:
        """Make the file, and the replicas at the other ends."""
        program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.executescript(sys.argv[3])"
        journal = f"PRAGMA journal_mode = {self.journal}"
        subprocess.run([sys.executable, "-c", program, str(self.path("app")), journal, SCHEMA], check=True)
        with Replica.open(self.path("app")) as app:
            app.enable("pair")
            app.enable("shared")
            app.set_type("shared", "hits", "counter")
            for name in OTHERS:
                with app.clone(self.path(name)) as other:
                    other.connection.execute("UPDATE shared SET hits = hits + 1")
                    sync(app, other)  # who was never heard of is not waited for by a compaction
                self.hits += 1
        (self.folder / "store").mkdir()

    def run(self, seconds: float) -> None:
        """Let all of them work for a while."""
        store, socket, carried = f"dir:{self.folder / 'store'}", self.folder / "socket", self.folder / "carried"
        app, watched, stored, served = (self.path(name) for name in ("app", "watched", "stored", "served"))
        with ExitStack() as standing:
            for words in (
                ["serve", app, "--unix", socket],
                ["sync", app, watched, "--watch"],
                ["sync", app, store, "--watch"],
                ["sync", stored, store, "--watch"],
            ):
                self._stand(standing, *map(str, words))
            self._await(socket)
            programs = [Program(f"writer {n}", "write", app, f"here{n}") for n in range(3)]
            programs += [Program(f"writer of {name}", "write", self.path(name), name) for name in OTHERS]
            programs.append(Program("reader", "read", app))
            programs.append(self._commands("a client of the server", ["sync", served, f"unix:{socket}:app"]))
            programs.append(
                self._commands(
                    "who carries changesets",
                    ["export", app, "-o", carried],
                    ["import", self.path("carried"), carried],
                    ["export", self.path("carried"), "-o", carried],
                    ["import", app, carried],
                )
            )
            programs.append(
                self._commands(
                    "who looks", ["status", app], ["doctor", app], ["log", app], ["compact", app, "--keep", "0"]
                )
            )
            for program in programs:
                standing.callback(program.kill)
            time.sleep(seconds)
            for program in programs:
                self._note(program.name, program.end())

    def _commands(self, name: str, *lines: list[str | Path]) -> Program:
        return Program(name, "command", *(json.dumps([str(word) for word in line]) for line in lines))

    def _note(self, name: str, told: dict[str, Any]) -> None:
        self.waits[name] = (told["rounds"], told["longest_s"])
        self.wrong += told["wrong"]
        self.kept |= told["kept"]
        self.hits += told["hits"]

    def _stand(self, standing: ExitStack, *words: str) -> None:
        """Run a command that goes on until a signal comes; that then ends it without an error, if nothing failed."""
        with open(self.folder / f"said {words[0]} {len(self.waits)} {words[-2][-12:].replace('/', ' ')}", "w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "crdtsql", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )

        def end() -> None:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
                self.wrong.append(f"{' '.join(words)}: exit {code}: {Path(said.name).read_text()[-500:]}")

        standing.callback(end)

    def _await(self, socket: Path) -> None:
        for _ in range(600):
            if socket.exists():
                return
            time.sleep(0.05)
        raise RuntimeError(f"there is no {socket} after 30 s")

    def settle(self) -> None:
        """Bring all files together, and look whether all is there."""
        for _ in range(2):
            for name in OTHERS:
                ok("sync", self.path("app"), self.path(name), "--yes")
        rows = {f"{key} {side}": value for key, value in self.kept.items() if value is not None for side in "ab"}
        for name in ("app", *OTHERS):
            path = self.path(name)
            pairs, shared = (query(path, statement) for statement in SHOWN)
            found = dict(pairs)
            lost, odd = rows.keys() - found.keys(), found.keys() - rows.keys()
            differ = [key for key in rows.keys() & found.keys() if rows[key] != found[key]]
            if lost or odd or differ:
                self.wrong.append(
                    f"{name}: {len(lost)} rows lost, {len(odd)} that nobody wrote, {len(differ)} other values"
                )
            if shared != [("all", self.hits)]:
                self.wrong.append(f"{name}: counted {shared}, not {self.hits}")
            if query(path, "PRAGMA integrity_check") != [("ok",)]:
                self.wrong.append(f"{name}: integrity_check")
            ok("doctor", path)


def main() -> int:
    """Run, report, and return 1 if something went wrong."""
    parser = argparse.ArgumentParser(description="Let many processes use one file at once.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--journal", choices=("wal", "delete"), default="wal")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crdtsql-busy-") as folder:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(folder) / "state")
        crowd = Crowd(Path(folder), options.journal)
        crowd.make()
        crowd.run(options.seconds)
        crowd.settle()
    for name, (rounds, longest) in crowd.waits.items():
        print(f"{name:26} {rounds:8,} rounds, the longest {longest:6.2f} s")
    for one in crowd.wrong[:20]:
        print(f"WRONG: {one}")
    print(f"{crowd.hits:,} transactions, {len(crowd.wrong)} wrong")
    return 1 if crowd.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
