"""Bodies: what comes in goes to a temporary file while it comes, what goes out stands in one while it is taken.

So neither a slow client nor many of them fill memory. Knows nothing of what a body says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.types import Send

from crdtsql.base import CrdtsqlError, DatabaseError, TransportError
from crdtsql.transports.http.agreed import MEDIA_TYPE
from crdtsql.transports.http.limits import Budget, Limits
from crdtsql.wire import Spill, Spilled, pieces_of, put_together

IN_MEMORY = 1 << 20
"""What is shorter never gets to a disk."""
PIECE = 64 << 10
DRAINED_BYTES, DRAINED_S = 1 << 20, 2.0
"""So much of a body that is refused is read, so that its sender hears the answer."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """An answer other than that to an exchange.

    Attributes:
        status: of HTTP.
        error: what the client is told.
        headers: of the answer.
    """

    def __init__(self, status: int, error: CrdtsqlError | str, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {}
        self.error = TransportError(error) if isinstance(error, str) else error
        super().__init__(status)


class Body(Spill):
    """Bytes in a temporary file; a short one is in memory."""

    def __init__(self) -> None:
        super().__init__(IN_MEMORY)


class Incoming:
    """Receives bodies within limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._budget = Budget(limits.waiting_bytes)

    async def receive(self, request: Request) -> Body:
        """Receive a body; whoever gets it gives it to `done`.

        Raises:
            Refusal: it is too long, comes too slowly, or there is no room for it now.
            ClientDisconnect: it is cut off.
        """
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limits.body_bytes:
            raise self._too_long()
        body = Body()
        try:
            async for piece in self._pieces(request):
                self._make_room(body, len(piece))
                body.write(piece)
        except BaseException as error:
            self.done(body)
            full = error.__cause__ if isinstance(error, DatabaseError) else error
            if isinstance(full, OSError):
                raise Refusal(
                    507, f"there is no room here for what comes ({full.strerror}): sync again later"
                ) from error
            raise
        return body

    def done(self, body: Body) -> None:
        """Forget a body."""
        self._budget.give_back(body.size)
        body.forget()

    def _make_room(self, body: Body, size: int) -> None:
        if body.size + size > self._limits.body_bytes:
            raise self._too_long()
        if not self._budget.take(size):
            raise Refusal(503, "too much waits here to be answered: sync again later", {"Retry-After": "5"})

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        """Yield what comes, unless it comes too slowly."""
        began, size, pieces = time.monotonic(), 0, request.stream()
        while True:
            try:
                async with asyncio.timeout(self._limits.seconds_left(began, size)):
                    piece = await anext(pieces, None)
            except TimeoutError as error:
                raise Refusal(408, "the request came too slowly: sync again") from error
            if piece is None:
                return
            size += len(piece)
            yield piece

    def _too_long(self) -> Refusal:
        return Refusal(
            413,
            f"what this sync would send is longer than {self._limits.body_bytes:,} bytes, the most that is taken here: begin with a "
            "clone of the file, or let the server's --max-bytes be larger",
        )

    @staticmethod
    async def drain(request: Request) -> None:
        """Read a little of what is refused, and throw it away."""
        left = DRAINED_BYTES
        try:
            async with asyncio.timeout(DRAINED_S):
                async for piece in request.stream():
                    left -= len(piece)
                    if left < 0:
                        return
        except (TimeoutError, ClientDisconnect, RuntimeError):  # the last: somebody has read it already
            return


class Outgoing:
    """An answer that is sent in pieces; a client that takes none for too long is left."""

    def __init__(
        self, data: bytes | Spilled, limits: Limits, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self._limits, self._status, self._headers = limits, status, headers or {}
        self._data = put_together([data], IN_MEMORY) if isinstance(data, bytes) else data
        self.size = len(data)

    async def send(self, send: Send) -> None:
        """Send it."""
        fields = {"content-type": MEDIA_TYPE, "content-length": str(self.size), "cache-control": "no-store"}
        headers = [(name.lower().encode(), value.encode()) for name, value in (fields | self._headers).items()]
        try:
            await send({"type": "http.response.start", "status": self._status, "headers": headers})
            began, left = time.monotonic(), self.size
            for piece in pieces_of(self._data, PIECE):
                async with asyncio.timeout(self._limits.seconds_left(began, self.size - left)):
                    left -= len(piece)
                    await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        finally:
            self._data = b""
