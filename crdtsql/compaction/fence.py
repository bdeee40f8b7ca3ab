"""Fence: who missed a compaction is told so, before anything of it is merged (decision 0034).

What replicas forgot together must never be compared again with anything that does not know of it. So a changeset is refused whose
sender lacks what was forgotten here, or which builds on what was forgotten there and is not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from crdtsql.base import RETIRED, Agreement, RejoinError, Sql, clock, query, rounds_rule, sql, suggest
from crdtsql.compaction import floor, retiring
from crdtsql.compaction.rounds import own_site
from crdtsql.store import Registry, retired
from crdtsql.wire import Header

Vector = Mapping[bytes, int]


def check(registry: Registry, header: Header) -> None:
    """Check that neither this replica nor the sender of a changeset missed a compaction of the other one.

    Raises:
        RejoinError: one did.
    """
    mine, told = floor.read(registry), header.compaction
    if not mine and not told:
        return
    own, ours = own_site(registry), retired.vector_with(registry, header.vector)
    ends = {**told.ends, **mine.ends}
    is_new = not registry.vector() and not header.needs
    if own in ends:
        raise _here(registry, f"it was ended by site {ends[own].by.hex()} as a replica that writes no more")
    if own in header.retired:
        raise _here(registry, "it was ended as a replica that writes no more")
    beyond = next((site for site, (upto, _) in header.retired.items() if ours.get(site, 0) > upto), None)
    if beyond is not None:
        raise _here(registry, f"it has changes of site {beyond.hex()}, which was ended, that the others never had")
    if not is_new and not rounds_rule.covers(ours, told.floor):
        raise _here(registry, f"others have forgotten what it does not have yet ({_lack(ours, told.floor)})")
    if not header.has_news_for(ours):
        return
    if not rounds_rule.covers(retiring.full(registry, header.vector), mine.floor):
        raise _there(registry, header.sender, "it lacks what was forgotten here")
    if header.sender in ends or header.sender in retired.among(registry, [header.sender]):
        raise _there(registry, header.sender, "it was ended as a replica that writes no more")


def check_receiver(registry: Registry, receiver: Vector) -> None:
    """Check that a receiver with a vector can take what is sent to it.

    Raises:
        RejoinError: it lacks what was forgotten here.
    """
    forgotten = floor.read(registry).floor
    if receiver and not rounds_rule.covers(retiring.full(registry, receiver), forgotten):
        raise RejoinError(
            f"the receiver missed a compaction of {registry.path}: it lacks what was forgotten here ({_lack(receiver, forgotten)}): "
            "nothing was exported",
            here=False,
            path=registry.path,
            command=f"{suggest.verb('rejoin')} there",
        )


def admit(registry: Registry, header: Header, database: str) -> None:
    """Check that sites which are new here have seen all that this replica agreed to forget; before anything is merged.

    A sender that is known here, or vouched for, has looked already. Else a site needs a voucher too, or its first event must have
    seen it.

    Raises:
        RejoinError: one has not.
    """
    mine, told = floor.read(registry), retired.told_vector(registry)
    ours = retired.vector_with(registry, header.vector)
    promised = rounds_rule.most(floor.promised(registry), mine.floor)
    known = retiring.without_retired(registry, mine.joined(header.compaction))
    if not promised or header.sender in mine.members(told) or _is_vouched(header.sender, known, told):
        return
    over = retired.among(registry, header.vector)
    for site in header.sites:
        if site.upto <= ours.get(site.id, 0) or site.id == RETIRED:
            continue
        if site.id in known.ends or site.id in over:
            raise _there(registry, header.sender, f"it has changes of site {site.id.hex()}, which was ended")
        if site.id not in ours and not _is_vouched(site.id, known, told):
            seen = retiring.full(registry, _seen_by_first(registry, header, site.ordinal, database))
            if not rounds_rule.covers({**seen, site.id: clock.HIGHEST_HLC}, promised):
                raise _there(
                    registry,
                    header.sender,
                    f"site {site.id.hex()} began to write without knowing what was agreed on here",
                )


def _is_vouched(site: bytes, known: Agreement, ours: Vector) -> bool:
    """Tell whether a site is a copy of one that is known here, or a copy of such a copy, and says so."""
    seen: set[bytes] = set()
    while site in known.vouchers and site not in seen:
        seen.add(site)
        site = known.vouchers[site]
        if site in known.ends:
            return False  # nobody waits for what a site says that was ended, so its word counts no more
        if site in ours:
            return True
    return False


def _seen_by_first(registry: Registry, header: Header, ordinal: int, database: str) -> dict[bytes, int]:
    statement = sql("compaction/fence/seen_by_first", merged=Sql(f"{database}.merged"))
    return {header.ids[peer]: upto for peer, upto in query.rows(registry.connection, statement, {"site": ordinal})}


def _lack(vector: Vector, forgotten: Vector) -> str:
    site, hlc = next((site, hlc) for site, hlc in sorted(forgotten.items()) if vector.get(site, 0) < hlc)
    if site == RETIRED:
        return f"that sites which were ended until {clock.show_time(hlc)} write no more"
    return f"changes of site {site.hex()} up to {clock.show_time(hlc)}"


def _here(registry: Registry, why: str) -> RejoinError:
    return RejoinError(
        f"{registry.path} missed a compaction: {why}: nothing was changed",
        here=True,
        path=registry.path,
        command=suggest.command("rejoin", registry.path, "REMOTE"),
    )


def _there(registry: Registry, sender: bytes, why: str) -> RejoinError:
    return RejoinError(
        f"the sender, site {sender.hex()}, missed a compaction of {registry.path}: {why}: nothing was changed",
        here=False,
        path=registry.path,
        command=f"{suggest.verb('rejoin')} there",
    )
