"""The room `/NAME/page`: who may see the pages, where they are, and what their forms do.

A browser says its token in a cookie that no script sees, and that no page of another site has sent along. Each form has a word that
belongs to the cookie, so that nobody else's page can send one. Pages run no script but ours, and stand in nobody's frame.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from http.cookies import SimpleCookie
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from crdtsql.base import CrdtsqlError, UsageError
from crdtsql.page import views
from crdtsql.replica import Replica
from crdtsql.transports import http

COOKIE = "crdtsql"
TOKEN = "crdtsql.token"  # noqa: S105 - the name of an entry
MOST_FORM = 64 << 10
"""Bytes of a form at most."""
NOTICE_LENGTH = 500
T = TypeVar("T")

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FILES = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


class PageRoom:
    """The pages of one file."""

    def __init__(self, name: str, desk: http.Desk) -> None:
        self._name, self._desk = name, desk
        self._secret = secrets.token_bytes(32)
        self._base = f"/{quote(name)}/page"
        self._templates = Environment(
            loader=PackageLoader("crdtsql.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["key"] = lambda parts: quote(json.dumps(parts, separators=(",", ":")), safe="")
        page = "/{name}/page"
        self._app = Starlette(
            routes=[
                Route(page, self._view("overview", views.overview)),
                Route(f"{page}/conflicts", self._view("conflicts", views.conflicts)),
                Route(f"{page}/held", self._view("held", views.held)),
                Route(f"{page}/changes", self._view("changes", views.changes)),
                Route(f"{page}/row/{{table}}", self._row),
                Route(f"{page}/settle", self._settle, methods=["POST"]),
                Route(f"{page}/leave", self._leave, methods=["POST"]),
                Route(f"{page}/news", self._news),
                *(Route(f"{page}/{word}", _file_of(word)) for word in _FILES),
            ],
            exception_handlers={CrdtsqlError: self._failed, http.Full: self._full},
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests for the length of a block."""
        yield

    def secret(self, scope: Scope) -> str:
        """Return the token that a browser's cookie has, "" if there is none."""
        return _cookie(Request(scope))

    async def answer(self, token: http.Token, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of somebody who was let in."""
        await self._app({**scope, TOKEN: token}, receive, send)

    async def refuse(self, status: int, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer somebody who was not let in: files that are no secret, else a form for the token."""
        request = Request(scope, receive)
        word = request.path_params.get("rest", "")
        answer: Response
        if word in _FILES:
            answer = await _file_of(word)(request)
        elif request.method == "POST" and word == "enter":
            answer = await self._enter(request)
        else:
            if status == HTTPStatus.UNAUTHORIZED:
                why = "This token is not one of this file, or not any more." if _cookie(request) else ""
            answer = self._page("enter", {"why": why}, status=status)
        await answer(scope, receive, send)

    async def _enter(self, request: Request) -> Response:
        """Keep a token in a cookie; whether it is one the next page tells."""
        form = await _form(request)
        answer = RedirectResponse(self._base, 303, _HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, form.get("token", "").strip(), path=self._base, httponly=True, samesite="strict", secure=secure
        )
        return answer

    async def _leave(self, request: Request) -> Response:
        self._check(request, await _form(request))
        answer = RedirectResponse(self._base, 303, _HEADERS)
        answer.delete_cookie(COOKIE, path=self._base)
        return answer

    def _view(self, name: str, read: Callable[[Replica, http.Token], views.View]) -> Callable[[Request], Any]:
        async def show(request: Request) -> Response:
            token = _token(request)
            if not token.read:
                raise UsageError(f"token {token.name} may only give changes")
            found = await self._do(lambda replica: read(replica, token))
            return self._page(name, found, request)

        return show

    async def _row(self, request: Request) -> Response:
        token, table = _token(request), request.path_params["table"]
        try:
            key = json.loads(request.query_params.get("key", ""))
        except (ValueError, RecursionError) as error:
            raise UsageError("the address of a row has its key as a JSON array, as the other pages link it") from error
        if not token.read or not isinstance(key, list):
            raise UsageError("the address of a row has its key as a JSON array, as the other pages link it")
        return self._page("row", await self._do(lambda replica: views.row(replica, token, table, key)), request)

    async def _settle(self, request: Request) -> Response:
        form, token = await _form(request), _token(request)
        self._check(request, form)
        number = form.get("number", "")
        if not number.isdecimal():
            raise UsageError("the form has no conflict's number")
        done = await self._do(
            lambda replica: views.settle(
                replica, token, int(number), form.get("present", ""), form.get("take", ""), form.get("value", "")
            )
        )
        done = quote(done[:NOTICE_LENGTH], safe="")
        return RedirectResponse(f"{self._base}/conflicts?done={done}&seal={self._seal(done)}", 303, _HEADERS)

    async def _news(self, request: Request) -> Response:
        """Say when the file has something else; for pages that are looked at with JavaScript."""
        token = _token(request)
        if not token.read or token.tables is not None:
            return Response(status_code=204)
        return EventSourceResponse(self._marks(), headers={"Cache-Control": "no-store"})

    async def _marks(self) -> AsyncIterator[dict[str, str]]:
        loop, marks = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def told(mark: str | None) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(marks.put_nowait, mark)

        end = self._desk.listen(told)
        try:
            while (mark := await marks.get()) is not None:
                yield {"data": mark}
        finally:
            end()

    async def _do(self, work: Callable[[Replica], T]) -> T:
        return await asyncio.wrap_future(self._desk.submit(work))

    def _page(self, name: str, view: views.View, request: Request | None = None, status: int = 200) -> HTMLResponse:
        found = {
            "base": self._base,
            "file": self._name,
            "page": name,
            "word": "" if request is None else self._word(request),
            "token": None if request is None else _token(request),
            "done": "" if request is None else self._done(request),
        }
        return HTMLResponse(self._templates.get_template(f"{name}.html").render(found | view), status, _HEADERS)

    def _word(self, request: Request) -> str:
        """Return the word that this browser's forms have."""
        return self._seal(f"cookie {_cookie(request)}")

    def _seal(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _done(self, request: Request) -> str:
        """Return what was done before this page, as the address says; nothing if somebody else made the address."""
        done, seal = (request.query_params.get(name, "") for name in ("done", "seal"))
        return done if hmac.compare_digest(seal.encode(), self._seal(quote(done, safe="")).encode()) else ""

    def _check(self, request: Request, form: dict[str, str]) -> None:
        if not hmac.compare_digest(form.get("word", "").encode(), self._word(request).encode()):
            raise UsageError("the form is not from this page, or the server was started anew: load the page again")

    async def _failed(self, request: Request, error: Exception) -> Response:
        return self._page("failed", {"why": str(error)}, request, 409)

    async def _full(self, request: Request, _error: Exception) -> Response:
        return self._page("failed", {"why": "too much waits for this file: try again in some seconds"}, request, 503)


def _file_of(word: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return what gives a file that is no secret."""

    async def give(_request: Request) -> Response:
        return Response(files("crdtsql.page").joinpath(word).read_bytes(), media_type=_FILES[word])

    return give


def _token(request: Request) -> http.Token:
    found: http.Token = request.scope[TOKEN]
    return found


def _cookie(request: Request) -> str:
    found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    return "" if found is None else found.value


async def _form(request: Request) -> dict[str, str]:
    """Read a short form.

    Raises:
        UsageError: it is too long, or no text.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM:
            raise UsageError("the form is too long")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as error:
        raise UsageError("the form can't be read") from error
    return {name: values[0] for name, values in fields.items()}
