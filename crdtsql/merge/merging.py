"""Merge: take a changeset into this replica.

Runs inside the caller's write transaction, on a folded registry, with the checked image attached. The version vector is
raised last, to the maximum of both sides, and never past anything that was not stored. Invariant: the result depends
on the set of merged events alone, not on the order or number of merges.
"""

from __future__ import annotations

from contextlib import nullcontext

import apsw

from crdtsql.base import (
    ClockSkewError,
    ForkedSiteError,
    MissingChangesError,
    Now,
    Progress,
    SchemaMismatchError,
    Sql,
    TemporaryTable,
    caseless,
    clock,
    identifier,
    integer,
    query,
    sql,
    suggest,
)
from crdtsql.capture import without_capture
from crdtsql.compaction import floor, retiring, seen
from crdtsql.conflicts import conflict_log, severed
from crdtsql.merge import (
    absent,
    agreement,
    clashes,
    materialize,
    meet,
    mergeparts,
    parking,
    purges,
    taken,
    unrelated,
)
from crdtsql.merge.arrival import Arrival
from crdtsql.merge.beforehand import bearing
from crdtsql.merge.beforehand.foreseeing import NOTHING, Foreseen
from crdtsql.merge.report import MergeReport, TableReport
from crdtsql.numbers import archive, followers, foretelling, ids, reference
from crdtsql.shown import Scene, any_waits, count_kept, noting, settle, strangers, vanishing
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table, catalogue, heard, retired, said, starts
from crdtsql.wire import Header

FROM = TemporaryTable(
    "_crdt_from",
    "merge/merging/create_from",
    read_by=(
        "compaction/seen",
        "merge/arrival",
        "merge/beforehand/bearing",
        "merge/clashes",
        "merge/beforehand/foreseeing",
        "merge/meet",
        "merge/mergeparts",
        "merge/parking",
        "merge/purges",
        "merge/taken",
        "numbers/foretelling",
        "numbers/ids",
        "numbers/renumber",
    ),
)
THEIRS = TemporaryTable(
    "_crdt_theirs",
    "merge/merging/create_theirs",
    read_by=("compaction/seen", "merge/meet", "merge/mergeparts", "merge/parking", "numbers/ids"),
)


_ALL = vanishing.Allowed()
MANY_ROWS = 1_000
"""From so many rows on it is cheaper to compile all statements anew, twice, than to let our triggers look whether to capture them."""


def check_needs(registry: Registry, header: Header) -> None:
    """Check that nothing is missing between what this replica has and what the changeset brings.

    Raises:
        MissingChangesError: the changeset builds on changes that are not here.
    """
    ours = retired.vector_with(registry, header.needs)
    missing = {site.hex(): (ours.get(site, 0), needed) for site, needed in sorted(header.needs_above(ours).items())}
    if missing:
        named = "; ".join(
            f"site {site} after {clock.show_time(have) if have else 'the beginning'} up to {clock.show_time(needed)}"
            for site, (have, needed) in list(missing.items())[:3]
        )
        raise MissingChangesError(
            f"the changeset builds on changes that {registry.path} does not have yet ({named}): nothing was changed; "
            "import the changesets in between first, or export one --for what "
            f"{suggest.command('vector', registry.path)} prints",
            missing,
        )


def check_skew(header: Header, now: Now) -> None:
    """Check that no stamp is too far in the future.

    Raises:
        ClockSkewError: the clock of a site was ahead of this machine's by more than five minutes.
    """
    highest = header.highest
    skew_ms = clock.to_ms(highest) - now()
    if skew_ms > clock.MAXIMUM_SKEW_MS:
        newest = next(site for site, upto in header.vector.items() if upto == highest)
        raise ClockSkewError(
            f"site {newest.hex()} stamped changes {skew_ms / 60_000:,.0f} minutes ahead of this machine's clock "
            f"(at most {clock.MAXIMUM_SKEW_MS // 60_000} are taken): nothing was changed; set the clock that is wrong, "
            "here or there, and import again once this machine's clock has reached that time",
            newest.hex(),
            skew_ms,
        )


def check_lines(registry: Registry, header: Header) -> None:
    """Check that no site goes on in two files, one of them known here and the other one to the sender.

    Raises:
        ForkedSiteError: one does.
    """
    parted = starts.parted(registry, header.starts)
    if parted:
        named = ", ".join(
            f"site {site.hex()} after {clock.show_time(since) if since else 'the beginning'}"
            for site, since in parted.items()
        )
        raise ForkedSiteError(
            f"two files were written as one site ({named}), as when a copy runs under the same {said.VARIABLE}: {registry.path} "
            "knows the one, the changeset the other; nothing was changed. Keep one of them; of the other make a copy, and let what "
            f"only that has come in with {suggest.command('disable', 'COPY', options=['--all'])} and "
            f"{suggest.command('combine', 'KEPT', 'COPY')}; then make the other anew (docs/GUIDE.md, Containers)",
            {site.hex(): since for site, since in parted.items()},
        )


