"""The commands that make a file smaller, say which replicas need not be waited for, and let one come back that missed it."""

from __future__ import annotations

from datetime import timedelta

import click

from crdtsql.base import clock, printable, show_key, suggest
from crdtsql.compaction import CompactReport
from crdtsql.rejoin import RejoinReport, Unwritten
from crdtsql.transports import named, reached, whole
from crdtsql.ui.cli.access.showing import TOKEN_FILE, token_in
from crdtsql.ui.cli.forgetting.ages import read_age
from crdtsql.ui.outcome import show_notice
from crdtsql.ui.sites import found as found_site
from crdtsql.ui.sites import say_some
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, ask, open_replica, print_json, print_table

LATELY_MS = 24 * 3600 * 1000
"""Of a site that was heard of within so long it is said that it seems to be there still."""
MOST_TOLD = 20
"""So many writes that were not made again are told one by one."""


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(compact)
    group.add_command(forget)
    group.add_command(rejoin)


def read_duration(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Read how long something is: `30d`, `12h`, `0`; in milliseconds. None where nothing is said."""
    if text is None:
        return None
    age = timedelta() if text.strip() == "0" else read_age(text)
    if age is None:
        raise click.BadParameter(f"{text!r} is no length of time: give one such as 30d, 12h, 2w or 0")
    return age // timedelta(milliseconds=1)


@click.command()
@DATABASE
@click.option(
    "--keep",
    "keep_ms",
    callback=read_duration,
    help="Forget nothing that is younger: 30d, 12h, 0. It is remembered; at first it is 30d.",
)
@click.option(
    "--silent",
    "silent_ms",
    callback=read_duration,
    help="Wait no more for a replica that has not agreed for so long, and of which nothing was heard: 180d; 0 for none. It is "
    "remembered; at first it is 0.",
)
@click.option("--once", is_flag=True, help="Compact now, and nothing by itself from then on.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Change nothing; say what would go, and about how many bytes VACUUM would give back then.",
)
@LOCK_TIMEOUT
@JSON
def compact(
    database: str, keep_ms: int | None, silent_ms: int | None, once: bool, dry_run: bool, as_json: bool
) -> None:
    """Forget what nobody will ask for any more: deleted rows, and when and by whom old rows were written.

    All replicas must have it first. They agree on that by their next syncs; then each forgets for itself when it is compacted. A
    file that never exchanged anything agrees with itself. --keep is what protects copies that no replica knows of yet.

    From then on DATABASE is compacted by itself, a little at a time, while `sync --watch` or `serve` has nothing else to do.

    A replica that never syncs again holds all back. `forget` ends it; --silent does so by itself with each that has not agreed for so
    long, if DATABASE was compacted, watched or served each week meanwhile, and if they are fewer than half: else it may be DATABASE
    that is cut off. `members` shows since when each is waited for. One that comes back later must rejoin, and loses nothing.
    """
    with open_replica(database) as replica:
        report = replica.compact(keep_ms=keep_ms, silent_ms=silent_ms, dry_run=dry_run, once=once)
        names = replica.names()
    if as_json:
        print_json(report.to_json())
        return
    _show(report, database, names, dry_run=dry_run)


def _show(report: CompactReport, database: str, names: dict[str, str], *, dry_run: bool) -> None:
    rows = [
        [
            name,
            *(f"{n:,}" for n in (counts.forgotten, counts.emptied, counts.settled, counts.shortened)),
            *([f"{counts.freed_bytes:,} B" if counts.freed_bytes is not None else ""] if dry_run else []),
            counts.kept,
        ]
        for name, counts in report.tables.items()
    ]
    freed = [">frees"] if dry_run else []
    print_table(
        ["table", ">forgotten", ">emptied", ">settled", ">shortened", *freed, "deleted rows kept, because"], rows
    )
    done = "would be forgotten" if dry_run else "is forgotten"
    if report.floor_ms:
        click.echo(f"what all replicas had by {clock.show_time(clock.from_ms(report.floor_ms))} {done}")
    else:
        click.echo("nothing is forgotten yet: the replicas have not agreed on anything that all of them have")
    if report.ended:
        sites, done = say_some(report.ended, names, len(report.ended)), "would be ended" if dry_run else "ended"
        click.echo(f"{done}, because nothing was heard for so long: {sites}; whoever of these comes back must rejoin")
    if report.missing:
        show_notice(
            f"the next round waits for {say_some(report.missing, names)}: they agree by syncing; of one that never comes back say "
            f"{suggest.command('forget', database, report.missing[0])}"
        )


@click.command()
@DATABASE
@click.argument("site")
@LOCK_TIMEOUT
@JSON
def forget(database: str, site: str, as_json: bool) -> None:
    """Say that the replica SITE (its id, the beginning of it, or its name) writes no more, so that no compaction waits for it.

    What it wrote and anybody has stays. If it comes back, it must rejoin.
    """
    with open_replica(database) as replica:
        wanted = found_site(replica, site) or site
        heard = {one.site: one.heard_hlc for one in replica.members()}
        replica.forget(wanted)
        now_ms = replica.time_ms()
    ended = next(one for one in heard if one.startswith(wanted.lower()))
    if as_json:
        print_json({"site": ended})
        return
    click.echo(f"{site} is waited for no more; this reaches the others with the next sync")
    ago_ms = max(0, now_ms - clock.to_ms(heard[ended]))
    if heard[ended] and ago_ms < LATELY_MS:
        show_notice(
            f"{site} was heard of {ago_ms / 60_000:,.0f} minutes ago: what it goes on writing is refused until it rejoins: "
            f"{suggest.command('rejoin', 'ITS_FILE', database)}"
        )


@click.command()
@DATABASE
@click.argument("remote")
@TOKEN_FILE
@click.option(
    "--anyway",
    is_flag=True,
    help="Also if a third replica has writes of DATABASE that REMOTE lacks, because it will never bring them, or if REMOTE missed a "
    "compaction itself.",
)
@click.option("--yes", is_flag=True, help="Don't ask before.")
@LOCK_TIMEOUT
@JSON
def rejoin(database: str, remote: str, token_file: str | None, anyway: bool, yes: bool, as_json: bool) -> None:
    """Let DATABASE, which missed a compaction, take the present state of REMOTE, and write anew on top what only DATABASE has.

    REMOTE is named as for `sync`. A copy of DATABASE as it was is written beside it first. A row that was deleted at REMOTE does not
    come back: what was written to it here goes to the conflict log, as does what took the place of a value that nobody here had seen,
    and what a constraint refuses.
    """
    with open_replica(database) as replica:
        token = token_in(token_file, remote)
        there = remote if token is None else reached(replica, named(replica.remotes(), remote), token)
        if not yes:
            ask(f"let {printable(database)} take the state of {printable(remote)}, and write on top what only it has")
        report = replica.rejoin(whole(replica, there), anyway=anyway)
        called = replica.names()
    if as_json:
        print_json(report.to_json())
        return
    for line in _told(database, remote, report, called):
        click.echo(printable(line))


def _told(database: str, remote: str, report: RejoinReport, called: dict[str, str]) -> list[str]:
    lines = [f"{database}: has the state of {remote}, and goes on as a new site {report.site}"]
    for name, table in report.tables.items():
        counted = f", {table.counted:,} counters added to" if table.counted else ""
        lines.append(
            f"  {name}: written anew: {table.inserted:,} rows inserted, {table.updated:,} updated, {table.deleted:,} deleted{counted}"
        )
    if not report.tables:
        lines.append("  nothing was unsent that could be written anew")
    lines += [f"  {line}" for line in map(_unwritten, report.logged[:MOST_TOLD])]
    if len(report.logged) > MOST_TOLD:
        lines.append(
            f"  and {len(report.logged) - MOST_TOLD:,} more writes that were not made again (--json lists all)"
        )
    if report.collided:
        lines.append(f"  {report.collided:,} values that nobody here had seen were written over")
    if report.collided or any(one.conflicts for one in report.logged):
        lines.append(f"  see them: {suggest.plain_command('conflicts', database)}")
    if report.others:
        sites = ", ".join(called.get(site, site) for site in report.others)
        lines.append(f"  {remote} lacks writes of other sites too ({sites}): these bring them when they sync")
    return [*lines, f"  the file as it was: {report.copy}"] if report.copy else lines


def _unwritten(one: Unwritten) -> str:
    return f"not made again: {one.did} of row {show_key(one.key)} of table {one.table!r}: {one.why}"
