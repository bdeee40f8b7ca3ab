"""Several agents share a task board: each claims and finishes tasks by plain SQL on a replica of its own.

Run it: `python examples/task_board.py`.

What it is honest about: an agent that is offline can't know what others claim, so several may claim the same task. No
merge can prevent that. It can settle on one claim everywhere, and show the others; that is what the agents work with
here. A claim is a wish until it was synced; work begins after that, and only if the claim is still there. An agent
that did not take part in the sync may still come later with a claim of its own: where that must not happen, ask one
place that everybody can reach, before the work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from crdtsql import Replica, sync

AGENTS = ("ada", "bob", "cleo")
TASKS = ("parse", "index", "search", "rank", "render", "deploy", "report")
# An agent uses Python's sqlite3 module, nothing else. It runs in a process of its own, because two copies of the SQLite library
# in one process must not open the same file.
AGENT = """
import sqlite3, sys
path, name, work, claim = sys.argv[1:]
board = sqlite3.connect(path, isolation_level=None)
board.execute(work, {"me": name})
board.execute(claim, {"me": name})
board.close()
"""
FINISH = "UPDATE task SET done = 1, result = 'by ' || :me WHERE claimed_by = :me AND done = 0"
CLAIM_FIRST = """UPDATE task SET claimed_by = :me
WHERE id IN (SELECT id FROM task WHERE claimed_by IS NULL ORDER BY id LIMIT 2)"""
# Who begins at a different place in the list claims what others don't: fewer clashes, but no promise.
CLAIM_OWN = """UPDATE task SET claimed_by = :me
WHERE id = (SELECT id FROM task WHERE claimed_by IS NULL ORDER BY (id + {turn}) % {agents}, id LIMIT 1)"""


def run_agents(replicas: dict[str, Path], claims: dict[str, str]) -> None:
    """Let all agents work at the same time, each on its own replica."""
    running = [
        subprocess.Popen([sys.executable, "-c", AGENT, str(path), name, FINISH, claims[name]])
        for name, path in replicas.items()
    ]
    if any(process.wait() for process in running):
        raise SystemExit("an agent failed")


def sync_all(board: Path, replicas: dict[str, Path]) -> None:
    """Bring all replicas together: first everything to the board, then everything back."""
    for _ in range(2):
        for path in replicas.values():
            with Replica.open(board) as hub, Replica.open(path) as replica:
                sync(hub, replica)


def query(database: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask a replica."""
    with Replica.open(database) as replica:
        return replica.connection.execute(sql).fetchall()


def show_clashes(board: Path, replicas: dict[str, Path]) -> int:
    """Print the claims that lost against another one; return on how many tasks there were any.

    A conflict log holds what its own replica met when it merged, so all of them are asked.
    """
    lost: dict[object, set[object]] = {}
    for path in (board, *replicas.values()):
        for task, loser in query(
            path, """SELECT "key", lost_value FROM crdt_conflicts WHERE "table" = 'task' AND "column" = 'claimed_by'"""
        ):
            lost.setdefault(task, set()).add(loser)
    for task, title, winner in query(board, "SELECT id, title, claimed_by FROM task ORDER BY id"):
        if losers := lost.get(task, set()) - {winner}:
            print(
                f"  {title}: {winner} has it (the latest claim); also claimed by {' and '.join(sorted(map(str, losers)))}"
            )
    return len(lost)


def main() -> int:
    """Tell the story; return 0 if all replicas end equal and every task was finished once."""
    with tempfile.TemporaryDirectory(prefix="task-board-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        board = Path(name) / "board.db"
        replicas = {agent: Path(name) / f"{agent}.db" for agent in AGENTS}
        set_up(board, replicas)
        return story(board, replicas)


def set_up(board: Path, replicas: dict[str, Path]) -> None:
    """Make the board and a replica for each agent."""
    board.touch()
    with Replica.open(board) as hub:
        hub.connection.execute(
            """CREATE TABLE task (
              id INTEGER PRIMARY KEY, title TEXT NOT NULL, claimed_by TEXT, done INTEGER NOT NULL DEFAULT 0, result TEXT
            )"""
        )
        hub.connection.executemany("INSERT INTO task (title) VALUES (?)", [(title,) for title in TASKS])
        hub.enable("task")
        for path in replicas.values():
            hub.clone(path)
    print(f"{len(TASKS)} tasks on the board, {len(replicas)} agents, each with a replica.")


def story(board: Path, replicas: dict[str, Path]) -> int:
    """Claim, sync, work, until everything is done."""
    print("\nOffline, every agent claims the first two open tasks. Nobody can know that the others do the same:")
    run_agents(replicas, dict.fromkeys(replicas, CLAIM_FIRST))
    sync_all(board, replicas)
    clashes = show_clashes(board, replicas)
    print(
        "\nEach finishes what is still its own after the sync, and claims its next task from another end of the list:"
    )
    own = {name: CLAIM_OWN.format(turn=turn, agents=len(replicas)) for turn, name in enumerate(replicas)}
    rounds = 0
    while query(board, "SELECT 1 FROM task WHERE done = 0") and rounds < 2 * len(TASKS):
        rounds += 1
        run_agents(replicas, own)
        sync_all(board, replicas)
    for title, result in query(board, "SELECT title, result FROM task ORDER BY id"):
        print(f"  {title}: done {result}")
    every = (board, *replicas.values())
    twice = [path for path in every if query(path, """SELECT 1 FROM crdt_conflicts WHERE "column" = 'result'""")]
    tables = {str(query(path, "SELECT * FROM task ORDER BY id")) for path in every}
    unfinished = query(board, "SELECT 1 FROM task WHERE done = 0")
    print("All replicas are equal." if len(tables) == 1 else "THE REPLICAS DIFFER.")
    print("No task was worked on twice." if not twice else "SOME WORK WAS DONE TWICE.")
    return 0 if len(tables) == 1 and clashes and not twice and not unfinished else 1


if __name__ == "__main__":
    sys.exit(main())
