"""The commands that tell what is in a file: `status`, `members`, `log`, `blame`, `renumbered`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import click

from crdtsql.base import UsageError, clock, printable, show, show_key, suggest
from crdtsql.look import CompactionStatus, Graph, KnownMerge, LogEntry, Member, Status, graph, lanes
from crdtsql.transports import Contact, StoreStatus, contacts, known_stores
from crdtsql.ui.changed import AT_MOST, changed_since
from crdtsql.ui.cli.forgetting.ages import show_age
from crdtsql.ui.sites import say, say_some, say_writer
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table

LANES = 12
"""So many sites have a lane of their own in the graph of `log`."""


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (status, members, log, blame, renumbered):
        group.add_command(command)


@click.command()
@DATABASE
@LOCK_TIMEOUT
@JSON
def status(database: str, as_json: bool) -> None:
    """Show what is replicated, how large the clocks are, what `compact` would free of that, and how far peers are behind.

    What would be freed is an estimate, for which in large tables some rows stand for all; `compact --dry-run` looks at all of them.
    """
    with open_replica(database) as replica:
        found, visited, names = replica.status(), known_stores(replica), replica.names()
        freeable = replica.freeable_bytes()
    if as_json:
        told = found.to_json() | {"names": names, "stores": [one.to_json() for one in visited]}
        for table in told["tables"]:
            table["freeable_bytes"] = freeable.get(table["name"])
        print_json(told)
        return
    click.echo(
        f"{found.path}: site {say(found.site, names)}, {found.sites} sites known, {found.log_rows} changes to fold"
    )
    if found.replica_id is not None:
        click.echo(f"replica id {found.replica_id}, start {found.starts:,} of this site")
    if found.acting is not None:
        click.echo(f"what is written to it now counts as {printable(str(found.acting))}'s")
    _print_tables(found, freeable)
    if found.conflicts_pruned or any(table.conflicts for table in found.tables):
        click.echo(
            f"conflict log: at most {found.conflicts_per_cell:,} entries per cell, {found.conflicts_total:,} in all and "
            f"{found.conflicts_bytes:,} bytes of values are kept, "
            f"{found.conflicts_pruned:,} were forgotten (pruned) so far"
        )
    _print_limited(found)
    if found.aside:
        click.echo(
            f"set aside: {found.aside:,} changesets that their sites may not write; {suggest.command('aside', database)} lists them"
        )
    _print_kept(found, names)
    _print_sites(found, visited, names)


def _print_tables(found: Status, freeable: dict[str, int]) -> None:
    print_table(
        [
            "table",
            "policy",
            "identity",
            ">rows",
            ">changed",
            ">held",
            ">conflicts",
            ">open",
            ">data",
            ">clocks",
            ">of data",
            ">compact frees",
            "capture",
        ],
        [
            [
                table.name,
                f"{table.row_policy} by {table.granularity}",
                table.identity,
                f"{table.rows:,}",
                f"{table.changed_rows:,}",
                f"{table.held_rows:,}",
                f"{table.conflicts:,}",
                f"{table.open_conflicts:,}",
                f"{table.data_bytes:,} B",
                f"{table.clock_bytes:,} B",
                f"{table.clock_percent:.0f} %",
                f"{freeable[table.name]:,} B" if table.name in freeable else "",
                table.problem or "ok",
            ]
            for table in found.tables
        ],
    )


def _print_kept(found: Status, names: dict[str, str]) -> None:
    """Print what all that crdtsql keeps takes, and how far it is compacted."""
    data_bytes = sum(table.data_bytes for table in found.tables)
    if data_bytes:
        click.echo(
            f"all that crdtsql keeps: {found.own_bytes:,} B, {100 * found.own_bytes / data_bytes:.0f} % of the data"
        )
    if found.compaction is not None:
        click.echo(_compaction(found.compaction, names))


def _compaction(found: CompactionStatus, names: dict[str, str]) -> str:
    """Say what is compacted by itself, how far replicas have agreed, and who is waited for."""
    parts = [
        "by itself no more"
        if found.keep_ms is None
        else f"by itself while it is watched or served, keeps {show_age(found.keep_ms)}"
    ]
    if found.floor_ms:
        parts.append(f"all replicas had everything by {clock.show_time(clock.from_ms(found.floor_ms))}")
        parts.append("all rows were looked at since" if found.is_done else "rows are still to be looked at")
    else:
        parts.append("the replicas have not agreed on anything yet")
    if found.missing:
        parts.append(f"waits for {say_some(found.missing, names)}")
    return f"compaction: {'; '.join(parts)}"


def _print_sites(found: Status, visited: list[StoreStatus], names: dict[str, str]) -> None:
    """Print what is not replicated, and how far sites, peers and stores are."""
    if found.not_enabled:
        click.echo(f"not replicated: {', '.join(found.not_enabled)}")
    for site, upto in found.vector.items():
        mine = " (this file)" if site == found.site else ""
        click.echo(f"has site {say(site, names)} up to {clock.show_time(upto)}{mine}")
    for peer in found.peers:
        behind = (
            f"lacks {peer.missing_rows:,} rows, {peer.behind_ms / 1000:,.1f} s behind"
            if peer.missing_sites
            else "has all"
        )
        click.echo(f"peer {say(peer.site, names)}, when last seen: {behind}")
    for store in visited:
        _print_store(store, names)


def _print_store(store: StoreStatus, names: dict[str, str]) -> None:
    seen = clock.show_time(clock.from_ms(store.seen_ms))
    if not store.waiting_since_ms:
        click.echo(f"store {store.address}, last seen {seen}")
        return
    missing = "; ".join(
        f"site {say(site, names)} up to {clock.show_time(upto)}" for site, upto in list(store.missing.items())[:3]
    )
    click.echo(
        f"store {store.address}, last seen {seen}: {store.waiting:,} changesets there wait for others since "
        f"{clock.show_time(clock.from_ms(store.waiting_since_ms))} ({missing})"
    )


@click.command()
@DATABASE
@LOCK_TIMEOUT
@JSON
def members(database: str, as_json: bool) -> None:
    """List the sites that this file knows: when each wrote last, when it was last heard of, and what it is last known to lack.

    This file comes first, then those that were heard of last. A file that was copied or restored goes on as a new site, and the one
    before stays in the list. What a site lacks is known only if it told this file what it has: in a sync, or with a changeset of its
    own; of the others it is unknown, and they may have all.
    """
    with open_replica(database) as replica:
        found, seen, path = replica.members(), contacts(replica), replica.path
    reached: dict[str, list[Contact]] = {}
    for one in seen:
        reached.setdefault(one.site, []).append(one)
    if as_json:
        shown = [
            one.to_json() | {"contacts": [asdict(contact) for contact in reached.get(one.site, ())]} for one in found
        ]
        print_json(shown)
        return
    print_table([*_MEMBER], [[tell(one, reached.get(one.site, [])) for tell in _MEMBER.values()] for one in found])
    if len(found) == 1:
        click.echo(
            f"this file has not got anything from another replica yet: {suggest.plain_command('clone', path, 'other.db')} makes one, "
            f"{suggest.plain_command('sync', path, 'REMOTE')} exchanges changes"
        )


def _when(hlc: int, never: str) -> str:
    return clock.show_time(hlc) if hlc else never


def _lacks(one: Member, _: list[Contact]) -> str:
    if one.is_this_file:
        return ""
    if one.peer is None:
        return "unknown"
    return (
        f"{one.peer.missing_rows:,} rows, {one.peer.behind_ms / 1000:,.1f} s" if one.peer.missing_sites else "nothing"
    )


def _standing(one: Member) -> str:
    since = one.awaited_since_ms
    return (one.compaction or "") + ("" if since is None else f" since {clock.show_time(clock.from_ms(since))}")


_MEMBER: dict[str, Callable[[Member, list[Contact]], str]] = {
    "site": lambda one, _: say(
        one.site, {one.site: one.name} if one.name else {}, one.site if one.is_this_file else None
    ),
    "wrote": lambda one, _: _when(one.wrote_hlc, "nothing"),
    "heard of": lambda one, _: "" if one.is_this_file else _when(one.heard_hlc, "never"),
    "lacks": _lacks,
    "compaction": lambda one, _: _standing(one),
    "reached": lambda _, seen: ", ".join(
        f"{contact.address} {clock.show_time(clock.from_ms(contact.seen_ms))}" for contact in seen
    ),
}
"""What `members` shows of each, by the column's name."""


