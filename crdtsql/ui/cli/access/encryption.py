"""The commands about encryption: which devices read what lies in a folder, a bucket or a stream."""

from __future__ import annotations

from typing import Any

import click

from crdtsql.transports import secrecy
from crdtsql.ui.terminal import JSON, print_json, print_table


def register(group: click.Group) -> None:
    """Add the commands to the others."""
    group.add_command(encryption)


@click.group("encryption")
def encryption() -> None:
    """Encrypted stores: what lies in a folder, a bucket or a stream can be read on chosen devices alone (docs/SECURITY.md)."""


@encryption.command("key")
@JSON
def key(as_json: bool) -> None:
    """Print the public key of this device, which whoever began to encrypt a store lets in."""
    found = secrecy.own_key()
    print_json({"key": found}) if as_json else click.echo(found)


@encryption.command("begin")
@click.argument("address")
@click.option("--name", help="What people call this device; the machine's name if not given.")
@JSON
def begin(address: str, name: str | None, as_json: bool) -> None:
    """Encrypt the empty store at ADDRESS from now on, for this device alone; `encryption add` lets in others."""
    _tell(address, secrecy.begin(address, name), as_json, "is encrypted")


@encryption.command("add")
@click.argument("address")
@click.argument("key")
@click.option("--name", required=True, help="What people call that device.")
@JSON
def add(address: str, key: str, name: str, as_json: bool) -> None:
    """Let the device with the public KEY read the store at ADDRESS, also what is there already."""
    _tell(address, secrecy.add(address, key, name), as_json, f"is encrypted for {name} too")


@encryption.command("remove")
@click.argument("address")
@click.argument("device")
@JSON
def remove(address: str, device: str, as_json: bool) -> None:
    """Let DEVICE, a name or a public key, read nothing that is put into the store from now on."""
    _tell(address, secrecy.remove(address, device), as_json, f"has a new key, which {device} does not get")


@encryption.command("rotate")
@click.argument("address")
@JSON
def rotate(address: str, as_json: bool) -> None:
    """Encrypt what is put into the store from now on with a new key, for the same devices."""
    _tell(address, secrecy.rotate(address), as_json, "has a new key")


@encryption.command("list")
@click.argument("address")
@JSON
def list_(address: str, as_json: bool) -> None:
    """List the devices that read the store at ADDRESS, and the group that says so."""
    ring, may_change = secrecy.look(address)
    if as_json:
        print_json(_json(ring) | {"may_change": may_change})
        return
    own = secrecy.own_key()
    print_table(
        ["device", "public key", ""], [[one.name, one.key, "this one" * (one.key == own)] for one in ring.readers]
    )
    click.echo(f"group {ring.group}, version {ring.version}, {len(ring.keys)} keys so far")
    if may_change:
        click.echo("this device says who reads it")


@encryption.command("join")
@click.argument("address")
@click.argument("group")
@JSON
def join(address: str, group: str, as_json: bool) -> None:
    """Believe GROUP alone who reads the store at ADDRESS, before the first sync: `encryption list` prints it elsewhere."""
    secrecy.join(address, group)
    print_json({"address": address, "group": group}) if as_json else click.echo(f"{address}: group {group}")


def _json(ring: secrecy.Ring) -> dict[str, Any]:
    return {
        "group": ring.group,
        "version": ring.version,
        "keys": len(ring.keys),
        "readers": [{"name": one.name, "key": one.key} for one in ring.readers],
    }


def _tell(address: str, ring: secrecy.Ring, as_json: bool, what: str) -> None:
    print_json(_json(ring)) if as_json else click.echo(f"{address} {what}")
