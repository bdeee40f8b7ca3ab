"""Rooms: what else than syncs the server of HTTP answers for a file, at `/NAME/WORD`; nobody gets in without a token there either."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from crdtsql.transports.http.desk import Desk
    from crdtsql.transports.http.tokens import Token

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Room(Protocol):
    """Answers requests for one file."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Answer requests for the length of a block."""

    def secret(self, scope: Message) -> str:
        """Return the token of a request without a header that says one, "" if there is none."""

    async def answer(self, token: Token, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was let in, as an ASGI app does."""

    async def refuse(self, status: int, why: str, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was not."""


MakeRoom = Callable[[str, "Desk"], Room]
"""Makes the room of a file from its name and its desk."""
