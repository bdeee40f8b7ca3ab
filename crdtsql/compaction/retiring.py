"""Retiring: ended sites of which all members have all leave the vector, and in the end the file (decision 0035).

Inside of a file, and of a merge, vectors name the sites whose stamps are here; outside they don't name retired ones. This room
translates: `full` and `expanded` what comes in, `told_in_terms_of` what goes out. Runs inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from crdtsql.base import RETIRED, Agreement, clock, memory, query, sql
from crdtsql.compaction import floor
from crdtsql.store import Registry, retired
from crdtsql.wire import Header, Site

Vector = Mapping[bytes, int]
KEPT_MS = 365 * 24 * 3600 * 1000
"""So long what an ended site added to counters is kept apart."""
FACTS_OF_SITES = ("lane", "starts")
"""Facts of a site that say nothing any more once it is retired; its name says who wrote what as long as its stamps are here."""


def without_retired(registry: Registry, known: Agreement) -> Agreement:
    """Return what is known of rounds without the sites that are retired here, which others may still name."""
    return known.without(retired.among(registry, known.named).keys())


def ended(registry: Registry, *sites: bytes) -> dict[bytes, bool]:
    """Return the ended sites that stamps may name, and others that are known to be: site -> whether what it added is kept apart.

    That is so for a year (decision 0041).
    """
    ends = {site: end.hlc for site, end in floor.read(registry).ends.items()}
    ends |= {site: one.ended for site, one in {**retired.named(registry), **retired.among(registry, sites)}.items()}
    newest = max(registry.vector().values(), default=0)
    return {site: clock.to_ms(newest) - clock.to_ms(hlc) < KEPT_MS for site, hlc in ends.items()}


def retire(registry: Registry, agreement: Agreement) -> Agreement:
    """Say in the vector of which ended sites all is here, and let those go of which all members have said so; return what is left."""
    upto = agreement.complete
    if upto > registry.vector().get(RETIRED, 0):
        registry.raise_vector(registry.next_batch(), [(registry.add_site(RETIRED), upto)])
    over, vector = agreement.retiring(), registry.vector()
    _let_go(registry, {site: retired.Retired(vector.get(site, 0), agreement.ends[site].hlc) for site in over})
    return agreement.without(over)


def meet(registry: Registry, told: Mapping[bytes, tuple[int, int]]) -> None:
    """Take over the list of a sender from whom this file takes all that it has."""
    known = retired.among(registry, told)
    _let_go(registry, {site: retired.Retired(*one) for site, one in told.items() if site not in known})


def _let_go(registry: Registry, over: Mapping[bytes, retired.Retired]) -> None:
    """Remember that sites are retired, and forget what says nothing any more."""
    if not over:
        return
    retired.put(registry, over)
    floor.forget_promises(registry, over)
    _forget_peers(registry, [ordinal for ordinal, site, _ in registry.sites() if site in over])
    facts = [(f"{kind}:{site.hex()}",) for kind in FACTS_OF_SITES for site in over]
    registry.connection.executemany("DELETE FROM main._crdt_meta WHERE name = ?", facts)
    memory.forget_rows(registry.connection)


# -- vectors that come in, and go out -----------------------------------------------------------------


def full(registry: Registry, vector: Vector) -> Vector:
    """Return a vector that comes from elsewhere with the ended sites that it need not name any more, as far as stamps here do."""
    upto, ours = vector.get(RETIRED, 0), registry.vector()
    if not upto:
        return vector
    more = {
        site: ours[site]
        for site, ended in ends(registry).items()
        if ended <= upto and site not in vector and site in ours
    }
    return {**vector, **more}


def ended_among(registry: Registry, sites: Iterable[bytes]) -> dict[bytes, tuple[int, int]]:
    """Return which of some sites need not be named in vectors that come from elsewhere: site -> its last event, and its end.

    Those too that the vector here still names.
    """
    ours = registry.vector()
    upto = ours.get(RETIRED, 0)
    done = {site: (ours.get(site, 0), end.hlc) for site, end in floor.read(registry).ends.items() if end.hlc <= upto}
    return done | {site: (*one,) for site, one in retired.among(registry, sites).items()}


def in_full(vector: Vector, over: Mapping[bytes, tuple[int, int]]) -> dict[bytes, int]:
    """Return a vector with the ended sites, of those in `over`, that it need not name."""
    upto = vector.get(RETIRED, 0)
    return {**vector, **{site: last for site, (last, ended) in over.items() if ended <= upto and site not in vector}}


def told_in_terms_of(registry: Registry, peer: Vector) -> Vector:
    """Return the vector so that a peer can compare it with its own, whichever sites each of both names no more."""
    told = retired.told_vector(registry)
    upto = peer.get(RETIRED, 0)
    if not upto and RETIRED not in told:
        return told
    over = floor.read(registry).ends
    told = {site: hlc for site, hlc in told.items() if site in peer or site not in over or over[site].hlc > upto}
    missing = [site for site in peer if site not in told]
    return told | {site: one.upto for site, one in retired.among(registry, missing).items()}


def expanded(registry: Registry, header: Header) -> Header:
    """Return the header of a changeset, before it is merged, with the sites that its sender need not name, but stamps here do."""
    if RETIRED not in header.vector:
        return header
    header = header.in_full()
    known = {site.id for site in header.sites}
    vector = {**full(registry, header.vector)}
    vector |= {site: header.retired[site][0] for _, site, _ in registry.sites() if site in header.retired}
    more = [(site, upto) for site, upto in vector.items() if site not in known]
    first = max(site.ordinal for site in header.sites) + 1
    sites = tuple(Site(number, site, upto, 0) for number, (site, upto) in enumerate(more, first))
    return replace(header, sites=(*header.sites, *sites))


def ends(registry: Registry) -> dict[bytes, int]:
    """Return the ended sites that have an ordinal here, retired ones too: site -> the hlc of its end."""
    found = {site: one.ended for site, one in retired.named(registry).items()}
    return found | {site: end.hlc for site, end in floor.read(registry).ends.items()}


# -- sites that no stamp names ------------------------------------------------------------------------


class NamesSites(NamedTuple):
    """One of our tables that names sites by ordinals, but for those that are there for the sites' sake.

    Attributes:
        key: by what its rows are found, in order.
        sites: the columns that name sites.
        times: the columns with the stamps that go with the first of these.
    """

    name: str
    key: tuple[str, ...]
    sites: tuple[str, ...]
    times: tuple[str, ...]


def stamped(registry: Registry) -> list[NamesSites]:
    """List the tables whose rows name sites."""
    found: dict[str, list[tuple[str, int]]] = {}
    for table, column, place in query.rows(registry.connection, sql("compaction/retiring/list_columns")):
        found.setdefault(table, []).append((column, place))
    return [one for name, columns in found.items() for one in [_stamped(name, columns)] if one.sites]


def _stamped(table: str, columns: list[tuple[str, int]]) -> NamesSites:
    """Say which columns of a table go together: `won_s` and `won_t`, or `resolved_s` and `resolved`."""
    names = {name for name, _ in columns}
    key = tuple(name for name, place in sorted(columns, key=lambda one: one[1]) if place) or ("rowid",)
    times: dict[str, str] = {}
    for name, _ in columns:
        for time in (f"{name[:-1]}t", name[:-2]) if name == "s" or name.endswith("_s") else ():
            if time in names:
                times.setdefault(name, time)
    others = {"site"} & names if table == "_crdt_foretold" else set()
    return NamesSites(table, key, (*times, *others), (*times.values(),))


def forget_names(registry: Registry, ordinals: Iterable[int]) -> None:
    """Forget sites that no stamp names, and what they had seen, and who had seen what of them."""
    connection, over = registry.connection, {*ordinals}
    names = [(f"name:{site.hex()}",) for ordinal, site, _ in registry.sites() if ordinal in over]
    connection.executemany("DELETE FROM main._crdt_meta WHERE name = ?", names)
    values = {"sites": json.dumps(sorted(over))}
    connection.execute(sql("compaction/retiring/forget_seen"), values)
    connection.execute(sql("compaction/retiring/forget_progress"), values)
    connection.execute(sql("compaction/retiring/forget_acted"), values)
    _forget_peers(registry, over)
    connection.execute(sql("compaction/retiring/forget_sites"), values)
    connection.execute(sql("compaction/retiring/forget_oldest"), {"most": retired.MOST})
    memory.forget_rows(connection)


def _forget_peers(registry: Registry, ordinals: Iterable[int]) -> None:
    """Forget what sites were last known to have, and what others had of them."""
    registry.connection.execute(sql("compaction/retiring/forget_peers"), {"sites": json.dumps([*ordinals])})
