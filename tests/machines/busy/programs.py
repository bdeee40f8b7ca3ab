"""The programs that a crowd is made of, each a process of its own that knows nothing of crdtsql but its command.

A program runs until its standard input is closed, and then prints one line of JSON: what it did, how long it waited at most, and what
went wrong.
"""

from __future__ import annotations

import json
import random
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAUSE_S = 0.01
"""How long a program rests between two rounds."""


class Told:
    """What a program tells in the end.

    Attributes:
        rounds: how often it did what it does.
        longest_s: how long that took at most.
        wrong: what went wrong.
        kept: rows that it wrote last: key -> value, None for those that it deleted.
        hits: how often it counted.
    """

    def __init__(self) -> None:
        self.rounds, self.longest_s = 0, 0.0
        self.wrong: list[str] = []
        self.kept: dict[str, str | None] = {}
        self.hits = 0

    def go_on(self, work: Callable[[], None]) -> None:
        """Do work over and over, until standard input is closed; tell then."""
        print("begun", flush=True)
        while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
            began = time.monotonic()
            work()
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.rounds += 1
        print(json.dumps(vars(self)))


def write(path: str, name: str) -> None:
    """Write pairs of rows, each pair in one transaction; change and delete some, and count in a row that all share."""
    told, chance = Told(), random.Random(name)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)

    def work() -> None:
        key = f"{name}-{chance.randrange(500)}"
        gone = told.kept.get(key) is not None and chance.random() < 0.3
        value = None if gone else f"{told.rounds}"
        try:
            connection.execute("BEGIN IMMEDIATE")
            if gone:
                connection.execute("DELETE FROM pair WHERE id IN (? || ' a', ? || ' b')", (key, key))
            else:
                for side in "ab":
                    connection.execute(
                        "INSERT INTO pair VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                        (f"{key} {side}", value),
                    )
            connection.execute("UPDATE shared SET hits = hits + 1")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            told.wrong.append(f"write {path}: {error}")
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        else:
            told.kept[key], told.hits = value, told.hits + 1

    told.go_on(work)


def read(path: str) -> None:
    """Look whether both rows of each pair that was written here are there, and alike."""
    told, connection = Told(), sqlite3.connect(path, timeout=60, isolation_level=None)
    half = (
        "SELECT count(*) FROM (SELECT 1 FROM pair WHERE id GLOB ? GROUP BY rtrim(id, 'ab') "
        "HAVING count(*) <> 2 OR min(value) <> max(value))"
    )

    def work() -> None:
        try:
            (found,) = connection.execute(half, ("here*",)).fetchone()
        except sqlite3.Error as error:
            told.wrong.append(f"read {path}: {error}")
        else:
            if found:
                told.wrong.append(f"read {path}: {found} transactions are there in part")

    told.go_on(work)


def command(*lines: str) -> None:
    """Run commands of crdtsql, one after the other."""
    told, script = Told(), [json.loads(line) for line in lines]

    def work() -> None:
        for words in script:
            done = subprocess.run(
                [sys.executable, "-m", "crdtsql", *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                told.wrong.append(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")

    told.go_on(work)


PROGRAMS: dict[str, Callable[..., None]] = {"write": write, "read": read, "command": command}


class Program:
    """One of these programs, while it runs."""

    def __init__(self, name: str, kind: str, *words: str | Path) -> None:
        self.name = name
        line = [sys.executable, "-m", "tests.machines.busy.programs", kind, *map(str, words)]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def end(self, patience_s: float = 120) -> dict[str, Any]:
        """Let it end, and return what it tells."""
        said, _ = self._process.communicate("", timeout=patience_s)
        if self._process.returncode:
            return vars(Told()) | {"wrong": [f"{self.name} ended with {self._process.returncode}"]}
        found: dict[str, Any] = json.loads(said)
        return found

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
