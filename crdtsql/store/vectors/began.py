"""Began: from which event on the others can know of this file's site.

Others wait for a site, before they forget what all have, once they know an event of it. Nobody waits for one that wrote nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crdtsql.base import clock, query
from crdtsql.store import facts

if TYPE_CHECKING:
    from crdtsql.store.registry import Registry


def note(registry: Registry, hlc: int, site: int | None) -> None:
    """Note an event of a site, given by its ordinal, None for the local one, if it is the first one of the local site."""
    own = registry.self_ordinal
    if site in (None, own) and registry.site_id(own) not in registry.vector():
        facts.put(registry.connection, "began", f"{own} {hlc}")


def first_event(registry: Registry) -> int:
    """Return the first event of the local site, beyond all events if it wrote none; a later one, where it was not noted."""
    own, upto = registry.self_ordinal, registry.vector().get(registry.site_id(registry.self_ordinal))
    if upto is None:
        return clock.HIGHEST_HLC
    ordinal, _, hlc = str(registry.get("began") or "").partition(" ")
    if ordinal == str(own):
        return int(hlc)
    statement = "SELECT ifnull(min(upto), ?2) FROM main._crdt_progress WHERE site = ?1"
    (known,) = query.first(registry.connection, statement, (own, upto))
    return int(known)
