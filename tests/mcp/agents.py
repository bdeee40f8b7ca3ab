"""Agents of tests: clients of the SDK, over standard input and output, over HTTP, and in this process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from crdtsql.mcp import serving
from crdtsql.mcp.caller import Callers
from crdtsql.transports import http

SECONDS = 60


def play(script: Coroutine[Any, Any, Any]) -> Any:
    """Run what agents do, to its end."""
    return asyncio.run(asyncio.wait_for(script, SECONDS))


@asynccontextmanager
async def by_stdio(path: Path, *options: str) -> AsyncIterator[Client]:
    """Start `crdtsql mcp` and talk to it."""
    command = ["-m", "crdtsql", "mcp", str(path), *options]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        yield client


@asynccontextmanager
async def by_http(address: str, token: str) -> AsyncIterator[Client]:
    """Talk to a server of HTTP."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as web,
        Client(streamable_http_client(f"{address}/mcp", http_client=web)) as client,
    ):
        yield client


@asynccontextmanager
async def in_process(path: Path, **scope: Any) -> AsyncIterator[Client]:
    """Talk to a server in this process."""
    desk = http.Desk(str(path), 5.0, 64)
    try:
        async with Client(serving.make(Callers(desk, http.Token("agent", **scope)))) as client:
            yield client
    finally:
        await asyncio.to_thread(desk.close)


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool that must answer, and return what it gives back."""
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    told = found.structured_content
    assert told is not None
    return told["result"] if told.keys() == {"result"} else told


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that must refuse, and return why."""
    found = await client.call_tool(tool, arguments)
    assert found.is_error, found.structured_content
    return " ".join(getattr(part, "text", "") for part in found.content)
