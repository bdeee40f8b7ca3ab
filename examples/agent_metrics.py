"""Several agents count requests, tokens and spending in shared rows, each on a replica of its own; the sums come out exact.

Run it: `python examples/agent_metrics.py`.

Counters add up what was written concurrently, `max` and `min` keep the extremes. What it is honest about: a counter that is
meant to stay positive, such as a budget, can't be held there while the agents are apart. They see afterwards that it was overdrawn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from crdtsql import Replica, sync

AGENTS = ("ada", "bob", "cleo")
BUDGET = 100_000
SCHEMA = """
CREATE TABLE metric (
  model TEXT NOT NULL, day TEXT NOT NULL,
  requests INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0, slowest_ms INTEGER, fastest_ms INTEGER,
  PRIMARY KEY (model, day)
);
CREATE TABLE budget (name TEXT PRIMARY KEY NOT NULL, tokens_left INTEGER NOT NULL);
"""
TYPES = {
    "metric.requests": "grow-counter",
    "metric.tokens": "grow-counter",
    "metric.slowest_ms": "max",
    "metric.fastest_ms": "min",
    "budget.tokens_left": "counter",
}
# An agent uses Python's sqlite3 module, nothing else. It runs in a process of its own, because two copies of the SQLite library
# in one process must not open the same file. It prints what it did, so that the example can check the sums.
AGENT = """
import json, random, sqlite3, sys
path, seed, requests = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(seed)
database = sqlite3.connect(path, isolation_level=None)
for _ in range(requests):
    row = {"model": chance.choice(("small", "large")), "tokens": chance.randrange(100, 2000), "ms": chance.randrange(50, 9000)}
    if database.execute("SELECT tokens_left FROM budget WHERE name = 'shared'").fetchone()[0] < row["tokens"]:
        break
    database.execute("BEGIN")
    # Everybody begins a row with nothing and then adds: two inserts of a row would be one row, not a sum.
    database.execute("INSERT OR IGNORE INTO metric (model, day) VALUES (:model, '2026-03-01')", row)
    database.execute(
        "UPDATE metric SET requests = requests + 1, tokens = tokens + :tokens, "
        "slowest_ms = max(ifnull(slowest_ms, :ms), :ms), fastest_ms = min(ifnull(fastest_ms, :ms), :ms) "
        "WHERE model = :model AND day = '2026-03-01'", row)
    database.execute("UPDATE budget SET tokens_left = tokens_left - :tokens WHERE name = 'shared'", row)
    database.execute("COMMIT")
    print(json.dumps(row))
database.close()
"""

METRICS = "SELECT model, requests, tokens, slowest_ms, fastest_ms FROM metric ORDER BY model"

Row = tuple[object, ...]


def work(replicas: dict[str, Path], round_number: int, requests: int) -> list[dict[str, object]]:
    """Let all agents work at the same time, each on its own replica; return what each of them says that it did."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", AGENT, str(path), f"{name} {round_number}", str(requests)], stdout=subprocess.PIPE
        )
        for name, path in replicas.items()
    ]
    printed = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("an agent failed")
    return [json.loads(line) for lines in printed for line in lines.splitlines()]


def sync_in_a_row(replicas: dict[str, Path]) -> None:
    """Sync each replica with the next one, there and back; some meet the same changes twice, which changes nothing."""
    paths = list(replicas.values())
    there = list(pairwise(paths))
    for first, second in there + there[::-1]:
        sync(first, second)


def query(database: Path, sql: str) -> list[Row]:
    """Ask a replica."""
    with Replica.open(database) as replica:
        return replica.connection.execute(sql).fetchall()


def expected(done: list[dict[str, object]]) -> list[Row]:
    """Compute the metrics from what the agents say."""
    found: list[Row] = []
    for model in sorted({str(row["model"]) for row in done}):
        rows = [row for row in done if row["model"] == model]
        times = [int(str(row["ms"])) for row in rows]
        found.append((model, len(rows), sum(int(str(row["tokens"])) for row in rows), max(times), min(times)))
    return found


def main() -> int:
    """Tell the story; return 0 if the sums are exact and all replicas end equal."""
    with tempfile.TemporaryDirectory(prefix="agent-metrics-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        replicas = {agent: Path(name) / f"{agent}.db" for agent in AGENTS}
        set_up(*replicas.values())
        return story(replicas)


def set_up(first: Path, *others: Path) -> None:
    """Make the tables on the first replica, and clone it."""
    first.touch()
    with Replica.open(first) as replica:
        replica.connection.execute(SCHEMA)
        replica.connection.execute("INSERT INTO budget VALUES ('shared', ?)", (BUDGET,))
        replica.enable("metric", "budget", types=TYPES)
        for path in others:
            replica.clone(path).close()
    print(f"{len(AGENTS)} agents share a budget of {BUDGET:,} tokens; each has a replica.")


def story(replicas: dict[str, Path]) -> int:
    """Work offline, sync, work again, until the budget is spent."""
    done: list[dict[str, object]] = []
    for number in (1, 2):
        done += work(replicas, number, 20)
        sync_in_a_row(replicas)
        first = next(iter(replicas.values()))
        ((left,),) = query(first, "SELECT tokens_left FROM budget")
        print(f"\nRound {number}: {len(done)} requests so far. After the sync every replica says:")
        for model, requests, tokens, slowest, fastest in query(first, METRICS):
            print(f"  {model}: {requests} requests, {tokens:,} tokens, slowest {slowest} ms, fastest {fastest} ms")
        print(f"  tokens left: {left:,}")
    spent = sum(int(str(row["tokens"])) for row in done)
    if spent > BUDGET:
        print(
            "\nNobody spent more than it saw was left; together they did, and all see it now. A limit needs one place to ask."
        )
    exact = query(first, METRICS) == expected(done) and left == BUDGET - spent
    tables = {str([query(path, METRICS), query(path, "SELECT * FROM budget")]) for path in replicas.values()}
    print("The sums are exact." if exact else "THE SUMS ARE WRONG.")
    print("The replicas are equal." if len(tables) == 1 else "THE REPLICAS DIFFER.")
    return 0 if exact and len(tables) == 1 and spent > BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
