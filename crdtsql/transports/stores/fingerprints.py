"""Fingerprints: short texts that stand for a vector, or for what a store lists. Needs nothing that a poll does without."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Mapping

from crdtsql.transports.interface import Entry

Vector = Mapping[bytes, int]


def fingerprint(vector: Vector) -> str:
    """Return 64 bits that stand for a vector: the same for equal ones.

    >>> fingerprint({}) == fingerprint({b"s" * 16: 0}) != fingerprint({b"s" * 16: 1})
    True
    """
    digest = hashlib.blake2b(digest_size=8)
    for site, upto in sorted(vector.items()):
        if upto > 0:
            digest.update(site + struct.pack(">q", upto))
    return digest.hexdigest()


def of_names(names: Collection[str]) -> str:
    """Return what stands for some names, in whatever order they are."""
    return hashlib.blake2b("\n".join(sorted(names)).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def of_text(text: str) -> str:
    """Return what stands for a text."""
    return of_names([text])


def of_files(entries: Mapping[str, Entry]) -> str:
    """Return what stands for some names, with all that is known of their files."""
    return of_names([f"{name} {entry.size} {entry.mark}" for name, entry in entries.items()])
