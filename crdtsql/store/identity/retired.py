"""Retired: ended sites of which all members have everything, so that vectors and changesets name them no more (decision 0035).

A vector speaks of all of them in one entry, `RETIRED`. A site stays in `_crdt_site` as long as stamps of this file name it, and goes
from there when none does; the list in `_crdt_retired` says up to when it wrote, for old changesets that still name it. A file in which
no site ever retired pays one look at its vector for all this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from crdtsql.base import RETIRED, SharedVector, memory, query, sql
from crdtsql.store.registry import Registry
from crdtsql.store.vectors import sites

MOST = 100_000
"""So many that no stamp names are remembered: those that were ended last. Older ones are refused where they come back, not skipped."""


class Retired(NamedTuple):
    """A retired site.

    Attributes:
        upto: its last event.
        ended: hlc of the event of another site that ended it.
    """

    upto: int
    ended: int


def named(registry: Registry) -> dict[bytes, Retired]:
    """Return the retired sites that still have an ordinal here, because stamps may name them; nobody may change what is returned."""
    if RETIRED not in registry.vector():
        return {}
    return memory.of_transaction(registry.connection, "retired", lambda: _read_named(registry))


def _read_named(registry: Registry) -> dict[bytes, Retired]:
    rows = query.rows(registry.connection, sql("store/identity/retired/list_named"))
    return {bytes(site): Retired(upto, ended) for site, upto, ended in rows}


def among(registry: Registry, sites: Iterable[bytes]) -> dict[bytes, Retired]:
    """Return those of some sites that are retired."""
    if RETIRED not in registry.vector():
        return {}
    found = {}
    for site in sites:
        row = query.first(registry.connection, "SELECT upto, ended FROM _crdt_retired WHERE id = ?", (site,))
        if row is not None:
            found[site] = Retired(*row)
    return found


def every(registry: Registry) -> dict[bytes, Retired]:
    """Return all that are remembered."""
    if RETIRED not in registry.vector():
        return {}
    rows = query.rows(registry.connection, "SELECT id, upto, ended FROM _crdt_retired")
    return {bytes(site): Retired(upto, ended) for site, upto, ended in rows}


def put(registry: Registry, sites: Mapping[bytes, Retired]) -> None:
    """Remember that sites are retired; what is known of them already stays."""
    rows = [(site, *one) for site, one in sites.items()]
    registry.connection.executemany("INSERT OR IGNORE INTO _crdt_retired (id, upto, ended) VALUES (?, ?, ?)", rows)
    memory.forget_row(registry.connection, "retired")


def told_vector(registry: Registry) -> Mapping[bytes, int]:
    """Return the version vector as others are told it: without the retired sites."""
    gone = named(registry)
    if not gone:
        return registry.vector()
    return {site: upto for site, upto in registry.vector().items() if site not in gone}


def written_vector(registry: Registry) -> SharedVector:
    """Return what `told_vector` does, with ids as text."""
    if not named(registry):
        return sites.known(registry.connection).written
    return SharedVector(MappingProxyType({**told_vector(registry)}))


def vector_with(registry: Registry, sites: Iterable[bytes]) -> Mapping[bytes, int]:
    """Return the version vector with all retired sites that have an ordinal here, or are among some sites."""
    ours = registry.vector()
    if RETIRED not in ours:
        return ours
    missing = [site for site in sites if site not in ours]
    return ours | {site: one.upto for site, one in among(registry, missing).items()}
