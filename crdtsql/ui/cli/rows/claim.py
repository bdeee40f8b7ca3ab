"""The commands about claims: `claim`, `renew`, `release`, `complete`, `claims`, `fence`. No SQL and no rules here."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from crdtsql.base import printable
from crdtsql.replica import Replica
from crdtsql.transports import named, reached
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table

if TYPE_CHECKING:
    from crdtsql.claims import Claim

_LENGTH = re.compile("([0-9]{1,9})(s|m|h|d)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DEFAULT = "10m"


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    for command in (claim, renew, release, complete, claims, fence):
        group.add_command(command)


def _length(_context: click.Context, _option: click.Parameter, given: str) -> timedelta:
    found = _LENGTH.fullmatch(given.strip())
    if found is None:
        raise click.BadParameter(f"{given!r} is no length of time, such as 90s, 10m, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


RESOURCE = click.argument("resource")
FOR = click.option(
    "--for",
    "length",
    metavar="TIME",
    default=_DEFAULT,
    show_default=True,
    callback=_length,
    help="When it lapses, unless it is renewed: 90s, 10m, 2h.",
)
TOKEN = click.option("--token", type=int, required=True, metavar="TOKEN", help="The claim's token.")
VIA = click.option(
    "--via",
    metavar="REMOTE",
    help="Ask the file of this remote, not DATABASE itself: a server's address, another file, or a remote's name.",
)
AS = click.option("--as", "holder", metavar="NAME", help="Who claims; without it, this user on this machine.")


@click.command()
@DATABASE
@RESOURCE
@FOR
@AS
@click.option("--again", is_flag=True, help="Claim it also if it is completed.")
@VIA
@LOCK_TIMEOUT
@JSON
def claim(
    database: str, resource: str, length: timedelta, holder: str | None, again: bool, via: str | None, as_json: bool
) -> None:
    """Claim RESOURCE, which one alone may do; print the claim's token, which is greater than all before it.

    RESOURCE is TABLE/KEY, or any other name. Of all who ask one file, or one server (--via), one gets it, until it is released,
    completed, or has lapsed and somebody else takes it. If it is held, or completed, the exit code is 3.

    Whoever has lost a claim can't know it: where that must do no harm, let `fence` refuse what is written under an old token.
    """
    with open_replica(database) as replica, _Via(replica, via) as there:
        _show(replica.claim(resource, holder=holder, length=length, again=again, via=there), as_json=as_json)


@click.command()
@DATABASE
@RESOURCE
@TOKEN
@FOR
@VIA
@LOCK_TIMEOUT
@JSON
def renew(database: str, resource: str, token: int, length: timedelta, via: str | None, as_json: bool) -> None:
    """Let a claim last longer from now on; also one that has lapsed, if nobody has taken it. Else the exit code is 3."""
    with open_replica(database) as replica, _Via(replica, via) as there:
        _show(replica.renew(resource, token, length=length, via=there), as_json=as_json)


@click.command()
@DATABASE
@RESOURCE
@click.option("--token", type=int, metavar="TOKEN", help="The claim's token.")
@click.option("--force", is_flag=True, help="Whoever has it: for when its holder is known to be gone.")
@VIA
@LOCK_TIMEOUT
@JSON
def release(database: str, resource: str, token: int | None, force: bool, via: str | None, as_json: bool) -> None:
    """Give a claim back, so that others can have it. If it is not the last claim any more, the exit code is 3."""
    if (token is None) != force:
        raise click.UsageError("give the claim's --token, or --force")
    with open_replica(database) as replica, _Via(replica, via) as there:
        _show(replica.release(resource, token, via=there), as_json=as_json)


@click.command()
@DATABASE
@RESOURCE
@TOKEN
@VIA
@LOCK_TIMEOUT
@JSON
def complete(database: str, resource: str, token: int, via: str | None, as_json: bool) -> None:
    """Say that what was claimed is done, so that nobody gets it again without --again. With an old token the exit code is 3."""
    with open_replica(database) as replica, _Via(replica, via) as there:
        _show(replica.complete(resource, token, via=there), as_json=as_json)


@click.command()
@DATABASE
@click.option("--all", "every", is_flag=True, help="Also what was released and completed.")
@VIA
@LOCK_TIMEOUT
@JSON
def claims(database: str, every: bool, via: str | None, as_json: bool) -> None:
    """List who has claimed what, and until when; what has lapsed can be claimed by others. For SQL it is in the view crdt_claims."""
    with open_replica(database) as replica, _Via(replica, via) as there:
        found = replica.claims(every=every, via=there)
    if as_json:
        print_json([one.to_json() for one in found])
        return
    if not found:
        click.echo("nothing is claimed")
        return
    rows = [[one.resource, one.state, one.holder, one.through, str(one.token), one.to_json()["until"]] for one in found]
    print_table(["resource", "state", "holder", "through", ">token", "until"], rows)


@click.command()
@DATABASE
@click.argument("table")
@click.argument("chosen", metavar="FENCE", type=click.Choice(["claimed", "always", "off"]), default="claimed")
@LOCK_TIMEOUT
@JSON
def fence(database: str, table: str, chosen: str, as_json: bool) -> None:
    """Refuse writes of rows of TABLE that are claimed, unless their writer shows the claim's token; for every program.

    claimed: of rows that somebody has claimed as TABLE/KEY. always: also updates and deletes of rows that nobody has claimed. off:
    refuse nothing any more. `write --token` shows a token; in SQL: INSERT INTO crdt_token VALUES (TOKEN), in the transaction of the
    write and before it, for each row that is written. It holds in this file alone; merges are not refused.
    """
    with open_replica(database) as replica:
        changed = replica.fence(table, None if chosen == "off" else chosen)
    if as_json:
        print_json({"table": table, "fence": chosen, "changed": changed})
        return
    click.echo(f"the fence of {printable(table)} is {chosen}{'' if changed else ' already'}")


class _Via:
    """A remote that is asked, open for the length of a block; None for the file itself."""

    def __init__(self, replica: Replica, via: str | None) -> None:
        self._there = None if via is None else reached(replica, named(replica.remotes(), via))

    def __enter__(self) -> Any:
        return self._there

    def __exit__(self, *_: object) -> None:
        if self._there is not None:
            self._there.close()


def _show(found: Claim, *, as_json: bool) -> None:
    if as_json:
        print_json(found.to_json())
    elif found.state in ("held", "lapsed"):
        click.echo(found.token)
    else:
        click.echo(f"{found.state} {printable(found.resource)}")
