"""Cards: what was last seen of a peer that is asked from afar, kept outside of the user's file.

A card spares a round trip. It may be lost or wrong: then the peer is asked first, or answers that something is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crdtsql.base import CrdtsqlError, by_id, vector_to_json
from crdtsql.replica import Replica
from crdtsql.store import state_directory
from crdtsql.transports.interface import Response

KEPT_S = 90 * 24 * 3600
"""After so long without a sync what is kept of a remote is dropped."""
FRESH_S = 24 * 3600
"""What is younger is not written again as it is."""


def folder(site: str, kind: str) -> Path:
    """Return where something is kept about all remotes of a replica."""
    return state_directory() / kind / site


def place(replica: Replica, address: str, kind: str) -> Path:
    """Return where something is kept about a replica and an address; what is too old goes when something new comes."""
    return place_of(replica.site, address, kind)


def place_of(site: str, address: str, kind: str) -> Path:
    """Return where something is kept about the replica that has a site, and an address."""
    name = hashlib.blake2b(address.encode(errors="surrogateescape"), digest_size=16).hexdigest()
    path = folder(site, kind) / name
    if not path.exists():
        with suppress(OSError):
            _forget_old(path.parent.parent)
    return path


def _forget_old(kinds: Path) -> None:
    for site in kinds.iterdir():
        for path in site.iterdir():
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()
        with suppress(OSError):
            site.rmdir()  # if it is empty


def read(replica: Replica, address: str) -> Response | None:
    """Return what was last seen of a peer."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, CrdtsqlError):
        found = json.loads(place(replica, address, "peers").read_text(encoding="utf-8"))
        vector = {site.hex(): upto for site, upto in by_id(found["vector"]).items()}
        lanes = {str(site): int(chosen) for site, chosen in found["lanes"].items()}
        return Response(str(found["site"]), vector, lanes)
    return None


@dataclass(frozen=True, slots=True)
class Contact:
    """When a peer that is asked from afar was seen at an address.

    Attributes:
        seen_ms: in milliseconds since 1970; it may have been seen up to a day later with nothing new.
    """

    site: str
    address: str
    seen_ms: int


def contacts(replica: Replica) -> list[Contact]:
    """List the peers that a replica has asked from this machine, the latest first."""
    found = []
    with suppress(OSError):
        for path in folder(replica.site, "peers").iterdir():
            with suppress(OSError, ValueError, KeyError, TypeError):
                if not path.name.startswith("."):
                    seen = json.loads(path.read_text(encoding="utf-8"))
                    found.append(Contact(str(seen["site"]), str(seen["address"]), int(path.stat().st_mtime * 1000)))
    return sorted(found, key=lambda one: one.seen_ms, reverse=True)


def write(replica: Replica, address: str, seen: Response) -> None:
    """Keep what was seen of a peer; that this fails does no harm."""
    path = place(replica, address, "peers")
    found = {"address": address, "site": seen.site, "vector": vector_to_json(seen.vector), "lanes": dict(seen.lanes)}
    text = json.dumps(found)
    with suppress(OSError):
        if path.stat().st_mtime > time.time() - FRESH_S and path.read_text(encoding="utf-8") == text:
            return
    replace(path, text)


def replace(path: Path, text: str) -> None:
    """Write a file anew, whole or not at all; that this fails does no harm."""
    import secrets

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
