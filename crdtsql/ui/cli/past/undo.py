"""The command that takes writes back: `undo`. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import UsageError, show, show_key, suggest
from crdtsql.history import UndoneRow, UndoneWrites
from crdtsql.store import Actor
from crdtsql.ui.cli.forgetting.purge import moment
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(undo)


@click.command()
@DATABASE
@click.option("--run", help="What was written in this run, as its writer said.")
@click.option("--actor", help="What this actor wrote.")
@click.option("--site", help="What this site wrote: its name, its id, or how that begins.")
@click.option(
    "--since", "when", metavar="WHEN", help="Only what was written from then on: 2026-01-31, or 2h ago (h, d, w)."
)
@click.option("--table", "tables", multiple=True, help="Only rows of this table; may be given several times.")
@click.option("--as", "who", metavar="ACTOR", help="Who undoes it, for all who ask later.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@LOCK_TIMEOUT
@JSON
def undo(
    database: str,
    run: str | None,
    actor: str | None,
    site: str | None,
    when: str | None,
    tables: tuple[str, ...],
    who: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the values back that rows had before a run, an actor or a site wrote them, where nobody wrote on top.

    What somebody else wrote since then stays, and is listed. Rows that were made are deleted, deleted ones come back; of counters,
    sets and maps what was changed is taken back. Needs a history of the table (`history`), which began before. It can be undone
    itself.
    """
    if run is None and actor is None and site is None:
        raise UsageError("say whose writes to undo: --run, --actor or --site")
    before = None if when is None else moment(when)
    by = None if who is None else Actor(who, None, None if run is None else f"undo of {run}", None)
    with open_replica(database) as replica:
        report = replica.undo(
            run=run, actor=actor, site=site, since=before, tables=tables or None, by=by, dry_run=dry_run
        )
    if as_json:
        print_json(report.to_json())
        return
    _show(database, report)


def _show(database: str, report: UndoneWrites) -> None:
    for row in report.undone:
        click.echo(f"{row.table} {show_key(row.key)}: {_said(row)}")
    for left in report.left:
        what = "" if left.column is None else f".{left.column}"
        click.echo(f"left: {left.table} {show_key(left.key)}{what}: {left.why}")
    for table, count in report.unrecorded.items():
        on = suggest.command("history", database, table, "on")
        click.echo(f"left: {count:,} row(s) of {table}, which has no history ({on} keeps one from then on)")
    done = "would be" if report.dry_run else "are"
    if report.undone:
        click.echo(f"{len(report.undone):,} row(s) {done} as before")
    elif not report.left and not report.unrecorded:
        click.echo("nothing that was written so is in a history")


def _said(row: UndoneRow) -> str:
    if row.did != "updated":
        return row.did
    return ", ".join(f"{name}: {show(was)} -> {show(now)}" for name, (was, now) in row.values.items())
