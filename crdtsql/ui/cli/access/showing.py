"""Showing a token: the option that commands have which reach a server, and how they open it with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crdtsql.transports import named, reached

if TYPE_CHECKING:
    from crdtsql.replica import Replica
    from crdtsql.transports import Peer, Store

TOKEN_FILE = click.option("--token-file", metavar="FILE", help="A file with the token to show to the server.")


def token_in(file: str | None, remote: str | None) -> str | None:
    """Return the token in a file, if one is given."""
    if file is None:
        return None
    if remote is None:
        raise click.UsageError("--token-file is for one remote: say which")
    from crdtsql.transports import http

    return http.keys.from_file(file)


def with_token(replica: Replica, remote: str, token: str | None) -> str | Peer | Store:
    """Return a remote as it is given, or open to be shown a token."""
    return remote if token is None else reached(replica, named(replica.remotes(), remote), token)
