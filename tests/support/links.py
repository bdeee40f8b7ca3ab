"""Forge links of chains, and bundles of them: sign by hand what a liar, or a thief of a key, would sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from crdtsql import Replica
from crdtsql.trust import ed25519, signers
from crdtsql.wire import Bundle, ChainLink, KeyStep, bytes_of, is_bundle, pack_bundle, read_bundle, unpack
from crdtsql.wire.envelope import BUNDLE, MAGIC, PREFIX, SIGNED, digest_of
from tests.support import forge

Item = tuple[ChainLink | None, bytes]


def introduced(*replicas: Replica, proofs: bool = True) -> None:
    """Let replicas sign, trust each other, and require proofs."""
    keys = {replica.site: replica.sign().key.hex() for replica in replicas}
    for replica in replicas:
        for site, key in keys.items():
            if site != replica.site:
                replica.trust(site, key)
        if proofs:
            replica.set_requires_proofs(True)


def keeping_chains(*replicas: Replica) -> None:
    """Let replicas sign, trust each other, and keep chains, which none requires."""
    introduced(*replicas, proofs=False)
    for replica in replicas:
        replica.set_chains(True)


def secret(replica: Replica) -> bytes:
    """Return the private key of a replica's site."""
    return signers._secrets(bytes.fromhex(replica.site))[-1]


def items(data: bytes) -> list[Item]:
    """Return what a bundle has; a changeset is in none."""
    if not is_bundle(data):
        return [(None, data)]
    return [(link, bytes_of(one)) for link, one in read_bundle(data).changesets]


def told(data: bytes) -> tuple[ChainLink, ...]:
    """Return what a bundle tells of chains; a changeset tells nothing."""
    return read_bundle(data).heads if is_bundle(data) else ()


def of_site(data: bytes, site: str) -> list[tuple[ChainLink, bytes]]:
    """Return the links of a site that a bundle has, with their changesets."""
    return [(link, one) for link, one in items(data) if link is not None and link.site.hex() == site]


def bundle(found: Iterable[Item], heads: Sequence[ChainLink] = ()) -> bytes:
    """Pack a bundle."""
    return bytes_of(pack_bundle(Bundle(tuple(found), tuple(heads))))


def signed(link: ChainLink, key: bytes) -> ChainLink:
    """Sign a link with a private key, whosever it is."""
    return replace(link, signature=ed25519.sign(key, ed25519.LINK, link.statement))


def resigned(
    item: tuple[ChainLink, bytes], key: bytes, changed: bytes | None = None, **fields: object
) -> tuple[ChainLink, bytes]:
    """Return a link with another changeset or other fields, signed anew with a private key; the changeset too, if it is another one.

    The changeset says that its author has the keys that it had.
    """
    link, data = item
    if changed is not None:
        data = forge.signed(changed, key, _steps(data))
    fields = {"content": unpack(data).digest} | fields
    return signed(replace(link, **fields), key), data  # type: ignore[arg-type]


def _steps(data: bytes) -> tuple[KeyStep, ...]:
    return unpack(data).header.keys


def sealed(head: bytes, body: bytes, lengths: tuple[int, int, int] | None = None) -> bytes:
    """Pack a bundle with a correct checksum, whatever is said."""
    prefix = PREFIX.pack(MAGIC, BUNDLE, 0, *(lengths or (len(head), len(body), len(body))), b"")[:-32]
    return prefix + digest_of([prefix, head, body]) + head + body


def sealed_anew(link: ChainLink, data: bytes, key: bytes) -> tuple[ChainLink, bytes]:
    """Sign any bytes that begin as a changeset, whatever they hold, and a link to them that says else what another one does."""
    magic, version, flags, *lengths, _ = PREFIX.unpack_from(data)
    prefix, rest = PREFIX.pack(magic, version, flags | SIGNED, *lengths, b"")[:-32], data[PREFIX.size :]
    digest = digest_of([prefix, rest])
    whole = prefix + digest + rest + ed25519.sign(key, ed25519.CHANGESET, digest)
    return signed(replace(link, content=digest), key), whole
