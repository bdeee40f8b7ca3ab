"""The command that lets the values of deleted rows be forgotten: purge. No SQL and no rules here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from crdtsql.base import UsageError, printable, suggest
from crdtsql.purge import PurgeReport
from crdtsql.ui.cli.forgetting.ages import read_age
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

ELSEWHERE = (
    "each other replica overwrites them when it gets this; what none can overwrite: changesets that were exported to files, "
    "segments of a store until a snapshot covers them, backups, and replicas that never sync again"
)


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(purge)


@click.command()
@DATABASE
@click.argument("table", required=False)
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option(
    "--deleted-before",
    "when",
    metavar="WHEN",
    help="All rows that were deleted before then, of TABLE or of all: 2026-01-31, 2026-01-31T12:00 (UTC), 30d ago (h, d, w).",
)
@click.option(
    "--actor",
    metavar="NAME",
    help="In place of rows: who wrote under this name, with sessions and notes, is `forgotten` then, in this file alone.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be purged, and purge nothing.")
@click.option(
    "--vacuum", is_flag=True, help="Run VACUUM afterwards, so that older copies of the values in free pages go too."
)
@LOCK_TIMEOUT
@JSON
def purge(
    database: str,
    table: str | None,
    keys: tuple[str, ...],
    when: str | None,
    actor: str | None,
    dry_run: bool,
    vacuum: bool,
    as_json: bool,
) -> None:
    """Let the values of deleted rows be forgotten: overwrite them here now, and on every replica that syncs; or an actor's name.

    Rows are named by KEY, several by several; where the key has two columns, each takes two words. Held values, the conflict log and
    the write-ahead log are overwritten. The keys themselves stay, and a purged row can't be undeleted.

    With --actor what that one wrote stays, and only the name goes. It does not travel: run it on every replica.
    """
    if actor is not None:
        if table is not None or when is not None:
            raise UsageError("--actor purges a name and no rows: give it alone")
        with open_replica(database) as replica:
            report = replica.purge_actor(actor, dry_run=dry_run, vacuum=vacuum)
        print_json(report.to_json()) if as_json else _show_name(database, actor, report)
        return
    before = None if when is None else moment(when)
    if (before is None) == (not keys):
        raise UsageError("say which deleted rows to purge: TABLE and KEY, or --deleted-before WHEN")
    with open_replica(database) as replica:
        report = replica.purge(table, keys or None, deleted_before=before, dry_run=dry_run, vacuum=vacuum)
    if as_json:
        print_json(report.to_json())
        return
    _show(database, report)


def moment(when: str) -> datetime | timedelta:
    """Read a moment, or how long ago it was.

    >>> moment("30d"), moment("2026-01-31")
    (datetime.timedelta(days=30), datetime.datetime(2026, 1, 31, 0, 0, tzinfo=datetime.timezone.utc))

    Raises:
        UsageError: it is neither.
    """
    age = read_age(when)
    if age is not None:
        return age
    try:
        found = datetime.fromisoformat(when.strip())
    except ValueError as error:
        raise UsageError(
            f"{when!r:.60} is no time: give a date as 2026-01-31, or 2026-01-31T12:00 (UTC), or an age as 12h, 30d or 8w"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _show_name(database: str, actor: str, report: PurgeReport) -> None:
    if not report.attributions:
        click.echo(f"nobody wrote to {database} as {printable(actor)}")
        return
    would = "would be" if report.dry_run else "are"
    click.echo(
        f"{report.attributions:,} ranges of writes {would} of nobody whose name is known; run this on every replica"
    )
    _say_left(database, report)


def _show(database: str, report: PurgeReport) -> None:
    would = "would be " if report.dry_run else ""
    for table, rows in report.tables.items():
        click.echo(f"{printable(table)}: {rows:,} deleted row{'' if rows == 1 else 's'} {would}purged")
    if not report.tables:
        click.echo("nothing to purge")
    if report.conflicts:
        click.echo(f"{report.conflicts:,} entries of the conflict log {would}forgotten")
    if report.already:
        click.echo(f"{report.already:,} purged already")
    if report.referenced:
        held = suggest.plain_command("held", database)
        click.echo(f"{report.referenced:,} left as they are, because rows refer to them: {held}")
    if report.rows or report.already:
        _say_left(database, report)
    if not report.dry_run and (report.rows or report.already):
        click.echo(ELSEWHERE)


def _say_left(database: str, report: PurgeReport) -> None:
    """Say where older copies may be."""
    if report.dry_run:
        return
    if report.log_left:
        click.echo("another program reads the file: values may stand in its write-ahead log until it closes the file")
    if not report.vacuumed:
        click.echo(
            f"older copies may be left in free pages of the file: {suggest.sqlite('VACUUM', database)} clears these"
        )
