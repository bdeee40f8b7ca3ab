"""Starts: what is known of sites that go on where an operator says so, the local one and others (decision 0033).

A fact of `_crdt_meta` per site. It travels with changesets. A file that knows no such site pays nothing for that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress

from crdtsql.base import SiteLine, Start, starts_rule
from crdtsql.store import facts
from crdtsql.store.identity import retired
from crdtsql.store.registry import Registry

KIND = "starts"
Lines = dict[bytes, SiteLine]
"""Site id -> what is known of it."""


def read(registry: Registry) -> Lines:
    """Return what is known; of the local site with its events of now."""
    if not registry.number("started"):
        return {}
    found = _stored(registry)
    own = registry.site_id(registry.self_ordinal)
    line = found[own].at(registry.vector().get(own, 0)) if own in found else None
    found.pop(own, None)
    return found if line is None else found | {own: line}


def _stored(registry: Registry) -> Lines:
    found = {}
    for site, value in facts.of_kind(registry.connection, KIND):
        with suppress(ValueError, TypeError):  # what somebody else wrote there is as good as nothing
            upto, starts = json.loads(str(value))
            if starts:
                found[bytes.fromhex(site)] = SiteLine(int(upto), tuple(Start(*start) for start in starts))
    return found


def told(registry: Registry, receiver: Mapping[bytes, int]) -> Lines:
    """Return what a changeset carries for a receiver with a vector: as much as its reader takes, of the local site first."""
    from crdtsql.wire import MAXIMUM_STARTS

    known = read(registry)
    if not known:
        return known
    first = [registry.site_id(registry.self_ordinal), *sorted(known)]
    return {site: known[site].after(receiver.get(site, 0)) for site in first[:MAXIMUM_STARTS] if site in known}


def parted(registry: Registry, told: Mapping[bytes, SiteLine]) -> dict[bytes, int]:
    """Return the sites as which two files go on, one of them known here and one to whoever told that: site id -> after which event."""
    if not told:
        return {}
    known = read(registry)
    found = {site: starts_rule.parted(known[site], line) for site, line in told.items() if site in known}
    return {site: since for site, since in found.items() if since is not None}


def meet(registry: Registry, told: Mapping[bytes, SiteLine]) -> None:
    """Take over what somebody told of other sites, whose events are here now."""
    if not told:
        return
    known, own = _stored(registry), registry.site_id(registry.self_ordinal)
    over = {own, *retired.among(registry, told)}
    for site, line in told.items():
        if site not in over:
            _write(registry, site, line if site not in known else known[site].joined(line))


def begin(registry: Registry) -> None:
    """Let the local site start."""
    own = registry.site_id(registry.self_ordinal)
    upto, nonce = registry.vector().get(own, 0), os.urandom(4).hex()
    line = _stored(registry).get(own)
    _write(registry, own, SiteLine(upto, (Start(1, upto, nonce),)) if line is None else line.started(nonce, upto))


def leave(registry: Registry) -> None:
    """Keep of the local site, which is another one from now on, what was told of it, and no start after which it wrote nothing."""
    own = registry.site_id(registry.self_ordinal)
    line = _stored(registry).get(own)
    if line is not None:
        _write(registry, own, line.at(registry.vector().get(own, 0)))


def count(registry: Registry) -> int:
    """Return how often the local site has started."""
    line = _stored(registry).get(registry.site_id(registry.self_ordinal))
    return 0 if line is None else line.last


def _write(registry: Registry, site: bytes, line: SiteLine | None) -> None:
    registry.set(f"{KIND}:{site.hex()}", None if line is None else json.dumps([line.upto, line.starts]))
    if not registry.number("started"):
        registry.set("started", 1)
