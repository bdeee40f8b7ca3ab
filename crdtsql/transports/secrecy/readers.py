"""Readers: whoever began to encrypt a store says which devices read it, and changes its key.

A device that is taken out keeps what it has read, and the keys so far: what is put there from then on has a new key.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from crdtsql.base import TransportError, UsageError, suggest
from crdtsql.replica import LOCK_TIMEOUT_S
from crdtsql.transports.addresses import opener, parse
from crdtsql.transports.interface import Context, Store
from crdtsql.transports.secrecy import device
from crdtsql.transports.secrecy import ring as rings
from crdtsql.transports.secrecy.ring import Reader, Ring
from crdtsql.transports.secrecy.sealed import Sealed
from crdtsql.transports.stores import segments

KEPT_RINGS = 4
"""So many rings stay: where files come late, the newest one may come after an older one went."""


def own_key() -> str:
    """Return this device's public key."""
    return rings.public_key(device.private_key())


def begin(address: str, name: str | None = None) -> Ring:
    """Encrypt an empty store from now on, for this device alone.

    Args:
        name: what people call this device; the machine's name if not given.

    Raises:
        UsageError: it has changesets already, or is encrypted.
    """
    with _store(address) as store:
        if not store.exists():
            store.begin()
        names = store.names()
        if any(rings.version_of(one) is not None for one in names) or device.find(store.identity) is not None:
            raise UsageError(
                f"{address} is encrypted already: {suggest.command('encryption list', address)} says for whom"
            )
        if segments.gather(names):
            raise UsageError(
                f"{address} has changesets that anybody who sees it can read: encrypt an empty one, and sync with that"
            )
        secret = rings.new_group()
        return _put(store, secret, 1, (rings.new_key(),), (Reader(own_key(), name or socket.gethostname()),))


def add(address: str, key: str, name: str) -> Ring:
    """Let a device read a store, also what was put there before.

    Args:
        key: the device's public key, as `crdtsql encryption key` prints it there.

    Raises:
        UsageError: it is no such key, or it or its name is there already; or this device may not say so.
    """
    if not rings.is_public_key(key):
        raise UsageError(
            f"{key!r:.100} is no public key: on the other machine, {suggest.command('encryption key')} prints one"
        )
    with _changing(address) as (store, secret, ring):
        for one in ring.readers:
            if key == one.key or name == one.name:
                raise UsageError(f"{one.name} ({one.key}) reads {address} already")
        return _put(store, secret, ring.version + 1, ring.keys, (*ring.readers, Reader(key, name)))


def remove(address: str, who: str) -> Ring:
    """Let a device read nothing that is put there from now on.

    Args:
        who: its name, or its public key.

    Raises:
        UsageError: there is no such one, or it is this device; or this device may not say so.
    """
    with _changing(address) as (store, secret, ring):
        left = tuple(one for one in ring.readers if who not in one)
        if len(left) == len(ring.readers):
            known = suggest.instead(who, [one.name for one in ring.readers], f"devices that read {address}")
            raise UsageError(f"no device {who!r} reads {address}: {known}")
        if own_key() not in {one.key for one in left}:
            raise UsageError(f"{who} is this device, which says who reads {address}: it can't take itself out")
        return _put(store, secret, ring.version + 1, (*ring.keys, rings.new_key()), left)


def rotate(address: str) -> Ring:
    """Encrypt what is put there from now on with a new key, for the same devices.

    Raises:
        UsageError: this device may not say so.
    """
    with _changing(address) as (store, secret, ring):
        return _put(store, secret, ring.version + 1, (*ring.keys, rings.new_key()), ring.readers)


def join(address: str, group: str) -> None:
    """Take rings of a store from one group alone, before anything of the store was seen.

    Raises:
        UsageError: that is no group, or another one is known.
    """
    if len(group) != 64 or not set(group) <= set("0123456789abcdef"):
        raise UsageError(
            f"{group!r:.100} is no group: {suggest.command('encryption list', address)} prints it where it reads"
        )
    with _store(address) as store:
        store.exists()
        known = device.find(store.identity)
        if known is not None and known.group != group and known.ring:
            raise UsageError(
                f"{address} is known to be of the group {known.group}: if it was begun anew, use another place for it"
            )
        if known is None or known.group != group:  # nothing of a group that was misspelt was ever read
            device.keep(store.identity, device.KnownRing(group))


def look(address: str) -> tuple[Ring, bool]:
    """Return the ring of a store, and whether this device may change it.

    Raises:
        TransportError: it is not encrypted, or not for this device.
    """
    with _store(address) as store:
        return _ring(store), bool(_known(store).secret)


@contextmanager
def _store(address: str) -> Iterator[Store]:
    """Open the store of an address, without a look at its rings."""
    found = parse(address)
    with opener(found)(found, Context(LOCK_TIMEOUT_S)) as store:
        if not isinstance(store, Store):
            raise UsageError(
                f"{os.fspath(address)} is no store: files lie encrypted in folders, buckets and streams alone"
            )
        yield store


def _ring(store: Store) -> Ring:
    sealed = Sealed(store)
    if store.exists():
        sealed.names()
    if sealed.ring is None:
        raise TransportError(
            f"{store.address} is not encrypted: {suggest.command('encryption begin', store.address)} encrypts an empty one"
        )
    return sealed.ring


def _known(store: Store) -> device.KnownRing:
    return device.find(store.identity) or device.KnownRing("")


@contextmanager
def _changing(address: str) -> Iterator[tuple[Store, str, Ring]]:
    with _store(address) as store:
        ring = _ring(store)
        if not (secret := _known(store).secret):
            raise UsageError(
                f"only the device that began to encrypt {address} says who reads it: "
                f"run this there; {suggest.command('encryption list', address)} lists the devices"
            )
        yield store, secret, ring


def _put(store: Store, secret: str, version: int, keys: Sequence[str], allowed: Sequence[Reader]) -> Ring:
    name, data = rings.write(secret, version, keys, allowed)
    store.put(name, data)
    device.keep(store.identity, device.KnownRing(rings.group_of(secret), version, data, secret))
    old = sorted(one for one in store.names() if rings.version_of(one) is not None)
    for one in old[:-KEPT_RINGS]:
        store.delete(one)
    return Ring(rings.group_of(secret), version, tuple(keys), tuple(allowed))
