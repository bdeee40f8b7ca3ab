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
_AS_SCP_HAS_IT = re.compile(r"(?P<host>(?:[\w.-]+@)?[\w.-]{2,}):(?P<path>[^:]*\.(?:db|sqlite3?)|[/~].*)", re.DOTALL)


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
        """Return the rest as a path of this machine: `dir:team`, `dir:/team` and `dir:///team` have one.

        Raises:
            UsageError: it names another machine, or nothing.
        """
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
    found = _SCHEME.fullmatch(text)
    if os.path.isdir(text):
        raise UsageError(f"{text} is a folder: write dir:{text} to sync with a folder that replicas share")
    if os.path.exists(text) or (found is None and not _AS_SCP_HAS_IT.fullmatch(text)):
        return Address(text, "file", text)
    if found and (found[1].lower() in BUILT_IN or found[1].lower() in plugged_in()):
        return Address(text, found[1].lower(), found[2])
    raise UsageError(f"{text}: {'; '.join(_instead(text, found[1].lower() if found else None))}")


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
    as_scp = _AS_SCP_HAS_IT.fullmatch(text)
    remote = as_scp is not None and not as_scp["path"].startswith("//")
    if scheme and (not remote or suggest.meant(scheme, known)):
        yield f"there is no transport {scheme}:, {suggest.instead(scheme, known, 'those there are')}"
    if as_scp and remote:
        yield f"for a file on another machine write ssh://{as_scp['host']}/{as_scp['path'].removeprefix('/')}"


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