def _print_limited(found: Status) -> None:
    for table in found.tables:
        if table.limited:
            doctor = suggest.plain_command("doctor", found.path, table.name)
            click.echo(
                f"{table.name}: counters that add up to more than they can show: {table.limited:,}, see {doctor}"
            )


@click.command()
@DATABASE
@click.argument("row", nargs=-1, metavar="[TABLE KEY]...")
@click.option("--table", help="Only rows of this table.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only what arrived after this batch.")
@click.option("--run", help="What was written in this run, here or elsewhere, as its writer said in crdt_actor.")
@click.option("--limit", type=click.IntRange(min=1), default=AT_MOST, show_default=True, help="List at most so many.")
@click.option(
    "--graph",
    "as_graph",
    is_flag=True,
    help="Draw whose writes came in with which merge, and which replica had merged whose writes when it wrote on.",
)
@LOCK_TIMEOUT
@JSON
def log(
    database: str,
    row: tuple[str, ...],
    table: str | None,
    after: int,
    run: str | None,
    limit: int,
    as_graph: bool,
    as_json: bool,
) -> None:
    """List which rows the last syncs changed: what was done, to which columns, by which site, and when it was written.

    The newest arrivals come first. The first column is the number of the merge that brought it; a program that reacts to changes
    gives the `position` that --json prints to --after the next time. What was overwritten since then is not listed, nor what this
    file wrote itself.

    With TABLE and KEY it lists instead every value that was written to one row, the oldest first, if the table has a `history`.
    """
    if row and (len(row) < 2 or table or after or run or as_graph):
        raise UsageError(
            "give TABLE and KEY alone for the history of a row; --table NAME for all that arrived in a table"
        )
    with open_replica(database) as replica:
        if row:
            from crdtsql.ui.cli.past.history import print_entries

            print_entries(replica, row[0], row[1:], limit, as_json)
            return
        found = changed_since(replica, after, table, limit, run)
        names = replica.names()
        everywhere = replica.merges(limit=limit) if as_graph and not (after or table or run) else []
    if as_json:
        told = {"merges": [one.to_json() for one in everywhere]} if as_graph else {}
        print_json(found.to_json() | told | {"names": names})
        return
    if not found.entries and not everywhere:
        click.echo("nothing came from other sites" if run is None else f"no row shows what was written in run {run!r}")
        return
    if as_graph and found.entries:
        _draw(graph(found.entries, LANES), names)
    elif not as_graph:
        _print_log(found.entries, names)
    if found.more:
        click.echo(f"there are more: give --limit a larger number than {limit:,}")
    if everywhere:
        _draw_merges(everywhere, names)


