"""Rounds: what this replica says of what may be forgotten, and hears of it (decision 0034).

Runs inside the caller's write transaction, on a folded registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from crdtsql.base import Agreement, Now, clock, rounds_rule
from crdtsql.compaction import floor, retiring
from crdtsql.store import Registry, retired


def own_site(registry: Registry) -> bytes:
    """Return the id of the local site."""
    return registry.site_id(registry.self_ordinal)


def has_news(registry: Registry, told: Agreement) -> bool:
    """Tell whether what somebody told of rounds would change what is known here."""
    if not told:
        return False
    mine = floor.read(registry)
    return _advanced(registry, mine.joined(told), retired.told_vector(registry)) != mine


def meet(registry: Registry, told: Agreement, over: Mapping[bytes, tuple[int, int]] | None = None) -> None:
    """Take over what the sender of a changeset says that was merged; agree to a round that is open, and finish it.

    Args:
        over: the sites that are retired there, if it says so: their last event, and their end.
    """
    retiring.meet(registry, over or {})
    mine = floor.read(registry)
    if told or mine.is_open:
        _store(registry, mine, _advanced(registry, mine.joined(told), retired.told_vector(registry)))


def begin(registry: Registry, keep_ms: int, now: Now) -> None:
    """Begin a round, or agree to one that is open, and finish it if nobody else must agree.

    Args:
        keep_ms: events younger than this are no part of the cut.
    """
    mine = floor.read(registry)
    cut = rounds_rule.before(retired.told_vector(registry), clock.from_ms(max(0, now() - keep_ms)))
    cut = {site: hlc for site, hlc in cut.items() if hlc > 0}
    _store(registry, mine, _advanced(registry, mine, cut, begin=True))


def is_begun(registry: Registry) -> bool:
    """Tell whether anybody ever asked for a compaction, as far as it is known here."""
    return bool(floor.read(registry))


def vouch(registry: Registry, site: bytes) -> None:
    """Say that a new site is a copy of this one, which must agree too."""
    mine = floor.read(registry)
    _store(registry, mine, mine.joined(Agreement(vouchers={site: own_site(registry)})))


def end(registry: Registry, site: bytes, hlc: int) -> None:
    """Say that a site writes no more; `hlc` is the event of this site that says so."""
    mine = floor.read(registry)
    ended = mine.joined(Agreement(ends={site: rounds_rule.Ending(hlc, own_site(registry))}))
    _store(registry, mine, _advanced(registry, ended, retired.told_vector(registry)))


def _advanced(registry: Registry, known: Agreement, cut: floor.Vector, *, begin: bool = False) -> Agreement:
    known = retiring.without_retired(registry, known)
    if known.is_open or begin:
        known = known.agreed(own_site(registry), cut)
    return known.finished(retired.told_vector(registry))


def _store(registry: Registry, before: Agreement, after: Agreement) -> None:
    if after == before:
        return
    floor.write(registry, after)
    own = own_site(registry)
    if own in after.acks:
        floor.promise(registry, after.cut)
    floor.promise(registry, after.floor)
    if (own in after.acks and (own not in before.acks or before.number != after.number)) or after.floor != before.floor:
        registry.set("totals_closed", registry.vector().get(own, 0))
    left = retiring.retire(registry, after)
    if left != after:
        floor.write(registry, left)
