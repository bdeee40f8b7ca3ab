"""The commands for monitoring: `metrics`, `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import click

from crdtsql.base import UsageError, clock, printable, show_key, suggest
from crdtsql.replica import VerifyReport
from crdtsql.transports import metrics_text
from crdtsql.ui.merged import letting
from crdtsql.ui.outcome import FAILED
from crdtsql.ui.sites import say
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json
from crdtsql.verify import RowDifference
from crdtsql.wire import write_file


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (metrics, verify):
        group.add_command(command)


@click.command()
@click.argument("databases", metavar="DATABASE...", nargs=-1, required=True, type=click.Path(dir_okay=False))
@click.option(
    "--textfile",
    type=click.Path(dir_okay=False, writable=True),
    help="Write them to this file, whole or not at all, for the textfile collector of Prometheus' node_exporter.",
)
@LOCK_TIMEOUT
@JSON
def metrics(databases: tuple[str, ...], textfile: str | None, as_json: bool) -> None:
    """Print figures for monitoring, in the text format of Prometheus.

    How far peers and stores are apart, as they were last seen; conflicts, held rows, sizes; and what syncs on this machine moved, and
    how long they took. docs/TRANSPORTS.md explains each. Needs the package prometheus-client.
    """
    if len(set(databases)) < len(databases):
        raise UsageError("a file is named twice")
    with ExitStack() as opened:
        text = metrics_text({path: opened.enter_context(open_replica(path)) for path in databases})
    if textfile is not None:
        write_file(textfile, text.encode())
    if as_json:
        print_json({"textfile": textfile, "text": text})
    elif textfile is None:
        click.echo(text, nl=False)


@click.command()
@DATABASE
@click.argument("remote")
@click.option("--sync", is_flag=True, help="Sync first if one side lacks changes.")
@click.option("--repair", is_flag=True, help="Sync, write the rows that differ anew, sync, and compare again.")
@click.option("--take", type=click.Choice(["ours", "theirs"]), help="What counts where stamps don't say it.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Look at no more rows at a time."
)
@click.option(
    "--since-last",
    is_flag=True,
    help="Look only at what was written since both were last found equal: quick, and blind for damage to other rows.",
)
@LOCK_TIMEOUT
@JSON
@click.pass_context
def verify(
    ctx: click.Context,
    database: str,
    remote: str,
    sync: bool,
    repair: bool,
    take: str | None,
    limit: int,
    since_last: bool,
    as_json: bool,
) -> None:
    """Compare what DATABASE and REMOTE hold, without sending it: are they equal, and if not, which rows and cells differ?

    Replicas that have the same changes have the same content, so what differs was damaged, or written past all triggers. --repair
    writes such rows anew, as follows from their stamps: of each cell the later write counts, and later ones go on to win.
    """
    if take and not repair:
        raise click.UsageError(
            "--take says what --repair writes: give --repair too ("
            f"{suggest.command('verify', database, remote, options=['--repair', '--take', take])}), or leave it out"
        )
    through = suggest.command("sync", database, remote, options=["--max-deletes", "off"])
    with open_replica(database) as replica, letting(through):
        report = replica.verify(remote, sync=sync, repair=repair, take=take, limit=limit, since_last=since_last)
        names = replica.names()
    if as_json:
        print_json(report.to_json())
    else:
        _show_verified(database, remote, report, names)
    ctx.exit(0 if report.equal else FAILED)


def _show_verified(database: str, remote: str, report: VerifyReport, names: Mapping[str, str]) -> None:
    if not report.compared:
        lacking = [
            f"{path} lacks changes of {count:,} sites"
            for path, count in ((database, report.missing_here), (remote, report.missing_there))
            if count
        ]
        again = suggest.command("verify", database, remote, options=["--sync"])
        click.echo(f"not compared: {', '.join(lacking)}: sync first, or run {again}")
        return
    for table in report.tables:
        if table.left_out is not None:
            click.echo(printable(f"{table.name} is not compared: {table.left_out}"))
    for row in report.rows:
        _show_difference(row, names)
    if report.mended:
        click.echo(f"{report.mended:,} rows were written anew")
    for reason in report.left:
        click.echo(printable(f"left: {reason}"))
    compared = sum(table.left_out is None for table in report.tables)
    count = f"{'at least ' if report.more else ''}{report.differing:,} rows differ"
    looked = "" if report.since is None else f", in what was written since all rows were read: {report.since}"
    click.echo(f"{compared:,} tables compared: {'equal' if report.equal else count}{looked}")
    if report.rows and not report.mended and not report.left:
        click.echo(f"  mend them: {suggest.plain_command('verify', database, remote, options=['--repair'])}")


def _show_difference(row: RowDifference, names: Mapping[str, str]) -> None:
    told = row.to_json()
    click.echo(printable(f"{row.table} {show_key(row.key)}: {_DIFFERS[row.what]}"))
    for column in row.columns if row.what in ("values", "stamps") else ():
        for side in ("here", "there"):
            click.echo(f"  {column} {side}: {_cell(told[side]['cells'][column], names)}")


def _cell(cell: Mapping[str, Any], names: Mapping[str, str]) -> str:
    written = (
        ""
        if cell["hlc"] == str(clock.ABSENT)
        else f"  {clock.show_time(int(cell['hlc']))} by {say(cell['site'], names)}"
    )
    return printable(f"{cell['value']!r}{written}")


_DIFFERS = {
    "here": "only here",
    "there": "only there",
    "values": "other values",
    "stamps": "equal values that count as written by other writes",
    "shown": "shown otherwise",
}
