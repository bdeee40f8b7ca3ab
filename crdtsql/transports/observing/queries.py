"""Queries: the room of the server of HTTP where clients hear what changes in the result of a query, at `/NAME/observe?sql=...`.

A token that may read hears of the replicated tables that it is for, and of no other table of the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import JSONResponse

from crdtsql.base import CrdtsqlError, dumps
from crdtsql.replica import Observation, Replica, asked
from crdtsql.store import Registry
from crdtsql.transports.http.rooms import Message, Receive, Send
from crdtsql.transports.http.tokens import ANYBODY, Token, Tokens

if TYPE_CHECKING:
    from crdtsql.transports.http.desk import Desk

MOST_STREAMS = 64
"""So many clients may observe one file at a time."""
LOOK_S = 0.05
HEARTBEAT_S = 15
CHECK_EVERY = 100
"""After so many looks it is asked whether the token still counts."""
LONGEST_SQL = 20_000


class QueryRoom:
    """Tells clients of one file what changes in the results of their queries."""

    def __init__(self, name: str, desk: Desk) -> None:
        self._name, self._desk = name, desk
        self._tokens = Tokens(desk.path)
        self._streams = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests for the length of a block."""
        yield

    def secret(self, _scope: Message) -> str:
        """Return the token of a request without a header that says one: none."""
        return ""

    async def refuse(self, status: int, why: str, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was not let in, or who asks for what can't be had."""
        await JSONResponse({"error": why}, status)(scope, receive, send)

    async def answer(self, token: Token, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was let in."""
        request = Request(scope, receive)
        asked = request.query_params
        if not token.read:
            await self.refuse(403, f"token {token.name} may only give changes", scope, receive, send)
            return
        if request.method != "GET" or not 0 < len(asked.get("sql", "")) <= LONGEST_SQL:
            await self.refuse(400, f"ask with GET /{self._name}/observe?sql=SELECT...", scope, receive, send)
            return
        if self._streams >= MOST_STREAMS:
            await self.refuse(
                503, f"{MOST_STREAMS} clients observe /{self._name}: try again later", scope, receive, send
            )
            return
        self._streams += 1
        try:
            try:
                tables = await asyncio.wrap_future(self._desk.submit(partial(_tables, token)))
                observation = await asyncio.to_thread(
                    Observation,
                    self._desk.path,
                    asked["sql"],
                    key=asked["key"].split(",") if asked.get("key") else None,
                    initial=asked.get("initial") == "1",
                    tables=tables,
                )
            except CrdtsqlError as error:
                await self.refuse(400, str(error), scope, receive, send)
                return
            async with observation:
                await EventSourceResponse(self._events(observation, token), ping=HEARTBEAT_S)(scope, receive, send)
        finally:
            self._streams -= 1

    async def _events(self, observation: Observation, token: Token) -> AsyncIterator[dict[str, str]]:
        """Yield the changes, as long as the token counts and the file is served."""
        looks = 0
        yield {"event": "columns", "data": dumps({"columns": observation.columns, "key": observation.key}, None)}
        try:
            while not self._desk.is_closed:
                for change in await asyncio.to_thread(observation.poll):
                    yield {"event": "change", "data": dumps(change.to_json(), None)}
                looks += 1
                if looks % CHECK_EVERY == 0 and token is not ANYBODY and token not in self._tokens.all():
                    return
                await asyncio.sleep(LOOK_S)
        except CrdtsqlError as error:
            yield {"event": "error", "data": dumps(error.to_json(), None)}


def _tables(token: Token, replica: Replica) -> list[str]:
    """Return the tables that a token may read."""
    names = [table.name for table in asked(replica, Registry.tables) if not table.absent]
    beyond = set(token.others(names))
    return [name for name in names if name not in beyond]
