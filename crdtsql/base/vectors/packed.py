"""Packed: a version vector as bytes, so that two can be compared by a digest, without most of their entries being looked at.

There may be thousands of sites, and each sync changes an entry or two. So the bytes are kept beside the vector, and changed where it
changes. The digest of a vector's *rest*, of all entries but some, depends on these alone: not on how the vector came about.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import lt
from types import MappingProxyType

ID_BYTES, HLC_BYTES = 16, 8


@dataclass(frozen=True)
class Rest:
    """Entries of a version vector.

    Attributes:
        vector: site id -> hlc.
    """

    vector: MappingProxyType[bytes, int]

    @cached_property
    def content(self) -> bytes:
        """Return the ids, rising, then the hlcs in the same order, 8 bytes each, big-endian."""
        return PackedVector(self.vector).content

    @cached_property
    def digest(self) -> bytes:
        """Return what no other entries have: BLAKE2b, 32 bytes."""
        return hashlib.blake2b(self.content, digest_size=32).digest()

    @classmethod
    def of(cls, vector: MappingProxyType[bytes, int], content: bytes) -> Rest:
        """Return entries of which the bytes are known."""
        found = cls(vector)
        found.__dict__["content"] = content
        return found

    @classmethod
    def read(cls, content: bytes) -> Rest:
        """Read entries from their bytes.

        Raises:
            ValueError: no entries have these bytes.
        """
        count, odd = divmod(len(content), ID_BYTES + HLC_BYTES)
        end = ID_BYTES * count
        sites = [content[at : at + ID_BYTES] for at in range(0, end, ID_BYTES)]
        hlcs = [int.from_bytes(content[at : at + HLC_BYTES], "big") for at in range(end, len(content), HLC_BYTES)]
        if odd or not all(map(lt, sites, sites[1:])):
            raise ValueError("the sites of a vector do not rise, or it is cut off")
        return cls.of(MappingProxyType(dict(zip(sites, hlcs, strict=True))), content)


class PackedVector:
    """A version vector, and its bytes. Whoever asks shares it, so it never changes."""

    __slots__ = ("_hlcs", "_ids", "_sites", "vector")

    def __init__(self, vector: MappingProxyType[bytes, int]) -> None:
        """Pack a vector, which must not change from then on."""
        self.vector = vector
        self._sites = sorted(vector)
        self._ids = b"".join(self._sites)
        self._hlcs = b"".join([vector[site].to_bytes(HLC_BYTES, "big") for site in self._sites])

    @property
    def content(self) -> bytes:
        """Return its bytes, as those of a rest."""
        return self._ids + self._hlcs

    def raised(self, vector: MappingProxyType[bytes, int], risen: Mapping[bytes, int]) -> PackedVector:
        """Return a vector that differs in some entries, all of sites that are in this one.

        Args:
            vector: all of it.
            risen: those entries.
        """
        hlcs = bytearray(self._hlcs)
        for site, hlc in risen.items():
            at = HLC_BYTES * bisect_left(self._sites, site)
            hlcs[at : at + HLC_BYTES] = hlc.to_bytes(HLC_BYTES, "big")
        other = object.__new__(PackedVector)
        other.vector, other._sites, other._ids, other._hlcs = vector, self._sites, self._ids, bytes(hlcs)
        return other

    def without(self, sites: Iterable[bytes]) -> Rest:
        """Return the entries of all sites but some."""
        left, ids, hlcs = self.vector.copy(), bytearray(self._ids), bytearray(self._hlcs)
        for site in sorted({*sites} & left.keys(), reverse=True):  # from the end, so that places stay what they are
            place = bisect_left(self._sites, site)
            del left[site]
            del ids[ID_BYTES * place : ID_BYTES * (place + 1)]
            del hlcs[HLC_BYTES * place : HLC_BYTES * (place + 1)]
        return Rest.of(MappingProxyType(left), bytes(ids + hlcs))
