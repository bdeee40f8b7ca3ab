"""The commands that look at what collided, and bring back what was deleted: conflicts, undelete. No SQL and no rules here."""

from __future__ import annotations

from collections.abc import Mapping

import click

from crdtsql.base import clock, printable, show, show_key, suggest
from crdtsql.conflicts import Conflict
from crdtsql.ui.sites import found as found_site
from crdtsql.ui.sites import say, say_writer
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the commands to a group."""
    for command in (conflicts, undelete):
        group.add_command(command)


@click.command()
@DATABASE
@click.option("--table", help="Of this table only.")
@click.option("--column", help="Of this column only: COLUMN or TABLE.COLUMN.")
@click.option("--site", help="Those only whose incoming value this site wrote, by its id or name.")
@click.option("--open", "open_only", is_flag=True, help="Those only that nobody has resolved.")
@click.option("--keep-per-cell", type=click.IntRange(min=0), help="Keep at most so many entries of one cell.")
@click.option("--keep-total", type=click.IntRange(min=0), help="Keep at most so many entries in all.")
@click.option("--keep-bytes", type=click.IntRange(min=0), help="Keep at most so many bytes of values.")
@LOCK_TIMEOUT
@JSON
def conflicts(
    database: str,
    table: str | None,
    column: str | None,
    site: str | None,
    open_only: bool,
    keep_per_cell: int | None,
    keep_total: int | None,
    keep_bytes: int | None,
    as_json: bool,
) -> None:
    """List the concurrent overwrites: both values, who wrote them and when, and whether somebody resolved it.

    With --keep-per-cell, --keep-total or --keep-bytes, say how many are kept from now on instead; resolved ones are forgotten
    first, then the oldest.
    """
    with open_replica(database) as replica:
        if (keep_per_cell, keep_total, keep_bytes) != (None, None, None):
            pruned = replica.limit_conflicts(per_cell=keep_per_cell, total=keep_total, size=keep_bytes)
            print_json({"forgotten": pruned}) if as_json else click.echo(f"{pruned:,} entries forgotten now")
            return
        found = replica.conflicts(table, open_only=open_only, column=column, site=found_site(replica, site))
        me, names = replica.site, replica.names()
    if as_json:
        print_json([conflict.to_json() for conflict in found])
        return
    for conflict in found:
        _show(conflict, me, names)
    still_open = sum(not conflict.resolved for conflict in found)
    click.echo(f"{len(found):,} concurrent overwrites, {still_open:,} open")
    first = next((str(conflict.id) for conflict in found if not conflict.resolved and not conflict.deleted), None)
    if first:
        take = suggest.plain_command("resolve", database, first, options=["--take", "theirs"])
        click.echo(f"  resolve the first: {take} (or ours; or --value and any other as JSON)")


def _show(conflict: Conflict, me: str, names: Mapping[str, str]) -> None:
    if conflict.resolved_hlc is not None:
        by = say(str(conflict.resolved_site), names, me)
        state = f"resolved {clock.show_time(conflict.resolved_hlc)} by {by}"
    else:
        state = f"open, took {conflict.took}{', row deleted' if conflict.deleted else ''}"
    column = conflict.column + (f" {conflict.part}" if conflict.part else "")
    click.echo(printable(f"{conflict.id}: {conflict.table} {show_key(conflict.key)} {column}: {state}"))
    for what, value, hlc, site, writer in (
        ("won ", conflict.won_value, conflict.won_hlc, conflict.won_site, conflict.won_by),
        ("lost", conflict.lost_value, conflict.lost_hlc, conflict.lost_site, conflict.lost_by),
    ):
        before = "before " if hlc < 0 else ""
        by = printable(say_writer(site, writer, names, me))
        click.echo(f"  {what} {show(value)}  {before}{clock.show_time(hlc)} by {by}")
    if not (conflict.resolved or conflict.deleted or conflict.part) and conflict.has_third:
        click.echo(f"  now  {show(conflict.present_value)}")


@click.command()
@DATABASE
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@LOCK_TIMEOUT
@JSON
def undelete(database: str, table: str, key: tuple[str, ...], as_json: bool) -> None:
    """Bring a deleted row back with its last values.

    The row wins over the deletion on every replica, and nothing else changes: what others wrote to its columns still counts.
    """
    with open_replica(database) as replica:
        replica.undelete(table, *key)
    if as_json:
        print_json({"undeleted": {"table": table, "key": list(key)}})
        return
    click.echo(f"undeleted {table} {show_key(key)}")
