"""Sites: which sites a file knows, as they were read, and what follows from that.

There may be thousands, and most operations change the entry of one. So what follows is not found anew then, but changed with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from operator import itemgetter
from types import MappingProxyType

import apsw

from crdtsql.base import RETIRED, PackedVector, SharedVector, Vector, by_id, like, memory, query
from crdtsql.store import facts

MOST_RISEN = 1_000
"""So many raised entries are remembered; then it begins anew."""


@dataclass(frozen=True)
class Sites:
    """The sites that a file knows. Whoever asks shares it, so it never changes; there may be thousands.

    Attributes:
        listed: (ordinal, id, upto) of all, by ordinal.
        journal: the ordinals of which the entries rose, one after the other, up to here and further on.
        age: how many of them had risen.
    """

    listed: Sequence[tuple[int, bytes, int]]
    journal: list[int] = field(default_factory=list, compare=False)
    age: int = field(default=0, compare=False)

    @cached_property
    def ordinals(self) -> MappingProxyType[bytes, int]:
        """Return the ordinals by the sites' ids."""
        return MappingProxyType({site: ordinal for ordinal, site, _ in self.listed})

    @cached_property
    def vector(self) -> MappingProxyType[bytes, int]:
        """Return the version vector: site id -> highest hlc seen; sites without events are left out."""
        return MappingProxyType({site: upto for _, site, upto in self.listed if upto > 0})

    @cached_property
    def written(self) -> SharedVector:
        """Return the version vector as it is given to others."""
        return SharedVector(self.vector)

    @cached_property
    def packed(self) -> PackedVector:
        """Return the version vector with its bytes."""
        return PackedVector(self.vector)

    def raised(self, risen: Mapping[int, int]) -> Sites:
        """Return them with entries of the vector that are higher: ordinal -> hlc."""
        listed, changed = [*self.listed], {}
        for ordinal, upto in risen.items():
            place = self._place(ordinal)
            listed[place] = (*listed[place][:2], upto)
            changed[listed[place][1]] = upto
        journal = self.journal if self.age < MOST_RISEN else []
        journal += risen
        found = Sites(listed, journal, len(journal))
        found.__dict__["ordinals"] = self.ordinals
        found.__dict__["vector"] = MappingProxyType(self.vector | changed)
        if "written" in self.__dict__:
            found.__dict__["written"] = self.written.raised(found.vector, changed)
        if "packed" in self.__dict__ and changed.keys() <= self.vector.keys():
            found.__dict__["packed"] = self.packed.raised(found.vector, changed)
        return found

    def some(self, ordinals: Iterable[int]) -> list[tuple[int, bytes, int]]:
        """Return (ordinal, id, upto) of those of some that are known."""
        found = []
        for ordinal in ordinals:
            place = self._place(ordinal)
            if place < len(self.listed) and self.listed[place][0] == ordinal:
                found.append(self.listed[place])
        return found

    def risen_since(self, earlier: Sites) -> set[int] | None:
        """Return the ordinals of which the entries are higher than they were, perhaps with some others; None if it is not known."""
        return {*self.journal[earlier.age :]} if self.journal is earlier.journal else None

    def _place(self, ordinal: int) -> int:
        return bisect_left(self.listed, ordinal, key=itemgetter(0))


def known(connection: apsw.Connection) -> Sites:
    """Return the sites of a file."""
    return memory.of_state(connection, "sites", partial(facts.state, connection), partial(_read, connection))


def packed_before(connection: apsw.Connection) -> PackedVector | None:
    """Return a version vector that the file had: the present one, unless somebody wrote meanwhile; None if none is at hand.

    Nor is one of which ended sites are left out.
    """
    found: Sites | None = memory.last(connection, "sites")
    return None if found is None or RETIRED in found.vector else found.packed


def read_vector(connection: apsw.Connection, vector: Vector) -> Mapping[bytes, int]:
    """Return a vector with site ids as bytes and stamps as numbers; that costs little if it is much like that of the file.

    Raises:
        UsageError: it is not one.
    """
    if isinstance(vector, SharedVector):
        return vector.by_id
    if vector == {}:
        return {}
    found: Sites | None = memory.last(connection, "sites")
    return by_id(vector) if found is None else like(vector, found.written, found.vector)


def replace(connection: apsw.Connection, sites: Sites) -> None:
    """Keep them as they are now, because somebody changed them."""
    memory.replace_row(connection, "sites", sites)


def _read(connection: apsw.Connection) -> Sites:
    return Sites(query.rows(connection, "SELECT ordinal, id, upto FROM _crdt_site ORDER BY ordinal"))
