"""The server of HTTP, as an ASGI app: who is let in, and which desk has the work.

POST /NAME        an exchange: the bytes of `transports/messages.py` there and back
GET  /NAME/news   a stream that says when there is something else
     /NAME/WORD   what else answers for files (`rooms.py`)
GET  /health      that it is there; asks for nothing
GET  /metrics     figures of the files that the token is for
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from crdtsql.base import BusyError, CrdtsqlError, TransportError, UsageError, __version__, suggest
from crdtsql.replica import Replica
from crdtsql.transports import messages
from crdtsql.transports.exchange import answer
from crdtsql.transports.http.bodies import Body, Incoming, Outgoing, Refusal
from crdtsql.transports.http.desk import Desk, Full
from crdtsql.transports.http.figures import TEXT_TYPE, Figures
from crdtsql.transports.http.limits import Limits, Rates
from crdtsql.transports.http.permission import check
from crdtsql.transports.http.rooms import MakeRoom
from crdtsql.transports.http.tokens import ANYBODY, Token, Tokens
from crdtsql.transports.observing import exposition

log = logging.getLogger("crdtsql")

WORDS = ("health", "metrics")
"""What the server itself answers to, so that no file can be called so."""
_FAULT = "a fault in crdtsql itself, which its log tells; nothing was changed"
NeedsNoToken = Callable[[Mapping[str, Any]], bool]


class Served:
    """A file that is served: its desk and its tokens."""

    def __init__(self, path: str, lock_timeout: float, limits: Limits) -> None:
        self.path = path
        self.name = PurePath(path).stem
        self.desk = Desk(path, lock_timeout, limits.waiting_requests)
        self.tokens = Tokens(path)


def named(files: Sequence[str | os.PathLike[str]]) -> dict[str, str]:
    """Return what files are called in addresses: name -> path.

    Raises:
        UsageError: two have one name, or one has none that can stand in an address.
    """
    found: dict[str, str] = {}
    for file in files:
        path = os.fspath(file)
        name = PurePath(path).stem
        if name in found:
            raise UsageError(
                f"{found[name]} and {path} would both be /{name}: serve them apart, or give one another name (a link to it will do)"
            )
        if name in WORDS or not name:
            raise UsageError(
                f"{path} would be /{name}, which the server itself answers: give it another name (a link to it will do)"
            )
        found[name] = path
    if not found:
        raise UsageError("name the files to serve")
    return found


class HttpApp:
    """An ASGI app that answers for files. Its threads begin with the first request, and end with its lifespan or `close`.

    Attributes:
        limits: what it takes of its clients.
        files: name -> path.
    """

    def __init__(
        self,
        files: Sequence[str | os.PathLike[str]],
        limits: Limits,
        lock_timeout: float,
        needs_no_token: NeedsNoToken | None = None,
        rooms: Mapping[str, MakeRoom] | None = None,
    ) -> None:
        self.limits = limits
        self._served = {name: Served(path, lock_timeout, limits) for name, path in named(files).items()}
        self.files = {name: served.path for name, served in self._served.items()}
        self._rooms = {
            (name, word): make(name, served.desk)
            for word, make in (rooms or {}).items()
            for name, served in self._served.items()
        }
        self._needs_no_token = needs_no_token
        self._rates = Rates(limits)
        self._incoming = Incoming(limits)
        self._figures = Figures()
        self._app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/{name}", self._exchange, methods=["POST"]),
                Route("/{name}/news", self._news),
                *(
                    Route(f"/{{name}}/{word}{rest}", _Rooms(partial(self._enter, word)))
                    for word in rooms or {}
                    for rest in ("", "/{rest:path}")
                ),
            ],
            exception_handlers={
                HTTPException: _no_such_thing,
                Refusal: self._refused,
                CrdtsqlError: self._failed,
                Exception: self._fault,
            },
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for room in self._rooms.values():
                await opened.enter_async_context(room.running())
            yield
            self.silence()
        await asyncio.to_thread(self.close)

    def silence(self) -> None:
        """End the streams of news, and take no more requests."""
        for served in self._served.values():
            served.desk.silence()

    def close(self) -> None:
        """Finish what is under way, and let go of the files."""
        for served in self._served.values():
            served.desk.close()

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"ok": True, "version": __version__})

    async def _metrics(self, request: Request) -> Response:
        """Give figures of what this server did with the files that the token may read, and of those that it may read as a whole."""
        holders = {name: self._holder(request, served) for name, served in self._served.items()}
        seen = [name for name, token in holders.items() if token is not None and token.read]
        whole = [name for name in seen if (token := holders[name]) is not None and token.tables is None]
        if not seen:
            raise self._unknown(request, "the figures of these files")
        try:
            futures = [self._served[name].desk.submit(partial(exposition.gather, name)) for name in whole]
            gathered = await asyncio.gather(*map(asyncio.wrap_future, futures))
        except (Full, CrdtsqlError) as error:
            raise Refusal(503, "a file is busy: ask again later", {"Retry-After": "5"}) from error
        return Response(self._figures.text(seen) + exposition.text(gathered).encode(), media_type=TEXT_TYPE)

    async def _exchange(self, request: Request) -> Response:
        return _Answer(await self._answered(request))

    async def _answered(self, request: Request) -> Outgoing:
        served, token = self._let_in(request)
        body = await self._incoming.receive(request)
        self._figures.received(served.name, body.size)
        try:
            future = served.desk.submit(partial(self._work, served, token, body))
        except Full as error:
            self._incoming.done(body)
            raise Refusal(
                503, f"too many syncs wait for /{served.name}: sync again later", {"Retry-After": "5"}
            ) from error
        future.add_done_callback(lambda _: self._incoming.done(body))
        try:
            found = await asyncio.wrap_future(future)
        except Refusal:
            raise
        except CrdtsqlError as error:
            raise Refusal(503 if isinstance(error, BusyError) else 409, error) from error
        except Exception as error:
            log.exception("/%s: a request failed", served.name)
            raise Refusal(500, _FAULT) from error
        self._figures.answered(served.name, 200, found.size)
        return found

    def _work(self, served: Served, token: Token, body: Body, replica: Replica) -> Outgoing:
        """Answer a request: it is read and checked before any lock is taken. Runs in the desk's thread."""
        try:
            request = messages.unpack_request(body.whole())
        except TransportError as error:
            raise Refusal(400, error) from error
        check(token, request, replica, served.name)
        request = request._replace(through=token.name if request.order is not None else "")
        began = time.perf_counter()
        response = answer(replica, request)
        if request.changeset:
            self._figures.merged(served.name, time.perf_counter() - began)
        served.desk.tell(response)
        return Outgoing(messages.pack_response(response), self.limits)

    async def _news(self, request: Request) -> Response:
        served, token = self._let_in(request)
        if not token.read or token.tables is not None:
            raise Refusal(
                403, f"token {token.name} may not hear of news of /{served.name}: it may not take all of its changes"
            )
        return EventSourceResponse(
            self._events(request, served, token), ping=self.limits.heartbeat_s, send_timeout=self.limits.patience_s
        )

    async def _enter(self, word: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let somebody into a room."""
        request = Request(scope, receive)
        room = self._rooms.get((request.path_params["name"], word))
        try:
            _, token = self._let_in(request, "" if room is None else room.secret(scope))
        except Refusal as refusal:
            if room is None:
                answer = JSONResponse({"error": str(refusal.error)}, refusal.status, refusal.headers)
                await answer(scope, receive, send)
            else:
                await room.refuse(refusal.status, str(refusal.error), scope, receive, send)
            return
        if room is not None:
            await room.answer(token, scope, receive, send)

    async def _events(self, request: Request, served: Served, token: Token) -> AsyncIterator[dict[str, str]]:
        """Yield the mark of what the file has, now and whenever it is another one, as long as the token counts."""
        loop, marks = asyncio.get_running_loop(), _Latest()
        end = served.desk.listen(lambda mark: _hand_over(loop, marks, mark))
        self._figures.listening(served.name, 1)
        try:
            while (mark := await marks.get(self.limits.heartbeat_s)) is not None:
                if self._holder(request, served) != token:
                    return
                if mark:
                    yield {"data": mark}
        finally:
            end()
            self._figures.listening(served.name, -1)

    def _let_in(self, request: Request, secret: str = "") -> tuple[Served, Token]:
        """Return the file that a request is for, and what it may do there.

        Args:
            secret: the token, where it is not in a header.

        Raises:
            Refusal: it may nothing, or too often.
        """
        served = self._served.get(request.path_params["name"])
        token = self._holder(request, served, secret) if served else None
        if served is None or token is None:
            raise self._unknown(request, f"/{request.path_params['name']}")
        wait_s = self._rates.take(f"{served.name} {token.name}")
        if wait_s:
            raise Refusal(
                429,
                f"token {token.name} made too many requests: sync again later",
                {"Retry-After": str(int(wait_s) + 1)},
            )
        return served, token

    def _holder(self, request: Request, served: Served, secret: str = "") -> Token | None:
        """Return what whoever asks may do with a file."""
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        secret = said.strip() if kind.lower() == "bearer" and said else secret
        if secret:
            return served.tokens.find(secret)
        free = self._needs_no_token is not None and self._needs_no_token(request.scope)
        return ANYBODY if free else None

    def _unknown(self, request: Request, what: str) -> Refusal:
        """Refuse somebody who has no token; a name that is not there is told only to those whom no token is asked of."""
        if self._needs_no_token is not None and self._needs_no_token(request.scope):
            return Refusal(
                404, f"there is no file {what} here: {', '.join('/' + quote(name) for name in self._served)}"
            )
        shown = "authorization" in request.headers
        why = "the token is not one of this file (any more)" if shown else "it needs a token"
        add, keep = suggest.verb("token add"), suggest.verb("token keep")
        return Refusal(
            401,
            f"{what}: {why}: on the server's machine {add} makes one, here {keep} keeps it; and look whether the name is right",
            {"WWW-Authenticate": 'Bearer realm="crdtsql"'},
        )

    async def _refused(self, request: Request, refusal: Exception) -> Response:
        if not isinstance(refusal, Refusal):
            raise refusal
        if refusal.status != HTTPStatus.REQUEST_TIMEOUT:
            await self._incoming.drain(request)
        served = self._served.get(request.path_params.get("name", ""))
        if served is not None:
            self._figures.answered(served.name, refusal.status)
        return _Answer(Outgoing(messages.pack_error(refusal.error), self.limits, refusal.status, refusal.headers))

    async def _failed(self, request: Request, error: Exception) -> Response:
        """Answer when what is kept of the tokens can't be read: nobody is let in."""
        log.error("%s", error)
        return await self._refused(request, Refusal(500, "who may sync here can't be found out: its log says why"))

    async def _fault(self, request: Request, error: Exception) -> Response:
        """Answer what nobody thought of."""
        if not isinstance(error, ClientDisconnect):
            log.error("/%s: a fault in crdtsql itself", request.path_params.get("name", ""), exc_info=error)
        return _Answer(Outgoing(messages.pack_error(TransportError(_FAULT)), self.limits, 500))


class _Rooms:
    """The door to all rooms, as an ASGI app."""

    def __init__(self, enter: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._enter = enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._enter(scope, receive, send)


class _Answer(Response):
    """An answer that sends itself."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self.background = None

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await self._outgoing.send(send)
        except (TimeoutError, OSError, ClientDisconnect) as error:
            raise ClientDisconnect from error


class _Latest:
    """The last mark that came, for one who waits."""

    def __init__(self) -> None:
        self._mark: str | None = ""
        self._came = asyncio.Event()

    def put(self, mark: str | None) -> None:
        """Have another one, None for the end."""
        self._mark = mark if self._mark is not None else None
        self._came.set()

    async def get(self, seconds: float) -> str | None:
        """Wait for one; return "" if none came for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return ""
        self._came.clear()
        return self._mark


def _hand_over(loop: asyncio.AbstractEventLoop, marks: _Latest, mark: str | None) -> None:
    """Tell of a mark from another thread; a loop that has ended hears nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(marks.put, mark)


async def _no_such_thing(_request: Request, error: Exception) -> Response:
    """Answer what is no address of ours."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(
        {"error": "POST /NAME, GET /NAME/news, GET /NAME/observe, /health and /metrics are what is here"}, status
    )
