"""The caller: one agent's request, what it may do, and the thread in which the file's work is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver.exceptions import ToolError

from crdtsql.base import CrdtsqlError, SqliteValue, from_json
from crdtsql.replica import Replica
from crdtsql.transports import http

TOKEN = "crdtsql.token"  # noqa: S105 - the name of an entry
"""Under this name the ASGI scope of a request has its `Token`."""
_TOKEN: ContextVar[http.Token | None] = ContextVar(TOKEN, default=None)

T = TypeVar("T")


class Callers:
    """Who calls, and may do what; the tools of one file ask it to have work done."""

    def __init__(self, desk: http.Desk, token: http.Token | None = None) -> None:
        """Begin.

        Args:
            token: what everybody may do, where requests bring no token of their own.
        """
        self._desk = desk
        self._token = token

    def token(self) -> http.Token:
        """Return what the caller may do whose request is being answered."""
        found = self._token or _TOKEN.get()
        if found is None:
            raise ToolError("nobody was let in: this request came by another way than the server's")
        return found

    async def read(self, work: Callable[[Replica, http.Token], T]) -> T:
        """Have work done that only reads.

        Raises:
            ToolError: the caller may not, or it failed.
        """
        token = self.token()
        if not token.read:
            raise ToolError(f"token {token.name} may only give changes")
        return await self._do(lambda replica: work(replica, token))

    async def write(self, work: Callable[[Replica, http.Token], T]) -> T:
        """Have work done that writes, and gives back what was read.

        Raises:
            ToolError: the caller may not, or it failed.
        """
        token = self.token()
        if not (token.read and token.write):
            raise ToolError(f"token {token.name} may not write")
        return await self._do(lambda replica: work(replica, token))

    async def _do(self, work: Callable[[Replica], T]) -> T:
        try:
            return await asyncio.wrap_future(self._desk.submit(work))
        except http.Full as error:
            raise ToolError("too much waits for this file: try again in some seconds") from error
        except CrdtsqlError as error:
            raise ToolError(str(error)) from error


async def let_in(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Answer a message with the token of the request that brought it at hand, as middleware of the SDK's server."""
    scope = getattr(ctx.request, "scope", {})
    kept = _TOKEN.set(scope.get(TOKEN))
    try:
        return await call_next(ctx)
    finally:
        _TOKEN.reset(kept)


def check_table(token: http.Token, table: str | None) -> None:
    """Check that a caller may see a table; without one, that it may see all.

    Raises:
        ToolError: it may not.
    """
    if token.tables is not None and (table is None or token.others([table])):
        what = "name a table" if table is None else f"it may not touch {table!r}"
        raise ToolError(f"token {token.name} is for {', '.join(token.tables)} alone: {what}")


def key_of(parts: list[Any]) -> tuple[SqliteValue, ...]:
    """Read a key as a caller gave it.

    Raises:
        ToolError: a part is no value.
    """
    return tuple(value_of(part) for part in parts)


def value_of(value: Any) -> SqliteValue:
    """Read a value as a caller gave it, as JSON has it.

    Raises:
        ToolError: it is none of SQLite's.
    """
    try:
        return from_json(value)
    except ValueError as error:
        raise ToolError(f"{value!r:.200} is no value of SQLite's ({error})") from error
