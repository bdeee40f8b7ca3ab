"""An agent's state in one cell, a map: two runs of it on two machines change different leaves, offline, and both changes stay.

Run it: `python examples/agent_state.py`.

A column of the type `map` holds JSON. It merges leaf by leaf: what one side sets, and what the other one sets elsewhere, are both
there. What both set is a conflict like any other, and is logged. Lists are leaves; what is added to from several sides belongs in a
set, what is counted in a counter (docs/TYPES.md).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import apsw

from crdtsql import Replica, sync

SCHEMA = """
CREATE TABLE agent (
  name TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL DEFAULT '{}', tools TEXT NOT NULL DEFAULT '[]', tokens INTEGER NOT NULL DEFAULT 0
);
INSERT INTO agent (name, state) VALUES ('scout', '{"goal": "map the coast", "plan": {"step": 1, "of": 4}, "mood": "calm"}');
"""


def remember(replica: Replica, path: str, value: object) -> None:
    """Set one leaf, as any program does that knows SQL's JSON functions."""
    replica.connection.execute(
        "UPDATE agent SET state = json_set(state, ?, json(?)) WHERE name = 'scout'", (path, json.dumps(value))
    )


def show(replica: Replica) -> dict[str, object]:
    """Return what is known of the agent."""
    ((state, tools, tokens),) = replica.connection.execute("SELECT state, tools, tokens FROM agent").fetchall()
    return {"state": json.loads(state), "tools": json.loads(tools), "tokens": tokens}


def main() -> None:
    """Let the ship and the shore each go on with the agent, and bring them together."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(folder) / "state")  # so that the example leaves nothing behind
        path = Path(folder) / "ship.db"
        connection = apsw.Connection(str(path))
        connection.execute(SCHEMA)
        connection.close()
        with Replica.open(path) as ship:
            ship.enable("agent", types={"state": "map", "tools": "set", "tokens": "counter"})
            with ship.clone(Path(folder) / "shore.db") as shore:
                remember(ship, "$.plan.step", 2)
                remember(ship, "$.seen", {"island": "N 42"})
                ship.connection.execute(
                    "UPDATE agent SET tools = json_insert(tools, '$[#]', 'sextant'), tokens = tokens + 700"
                )
                remember(shore, "$.mood", "curious")
                remember(shore, "$.seen", {"whale": 3})
                shore.connection.execute(
                    "UPDATE agent SET tools = json_insert(tools, '$[#]', 'radio'), tokens = tokens + 50"
                )
                sync(ship, shore)
                sync(ship, shore)
                print(json.dumps(show(ship), indent=2))
                print("conflicts:", len(ship.conflicts(open_only=True)))
                if show(ship) != show(shore):
                    sys.exit("the replicas differ")
                print("the replicas are equal")


if __name__ == "__main__":
    main()