def join_eras(registry: Registry, header: Header) -> None:
    """Check that no table forgot its history on one side only, and take over what the sender says of other tables.

    Disabling one table of several forgets its events, while the vector goes on to cover them: such a replica can't pass
    them on, and must not seem to. A sender that does not replicate the table, and did not disable it, never had any of its events
    to forget.

    Raises:
        SchemaMismatchError: a table was disabled on one side and not on the other.
    """
    ours = registry.eras()
    replicated = {table.uid: table.name for table in registry.tables()}
    replicated_there = header.table_uids
    for key in ours.keys() | header.eras.keys():
        here, there = ours.get(key, 0), header.eras.get(key, 0)
        if key not in replicated:
            registry.set_era(key, max(here, there))
            if there > here:
                heard.note(registry, header.sender, [key])
        elif here < there or (here > there and key in replicated_there):
            where = "the sender" if there > here else "this replica"
            told = (
                ""
                if key in replicated_there
                else f"; if it only heard of that, {suggest.verb('strangers')} forgets it there"
            )
            raise SchemaMismatchError(
                f"table {replicated[key]!r} was disabled on {where} and forgot its history, on the other side not: nothing was "
                f"changed; disable it and enable it again on the other side too{told}"
            )


def merge(
    registry: Registry,
    header: Header,
    database: str,
    on_progress: Progress,
    *,
    again: bool = False,
    refuse_unrelated: bool = False,
    allowed: vanishing.Allowed = _ALL,
    foreseen: Foreseen = NOTHING,
) -> MergeReport:
    """Merge an attached, checked image.

    Args:
        again: take events for new that the vector covers, because their table forgot them.
        refuse_unrelated: raise where rows of tables that were filled separately have equal keys and other values.
        allowed: how many rows may disappear.
        foreseen: what was found out before the file was locked.

    Raises:
        FilledSeparatelyError: such rows are refused.
        TooManyDeletesError, DoubtError: more rows disappear, or may, of a table whose rows were not noted.
        SchemaMismatchError: a table or column of the changeset is not replicated here, or in another way.
        ConstraintViolationError: rows of a table that is not replicated refer to rows that went.
    """
    connection = registry.connection
    header = retiring.expanded(registry, header).in_terms_of(registry.vector())
    join_eras(registry, header)
    agreement.check(registry, header)
    report, strange = MergeReport(header.sender.hex()), unrelated.find(registry, header, refuse=refuse_unrelated)
    arrivals = [_arrival(registry, header, number, database, report.notices) for number in header.numbers]
    batch, last_conflict = registry.next_batch(), registry.number("conflicts_last")
    scene = Scene(registry, {arrival.table.id for arrival in arrivals})
    tables = _concerned(arrivals, scene)
    with (
        FROM.created(connection),
        THEIRS.created(connection),
        taken.comparing(connection),
        taken.noting(connection) if header.unseen else nullcontext(),
        noting(registry),
        without_capture(connection, tables, many=sum(table.rows for table in header.tables) > MANY_ROWS),
        strangers.kept(registry, tables),
        vanishing.guarded(registry, allowed, tables) as guard,
    ):
        local = _meet_sites(registry, header, database, again=again)
        foreseen.tell(connection, arrivals)
        _lift(scene, arrivals, again)
        renumbered = ids.meet(registry, header, database, local)
        foretelling.meet(registry, header, database, local)
        with purges.carried_out(registry, header, local, arrivals, report):
            report.tables = _merge_tables(registry, arrivals, batch, local, strange, on_progress)
            report.unrelated = unrelated.check(registry, strange, arrivals, report.notices)
            for name, rows in renumbered.items():
                report.tables.setdefault(name, TableReport()).renumbered = rows
            archive.tidy(registry)
            _settle(registry, arrivals, last_conflict)
        guard.check(lambda name: (report.of(name).deleted, report.of(name).inserted))
    _count(registry, arrivals, report)
    registry.raise_vector(batch, _news(registry, header))
    return report


def _news(registry: Registry, header: Header) -> list[tuple[int, int]]:
    """List the entries of the sender's vector that may be new here, by local ordinals."""
    ordinals = registry.ordinals()
    return [(ordinals[site], upto) for site, upto in header.above(registry.vector()).items()]


