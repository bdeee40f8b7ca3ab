"""The commands about tokens: who may sync over HTTP with a file of ours, and what to show to the servers of others."""

from __future__ import annotations

import sys

import click

from crdtsql.base import UsageError, caseless, clock, suggest
from crdtsql.replica import asked
from crdtsql.store import Registry
from crdtsql.transports import http
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, can_ask, open_replica, print_json, print_table


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(token_)


@click.group("token")
def token_() -> None:
    """Tokens, by which the server of `serve` knows who may sync. They are kept in this user's folder, never in a database file."""


@token_.command("add")
@DATABASE
@click.argument("name")
@click.option(
    "--tables", metavar="TABLE,...", help="Only for changes of these tables (docs/TRANSPORTS.md says what that means)."
)
@click.option("--read-only", is_flag=True, help="Whoever has it may take changes, and give none.")
@click.option("--write-only", is_flag=True, help="Whoever has it may give changes, and take none.")
@LOCK_TIMEOUT
@JSON
def add(database: str, name: str, tables: str | None, read_only: bool, write_only: bool, as_json: bool) -> None:
    """Make a token called NAME for whoever syncs with DATABASE, and print it: this is the only time that it is shown.

    It counts for the server that this user runs on this machine, from the next request on.
    """
    if read_only and write_only:
        raise click.UsageError("--read-only and --write-only: such a token would be for nothing")
    with open_replica(database) as replica:
        asked(replica, Registry.require)
        known = {caseless(table.name): table.name for table in asked(replica, Registry.tables)}
    chosen = None
    if tables is not None:
        chosen = [part.strip() for part in tables.split(",") if part.strip()]
        for table in chosen:
            if caseless(table) not in known:
                raise UsageError(
                    f"{database} has no replicated table {table!r}: {suggest.instead(table, [*known.values()], 'tables in this file')}"
                )
        if not chosen:
            raise click.UsageError("--tables needs the name of a table")
        chosen = [known[caseless(table)] for table in chosen]
    made = http.Tokens(database).add(name, read=not write_only, write=not read_only, tables=chosen)
    if as_json:
        print_json({"name": name, "token": made, "read": not write_only, "write": not read_only, "tables": chosen})
    else:
        click.echo(made)


@token_.command("list")
@DATABASE
@LOCK_TIMEOUT
@JSON
def list_(database: str, as_json: bool) -> None:
    """List the tokens for DATABASE; the tokens themselves are known to nobody any more."""
    with open_replica(database):
        found = http.Tokens(database).all()
    if as_json:
        print_json([{"name": token.name} | token.to_json() for token in found])
        return
    rows = [
        [
            token.name,
            "give and take" if token.read and token.write else "take" if token.read else "give",
            "all" if token.tables is None else ", ".join(token.tables),
            clock.show_time(clock.from_ms(token.added_ms)),
        ]
        for token in found
    ]
    print_table(["name", "may", "tables", "added"], rows)


@token_.command("revoke")
@DATABASE
@click.argument("name")
@LOCK_TIMEOUT
@JSON
def revoke(database: str, name: str, as_json: bool) -> None:
    """Let the token NAME count no more, from the next request on."""
    with open_replica(database):
        http.Tokens(database).revoke(name)
    print_json({"name": name}) if as_json else click.echo(f"{name} counts no more")


@token_.command("keep")
@click.argument("address")
@click.option(
    "--token-file", metavar="FILE", help="A file with the token; else it is asked for, or read from standard input."
)
@click.option("--forget", is_flag=True, help="Forget the token for the address.")
@JSON
def keep(address: str, token_file: str | None, forget: bool, as_json: bool) -> None:
    """Keep the token to show to the server at ADDRESS, for this user; it replaces one that was kept before.

    It is kept in a file that only this user may read. Without one, the environment variable CRDTSQL_TOKEN is shown.
    """
    place = http.identity(address)
    if forget:
        if not http.keys.forget(place):
            raise UsageError(f"there is no token for {address}")
    else:
        http.keys.keep(place, http.keys.from_file(token_file) if token_file else _asked(address))
    print_json({"address": place, "kept": not forget}) if as_json else click.echo(
        f"{'forgot' if forget else 'kept'} the token for {place}"
    )


def _asked(address: str) -> str:
    """Ask for a token without showing it, or read it from standard input."""
    if can_ask():
        return str(click.prompt(f"token for {address}", hide_input=True)).strip()
    return sys.stdin.read(http.keys.LONGEST + 1).strip()
