"""Addresses: which transport an address means, and what to write instead of a wrong one.

Transports are found by the scheme of an address. Those of ours stand here, as `module:function`; others are found by the entry point
group `crdtsql.transports`, whose names are schemes. Nothing is imported before an address needs it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from crdtsql.base import TransportError, UsageError, suggest
from crdtsql.transports.interface import Context, Peer, Store

if TYPE_CHECKING:
    from importlib import metadata

GROUP = "crdtsql.transports"
BUILT_IN = {
    "az": "crdtsql.transports.services.bucket:open_bucket",
    "dir": "crdtsql.transports.folder:open_folder",
    "file": "crdtsql.transports.file:open_file",
    "ftp": "crdtsql.transports.services.files:open_files",
    "gs": "crdtsql.transports.services.bucket:open_bucket",
    "hdfs": "crdtsql.transports.services.files:open_files",
    "http": "crdtsql.transports.http.client:open_http",
    "https": "crdtsql.transports.http.client:open_http",
    "memory": "crdtsql.transports.services.files:open_files",
    "nats": "crdtsql.transports.services.stream:open_stream",
    "s3": "crdtsql.transports.services.bucket:open_bucket",
    "sftp": "crdtsql.transports.services.files:open_files",
    "smb": "crdtsql.transports.services.files:open_files",
    "ssh": "crdtsql.transports.ssh:open_ssh",
    "unix": "crdtsql.transports.http.client:open_http",
    "webdav": "crdtsql.transports.services.files:open_files",
}
"""Scheme -> the function that opens such an address."""
EXTRAS = {"az": "s3", "gs": "s3", "http": "http", "https": "http", "nats": "nats", "s3": "s3", "unix": "http"}
"""Scheme -> the extra of our package that it needs."""
LOCAL = ("dir", "file")
"""Schemes of paths on this machine."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(.*)", re.DOTALL)
LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1", re.IGNORECASE)
"""Names of this machine."""
_AS_SCP_HAS_IT = re.compile(
    r"(?!.*://)(?:(?P<host>[\w.-]{2,}):(?P<path>[^:]*\.(?:db|sqlite3?)|/.*|~/.*)"
    r"|(?P<user_host>(?:[\w.-]+(?P<secret>:[^/@]*)?@[\w.-]+|(?:[\w.-]+@)?\[[0-9A-Fa-f:.%]+\])):(?P<any_path>[^\0]+))",
    re.DOTALL,
)
_AS_SERVERS_LISTEN = re.compile(
    r"(?P<host>[\w.-]{2,}|\[[0-9A-Fa-f:.%]+\]):(?P<port>\d{1,5})(?:/(?P<name>.*))?", re.DOTALL
)
_SECRET = re.compile(r"//(?P<user>[^/@:\[]*):(?!\d{1,5}(?:/|$)).*@", re.DOTALL)
"""A password, also one with a slash in it; what follows a host may be a port."""
_USER = re.compile(r"//(?P<user>[^/@]*)@")
_WITHOUT_USER = ("az", "gs", "http", "https", "nats", "s3")
_ASKED_BY = {
    "az": "credentials stand in the environment",
    "gs": "credentials stand in the environment",
    "s3": "credentials stand in the environment",
    "ssh": "ssh asks for it, or takes a key",
}


class Address(NamedTuple):
    """An address, taken apart.

    Attributes:
        text: as it was given.
        scheme: in lower case; `file` for a plain path.
        rest: what follows the colon; of a plain path all of it.
    """

    text: str
    scheme: str
    rest: str

    @property
    def path(self) -> str:
        """Return the path of this machine that is named: plainly, or by the rest, as in `dir:team`, `dir:/team` and `dir:///team`.

        Raises:
            UsageError: it names another machine, or nothing.
        """
        if self.rest == self.text:
            return self.rest
        if self.rest.startswith("//") and not self.rest.startswith("///"):
            host, _, path = self.rest[2:].partition("/")
            raise UsageError(
                f"{self.text}: {self.scheme}: is a path of this machine, and {host!r} stands where a machine would: "
                f"write {self.scheme}:/{path} or {self.scheme}:{host}/{path}"
            )
        path = self.rest[2:] if self.rest.startswith("///") else self.rest
        if not path:
            raise UsageError(f"{self.text!r} has no path")
        return path


Opener = Callable[[Address, Context], Peer | Store]


