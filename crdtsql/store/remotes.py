"""Remotes: the addresses that a file calls by names, as facts of its own. They never leave it."""

from __future__ import annotations

import re

from crdtsql.base import UsageError, query
from crdtsql.store.registry import Registry

PREFIX = "remote:"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_SECRET = re.compile(r"[a-z0-9+.-]+://[^/@]*:[^/@]+@", re.ASCII | re.IGNORECASE)


def read(registry: Registry) -> dict[str, str]:
    """Return the remotes that have names: name -> address."""
    found = query.rows(
        registry.connection, "SELECT name, value FROM main._crdt_meta WHERE name GLOB 'remote:*' ORDER BY name"
    )
    return {name.removeprefix(PREFIX): str(address) for name, address in found if address is not None}


def write(registry: Registry, name: str, address: str) -> None:
    """Call an address by a name.

    Raises:
        UsageError: such a name can't be told from an address, or a password stands in the address.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r:.80} is no name for a remote: letters, digits, and _ . - within, 64 at most")
    if _SECRET.match(address):
        raise UsageError(
            f"remote {name}: a password stands in the address, and every copy of the file would have it: leave it out"
        )
    registry.set(f"{PREFIX}{name}", address)


def forget(registry: Registry, name: str) -> None:
    """Forget a name."""
    registry.set(f"{PREFIX}{name}", None)
