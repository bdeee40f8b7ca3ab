"""The commands that give names: `name` to a site, `remote` to the addresses that a file syncs with."""

from __future__ import annotations

import click

from crdtsql.base import UsageError, clock, suggest
from crdtsql.ui.cli.access.showing import TOKEN_FILE, token_in
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (remote_, name):
        group.add_command(command)


@click.command()
@DATABASE
@click.argument("text", metavar="[NAME]", required=False)
@click.option("--remove", is_flag=True, help="Take the name away.")
@LOCK_TIMEOUT
@JSON
def name(database: str, text: str | None, remove: bool, as_json: bool) -> None:
    """Call the site of DATABASE by NAME; without it, list what sites are called.

    Names travel with the next changes, and are shown in place of the ids of sites.
    """
    if remove and text is not None:
        raise click.UsageError("give a NAME, or --remove")
    with open_replica(database) as replica:
        if remove or text is not None:
            replica.set_name(text or "")
        names, me = replica.names(), replica.site
    if as_json:
        print_json({"site": me, "names": names})
        return
    print_table(
        ["name", "site"], [[called, f"{site} (this file)" if site == me else site] for site, called in names.items()]
    )


@click.group("remote")
def remote_() -> None:
    """Remotes that a file calls by names, so that `sync` needs no addresses."""


@remote_.command("add")
@DATABASE
@click.argument("name")
@click.argument("address")
@TOKEN_FILE
@LOCK_TIMEOUT
@JSON
def add(database: str, name: str, address: str, token_file: str | None, as_json: bool) -> None:
    """Call ADDRESS by NAME, in this file alone; look first whether it is a remote, and make an empty folder a store.

    A token is kept for the address, for this user and outside of every database file, if the server takes it.
    """
    from crdtsql.transports import http, probe

    token = token_in(token_file, address)
    with open_replica(database) as replica:
        absolute, what = probe(replica, address, token)
        if token is not None:
            http.keys.keep(http.identity(absolute), token)
        replica.add_remote(name, absolute)
    print_json({"name": name, "address": absolute, "is": what}) if as_json else click.echo(
        f"{name}: {absolute}, {what}"
    )


@remote_.command("list")
@DATABASE
@LOCK_TIMEOUT
@JSON
def list_(database: str, as_json: bool) -> None:
    """List the remotes that have names."""
    with open_replica(database) as replica:
        known = replica.remotes()
    if as_json:
        print_json([{"name": name, "address": address} for name, address in known.items()])
        return
    print_table(["name", "address"], [[name, address] for name, address in known.items()])


@remote_.command("show")
@DATABASE
@click.argument("name")
@LOCK_TIMEOUT
@JSON
def show_(database: str, name: str, as_json: bool) -> None:
    """Show one remote, and what was last seen of it if it is a store."""
    from crdtsql.transports import known_stores

    with open_replica(database) as replica:
        known, visited = replica.remotes(), known_stores(replica)
    if name not in known:
        raise UsageError(f"there is no remote {name!r}: {suggest.instead(name, [*known], 'remotes of this file')}")
    seen = next((one for one in visited if one.address == known[name]), None)
    if as_json:
        print_json({"name": name, "address": known[name], "seen": seen and seen.to_json()})
        return
    click.echo(f"{name}: {known[name]}")
    if seen:
        waiting = f"; {seen.waiting:,} changesets there wait for others" if seen.waiting else ""
        click.echo(f"  last seen {clock.show_time(clock.from_ms(seen.seen_ms))}{waiting}")


@remote_.command("remove")
@DATABASE
@click.argument("name")
@LOCK_TIMEOUT
@JSON
def remove(database: str, name: str, as_json: bool) -> None:
    """Forget the NAME of a remote; the remote itself stays as it is."""
    with open_replica(database) as replica:
        replica.remove_remote(name)
    print_json({"name": name}) if as_json else click.echo(f"{name} is no name of a remote any more")
