"""Two coding agents share what they remember, each by an MCP server of its own on a replica of its own.

Run it: `python examples/shared_memory.py` (needs `pip install 'crdtsql[mcp]'`).

The agents here are scripts in place of models, and talk to `crdtsql mcp` as a coding agent does: over standard input and output, with
the SDK's client. Memories are rows; what is learned about one from several sides is a set of tags and a counter of uses. A memory is
changed only by who has seen it: a write on top of something else is refused, and the agent looks again.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import apsw
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from crdtsql import Replica

SCHEMA = """
CREATE TABLE memory (
  id TEXT PRIMARY KEY NOT NULL, topic TEXT NOT NULL, text TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '[]', uses INTEGER NOT NULL DEFAULT 0
);
"""


class Agent:
    """A coding agent: it calls tools, and is told no."""

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client

    async def call(self, tool: str, **arguments: Any) -> Any:
        """Call a tool; return what it gives back, or None if it refuses."""
        found = await self._client.call_tool(tool, arguments)
        if found.is_error:
            print(f"{self.name}: refused, looks again")
            return None
        return found.structured_content

    async def remember(self, key: str, topic: str, text: str) -> None:
        """Write a new memory down, which overwrites nothing."""
        await self.call(
            "write", sql="INSERT INTO memory (id, topic, text) VALUES (?, ?, ?)", parameters=[key, topic, text]
        )

    async def recall(self, topic: str) -> Any:
        """Read what is known, and count that it was used."""
        found = await self.call(
            "query", sql="SELECT id, text FROM memory WHERE topic = ? ORDER BY id", parameters=[topic]
        )
        await self.call(
            "write", sql="UPDATE memory SET uses = uses + 1 WHERE topic = ?", parameters=[topic], seen=found["seen"]
        )
        return found

    async def correct(self, key: str, text: str, seen: str) -> None:
        """Replace a memory that was seen; if somebody wrote it meanwhile, read it again and add to it."""
        sql = "UPDATE memory SET text = ? WHERE id = ?"
        if await self.call("write", sql=sql, parameters=[text, key], seen=seen) is None:
            found = await self.call("query", sql="SELECT text FROM memory WHERE id = ?", parameters=[key])
            both = f"{found['rows'][0][0]} {text}"
            await self.call("write", sql=sql, parameters=[both, key], seen=found["seen"])

    async def meet(self) -> None:
        """Exchange changes with the other one."""
        await self.call("sync")


async def work(one: Agent, other: Agent) -> None:
    """Learn, share, correct."""
    await one.remember("build", "make", "The tests need node.")
    await one.meet()
    known = await other.recall("make")
    print(f"{other.name} knows: {known['rows'][0][1]}")
    # A program on the other machine writes the row between the agent's look and its correction.
    stale = (await other.call("query", sql="SELECT text FROM memory WHERE id = 'build'"))["seen"]
    await other.call("write", sql="UPDATE memory SET tags = '[\"ci\"]' WHERE id = 'build'", seen=stale)
    await other.correct("build", "Node 20 or newer.", stale)
    await other.meet()
    found = await one.recall("make")
    print(f"{one.name} knows: {found['rows'][0][1]}")
    await one.meet()


def server(path: Path) -> StdioServerParameters:
    """Say how a coding agent starts its memory."""
    return StdioServerParameters(command=sys.executable, args=["-m", "crdtsql", "mcp", str(path)], env=dict(os.environ))


async def main() -> None:
    """Make the two files, and let both agents work."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CRDTSQL_STATE_DIR"] = str(Path(folder) / "state")  # so that the example leaves nothing behind
        path, clone = Path(folder) / "ada.db", Path(folder) / "grace.db"
        connection = apsw.Connection(str(path))
        connection.execute(SCHEMA)
        connection.close()
        with Replica.open(path) as ada:
            ada.enable("memory", types={"tags": "set", "uses": "counter"})
            with ada.clone(clone) as grace:
                grace.add_remote("ada", str(path))
            ada.add_remote("grace", str(clone))
        async with Client(stdio_client(server(path))) as first, Client(stdio_client(server(clone))) as second:
            await work(Agent("ada", first), Agent("grace", second))
        with Replica.open(path) as ada, Replica.open(clone) as grace:
            known = [one.query("SELECT * FROM memory ORDER BY id").rows for one in (ada, grace)]
        if known[0] != known[1]:
            sys.exit("the replicas differ")
        print("the replicas are equal")


if __name__ == "__main__":
    asyncio.run(main())
