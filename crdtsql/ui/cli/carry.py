"""The command that brings replicas together, wherever they are: `sync`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from crdtsql.base import show, show_key, suggest
from crdtsql.replica import Replica, SyncReport
from crdtsql.transports import parse
from crdtsql.ui.merged import YES, asking, show_report, show_reports
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(sync)


@click.command()
@DATABASE
@click.argument("remote")
@click.option("--pull", is_flag=True, help="Only take what the remote has.")
@click.option("--push", is_flag=True, help="Only give what the remote lacks.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and show what would be changed.")
@YES
@LOCK_TIMEOUT
@JSON
def sync(database: str, remote: str, pull: bool, push: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Exchange changes both ways between DATABASE and REMOTE.

    REMOTE is another file, or an address: its scheme says which way leads there (docs/TRANSPORTS.md).
    """
    options = {"pull": pull or not push, "push": push or not pull, "dry_run": dry_run}
    again = suggest.command("sync", database, remote, options=["--yes"])
    with open_replica(database) as replica, _reached(remote) as (there, instead):
        report = asking(
            lambda refuse: replica.sync(there, **options, refuse_unrelated=refuse),
            again,
            suggest.command("combine", database, remote) if instead else suggest.verb("combine"),
            yes=yes or dry_run,
        )
    if dry_run:
        _show_rehearsal(database, remote, report, as_json)
    elif report.there is not None:
        show_reports({database: report.here, remote: report.there}, as_json)
    else:
        _show_store(database, remote, report, as_json)


@contextmanager
def _reached(remote: str) -> Iterator[tuple[Replica | str, bool]]:
    """Open a remote that is a file, with its notices; others are opened by their transport. Say whether it is one."""
    address = parse(remote)
    if address.scheme != "file":
        yield remote, False
        return
    path = remote if address.rest == remote else address.path
    with open_replica(path) as other:
        yield other, True


def _show_store(database: str, remote: str, report: SyncReport, as_json: bool) -> None:
    """Print what a sync with a store did."""
    if as_json:
        print_json({database: report.here.to_json(), remote: report.to_json()})
        return
    show_report(database, report.here)
    click.echo(
        f"{remote}: {report.received:,} changesets taken ({report.received_bytes:,} bytes), "
        f"{report.sent:,} put there ({report.sent_bytes:,} bytes)"
    )
    if report.waiting:
        click.echo(f"  {report.waiting:,} changesets there build on what is not there yet")
    for reason in report.skipped:
        click.echo(f"  left out: {reason}")


def _show_rehearsal(database: str, remote: str, report: SyncReport, as_json: bool) -> None:
    """Print what a sync would change, row by row."""
    found = report.would_to_json()
    if as_json:
        print_json({database: found["here"], remote: found["there"]})
        return
    for row in report.rows:
        columns = ", ".join(f"{name} = {show(value)}" for name, value in row.columns.items())
        click.echo(f"{database}: {row.table} {show_key(row.key)} would be {row.did}{': ' if columns else ''}{columns}")
    for change in report.cells:
        what = (
            "deleted" if change.deleted else f"{change.column} = {show(change.value)}" if change.column else "the row"
        )
        click.echo(f"{remote}: {change.table} {show(change.key)} would be sent: {what}")
    if not report.rows and not report.cells:
        click.echo("nothing would change")