def _meet_sites(registry: Registry, header: Header, database: str, *, again: bool) -> dict[int, int]:
    """Note what the sender knows of sites; return which ordinals here stand for those of the changeset."""
    local, listed = _map_sites(registry, header, again=again)
    taken.note_forgotten(registry, header)
    taken.note(registry, header, local)
    forgets = bool(floor.read(registry).floor)
    registry.connection.execute(sql("merge/merging/record_incoming_merged", image=Sql(database)), {"forgets": forgets})
    if header.acted:
        acted = sql("merge/merging/record_incoming_acted", image=Sql(database))
        registry.connection.execute(acted, {"self": registry.self_ordinal})
    seen.note(registry, listed, Sql(database))
    return local


def _lift(scene: Scene, arrivals: list[Arrival], again: bool) -> None:
    """Take the stand-ins out of tables if what arrived has a bearing on what they show."""
    if scene.sides and (again or any(bearing.bears(scene, arrival) for arrival in arrivals)):
        scene.lift()
        for arrival in arrivals:
            arrival.bears = True


def _count(registry: Registry, arrivals: list[Arrival], report: MergeReport) -> None:
    """Count the rows that are held now, and keep the conflict log within its limits."""
    for name, counts in report.tables.items():
        counts.held = count_kept(registry.connection, registry.table(name))
    clashed = [arrival.table for arrival in arrivals if report.of(arrival.table.name).concurrent]
    if clashed:
        conflict_log.prune(registry, clashed)


def _settle(registry: Registry, arrivals: list[Arrival], last_conflict: int) -> None:
    """Decide what can be shown, and which of the references that were set to NULL are to be reported."""
    settle(registry)
    severed_tables = [arrival.table for arrival in arrivals if arrival.severed]
    if severed_tables:
        severed.forget_others(registry, severed_tables, last_conflict)
    severed.open_again(registry)


def _concerned(arrivals: list[Arrival], scene: Scene) -> list[Table]:
    """List the tables that the merge may write to, each once."""
    tables = [arrival.table for arrival in arrivals]
    return tables + [side.table for side in scene.sides if side.table.id not in {table.id for table in tables}]


def _arrival(registry: Registry, header: Header, number: int, database: str, notices: list[str]) -> Arrival:
    theirs = header.tables[number - 1]
    table = registry.find_uid(theirs.uid)
    if table is None:
        if any(caseless(known.name) == caseless(theirs.name) and not known.absent for known in registry.tables()):
            statement = f"ALTER TABLE {identifier(theirs.name)} RENAME TO {identifier(f'{theirs.name}_of_here')}"
            raise SchemaMismatchError(
                f"the changeset has a table {theirs.name!r} that is another one ({theirs.uid!r}) than the table of that name here: "
                f"nothing was changed; rename this one, as the sender did (for example "
                f"{suggest.command('alter', registry.path, statement)}), create and enable {theirs.name!r}, and import again"
            )
        if schema.read(registry.connection, theirs.name) is not None:
            raise SchemaMismatchError(
                f"the changeset has table {theirs.name!r}, which is not replicated here: nothing was changed; "
                f"run {suggest.command('enable', registry.path, theirs.name)}, and import again"
            )
        table = absent.admit(registry, theirs, header.eras.get(theirs.uid, 0), notices)
    shape = parking.shape_of(registry, table)
    table = parking.admit(registry, table, theirs, number, database, notices)
    if theirs.links and (table.absent or table.parked):
        followers.learn(registry, table, theirs)
    if theirs.references:
        table = reference.adopt(registry, table, theirs)
    arrived = meet.ARRIVED.quoted
    return Arrival(theirs, number, database, table, shape, registry.path, arrived, unseen=bool(header.unseen))


def _map_sites(registry: Registry, header: Header, *, again: bool) -> tuple[dict[int, int], set[bytes]]:
    """Give every site of the changeset a local ordinal; return changeset ordinal -> local one, and the sites that had one before."""
    before = {} if again else retired.vector_with(registry, (site.id for site in header.sites))
    listed = {*registry.ordinals()}
    numbers, ids, uptos, _ = zip(*header.sites, strict=True)
    ordinals = registry.add_sites(ids)
    connection, seen_before = registry.connection, [before.get(site, 0) for site in ids]
    query.insert_all(connection, "temp._crdt_from", [*zip(numbers, ordinals, seen_before, ids, strict=True)])
    if header.rest is not None:
        _note_rest(registry, header)
    query.insert_all(connection, "temp._crdt_theirs", [*zip(ordinals, uptos, strict=True)])
    return dict(zip(numbers, ordinals, strict=True)), listed


def _note_rest(registry: Registry, header: Header) -> None:
    """Note what the sender has of the sites that the changeset does not list: what is here. It knows no others."""
    ordinals, connection = registry.ordinals(), registry.connection
    others = {*header.ids.values()} | (registry.vector().keys() - header.unlisted.keys())
    connection.execute("INSERT INTO temp._crdt_theirs (ordinal, upto) SELECT ordinal, upto FROM _crdt_site")
    statement = "DELETE FROM temp._crdt_theirs WHERE ordinal = ?"
    connection.executemany(statement, [(ordinals[site],) for site in others])


