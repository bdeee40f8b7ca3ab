"""The command that shows, and drops, what a file keeps for others: strangers. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import printable
from crdtsql.look import Stranger
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json

HEADINGS = {
    "table": "tables that are not in this file",
    "column": "columns that its tables do not have",
    "era": "tables that are not replicated here and were disabled elsewhere",
    "site": "sites without changes here",
}


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(strangers)


@click.command()
@DATABASE
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--drop", is_flag=True, help="Forget them, all where no NAME is given.")
@LOCK_TIMEOUT
@JSON
def strangers(database: str, names: tuple[str, ...], drop: bool, as_json: bool) -> None:
    """Show what the file keeps for others: tables, columns and more that other replicas have and it has not.

    It is passed on, and shown once the table or column is there. What is dropped is not asked for again: others have it still, but
    whoever gets changes only from here will lack it. Drop what stands in the way, such as a table that somebody made up under the name
    of one of yours.
    """
    with open_replica(database) as replica:
        found = replica.drop_strangers(*names) if drop else replica.strangers()
    if names and not drop:
        found = [one for one in found if one.name in names]
    if as_json:
        print_json({"strangers": [one.to_json() for one in found], "dropped": drop})
        return
    if not found:
        click.echo("nothing is kept for others")
    for kind, heading in HEADINGS.items():
        some = [one for one in found if one.kind == kind]
        if some:
            click.echo(f"{'dropped: ' if drop else ''}{heading}:")
        for one in some:
            click.echo(f"  {_line(one)}")


def _line(one: Stranger) -> str:
    rows = f", {one.rows:,} {'rows' if one.kind == 'table' else 'cells'}" if one.kind in ("table", "column") else ""
    by = "written by" if one.kind in ("table", "column") else "told by"
    wrote = f", {by} {', '.join(one.sites)}" if one.sites else ""
    return printable(f"{one.name}{': ' if one.says else ''}{one.says[:200]}{rows}{wrote}")
