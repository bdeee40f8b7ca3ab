"""The command `mcp`: let an agent read and write a file by the Model Context Protocol."""

from __future__ import annotations

import sys

import click

from crdtsql.base import UsageError, suggest
from crdtsql.mcp import run
from crdtsql.transports import http
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, lock_timeout, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(mcp_)


@click.command("mcp")
@DATABASE
@click.option("--read-only", is_flag=True, help="Let the agent read, and no more.")
@click.option("--tables", metavar="NAME,...", help="Let it touch these tables alone.")
@LOCK_TIMEOUT
@JSON
def mcp_(database: str, read_only: bool, tables: str | None, as_json: bool) -> None:
    """Let an agent read and write DATABASE by the Model Context Protocol, on standard input and output.

    Coding agents start this themselves; people don't. Give it to one as the command of an MCP server:

    \b
      {"command": "crdtsql", "args": ["mcp", "/home/me/app.db"]}

    The agent gets tools to query, to write what it has seen, to settle conflicts, and to sync with remotes that have names. A write
    that would overwrite a row which the agent has not seen is refused. With `crdtsql serve` agents come over HTTP too, at /NAME/mcp,
    with the tokens of `crdtsql token`.
    """
    chosen = None if tables is None else tuple(name.strip() for name in tables.split(",") if name.strip())
    if chosen == ():
        raise UsageError("--tables names no table")
    with open_replica(database) as replica:
        for name in chosen or ():
            replica.key_of(name)
        replica.fold()
    if sys.stdin.isatty():
        click.echo(
            f"an agent is awaited on standard input (Ctrl-C ends this): {suggest.verb('mcp --help')} says more",
            err=True,
        )
    run(database, http.Token("this agent", write=not read_only, tables=chosen), lock_timeout())
    if as_json:
        print_json({"served": database})
