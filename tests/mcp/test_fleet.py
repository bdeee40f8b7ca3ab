"""A fleet: agents with a replica each and one hub, which take tasks, hand them over, die while they hold one, and write at the same time.

Each value that an agent writes is another one, and what its author had read in its place is kept in a ledger. So it can be checked in
the end that *nothing was overwritten unseen*: each value that a server said was written is there, or whoever wrote in its place had
read it, or it is in the conflict log of a replica, where the arbiter sees it. That *nothing is lost*: all notes are there, and all work
is counted. And that what was refused is nowhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
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
FREE = "nobody"
Cell = tuple[str, str, Any]
"""A task, a column of it, and a value."""


class Ledger:
    """What was written, refused, and read before it was written over."""

    def __init__(self) -> None:
        self.wrote: set[Cell] = set()
        self.refused: set[Cell] = set()
        self.read: set[Cell] = set()
        self.settled = 0

    def check(self, replicas: list[Replica]) -> None:
        """Check that each value is there, was read by who wrote in its place, or is in a conflict log; what was refused is nowhere."""
        lost: set[Cell] = set()
        kept: set[Cell] = set()
        for replica in replicas:
            rows = read(replica, "SELECT id, owner, state FROM task")
            kept |= {
                (key, name, value) for key, *pair in rows for name, value in zip(("owner", "state"), pair, strict=True)
            }
            entries = [entry for entry in replica.conflicts("task") if entry.column in ("owner", "state")]
            lost |= {(str(entry.key[0]), entry.column, entry.lost_value) for entry in entries}
            kept |= {(str(entry.key[0]), entry.column, entry.won_value) for entry in entries}
        here = {cell for cell in kept if cell[:2] in {one[:2] for one in self.wrote}}
        final = {
            (key, *pair)
            for key, *values in read(replicas[0], "SELECT id, owner, state FROM task")
            for pair in zip(("owner", "state"), values, strict=True)
        }
        assert not self.wrote - final - self.read - lost, "overwritten unseen, without a trace"
        assert not self.refused & (here | lost)


class Agent:
    """One agent: what it did, as far as its server said that it was done."""

    def __init__(self, name: str, client: Client, random: Random, ledger: Ledger) -> None:
        self.name, self.client, self.random, self.ledger = name, client, random, ledger
        self.notes: set[str] = set()
        self.worked = 0
        self.asleep: tuple[dict[str, Any], list[Any]] | None = None
        self._words: Iterator[str] = (f"{name}/{random.randrange(1 << 60):x}" for _ in iter(int, 1))

    async def write(self, sql: str, seen: str, *parameters: Any) -> bool:
        """Write what was decided; refused is not an error but news."""
        arguments = {"sql": sql, "parameters": [*parameters], "seen": seen, "actor": self.name, "run": "fleet"}
        found = await self.client.call_tool("write", arguments)
        if found.is_error:
            assert "was written since it was seen" in str(found.content), found.content
        return not found.is_error

    async def change(self, found: dict[str, Any], row: list[Any], **values: str) -> bool:
        """Write columns of a task in the place of what was read there."""
        key = row[0]
        sql = f"UPDATE task SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?"
        done = await self.write(sql, found["seen"], *values.values(), key)
        before = {"owner": row[1], "state": row[2]}
        (self.ledger.wrote if done else self.ledger.refused).update(
            (key, name, value) for name, value in values.items()
        )
        self.ledger.read |= {(key, name, before[name]) for name in values if done}
        return done

    async def look(self) -> dict[str, Any]:
        """Read the board."""
        found: dict[str, Any] = await ask(self.client, "query", sql="SELECT id, owner, state FROM task ORDER BY id")
        return found

    async def turn(self, number: int, dead: frozenset[str] = frozenset()) -> None:
        """Sync, look, decide, write what was seen, and sync.

        Args:
            dead: agents whose tasks others take over.
        """
        await ask(self.client, "sync")
        if self.asleep is not None:  # it wakes, and believes that the board is as it was
            (found, row), self.asleep = self.asleep, None
            await self.change(found, row, state=f"late {next(self._words)}")
        found = await self.look()
        mine = [row for row in found["rows"] if str(row[1]).startswith(f"{self.name}/")]
        free = [row for row in found["rows"] if row[1] is None or str(row[1]).split("/")[0] in {FREE, *dead}]
        await asyncio.sleep(self.random.random() / 50)  # to think
        if mine:
            row = self.random.choice(mine)
            self.worked += await self.write("UPDATE task SET work = work + 1 WHERE id = ?", found["seen"], row[0])
            note = f"{self.name}-{number}"
            if await self.write("INSERT INTO note VALUES (?, ?, ?, ?)", found["seen"], note, row[0], self.name, "step"):
                self.notes.add(note)
            later = await self.look()
            row = next(again for again in later["rows"] if again[0] == row[0])
            if self.random.random() < 0.3:
                self.asleep = (later, row)
            elif self.random.random() < 0.5:  # hand over to somebody, or to whoever comes
                to = self.random.choice([FREE, f"agent{self.random.randrange(8)}"])
                await self.change(later, row, owner=f"{to}/{next(self._words)}", state=f"open {next(self._words)}")
            else:
                await self.change(later, row, state=f"step {next(self._words)}")
        elif free:
            row = self.random.choice(free)
            await self.change(found, row, owner=next(self._words), state=f"taken {next(self._words)}")
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


async def settle(path: Path, ledger: Ledger) -> None:
    """Be the arbiter: settle what is open in one file, taking what came in last, with both values before its eyes."""
    async with in_process(path) as client:
        await ask(client, "sync")
        while entries := (await ask(client, "conflicts"))["conflicts"]:  # one answer may settle several of one cell
            entry = entries[0]
            ledger.read |= {
                (entry["key"][0], entry["column"], entry[side]) for side in ("ours", "theirs", "present_value")
            }
            ledger.settled += 1
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


def judge(agents: list[Agent], paths: list[Path], ledger: Ledger) -> None:
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
        ledger.check(replicas)
        assert all(not one.doctor().broken for one in replicas)
    finally:
        for one in replicas:
            one.close()


@pytest.mark.parametrize("seed", seeds.chosen(2))
def test_a_fleet_in_one_process(tmp_path: Path, seed: int) -> None:
    """Eight agents work at once on a board of six tasks; in each round one is dead, and others take over what it holds."""
    path, ledger = board(tmp_path), Ledger()

    async def script(paths: list[Path]) -> list[Agent]:
        async with AsyncExitStack() as opened:
            agents = []
            for number, one in enumerate(paths):
                client = await opened.enter_async_context(in_process(one))
                agents.append(Agent(f"agent{number}", client, Random(f"{seed} {number}"), ledger))
            for number in range(ROUNDS):
                dead = frozenset({f"agent{number}"} if number else ())
                alive = [agent for agent in agents if agent.name not in dead]
                await asyncio.gather(*(agent.turn(number, dead) for agent in alive))
        await settle(paths[0], ledger)
        return agents

    with serving(path, rooms=True) as hub:
        paths = clones(path, hub.address(path), hub.grant(path, "fleet"), 8)
        agents = play(script(paths))
    judge(agents, [path, *paths], ledger)
    assert sum(agent.worked for agent in agents) > 0 and ledger.settled + len(ledger.refused) > 0


def test_agents_that_die_while_they_hold_a_task(tmp_path: Path) -> None:
    """What a killed agent had written is there when it comes back; others take its tasks over, and neither undoes the other unseen."""
    path, ledger, killed = board(tmp_path), Ledger(), list[int]()

    async def script(paths: list[Path]) -> list[Agent]:
        agents: list[Agent] = []
        async with in_process(paths[1]) as other:
            agents.append(Agent("agent1", other, Random(1), ledger))
            for life in range(3):
                before = children()
                with suppress(Exception):  # of a server that is gone
                    async with by_stdio(paths[0]) as client:
                        mortal = Agent("agent0", client, Random(life), ledger)
                        agents.append(mortal)
                        await mortal.turn(10 * life)
                        await mortal.turn(10 * life + 1)
                        await agents[0].turn(life)
                        found = await mortal.look()
                        for row in [row for row in found["rows"] if row[1] is None][:1]:
                            await mortal.change(found, row, owner=f"agent0/{life}", state=f"held {life}")
                        (pid,) = children() - before
                        os.kill(pid, signal.SIGKILL)  # what it holds has not been synced
                        killed.append(pid)
                await agents[0].turn(99 + life, frozenset({"agent0"}))
        await settle(paths[0], ledger)
        return agents

    with serving(path, rooms=True) as hub:
        paths = clones(path, hub.address(path), hub.grant(path, "fleet"), 2)
        agents = play(script(paths))
    judge(agents, [path, *paths], ledger)
    assert len(killed) == 3


def children() -> set[int]:
    """Return the ids of the processes that this one started and that run."""
    found = Path("/proc/self/task").glob("*/children")
    return {int(pid) for one in found for pid in one.read_text(encoding="ascii").split()}
