"""Places: what addresses of HTTP say: `https://host:7700/app`, `http://…`, and `unix:/run/crdtsql.sock:app`."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from crdtsql.base import UsageError
from crdtsql.transports.addresses import LOOPBACK, Address

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%]+\]")


class HttpPlace(NamedTuple):
    """Where a server is, and what it calls the file.

    Attributes:
        url: of the file; its news are at `url/news`.
        socket: the path of a unix socket, None where it is reached by host and port.
        in_clear: whoever is on the way can read what goes there.
        near: it is on this machine, so no proxy is on the way.
    """

    url: str
    socket: str | None = None
    in_clear: bool = False
    near: bool = False

    @property
    def identity(self) -> str:
        """Return the same for all spellings of one place."""
        return f"unix:{self.socket}:{urlsplit(self.url).path.removeprefix('/')}" if self.socket else self.url

    @property
    def server(self) -> str:
        """Return what a person looks at to see whether the server is there."""
        return self.socket or urlsplit(self.url).netloc


def place_of(address: Address) -> HttpPlace:
    """Take an address apart.

    Raises:
        UsageError: it is none.
    """
    return _socket(address) if address.scheme == "unix" else _url(address)


def _url(address: Address) -> HttpPlace:
    form = f"{address.scheme}://host:7700/app"
    try:
        found = urlsplit(f"{address.scheme}:{address.rest}")
        port = found.port
    except ValueError as error:
        raise _no_address(address, form, str(error)) from error
    if found.query or found.fragment or not found.path.strip("/") or not address.rest.isprintable():
        raise _no_address(address, form, "after the host comes the name of the file there, and nothing else")
    host = found.netloc.removesuffix(f":{port}").removesuffix(":")
    if not _HOST.fullmatch(host) or port == 0:
        raise _no_address(address, form, "it has no host")
    path = quote(unquote(found.path.rstrip("/")), safe="/~")
    near = LOOPBACK.fullmatch(host.strip("[]")) is not None
    at = host.lower() + (f":{port}" if port else "")
    return HttpPlace(
        f"{address.scheme}://{at}{path}",
        in_clear=address.scheme == "http" and not near,
        near=near,
    )


def _socket(address: Address) -> HttpPlace:
    path, _, name = address.rest.rpartition(":")
    name = name.strip("/")
    if not path.startswith("/") or not name or "\0" in path:
        raise _no_address(
            address, "unix:/run/crdtsql.sock:app", "it has no path that begins with /, or no name after it"
        )
    return HttpPlace(f"http://localhost/{quote(name, safe='/~')}", path, near=True)


def _no_address(address: Address, form: str, why: str) -> UsageError:
    return UsageError(f"{address.text!r:.300} is no address of HTTP, such as {form}: {why}")
