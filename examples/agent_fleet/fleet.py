"""A fleet of agents: each works on a replica of its own, also while the network is away; a hub over HTTP brings them together.

Run it: `python examples/agent_fleet/fleet.py`; it needs `pip install 'crdtsql[http]'`. The hub is `crdtsql serve`. Each
agent has a token of its own, which can be taken back. Nobody locks anything: an agent takes a task, syncs, and looks
whether it is the owner. Two that took one at the same moment may both begin with it; afterwards all see whose it is,
and no finding is lost.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crdtsql import Replica

FORKED = multiprocessing.get_context("fork")  # no replica is open here when an agent begins
AGENTS = ("ada", "grace", "edsger")
TASKS = ("read the logs", "write a test", "mend it", "tell the users")
SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, owner TEXT, state TEXT NOT NULL DEFAULT 'open');
CREATE TABLE finding (id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(8)))), task TEXT NOT NULL, agent TEXT, text TEXT);
CREATE TABLE budget (name TEXT PRIMARY KEY NOT NULL, spent INTEGER NOT NULL DEFAULT 0);
INSERT INTO budget (name) VALUES ('fleet');
"""


def crdtsql(*words: str | Path) -> str:
    """Run a command, as a person on the hub's machine does; return what it prints."""
    command = [sys.executable, "-m", "crdtsql", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def hub(database: Path) -> Iterator[str]:
    """Serve a file; give its address."""
    command = [sys.executable, "-m", "crdtsql", "serve", str(database), "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            text = ""
            while process.stdout and not text.endswith("}\n"):
                text += process.stdout.readline()
            yield json.loads(text)[str(database)][0]
        finally:
            process.terminate()


def agent(name: str, database: Path, address: str, token: str) -> None:
    """Work until nothing is open: a process of its own, with its token in the environment."""
    os.environ["CRDTSQL_TOKEN"] = token
    with Replica.open(database) as replica:
        connection = replica.connection
        while tasks := connection.execute("SELECT id FROM task WHERE state = 'open' ORDER BY id").fetchall():
            ((task,), *_) = tasks[AGENTS.index(name) % len(tasks) :]
            connection.execute("UPDATE task SET owner = ?, state = 'taken' WHERE id = ?", (name, task))
            replica.sync(address)
            if connection.execute("SELECT owner FROM task WHERE id = ?", (task,)).get != name:
                continue
            with connection:
                connection.execute("INSERT INTO finding (task, agent, text) VALUES (?, ?, 'done')", (task, name))
                connection.execute("UPDATE budget SET spent = spent + 1")
                connection.execute("UPDATE task SET state = 'done' WHERE id = ?", (task,))
        replica.sync(address)


def rows(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Read all tables."""
    with Replica.open(database) as replica:
        return {
            table: replica.connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("task", "finding", "budget")
        }


def main() -> int:
    """Tell the story; return 0 if all end with the same."""
    with tempfile.TemporaryDirectory(prefix="agent-fleet-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        return story(Path(name))


def story(folder: Path) -> int:
    """Let agents work, and compare."""
    center = folder / "hub.db"
    center.touch()
    with Replica.open(center) as replica:
        replica.connection.execute(SCHEMA)
        replica.connection.executemany("INSERT INTO task (id, title) VALUES (?, ?)", enumerate(TASKS))
        replica.enable(all=True, types={"budget.spent": "counter"})
        for name in AGENTS:
            replica.clone(folder / f"{name}.db").close()
    tokens = {name: crdtsql("token", "add", center, name).strip() for name in AGENTS}
    with hub(center) as address:
        running = [
            FORKED.Process(target=agent, args=(name, folder / f"{name}.db", address, tokens[name])) for name in AGENTS
        ]
        for process in running:
            process.start()
        for process in running:
            process.join()
        if any(process.exitcode for process in running):
            return 1
        os.environ["CRDTSQL_TOKEN"] = tokens[AGENTS[0]]
        for name in AGENTS:  # once more, for what the last one wrote
            with Replica.open(folder / f"{name}.db") as replica:
                replica.sync(address)
    found = rows(center)
    for _, title, owner, state in found["task"]:
        print(f"  {title}: {state} by {owner}")
    twice = len(found["finding"]) - len(found["task"])
    print(
        f"{len(found['finding'])} findings, {found['budget'][0][1]} spent; {twice} of them of tasks that others had too"
    )
    equal = all(rows(folder / f"{name}.db") == found for name in AGENTS)
    whole = len(found["finding"]) == found["budget"][0][1] >= len(TASKS)
    print("all replicas are equal" if equal and whole else "the replicas differ")
    return 0 if equal and whole else 1


if __name__ == "__main__":
    sys.exit(main())
