"""HTTP: a server that answers for files, and the peers that reach it.

`serve` gives the server as an ASGI app, `run` runs it. What they need (starlette, uvicorn; the client's httpx2) is imported when they
are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crdtsql.base import TransportError, UsageError, door
from crdtsql.replica import LOCK_TIMEOUT_S
from crdtsql.transports.addresses import parse
from crdtsql.transports.http import keys
from crdtsql.transports.http.limits import Limits
from crdtsql.transports.http.places import place_of
from crdtsql.transports.http.tokens import Token, Tokens

if TYPE_CHECKING:
    from crdtsql.transports.http.app import HttpApp
    from crdtsql.transports.http.desk import Desk, Full
    from crdtsql.transports.http.rooms import MakeRoom, Room
else:
    __getattr__ = door(__name__, {"app": "HttpApp", "desk": "Desk Full", "rooms": "MakeRoom Room"})

__all__ = ["Desk", "Full", "Limits", "MakeRoom", "Room", "Token", "Tokens", "identity", "keys", "run", "serve"]


def serve(
    *files: str | os.PathLike[str],
    limits: Limits | None = None,
    lock_timeout: float = LOCK_TIMEOUT_S,
    needs_no_token: Callable[[Mapping[str, Any]], bool] | None = None,
    rooms: Mapping[str, MakeRoom] | None = None,
) -> HttpApp:
    """Return an ASGI app that answers the replicas that sync with files: each at `/NAME`, the file's name without its ending.

    It can be mounted in an app of one's own. Requests need a token (`crdtsql token add`). Its threads begin with the first request;
    its lifespan ends them, or `close`, where the app that it is mounted in runs no lifespan of its parts.

    Args:
        limits: how much a client may send, how fast, and how slowly.
        needs_no_token: is called with the ASGI scope of a request that has no token, and tells whether it is let in all the same.
        rooms: what else answers for each file: the word after `/NAME/` -> what makes it. They need the app's lifespan.

    Raises:
        UsageError: two files have one name, or a name is a word of the server's.
        TransportError: what this needs is not installed.
    """
    with _named_extra():
        from crdtsql.transports.http.app import HttpApp
        from crdtsql.transports.observing.queries import QueryRoom
    more: dict[str, MakeRoom] = {"observe": QueryRoom, **(rooms or {})}
    return HttpApp(files, limits or Limits(), lock_timeout, needs_no_token, more)


def run(
    files: Sequence[str | os.PathLike[str]],
    *,
    listen: str | None = None,
    unix: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
    limits: Limits | None = None,
    lock_timeout: float = LOCK_TIMEOUT_S,
    rooms: Mapping[str, MakeRoom] | None = None,
    told: Callable[[dict[str, list[str]], bool], None],
) -> None:
    """Serve files until a signal comes, or Ctrl-C.

    Args:
        listen: `host:port`; port 0 is any that is free.
        unix: the path of a socket that only this user can reach, which needs no token.
        certificate, key: PEM files, for https.
        rooms: as in `serve`.
        told: is called when it listens, with the addresses of each file, and whether strangers could listen in.

    Raises:
        UsageError: as `serve`; or there is no such thing to listen on, or no certificate.
        CrdtsqlError: one can't listen there.
    """
    with _named_extra():
        from crdtsql.transports.http import server
    app = serve(
        *files,
        limits=limits,
        lock_timeout=lock_timeout,
        needs_no_token=partial(server.comes_by, unix) if unix else None,
        rooms=rooms,
    )
    with ExitStack() as opened:
        socket = opened.enter_context(server.listen(listen)) if listen else None
        local = opened.enter_context(server.listen_locally(unix)) if unix else None
        running = server.HttpServer(app, [socket] if socket else [], local, certificate=certificate, key=key)
        bases = [f"http{'s' if certificate else ''}://{server.name_of(socket)}/"] if socket else []
        bases += [f"unix:{os.path.abspath(unix)}:"] if unix else []
        in_clear = socket is not None and certificate is None and not server.is_loopback(socket)
        told({path: [f"{base}{quote(name)}" for base in bases] for name, path in app.files.items()}, in_clear)
        running.run_until_told()


def identity(text: str) -> str:
    """Return the same for all spellings of an address of HTTP.

    Raises:
        UsageError: it is none.
    """
    address = parse(text)
    if address.scheme not in ("http", "https", "unix"):
        raise UsageError(
            f"{text!r:.300} is no address of a server of HTTP: write https://host:7700/app or unix:/run/crdtsql.sock:app"
        )
    return place_of(address).identity


@contextmanager
def _named_extra() -> Iterator[None]:
    """Name the extra where a package is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise TransportError(f"a server of HTTP needs {error.name}: pip install 'crdtsql[http]'") from error