def _merge_tables(
    registry: Registry,
    arrivals: list[Arrival],
    batch: int,
    local: dict[int, int],
    strange: unrelated.Unrelated,
    on_progress: Progress,
) -> dict[str, TableReport]:
    reports = {}
    done, total = 0, sum(arrival.header.rows for arrival in arrivals)
    for arrival in arrivals:
        on_progress(f"merge {arrival.table.name}", done, total)
        done += arrival.header.rows
        counts = _merge_table(registry, arrival, batch, local, strange)
        if counts is not None:
            reports[arrival.table.name] = counts
    return reports


def _merge_table(
    registry: Registry, arrival: Arrival, batch: int, local: dict[int, int], strange: unrelated.Unrelated
) -> TableReport | None:
    connection, table = registry.connection, arrival.table
    adopted = None
    if table.genesis is None and arrival.header.genesis is not None:
        t, remote = arrival.header.genesis
        adopted = (t, local[remote])
    genesis_t, genesis_s = table.genesis or adopted or (None, None)
    (last_held,) = query.first(connection, f"SELECT ifnull(max(id), 0) FROM {table.held}")
    values: meet.Values = {
        "tbl": table.id,
        "self": registry.self_ordinal,
        "genesis_t": genesis_t,
        "genesis_s": genesis_s,
        "has_genesis": table.genesis is not None,
        "adopted": adopted is not None,
        "held_base": last_held,
    }
    with meet.met(connection, arrival):
        arrived = meet.arrive(connection, arrival, values)
        if adopted:
            registry.adopt_genesis(table, adopted)
        if arrival.header.rests and not table.rests and _shares_genesis(arrival, local, adopted):
            registry.set(table.fact("rests"), 1)
            catalogue.changed(connection)
        if not arrived.fresh and not arrived.known:
            return None
        if arrived.known:
            arrival.unrelated = unrelated.count(registry, strange, arrival)
            if arrival.unrelated and strange.refused:
                return None  # the others may have some, too
        parking.fill_defaults(registry, arrival)
        parking.merge_cells(registry, arrival, values)
        if arrived.known and arrival.unseen:
            taken.find_parts(connection, arrival, values)
        siblings = mergeparts.merge_parts(registry, arrival, values, arrived.fresh, arrived.known)
        values["seq"] = registry.seq_of(table, batch, arrived.fresh + arrived.known)
        report = _apply(registry, arrival, values, arrived)
        report.concurrent += siblings
        if arrival.bears or any_waits(connection, table):
            _note_arrived(connection, arrival)
        return report


def _shares_genesis(arrival: Arrival, local: dict[int, int], adopted: tuple[int, int] | None) -> bool:
    """Tell whether the rows of the sender's genesis are of the genesis here too."""
    theirs = arrival.header.genesis
    return theirs is not None and (theirs[0], local[theirs[1]]) == (adopted or arrival.table.genesis)


def _apply(registry: Registry, arrival: Arrival, values: meet.Values, arrived: meet.ArrivedRows) -> TableReport:
    connection = registry.connection
    report, last_conflict = TableReport(), registry.number("conflicts_last")
    if arrived.known:
        meet.narrow(connection, arrival)
        meet.meet(connection, arrival, values)
        counts = meet.count_cells(connection, arrival)
        report.cells_won = sum(won for _, won, _, _ in counts)
        report.cells_lost = sum(sent - won for _, won, sent, _ in counts)
        clashing = [(pair, cells) for pair, _, _, cells in counts if cells]
        report.concurrent = clashes.record_conflicts(registry, arrival, clashing, values)
        arrival.win(pair for pair, won, _, _ in counts if won)
        arrival.severed = clashes.record_severed(registry, arrival, values)
    counted = meet.count_rows(connection, arrival, arrived)
    report.inserted, report.updated, report.deleted = counted.fresh + counted.revived, counted.updated, counted.deleted
    meet.store_clocks(registry, arrival, values, arrived)
    if arrived.known:
        conflict_log.mark_resolved_merged(registry, arrival.table, values["seq"], last_conflict)
    report.updated += materialize.materialize(registry, arrival, values, arrived, counted)
    return report


def _note_arrived(connection: apsw.Connection, arrival: Arrival) -> None:
    """Note the rows that a merge brought news of."""
    statement = sql(
        "merge/merging/mark_arrived",
        arrived=arrival.arrived,
        keys=arrival.table.keys,
        table_id=integer(arrival.table.id),
        incoming_keys=arrival.table.keys_of("incoming"),
        **arrival.image_slots,
    )
    connection.execute(statement)
