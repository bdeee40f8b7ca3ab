"""The commands about keys: with which one a file signs, and whose it believes: `sign` and `trust`. No SQL and no rules here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crdtsql.base import clock, suggest
from crdtsql.ui.sites import say
from crdtsql.ui.terminal import DATABASE, JSON, LOCK_TIMEOUT, open_replica, print_json, print_table

if TYPE_CHECKING:
    from crdtsql.trust import Signer


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(sign)
    group.add_command(trust)


@click.command()
@DATABASE
@click.option(
    "--rotate", is_flag=True, help="Take another key, which the one so far signs: who knows that one follows."
)
@click.option(
    "--anew", is_flag=True, help="Take another key because the one so far is lost or stolen: others must trust it anew."
)
@click.option(
    "--chain/--no-chain",
    "chained",
    default=None,
    help="Sign its own changes as a chain of links, and keep those of others, so that they are passed on as they were signed; or not.",
)
@LOCK_TIMEOUT
@JSON
def sign(database: str, rotate: bool, anew: bool, chained: bool | None, as_json: bool) -> None:
    """Sign what DATABASE exports from now on, and print its site and public key.

    The private key is kept in the state directory of this user, never in the file. It needs `pip install 'crdtsql[signed]'`.
    """
    with open_replica(database) as replica:
        found = replica.sign(rotate=rotate, anew=anew)
        if chained is not None:
            replica.set_chains(chained)
        chained = replica.chains()
    if as_json:
        print_json(found.to_json() | {"chain": chained})
        return
    click.echo(f"{database} signs as site {found.site.hex()}{', in a chain of links' if chained else ''}")
    trusted = suggest.plain_command("trust", "FILE", found.site.hex(), options=["--key", found.key.hex()])
    click.echo(f"for other files: {trusted}")


@click.command()
@DATABASE
@click.argument("site", required=False)
@click.option(
    "--key", help="The public key of SITE, as `sign` prints it there; without it the one that it was seen to sign with."
)
@click.option("--revoke", is_flag=True, help="Take nothing any more that SITE sends, or wrote after what is here.")
@click.option(
    "--require-signed/--no-require-signed",
    "required",
    default=None,
    help="Take changesets from trusted sites alone, from now on; or from everybody again.",
)
@click.option(
    "--require-proofs/--no-require-proofs",
    "proven",
    default=None,
    help="Take changes from their authors alone, or as these signed them, whoever passes them on, from now on; or as before.",
)
@LOCK_TIMEOUT
@JSON
def trust(
    database: str,
    site: str | None,
    key: str | None,
    revoke: bool,
    required: bool | None,
    proven: bool | None,
    as_json: bool,
) -> None:
    """List the sites that sign; with SITE, the id of a site, trust it.

    The first key that signs as a site is noted, and the site must sign with it from then on. Only a site that you trust counts where
    signatures are required. See docs/SECURITY.md for what that proves.
    """
    if site is None and (key is not None or revoke):
        raise click.UsageError("say of which site, by its id")
    if revoke and key is not None:
        raise click.UsageError("--revoke takes no --key")
    if proven and required is False:
        raise click.UsageError("--require-proofs and --no-require-signed: proofs are signatures")
    with open_replica(database) as replica:
        if site is not None:
            replica.revoke(site) if revoke else replica.trust(site, key)
        if proven is not None:
            replica.set_requires_proofs(proven)
        if required is not None:
            replica.set_requires_signed(required)
        found, names, me, required = replica.trusted(), replica.names(), replica.site, replica.requires_signed()
        proven = replica.requires_proofs()
    if as_json:
        print_json({"required": required, "proofs": proven, "sites": [one.to_json() for one in found]})
        return
    if found:
        rows = [[say(one.site.hex(), names, me), one.site.hex(), one.key.hex(), _standing(one, me)] for one in found]
        print_table(["site", "id", "public key", ""], rows)
    click.echo(
        "changesets are taken from trusted sites alone"
        if required
        else "changesets that are not signed are taken too, but for those of the sites above"
    )
    if proven:
        click.echo("what a site wrote is taken from it alone, or as it signed it")


def _standing(one: Signer, me: str) -> str:
    if one.until is not None and one.forked:
        return f"signed two things as link {one.forked}: nothing after {clock.show_time(one.until)}"
    if one.until is not None:
        return f"revoked after {clock.show_time(one.until)}" if one.until else "revoked"
    if one.site.hex() == me:
        return "own"
    return "trusted" if one.trusted else "seen first"
