"""The command that lists held rows."""

from __future__ import annotations

import click

from crdtsql.base import policy, printable, show, show_key
from crdtsql.shown import HeldRow
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(held)
    group.add_command(unique)


@click.command()
@DATABASE
@click.option("--table", help="Of this table only.")
@click.option("--deleted", is_flag=True, help="Also rows that are only deleted.")
@LOCK_TIMEOUT
@JSON
def held(database: str, table: str | None, deleted: bool, as_json: bool) -> None:
    """List the rows that a table can't show: why, and what would release each of them.

    They keep their values, are merged and sent on as ever, and come back by themselves once nothing is in their way.
    """
    with open_replica(database) as replica:
        found = replica.held(table, deleted=deleted)
    if as_json:
        print_json([row.to_json() for row in found])
        return
    for row in found:
        _show(row)
    click.echo(f"{len(found):,} row{'' if len(found) == 1 else 's'} held")


@click.command()
@DATABASE
@click.argument("table")
@click.argument("columns")
@click.argument("chosen", metavar="POLICY", type=click.Choice(policy.UNIQUE_POLICIES))
@LOCK_TIMEOUT
@JSON
def unique(database: str, table: str, columns: str, chosen: str, as_json: bool) -> None:
    """Say how TABLE shows a row whose UNIQUE value in COLUMNS (`a` or `a,b`) another row has.

    hold: the row is held. null: it is shown with NULL in these columns. suffix: it is shown with `#` and some digits after its
    text in the last column, or with nine digits after a whole number there (up to 9,000,000). same: both rows are one thing, as
    two tags of one name: it is held, and rows that refer to it show the other row's key. Run it on every replica: those with
    another policy refuse the changesets of this one.
    """
    names = [name.strip() for name in columns.split(",")]
    with open_replica(database) as replica:
        changed = replica.set_unique(table, names, chosen)
    if as_json:
        print_json({"table": table, "columns": names, "policy": chosen, "changed": changed})
        return
    was = "" if changed else " already"
    click.echo(
        f"rows of {table} that lose a value of ({', '.join(names)}) get {chosen}{was}; run the same on every other replica"
    )


def _show(row: HeldRow) -> None:
    detail = f" ({row.detail})" if row.detail else ""
    shown = ", and shown all the same" if row.shown else ""
    by = "" if row.by is None else f", written by {row.by}"
    click.echo(f"{printable(row.table)} {show_key(row.key)}: {row.reason}{printable(f'{detail}{shown}{by}')}")
    for name, value in row.values.items():
        click.echo(f"  {printable(name)} = {show(value)}")
    click.echo(f"  to release it: {printable(row.release)}")
