"""Rejoining: take the present state of another replica as a new site, and write on top of it what only this file has.

Runs inside the caller's write transaction, on a folded registry, with foreign keys off, and with the other replica's changeset laid
open. Invariants: no deleted row comes back, unless somebody inserts it; no write that was unsent is lost, it is there, or told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from crdtsql.base import RETIRED, CannotRejoinError, Now, Progress, clock, rounds_rule, silent, suggest
from crdtsql.capture import without_effects
from crdtsql.combine import combinations, keep_combinations
from crdtsql.compaction import floor, retiring, rounds
from crdtsql.conflicts import conflict_log
from crdtsql.export import export
from crdtsql.history import forgetting
from crdtsql.merge import merge
from crdtsql.numbers import blocks
from crdtsql.rejoin.anew import Anew, Remade
from crdtsql.rejoin.births import Numbers
from crdtsql.rejoin.cells import Cells
from crdtsql.rejoin.collisions import Logging, carry_over
from crdtsql.rejoin.emptying import empty
from crdtsql.rejoin.present import SeenBefore
from crdtsql.rejoin.report import RejoinedTable, RejoinReport
from crdtsql.rejoin.unsent import Reach, UnsentRow, collect
from crdtsql.shown import moved, strangers
from crdtsql.store import Registry, names, retired
from crdtsql.wire import Header


def check(registry: Registry, header: Header) -> None:
    """Check that a changeset is all that another replica has.

    Raises:
        CannotRejoinError: it is not.
    """
    if header.needs:
        raise CannotRejoinError(
            f"the changeset builds on changes that its reader must have, so {registry.path} can't rejoin by it: nothing was changed; "
            f"take one with all that the other replica has, as {suggest.verb('export')} without --for writes it"
        )
    if header.sender == registry.site_id(registry.self_ordinal):
        raise CannotRejoinError(f"the changeset was written by {registry.path} itself: take one of another replica")
    if not header.vector:
        raise CannotRejoinError(
            "the other replica has no changes at all, so there is nothing to rejoin: nothing was changed; take one that has"
        )


def check_present(registry: Registry, header: Header) -> None:
    """Check that the other replica did not itself miss a compaction of this one.

    Raises:
        CannotRejoinError: it did.
    """
    mine = floor.read(registry)
    is_ended = header.sender in {**mine.ends, **header.compaction.ends}
    if is_ended or not rounds_rule.covers(retiring.full(registry, header.vector), mine.floor):
        why = "was ended as one that writes no more" if is_ended else f"lacks what was forgotten in {registry.path}"
        raise CannotRejoinError(
            f"site {header.sender.hex()} {why}, so it must rejoin itself: nothing was changed; take another replica; if its state is "
            "the one that is to stay, give --anyway (in Python anyway=True)"
        )


def check_brought(registry: Registry, header: Header) -> None:
    """Check that no other replica has writes of this file that the one to rejoin lacks: it would bring them once more.

    Raises:
        CannotRejoinError: one has.
    """
    own, known = _own(registry), _vector(header)
    over = header.compaction.ends.keys() | floor.read(registry).ends.keys() | {header.sender}
    for peer, vector in registry.peers().items():
        unsent = [vector.get(site, 0) for site in own if vector.get(site, 0) > known.get(site, 0)]
        if unsent and peer not in over:
            raise CannotRejoinError(
                f"{names.call(registry, peer)} has writes of {registry.path} up to {clock.show_time(max(unsent))} that the replica to "
                "rejoin lacks, and would bring them there: nothing was changed; sync these two first, then run this again; if "
                "that one will never sync again, or has rejoined itself, give --anyway (in Python anyway=True)"
            )


def rejoin(
    registry: Registry,
    header: Header,
    database: str,
    unsent: str,
    now: Now,
    on_progress: Progress,
    begin: Callable[[], None],
    fold: Callable[[], None],
) -> RejoinReport:
    """Rejoin another replica.

    Args:
        header, database: its changeset, with all that it has.
        unsent: an attached, empty database.
        begin: makes this file a new site.
        fold: folds what was written.

    Raises:
        SchemaMismatchError: a table is replicated there in another way.
        ConstraintViolationError: rows of a table that is not replicated refer to rows that are not there.
    """
    tables = registry.tables()
    own = _own(registry)
    reach = Reach(frozenset(own), _vector(header), header.table_uids, registry.vector())
    moved.take_in(registry)
    image = export(registry, reach.sent, now, unsent, silent, for_people=True)
    rows = collect(registry, image, unsent, reach)
    numbers = Numbers(registry, rows)
    geneses = {table.id: table.genesis for table in tables}
    compacted = not rounds_rule.covers(reach.had, header.compaction.floor)
    seen = SeenBefore({ordinal: upto for ordinal, _, upto in registry.sites()}, geneses, compacted=compacted)
    report = RejoinReport("", registry.site_id(registry.self_ordinal).hex(), header.sender.hex())
    report.others = _others(registry.vector(), reach)
    compacts = bool(header.compaction or floor.read(registry))
    with strangers.kept(registry, tables):
        empty(registry)
        begin()
        merge(registry, header, database, on_progress)
        blocks.meet(registry, header.lanes)
        names.meet(registry, header.names)
        registry.remember_peer(header.sender, header.vector)
        moment = registry.tick(now())
        if compacts:
            _take_part(registry, header, bytes.fromhex(report.before), moment)
        registry.set("log_from", registry.number("batch"))
        moved.take_in(registry)
        blocks.place(registry)
        outcome = _write(registry, Anew(registry, numbers, seen, reach), rows)
        registry.set("unsettled", 1)
        fold()
    carry_over(registry, moment, _sent(registry, own, reach.sent))
    logging = Logging(registry, Cells(registry, reach), moment)
    report.collided = logging.collided(outcome.collisions)
    report.logged = logging.refused(outcome.refused)
    conflict_log.prune(registry, registry.tables())
    _keep_combinations(registry, own, reach)
    report.tables = {name: counts for name, counts in outcome.tables.items() if counts != RejoinedTable()}
    report.site = registry.site_id(registry.self_ordinal).hex()
    return report


def _write(registry: Registry, anew: Anew, rows: Iterable[UnsentRow]) -> Remade:
    """Make the unsent writes, with no effects of the user's triggers; entries are taken out of histories once more, too."""
    present = [table for table in registry.tables() if not table.absent]
    with without_effects(registry.connection, present), forgetting.erasing(registry):
        return anew.write(rows)


