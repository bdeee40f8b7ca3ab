"""Serving: the MCP server of one file, on standard input and output, or as a room of the server of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from crdtsql.base import __version__
from crdtsql.mcp import prompts
from crdtsql.mcp.caller import TOKEN, Callers, let_in
from crdtsql.mcp.past import PastTools
from crdtsql.mcp.resources import Resources
from crdtsql.mcp.tools import Tools
from crdtsql.transports import http

MOST_WAITING = 64
INSTRUCTIONS = """\
This is an SQLite database with replicated tables: others write to copies of it at the same time, and merges bring what they wrote.
Read with `query`, change with `write`. Pass the `seen` of the query in which you read the rows, or their revisions: a write that would
overwrite what you have not seen is refused, nothing is written, and you look again. `news` says what came in from others, `conflicts`
what two wrote at the same time, `held` which rows wait because of a constraint. Nothing is kept of you between two calls."""


def make(callers: Callers) -> MCPServer[Any]:
    """Make a server with all tools, resources and prompts."""
    server: MCPServer[Any] = MCPServer(
        "crdtsql",
        title="Replicated SQLite",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        middleware=[let_in],
    )
    Tools(callers).add_to(server)
    PastTools(callers).add_to(server)
    Resources(callers).add_to(server)
    prompts.add_to(server)
    return server


def run(database: str, token: http.Token, lock_timeout: float) -> None:
    """Serve a file on standard input and output until they end."""
    desk = http.Desk(database, lock_timeout, MOST_WAITING)
    try:
        make(Callers(desk, token)).run("stdio")
    finally:
        desk.close()


class McpRoom:
    """A file's MCP server at `/NAME/mcp`: each request brings its token, and no session is kept."""

    def __init__(self, _name: str, desk: http.Desk) -> None:
        self._server = make(Callers(desk))
        self._server.streamable_http_app(
            stateless_http=True,
            json_response=True,
            # Whoever is let in has a token, which no page of a browser has.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests for the length of a block."""
        async with self._server.session_manager.run():
            yield

    def secret(self, _scope: Scope) -> str:
        """Return nothing: agents say their token in the header."""
        return ""

    async def refuse(self, status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer somebody who was not let in."""
        headers = {"WWW-Authenticate": 'Bearer realm="crdtsql"'} if status == HTTPStatus.UNAUTHORIZED else None
        await JSONResponse({"error": why}, status, headers)(scope, receive, send)

    async def answer(self, token: http.Token, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was let in."""
        await self._server.session_manager.handle_request({**scope, TOKEN: token}, receive, send)
