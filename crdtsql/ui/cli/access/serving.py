"""The command `serve`: answer replicas over HTTP, or over standard input and output."""

from __future__ import annotations

import sys
from functools import partial

import click

from crdtsql.base import suggest
from crdtsql.mcp import endpoint, is_installed
from crdtsql.page import has_page, page_of
from crdtsql.transports import http, pipe
from crdtsql.ui.outcome import show_notice
from crdtsql.ui.terminal import JSON, LOCK_TIMEOUT, lock_timeout, open_replica, print_json


def register(group: click.Group) -> None:
    """Add the command to the others."""
    group.add_command(serve)


@click.command()
@click.argument(
    "database", nargs=-1, required=True, metavar="DATABASE...", type=click.Path(dir_okay=False, readable=False)
)
@click.option("--listen", metavar="HOST:PORT", help="Answer over HTTP there; port 0 is any that is free.")
@click.option(
    "--unix", metavar="PATH", help="Answer over HTTP on this socket, which needs no token and only this user can reach."
)
@click.option("--tls-cert", metavar="FILE", help="Speak https: with the certificate in this file (PEM).")
@click.option("--tls-key", metavar="FILE", help="The key of the certificate, where it is in a file of its own.")
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=None,
    metavar="BYTES",
    help="The longest request that is taken; 256 MiB without it.",
)
@click.option("--stdio", is_flag=True, help="Read requests from standard input, answer on standard output.")
@LOCK_TIMEOUT
@JSON
def serve(
    database: tuple[str, ...],
    listen: str | None,
    unix: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    max_bytes: int | None,
    stdio: bool,
    as_json: bool,
) -> None:
    """Answer the replicas that sync with DATABASE, or with several.

    Over HTTP until Ctrl-C or SIGTERM: each file is at /NAME, its name without its ending, for everybody who has a token (`crdtsql
    token add`): `crdtsql sync mine.db http://127.0.0.1:7700/app`. Agents that speak the Model Context Protocol find the file at
    /NAME/mcp, with the same tokens, if the extra `mcp` is installed; people find pages to look at, and to settle conflicts, at
    /NAME/page.

    With --stdio until the conversation ends. This is what `crdtsql sync app.db ssh://host/DATABASE` runs on the other machine; people
    don't. As a forced command in `authorized_keys` it lets a key do nothing else: command="crdtsql serve --stdio /srv/app.db",restrict
    ssh-ed25519 ...
    """
    if stdio and (listen or unix or len(database) != 1):
        raise click.UsageError("--stdio answers for one file, and nowhere else")
    if not (stdio or listen or unix):
        raise click.UsageError("say where to answer: --listen 127.0.0.1:7700, --unix PATH or --stdio")
    if (tls_cert or tls_key) and not (tls_cert and listen):
        raise click.UsageError("--tls-cert belongs to --listen, and --tls-key to --tls-cert")
    if stdio:
        with open_replica(database[0]) as replica:
            answered = pipe.serve(replica, sys.stdin.buffer, sys.stdout.buffer)
        if as_json:
            print_json({"answered": answered})
        return
    for path in database:
        with open_replica(path) as replica:
            replica.fold()
    limits = http.Limits(body_bytes=max_bytes) if max_bytes else http.Limits()
    places = {"listen": listen, "unix": unix, "certificate": tls_cert, "key": tls_key}
    rooms: dict[str, http.MakeRoom] = {"mcp": endpoint} if is_installed() else {}
    if has_page():
        rooms["page"] = page_of
    told = partial(_tell, as_json)
    http.run(database, **places, limits=limits, lock_timeout=lock_timeout(), rooms=rooms, told=told)


def _tell(as_json: bool, addresses: dict[str, list[str]], in_clear: bool) -> None:
    """Say where files are, at once also to a pipe."""
    if in_clear:
        show_notice(
            "without TLS whoever is on the way can read and change everything: give --tls-cert, or put a proxy before it"
        )
    for path, places in addresses.items():
        if not http.Tokens(path).all() and any(not text.startswith("unix:") for text in places):
            show_notice(f"{path}: nobody has a token yet: {suggest.command('token add', path, 'laptop')} makes one")
    if as_json:
        print_json(addresses)
    else:
        for path, places in addresses.items():
            click.echo(f"{path}: {', '.join(places)}")
    sys.stdout.flush()
