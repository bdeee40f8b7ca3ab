"""Lanes: which blocks of automatic numbers each site has, as far as it is known here (decision 0019).

A fact of `_crdt_meta` per site. A site alone changes its lane, and counts how often; the higher count is the later one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from crdtsql.base import Lane, blocks_rule
from crdtsql.store import facts
from crdtsql.store.identity import retired
from crdtsql.store.registry import Registry

KIND = "lane"


def read(registry: Registry) -> dict[bytes, Lane]:
    """Return the lanes that are known: site id -> lane."""
    found = {}
    for site, value in facts.of_kind(registry.connection, KIND):
        with suppress(ValueError, TypeError):  # what somebody else wrote there is as good as nothing
            lane = Lane(*json.loads(str(value)))
            if 0 <= lane.number < blocks_rule.LANES:
                found[bytes.fromhex(site)] = lane
    return found


def write(registry: Registry, lanes: Mapping[bytes, Lane]) -> None:
    """Store lanes."""
    for site, lane in lanes.items():
        registry.set(f"{KIND}:{site.hex()}", json.dumps(lane))


def told(registry: Registry) -> dict[bytes, Lane]:
    """Return the lanes that a changeset carries: as many as its reader takes, that of the local site among them."""
    from crdtsql.wire import MAXIMUM_LANES

    known = read(registry)
    first = [registry.site_id(registry.self_ordinal), *sorted(known)]
    return {site: known[site] for site in first[:MAXIMUM_LANES] if site in known}


def news(registry: Registry, told: Mapping[bytes, Lane]) -> dict[bytes, Lane]:
    """Return the lanes among those that somebody told which are later than what is known here."""
    known = read(registry)
    found = {site: lane for site, lane in told.items() if site not in known or lane.chosen > known[site].chosen}
    return {site: lane for site, lane in found.items() if site not in retired.among(registry, found)}
