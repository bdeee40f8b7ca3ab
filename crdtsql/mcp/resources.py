"""Resources: what an agent may have read into its context: the schema, the state, open conflicts, a row with its revision."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError

from crdtsql.base import UnknownRowError, from_json, value_to_json
from crdtsql.mcp.caller import Callers, check_table
from crdtsql.mcp.tools import Tools
from crdtsql.replica import Replica
from crdtsql.transports import http

JSON = "application/json"


class Resources:
    """The resources of one file."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._tools = Tools(callers)

    def add_to(self, server: MCPServer[Any]) -> None:
        """Register all of them."""
        server.resource("crdtsql://schema", name="schema", mime_type=JSON)(self.schema)
        server.resource("crdtsql://status", name="status", mime_type=JSON)(self.status)
        server.resource("crdtsql://conflicts", name="conflicts", mime_type=JSON)(self.conflicts)
        server.resource("crdtsql://row/{table}/{key}", name="row", mime_type=JSON)(self.row)

    async def schema(self) -> str:
        """Say what the replicated tables look like, and how their columns merge."""

        def work(replica: Replica, token: http.Token) -> list[dict[str, Any]]:
            return [
                {
                    "table": one.name,
                    "key": replica.key_of(one.name),
                    "sql": one.statements,
                    "types": one.types,
                    "rows": one.row_policy,
                }
                for one in replica.describe_schema()
                if not one.absent and not token.others([one.name])
            ]

        return await self._read(work)

    async def status(self) -> str:
        """Say what the tool `status` says."""
        return json.dumps(await self._tools.status())

    async def conflicts(self) -> str:
        """List open conflicts as the tool `conflicts` does."""
        try:
            return json.dumps(await self._tools.conflicts())
        except ToolError as error:
            raise ResourceError(str(error)) from error

    async def row(self, table: str, key: str) -> str:
        """Give a row and its revision.

        Args:
            key: the key's value, or, of several columns or of another type than text and whole numbers, a JSON array of them.
        """
        parts = _parts(unquote(key))

        def work(replica: Replica, token: http.Token) -> dict[str, Any]:
            check_table(token, table)
            try:
                cells = replica.blame(table, *parts)
            except UnknownRowError as error:
                raise ResourceNotFoundError(str(error)) from error
            values = {one.column: value_to_json(one.value) for one in cells}
            named = dict(zip(replica.key_of(table), map(value_to_json, parts), strict=True))
            return {"table": table, "revision": replica.revision(table, *parts), "row": named | values}

        return await self._read(work)

    async def _read(self, work: Any) -> str:
        try:
            return json.dumps(await self._callers.read(work))
        except ToolError as error:
            raise ResourceError(str(error)) from error


def _parts(key: str) -> tuple[Any, ...]:
    """Read a key as an address has it."""
    if key.startswith("["):
        try:
            return tuple(from_json(part) for part in json.loads(key))
        except ValueError as error:
            raise ResourceError(f"{key!r} is no JSON array of a key's parts ({error})") from error
    return (key,)