def _print_log(entries: list[LogEntry], names: dict[str, str]) -> None:
    rows = [
        [
            str(one.batch),
            one.table,
            show_key(one.key),
            one.did,
            ", ".join(one.columns),
            say_writer(one.site, one.by, names),
            f"{'before ' if one.hlc < 0 else ''}{one.time}",
            one.held or "",
        ]
        for one in entries
    ]
    print_table([">batch", "table", "key", "did", "columns", "site", "written", "held"], rows)


def _draw_lanes(sites: tuple[str, ...], names: dict[str, str]) -> list[str]:
    letters = [chr(ord("A") + number) for number in range(len(sites))]
    for lane, site in zip(letters, sites, strict=True):
        click.echo(f"{lane}  {say(site, names)}")
    click.echo("  ".join(letters))
    return letters


def _draw_merges(found: list[KnownMerge], names: dict[str, str]) -> None:
    """Draw a line for each merge that is known of any replica: `*` who merged, `o` whose writes."""
    click.echo("merges of all replicas that are known here: * had merged what o wrote when it wrote on")
    sites = lanes(found, LANES)
    _draw_lanes(sites, names)
    for one in found:
        drawn = "  ".join("*" if site == one.site else "o" if site in one.saw else "|" for site in sites)
        saw = ", ".join(f"{say(site, names)} up to {clock.show_time(upto)}" for site, upto in one.saw.items())
        click.echo(f"{drawn}   {one.time}: {say(one.site, names)} had merged {saw}")


def _draw(found: Graph, names: dict[str, str]) -> None:
    """Draw a lane for each site and a line for each merge, the newest first."""
    letters = _draw_lanes(found.sites, names)
    for arrival in found.arrivals:
        drawn = "  ".join("o" if site in arrival.rows else "|" for site in found.sites)
        others = sum(rows for site, rows in arrival.rows.items() if site not in found.sites)
        said = [
            f"{rows:,} {lane}"
            for lane, site in zip(letters, found.sites, strict=True)
            if (rows := arrival.rows.get(site))
        ]
        said += [f"{others:,} of others"] if others else []
        click.echo(f"{drawn}   batch {arrival.batch}, {arrival.time}: rows of {', '.join(said)}")


@click.command()
@DATABASE
@click.option("--table", help="Only rows of this table.")
@LOCK_TIMEOUT
@JSON
def renumbered(database: str, table: str | None, as_json: bool) -> None:
    """List rows that have another number than they were inserted under.

    When several replicas insert rows under one number, one row keeps it and the others get numbers from 2^52 on; foreign keys
    follow, and what `crdtsql reference` declares. Other references can't, and must be changed by hand.
    """
    with open_replica(database) as replica:
        found = replica.renumbered(table)
    if as_json:
        print_json([row.to_json() for row in found])
        return
    if not found:
        click.echo("no row was renumbered")
        return
    print_table(
        ["table", ">old number", ">new number", "inserted"],
        [[row.table, str(row.old), str(row.new), row.when] for row in found],
    )


@click.command()
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@LOCK_TIMEOUT
@JSON
def blame(database: str, table: str, key: tuple[str, ...], as_json: bool) -> None:
    """Show per column of a row: the value, which site wrote it, and when."""
    with open_replica(database) as replica:
        cells = replica.blame(table, *key)
        me, names = replica.site, replica.names()
    if as_json:
        print_json([cell.to_json() for cell in cells])
        return
    if cells and not cells[0].shown:
        click.echo("this row is deleted; these are its last values")
    rows = []
    for cell in cells:
        written = f"before {cell.time} (when the table was enabled)" if cell.genesis else cell.time
        rows.append([cell.column, show(cell.value), say_writer(cell.site, cell.by, names, me), written])
        for part in cell.parts:
            value = "removed" if part.removed else show(part.value) if part.value is not None else ""
            writer = say_writer(part.site, part.by, names, me)
            rows.append([f"  {part.part}", value, writer, clock.show_time(part.hlc)])
    print_table(["column", "value", "site", "written"], rows)
