"""A fleet: agents with a replica each and one hub, which take tasks, hand them over, die while they hold one, and write at the same time.

What is checked: each step that a server said was done is there in the end, each that was refused is not; every note is there; the
arbiter can settle all that collided; and all replicas are equal. What was written unseen in one file is refused (`test_tools.py`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mcp import Client

from crdtsql import Replica
from tests.mcp.agents import ask, by_stdio, in_process, play
from tests.support import seeds
from tests.support.command import make
from tests.support.hub import now_ms, serving
from tests.support.peers import read

SCHEMA = """
CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title, owner, state, work INTEGER NOT NULL DEFAULT 0);
CREATE TABLE note (id TEXT PRIMARY KEY NOT NULL, task TEXT REFERENCES task, agent, body);
"""
TASKS = 6
ROUNDS = 5


class Agent:
    """One agent: what it did, as far as its server said that it was done."""

    def __init__(self, name: str, client: Client, random: Random) -> None:
        self.name, self.client, self.random = name, client, random
        self.notes: set[str] = set()
        self.worked = 0
        self.refused = 0

    async def write(self, sql: str, seen: str, *parameters: Any) -> bool:
        """Write what was decided; refused is not an error but news."""
        found = await self.client.call_tool("write", {"sql": sql, "parameters": [*parameters], "seen": seen})
        if found.is_error:
            assert "was written since it was seen" in str(found.content), found.content
            self.refused += 1
        return not found.is_error

    async def turn(self, number: int) -> None:
        """Sync, look, decide, write what was seen, and sync."""
        await ask(self.client, "sync")
        found = await ask(self.client, "query", sql="SELECT id, owner, state FROM task ORDER BY id")
        mine = [row for row in found["rows"] if row[1] == self.name and row[2] != "done"]
        free = [row for row in found["rows"] if row[1] is None]
        await asyncio.sleep(self.random.random() / 50)  # to think
        if mine:
            (key, _, _) = self.random.choice(mine)
            sql = "UPDATE task SET work = work + 1 WHERE id = ?"
            self.worked += await self.write(sql, found["seen"], key)
            note = f"{self.name}-{number}"
            if await self.write(
                "INSERT INTO note VALUES (?, ?, ?, ?)", found["seen"], note, key, self.name, f"step {number}"
            ):
                self.notes.add(note)
            end = self.random.choice(("state = 'done'", "owner = NULL", "state = 'open'"))
            later = await ask(self.client, "query", sql="SELECT * FROM task WHERE id = ?", parameters=[key])
            await self.write(f"UPDATE task SET {end} WHERE id = ?", later["seen"], key)
        elif free:
            key = self.random.choice(free)[0]
            await self.write("UPDATE task SET owner = ?, state = 'open' WHERE id = ?", found["seen"], self.name, key)
        await ask(self.client, "sync")


def board(folder: Path) -> Path:
    """Make the hub's file."""
    path = make(folder / "hub.db", SCHEMA)
    with Replica.open(path, now=now_ms) as hub:
        hub.enable("task", types={"work": "counter"})
        hub.enable("note")
        for number in range(TASKS):
            hub.execute("INSERT INTO task (id, title) VALUES (?, 'do it')", [f"t{number}"])
    return path


async def settle(path: Path) -> None:
    """Be the arbiter: settle what is open in one file, taking what came in last."""
    async with in_process(path) as client:
        await ask(client, "sync")
        while entries := (await ask(client, "conflicts"))["conflicts"]:  # one answer may settle several of one cell
            entry = entries[0]
            await ask(client, "resolve", number=entry["number"], present=entry["present"], take="theirs")
        await ask(client, "sync")


def clones(hub_path: Path, address: str, token: str, count: int) -> list[Path]:
    """Make a replica for each agent, which knows the hub by name."""
    from crdtsql.transports import http

    http.keys.keep(address, token)
    found = []
    with Replica.open(hub_path, now=now_ms) as hub:
        for number in range(count):
            path = hub_path.parent / f"agent{number}.db"
            with hub.clone(path) as replica:
                replica.set_name(f"agent{number}")
                replica.add_remote("hub", address)
            found.append(path)
    return found


def judge(agents: list[Agent], paths: list[Path]) -> None:
    """Check that all have the same, that nothing is lost, and that nothing was overwritten without a trace."""
    replicas = [Replica.open(path, now=now_ms) for path in paths]
    try:
        for one in replicas[1:]:
            one.sync(str(paths[0]))
        for one in replicas[1:]:
            one.sync(str(paths[0]))
        rows = [
            read(one, "SELECT * FROM task ORDER BY id") + read(one, "SELECT * FROM note ORDER BY id")
            for one in replicas
        ]
        assert all(found == rows[0] for found in rows)
        notes = {row[0] for row in read(replicas[0], "SELECT id FROM note")}
        assert notes == set().union(*(agent.notes for agent in agents))
        ((work,),) = read(replicas[0], "SELECT sum(work) FROM task")
        assert work == sum(agent.worked for agent in agents)
        assert all(not one.doctor().broken for one in replicas)
    finally:
        for one in replicas:
            one.close()


@pytest.mark.parametrize("seed", seeds.chosen(2))
def test_a_fleet_in_one_process(tmp_path: Path, seed: int) -> None:
    """Eight agents work at once on a board of six tasks."""
    path = board(tmp_path)

    async def script(paths: list[Path]) -> list[Agent]:
        async with AsyncExitStack() as opened:
            agents = []
            for number, one in enumerate(paths):
                client = await opened.enter_async_context(in_process(one))
                agents.append(Agent(f"agent{number}", client, Random(f"{seed} {number}")))
            for number in range(ROUNDS):
                await asyncio.gather(*(agent.turn(number) for agent in agents))
        await settle(paths[0])
        return agents

    with serving(path, rooms=True) as hub:
        paths = clones(path, hub.address(path), hub.grant(path, "fleet"), 8)
        agents = play(script(paths))
    judge(agents, [path, *paths])
    assert sum(agent.worked for agent in agents) > 0


def test_agents_that_die_while_they_hold_a_task(tmp_path: Path) -> None:
    """What a killed agent had written is there when it comes back; others go on meanwhile."""
    path = board(tmp_path)

    async def script(paths: list[Path]) -> list[Agent]:
        agents: list[Agent] = []
        async with in_process(paths[1]) as other:
            agents.append(Agent("agent1", other, Random(1)))
            for life in range(3):
                async with by_stdio(paths[0]) as client:
                    mortal = Agent("agent0", client, Random(life))
                    agents.append(mortal)
                    await mortal.turn(10 * life)
                    await mortal.turn(10 * life + 1)
                    await agents[0].turn(life)
                    found = await ask(
                        client, "query", sql="SELECT id FROM task WHERE owner IS NULL ORDER BY id LIMIT 1"
                    )
                    for (key,) in found["rows"]:
                        take = "UPDATE task SET owner = 'agent0', state = 'open' WHERE id = ?"
                        await mortal.write(take, found["seen"], key)
                # It ends without a word: what it holds has not been synced.
            await agents[0].turn(99)
        await settle(paths[0])
        return agents

    with serving(path, rooms=True) as hub:
        paths = clones(path, hub.address(path), hub.grant(path, "fleet"), 2)
        agents = play(script(paths))
    judge(agents, [path, *paths])
