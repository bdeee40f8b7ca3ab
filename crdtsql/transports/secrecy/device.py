"""Device: this user's key on this machine, and what is known here of encrypted stores, in a file that only this user may read.

Never in a database file, which is copied. The key stays as it is, whatever becomes of a store's keys.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, NamedTuple

from crdtsql.base import TransportError
from crdtsql.store import secretfiles, state_directory

_KIND = "key"


class KnownRing(NamedTuple):
    """What is known here of an encrypted store.

    Attributes:
        group: the public key of whoever may say who reads it, as hex.
        version: of the newest ring that was seen.
        ring: its bytes; empty where only the group is known so far.
        secret: the private key of the group as hex, where this device may say who reads; else empty.
    """

    group: str
    version: int = 0
    ring: bytes = b""
    secret: str = ""


def _path() -> Path:
    return state_directory() / "device.json"


def needs() -> TransportError:
    """Return the error that says what must be installed."""
    return TransportError("encryption needs the packages pyrage and cryptography: pip install 'crdtsql[encrypted]'")


def private_key() -> str:
    """Return this device's private key in the form of age; it is made where there is none."""
    found = secretfiles.read(_path(), _KIND).get("key")
    if isinstance(found, str):
        return found
    try:
        from pyrage import x25519
    except ImportError as error:
        raise needs() from error
    with secretfiles.changing(_path(), _KIND) as kept:
        return str(kept.setdefault("key", str(x25519.Identity.generate())))


def find(identity: str) -> KnownRing | None:
    """Return what is known of a store; None if it was never seen to be encrypted."""
    found: dict[str, Any] | None = secretfiles.read(_path(), _KIND).get("stores", {}).get(identity)
    if found is None:
        return None
    return KnownRing(found["group"], found["version"], base64.b64decode(found["ring"]), found.get("secret", ""))


def keep(identity: str, known: KnownRing) -> None:
    """Keep what is known of a store; a newer ring that another process kept meanwhile stays."""
    with secretfiles.changing(_path(), _KIND) as kept:
        stores = kept.setdefault("stores", {})
        before = stores.get(identity, {})
        if before.get("group") != known.group:
            before = {}
        if before.get("version", 0) > known.version:
            return
        secret = known.secret or before.get("secret")
        stores[identity] = {
            "group": known.group,
            "version": known.version,
            "ring": base64.b64encode(known.ring).decode("ascii"),
        } | ({"secret": secret} if secret else {})
