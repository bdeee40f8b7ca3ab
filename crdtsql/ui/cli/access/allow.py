"""The commands about who may write what: `allow`, and `aside` for what was refused. No SQL and no rules here."""

from __future__ import annotations

import click

from crdtsql.base import clock, printable
from crdtsql.ui.merged import show_report
from crdtsql.ui.sites import say
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(allow)
    group.add_command(aside)


@click.command()
@DATABASE
@click.argument("site", required=False)
@click.option("--tables", metavar="TABLE,...", help="It may write these tables alone; none with an empty list.")
@click.option("--no-delete", is_flag=True, help="It may delete no rows.")
@click.option(
    "--only-own",
    is_flag=True,
    help="It may write all tables, and bring its own changes alone, as any site that is limited.",
)
@click.option("--all", "everything", is_flag=True, help="It may write anything, and bring what others wrote.")
@LOCK_TIMEOUT
@JSON
def allow(
    database: str,
    site: str | None,
    tables: str | None,
    no_delete: bool,
    only_own: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """List what sites may write here that may not write all; with SITE, the id of a site, and options, say so.

    Whatever a site is limited to, it may bring its own changes alone: what others wrote must come from them. A changeset that breaks
    that is set aside as a whole: see `aside`. It holds against liars only where signatures are required (docs/SECURITY.md).
    """
    limits = tables is not None or no_delete or only_own
    if limits and everything:
        raise click.UsageError("--all ends all limits: give it alone")
    if site is None and (limits or everything):
        raise click.UsageError("say which site, by its id")
    with open_replica(database) as replica:
        if site is not None and everything:
            replica.allow_all(site)
        elif site is not None and limits:
            named = None if tables is None else [part.strip() for part in tables.split(",") if part.strip()]
            replica.allow(site, tables=named, deletes=not no_delete)
        found, names, me = replica.permissions(), replica.names(), replica.site
    if site is not None:
        found = [one for one in found if one.site == site]
    if as_json:
        print_json({"permissions": [one.to_json() for one in found]})
        return
    for one in found:
        click.echo(printable(f"{say(one.site, names, me)} {one.site}: {one}"))
    if not found:
        click.echo("every site may write anything" if site is None else f"site {site} may write anything")


@click.command()
@DATABASE
@click.argument("number", type=int, required=False)
@click.option("--take", is_flag=True, help="Merge it, now that its sites may write what it has.")
@click.option("--drop", is_flag=True, help="Forget it.")
@LOCK_TIMEOUT
@JSON
def aside(database: str, number: int | None, take: bool, drop: bool, as_json: bool) -> None:
    """List the changesets that were refused because a site may not write what they have; with NUMBER, take or drop one."""
    if (number is None) == (take or drop) or (take and drop):
        raise click.UsageError("give a NUMBER and one of --take and --drop, or neither")
    report = None
    with open_replica(database) as replica:
        if number is not None and take:
            report = replica.take_aside(number)
        elif number is not None:
            replica.drop_aside(number)
        found, names = replica.aside(), replica.names()
    if as_json:
        taken = {} if report is None else {"taken": report.to_json()}
        print_json({"aside": [one.to_json() for one in found], **taken})
        return
    if report is not None:
        show_report(database, report)
    elif number is None and not found:
        click.echo("nothing is set aside")
    if found:
        print_table(
            [">number", "since", "from", ">bytes", "why"],
            [
                [
                    str(one.number),
                    clock.show_time(clock.from_ms(one.at_ms)),
                    say(one.sender, names),
                    f"{one.size_bytes:,}",
                    printable(one.why),
                ]
                for one in found
            ],
        )