def _vector(header: Header) -> dict[bytes, int]:
    """Return the vector of the other replica, with the sites that it names no more."""
    return header.vector | {site: upto for site, (upto, _) in header.retired.items()}


def _own(registry: Registry) -> set[bytes]:
    """Return the sites whose events only this file made: its own, and those of what was combined with it."""
    sites = {one[name] for one in combinations(registry) for name in ("born", "taken")} - {""}
    return {registry.site_id(registry.self_ordinal), *map(bytes.fromhex, sites)}


def _keep_combinations(registry: Registry, own: Iterable[bytes], reach: Reach) -> None:
    """Forget the combinations that can't be taken back any more, because their rows were written anew."""
    anew = {site.hex() for site in own if reach.had.get(site, 0) > reach.sent.get(site, 0)}
    keep_combinations(registry, [one for one in combinations(registry) if anew.isdisjoint((one["born"], one["taken"]))])


def _sent(registry: Registry, own: Iterable[bytes], vector: Mapping[bytes, int]) -> dict[int, int]:
    return {registry.add_site(site): vector.get(site, 0) for site in own}


def _others(vector: Mapping[bytes, int], reach: Reach) -> list[str]:
    """List other sites of which the other replica lacks events."""
    own = {*reach.own, RETIRED}
    return sorted(site.hex() for site, upto in vector.items() if upto > reach.sent.get(site, 0) and site not in own)


def _take_part(registry: Registry, header: Header, before: bytes, moment: int) -> None:
    """Take part in rounds as a new site; its first event says that the one that this file was writes no more.

    That event has seen all that the other replica has, so others admit the new site. In turn it admits nobody who has not.
    """
    rounds.meet(registry, header.compaction, header.retired)
    floor.promise(registry, header.vector)
    registry.record_merged(moment)
    registry.raise_vector(registry.next_batch(), [(registry.self_ordinal, moment)])
    if before not in retired.among(registry, [before]):
        rounds.end(registry, before, moment)
