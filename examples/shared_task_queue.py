"""Agents share a queue of tasks: nothing that one of them adds, claims or hands in is lost, whatever the others do meanwhile.

Run it: `python examples/shared_task_queue.py`.

Tasks are rows, an add-wins set. Claims and artifacts are sets, the priority is a counter, the status a register. What it is
honest about: nobody can claim a task for sure while others are out of reach. Here all claims are kept, and one rule that everybody
follows (the first name in the set) says who works; whoever claimed in vain takes the claim back.

What must not be done twice is claimed from one authority, here ada's file: that gives a token, which grows, and its fence refuses
what somebody still writes under an old one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from crdtsql import Replica, errors, sync

AGENTS = ("ada", "bob", "cleo")
SCHEMA = """CREATE TABLE task (
  id TEXT PRIMARY KEY NOT NULL,
  title TEXT NOT NULL,
  priority INTEGER NOT NULL DEFAULT 0,
  status TEXT NOT NULL DEFAULT 'open',
  claims TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(claims)),
  artifacts TEXT NOT NULL DEFAULT '[]'
)"""
TYPES = {"priority": "counter", "status": "register", "claims": "set", "artifacts": "set"}
# An agent uses Python's sqlite3 module, nothing else. It runs in a process of its own, because two copies of the SQLite library
# in one process must not open the same file.
AGENT = """
import json, sqlite3, sys
queue = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement, values in json.loads(sys.argv[2]):
    queue.execute(statement, values)
