"""Silence: replicas for which this one has waited so long that an operator wants nobody to wait for them any more (decision 0040).

What a replica wrote last says little: one that only reads is silent too, and so are all where nobody writes. But each of them agrees
to a round when it syncs. So it is noted since when this file waits for a site to agree, and forgotten once it did, or the floor has
risen, for which all had to agree. Time in which the file itself was not looked at does not count, and where nothing was heard of half
of the members it may be this one that is cut off. Facts of `_crdt_meta`: `compact_silent_ms`, `awaited`. Runs inside the caller's
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from crdtsql.base import Now, clock
from crdtsql.compaction import floor
from crdtsql.compaction.rounds import own_site
from crdtsql.store import Registry, retired

DAY_MS = 24 * 3600 * 1000
NOTED_MS, LONGEST_GAP_MS = DAY_MS, 7 * DAY_MS
"""So often it is noted that others are still waited for; after a longer gap all count as waited for since now."""


def silent_ms(registry: Registry) -> int | None:
    """Return after how long nobody waits for a replica any more, in milliseconds; None if all are waited for."""
    found = registry.get("compact_silent_ms")
    return None if found is None else int(str(found))


def set_silent(registry: Registry, silent: int | None) -> None:
    """Let nobody wait longer than that from now on."""
    if silent != silent_ms(registry):
        registry.set("compact_silent_ms", silent)


def awaited_since(registry: Registry) -> dict[bytes, int]:
    """Return the sites that have yet to agree, and since when this file has known that, in milliseconds since 1970."""
    return _read(registry).since


def has_changed(registry: Registry, now: Now) -> bool:
    """Tell whether anything is to be noted of who is waited for."""
    before = _read(registry)
    missing = _missing(registry)
    if not missing:
        return bool(before.since)
    return missing != before.since.keys() or before.mark != _mark(registry) or now() - before.looked_ms >= NOTED_MS


def note(registry: Registry, now: Now) -> None:
    """Note who is waited for."""
    if not has_changed(registry, now):
        return
    before, missing, mark = _read(registry), _missing(registry), _mark(registry)
    goes_on = before.mark == mark and now() - before.looked_ms <= LONGEST_GAP_MS
    since = before.since if goes_on else {}
    found = {site.hex(): since.get(site, now()) for site in sorted(missing)}
    registry.set("awaited", json.dumps([mark, now(), found]) if found else None)


def find(registry: Registry, silent: int, now: Now) -> list[bytes]:
    """Return the sites that have not agreed for so long, and of which nothing was heard either: nothing that they wrote, or told."""
    until_ms, since, known = now() - silent, awaited_since(registry), floor.read(registry)
    members, told = known.members(retired.told_vector(registry)), registry.peers()
    quiet = {site for site in members - {own_site(registry)} if _heard_ms(registry, site, told) <= until_ms}
    found = {site for site in quiet & _missing(registry) if site in since and since[site] <= until_ms}
    return sorted(found) if 2 * len(quiet) < len(members) else []


def _heard_ms(registry: Registry, site: bytes, told: Mapping[bytes, Mapping[bytes, int]]) -> int:
    return clock.to_ms(max(registry.vector().get(site, 0), *told.get(site, {}).values(), 0))


def _missing(registry: Registry) -> set[bytes]:
    known = floor.read(registry)
    missing = known.missing(retired.told_vector(registry)) if known.is_open else set()
    return missing - known.ends.keys() - {own_site(registry)}


def _mark(registry: Registry) -> int:
    """Return what rises whenever all have agreed."""
    return max(floor.read(registry).floor.values(), default=0)


class _Awaited(NamedTuple):
    """Who is waited for.

    Attributes:
        mark: up to when all had agreed then.
        looked_ms: when that was noted last.
        since: since when each is waited for.
    """

    mark: int
    looked_ms: int
    since: dict[bytes, int]


def _read(registry: Registry) -> _Awaited:
    found = registry.get("awaited")
    if found is None:
        return _Awaited(0, 0, {})
    mark, looked_ms, since = json.loads(str(found))
    return _Awaited(int(mark), int(looked_ms), {bytes.fromhex(site): int(ms) for site, ms in since.items()})