def parse(text: str | os.PathLike[str]) -> Address:
    """Take an address apart; what is a file, or has no scheme, is a path.

    Raises:
        UsageError: it is written as another program would take it, or no transport has such a scheme.
    """
    if not isinstance(text, str):
        return Address(os.fspath(text), "file", os.fspath(text))
    if not text:
        raise UsageError("the address is empty: write a file's path, or an address such as dir:/mnt/team")
    found = _SCHEME.fullmatch(text)
    if os.path.isdir(text):
        raise UsageError(f"{text} is a folder: write dir:{text} to sync with a folder that replicas share")
    foreign = _AS_SERVERS_LISTEN.fullmatch(text) or _AS_SCP_HAS_IT.fullmatch(text)
    if os.path.exists(text) or (found is None and not foreign):
        return Address(text, "file", text)
    _refuse_secrets(text, found[1].lower() if found else None)
    if found and (found[1].lower() in BUILT_IN or found[1].lower() in plugged_in()):
        return Address(text, found[1].lower(), found[2])
    raise UsageError(f"{text}: {'; '.join(_instead(text, found[1].lower() if found else None))}")


def _refuse_secrets(text: str, scheme: str | None) -> None:
    """Refuse an address with a password, and don't repeat it; what packages of others bring judges for itself."""
    by_http, what = scheme in ("http", "https"), "a password"
    as_scp = _AS_SCP_HAS_IT.fullmatch(text)
    if as_scp and as_scp["secret"]:
        scheme, clean = "ssh", text.replace(as_scp["secret"], "", 1)
        clean = next(part.partition(" write ")[2] for part in _instead(clean, None))
    elif scheme is None or scheme in LOCAL or (scheme not in BUILT_IN and scheme in plugged_in()):
        return
    else:
        rest = text.partition(":")[2]
        found = _SECRET.match(rest)
        if found is None and by_http:
            found, what = _USER.match(rest), "a user"
        if found is None:
            return
        user = f"{found['user']}@" if found["user"] and scheme not in _WITHOUT_USER else ""
        clean = f"{scheme}://{user}{rest[found.end() :]}"
    advice = _ASKED_BY.get(scheme, "what the server asks for stands in the environment")
    if by_http:
        advice = f"{suggest.command('token keep', clean)} keeps a token for it"
    raise UsageError(f"{what} stands in the address, where others see it: write {clean}; {advice}")


def named(remotes: Mapping[str, str], remote: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the address of a remote that has a name, and what was given if it is none.

    Raises:
        UsageError: it is no address and no file, but almost a name.
    """
    text = os.fspath(remote)
    if text in remotes:
        return remotes[text]
    plain = _SCHEME.fullmatch(text) is None and os.path.basename(text) == text
    if plain and suggest.meant(text, remotes) and not os.path.exists(text):
        known = suggest.instead(text, [*remotes], "remotes of this file")
        raise UsageError(f"there is no remote {text!r}, and no such file: {known}")
    return remote


def _instead(text: str, scheme: str | None) -> Iterator[str]:
    """Say what is wrong with an address, and what to write."""
    known = sorted({*BUILT_IN, *plugged_in()})
    listens = _AS_SERVERS_LISTEN.fullmatch(text)
    if listens:
        secure = "" if LOOPBACK.fullmatch(listens["host"].strip("[]")) else "s"
        place = f"{listens['host']}:{listens['port']}/{listens['name'] or 'app'}"
        yield f"for a file that a server answers for write http{secure}://{place}"
        return
    as_scp = _AS_SCP_HAS_IT.fullmatch(text)
    if scheme and (as_scp is None or suggest.meant(scheme, known)):
        yield f"there is no transport {scheme}:, {suggest.instead(scheme, known, 'those there are')}"
    if as_scp:
        path = as_scp["path"] or as_scp["any_path"]
        at_home = "" if path.startswith(("/", "~/")) else "~/"
        yield (
            "for a file on another machine write "
            f"ssh://{as_scp['host'] or as_scp['user_host']}/{at_home}{path.removeprefix('/')}"
        )


def plugged_in() -> dict[str, metadata.EntryPoint]:
    """Return the transports that other packages bring, by scheme."""
    from importlib import metadata  # takes longer to import than all the rest of a sync with nothing new

    return {found.name: found for found in metadata.entry_points(group=GROUP)}


def opener(address: Address) -> Opener:
    """Return the function that opens an address.

    Raises:
        TransportError: what it needs is not installed, or its package is broken.
    """
    try:
        if address.scheme in BUILT_IN:
            module, _, name = BUILT_IN[address.scheme].partition(":")
            found: Opener = getattr(import_module(module), name)
        else:
            found = plugged_in()[address.scheme].load()
    except (ImportError, AttributeError) as error:
        extra = EXTRAS.get(address.scheme)
        advice = f"pip install 'crdtsql[{extra}]'" if extra else "install what it needs"
        raise TransportError(
            f"{address.text}: the transport {address.scheme}: can't be loaded ({error}): {advice}"
        ) from error
    return found