queue.close()
"""
ADD = "INSERT INTO task (id, title) VALUES (:id, :title)"
DROP = "DELETE FROM task WHERE id = :id"
URGE = "UPDATE task SET priority = priority + :more WHERE id = :id"
CLAIM = "UPDATE task SET claims = json_insert(claims, '$[#]', :me) WHERE id = :id"
HAND_IN = "UPDATE task SET artifacts = json_insert(artifacts, '$[#]', :file) WHERE id = :id"
SAY = "UPDATE task SET status = :status WHERE id = :id"
YIELD = """UPDATE task SET claims = (SELECT json_group_array(value) FROM json_each(claims) WHERE value <> :me)
WHERE EXISTS (SELECT 1 FROM json_each(claims) WHERE value = :me) AND json_extract(claims, '$[0]') <> :me"""
TOKEN = "INSERT INTO crdt_token (token) VALUES (:token)"
SHOW = "SELECT id, title, priority, status, claims, artifacts FROM task ORDER BY priority DESC, id"

Step = tuple[str, dict[str, object]]


def act(replica: Path, *steps: Step) -> None:
    """Let an agent write to its replica; it fails if one of its statements does."""
    subprocess.run([sys.executable, "-c", AGENT, str(replica), json.dumps(steps)], check=True, capture_output=True)


def sync_all(queue: dict[str, Path]) -> None:
    """Bring all replicas together through the first one, there and back."""
    first, *others = queue.values()
    for _ in range(2):
        for other in others:
            sync(first, other)


def tasks(database: Path) -> dict[str, tuple[object, ...]]:
    """Read the queue: id -> title, priority, status, claims, artifacts."""
    with Replica.open(database) as replica:
        return {row[0]: row[1:] for row in replica.connection.execute(SHOW)}


def show(database: Path) -> None:
    """Print the queue."""
    for name, (title, priority, status, claims, artifacts) in tasks(database).items():
        print(f"  {name} {title}: priority {priority}, {status}, claimed by {claims}, artifacts {artifacts}")


def main() -> int:
    """Tell the story; return 0 if everything is where it should be and all replicas end equal."""
    with tempfile.TemporaryDirectory(prefix="task-queue-") as name:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(name) / "state")  # so that the example leaves nothing behind
        queue = {agent: Path(name) / f"{agent}.db" for agent in AGENTS}
        set_up(*queue.values())
        return story(queue)


def set_up(first: Path, *others: Path) -> None:
    """Make the queue on the first replica, and clone it."""
    first.touch()
    with Replica.open(first) as replica:
        replica.connection.execute(SCHEMA)
        replica.connection.execute(
            "INSERT INTO task (id, title) VALUES ('t1', 'parse'), ('t2', 'index'), ('t3', 'rank')"
        )
        replica.enable("task", types=TYPES)
        for path in others:
            replica.clone(path).close()
    print(f"Three tasks, {len(AGENTS)} agents, each with a replica.")


def story(queue: dict[str, Path]) -> int:
    """Write apart, sync, clear up, sync again."""
    ada, bob, cleo = queue.values()
    print("\nApart, two agents claim t1, all of them urge it; cleo drops t2 and t3 while bob works on t3; ada adds t4.")
    act(
        ada, (CLAIM, {"id": "t1", "me": "ada"}), (URGE, {"id": "t1", "more": 2}), (ADD, {"id": "t4", "title": "report"})
    )
    act(ada, (HAND_IN, {"id": "t1", "file": "tokens.json"}), (SAY, {"id": "t1", "status": "done"}))
    act(bob, (CLAIM, {"id": "t1", "me": "bob"}), (URGE, {"id": "t1", "more": 1}), (CLAIM, {"id": "t3", "me": "bob"}))
    act(bob, (HAND_IN, {"id": "t1", "file": "tree.json"}), (HAND_IN, {"id": "t3", "file": "ranks.csv"}))
    act(cleo, (DROP, {"id": "t2"}), (DROP, {"id": "t3"}), (URGE, {"id": "t1", "more": 5}))
    act(cleo, (SAY, {"id": "t1", "status": "blocked"}))
    sync_all(queue)
    show(ada)
    found = tasks(cleo)
    kept = found["t1"] == ("parse", 8, "blocked", '["ada","bob"]', '["tokens.json","tree.json"]')
    kept &= list(found) == ["t1", "t3", "t4"] and found["t3"][3:] == ('["bob"]', '["ranks.csv"]')
    print(
        "Additions added up, both claims and all artifacts are there; t3 stays, because bob's work did not know that it was dropped."
    )

    print(
        "\nWho is not the first in the claims takes its claim back. Ada, who has seen both words on t1, settles its status."
    )
    for name, path in queue.items():
        act(path, (YIELD, {"me": name}))
    act(ada, (SAY, {"id": "t1", "status": "done"}))
    sync_all(queue)
    show(bob)
    settled = tasks(bob)["t1"][2:4] == ("done", '["ada"]')
    print("\nt4 must be done by one alone.")
    alone = one_alone(ada)
    sync_all(queue)
    show(cleo)
    same = len({str(tasks(path)) for path in queue.values()}) == 1
    print("Nothing was lost." if kept and settled and alone else "SOMETHING WAS LOST.")
    print("The replicas are equal." if same else "THE REPLICAS DIFFER.")
    return 0 if kept and settled and alone and same else 1


def one_alone(authority: Path) -> bool:
    """Claim a task in one file that all can reach; return whether one alone could hand it in, though its first holder had died."""
    with Replica.open(authority) as file:
        file.fence("task")
        first = file.claim("task/t4", holder="bob", length=timedelta(seconds=0.5))
        try:
            file.claim("task/t4", holder="cleo")
        except errors.ClaimedError as error:
            print(f"  cleo is refused: {error.claim['holder'] if error.claim else 'somebody'} has it.")
        time.sleep(0.6)  # bob says nothing any more
        second = file.claim("task/t4", holder="cleo")
        begin, end = ("BEGIN IMMEDIATE", {}), ("COMMIT", {})
        act(
            authority,
            begin,
            (TOKEN, {"token": second.token}),
            (HAND_IN, {"id": "t4", "file": "report of cleo"}),
            end,
        )
        late = (TOKEN, {"token": first.token}), (HAND_IN, {"id": "t4", "file": "report of bob"})
        try:
            act(authority, begin, *late, end)
        except subprocess.CalledProcessError:
            print("  bob comes back, and its token is refused: it hands in nothing.")
        file.complete("task/t4", second.token)
    found = tasks(authority)["t4"][4]
    return second.token > first.token and found == '["report of cleo"]'


if __name__ == "__main__":
    sys.exit(main())
