"""Rooms: what else than syncs the server of HTTP answers for a file, at `/NAME/WORD`; nobody gets in without a token there either."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crdtsql.transports.http.desk import Desk
    from crdtsql.transports.http.tokens import Token


class Room(Protocol):
    """Answers requests for one file."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Answer requests for the length of a block."""

    async def answer(
        self,
        token: Token,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request of somebody who was let in, as an ASGI app does."""


MakeRoom = Callable[[str, "Desk"], Room]
"""Makes the room of a file from its name and its desk."""
