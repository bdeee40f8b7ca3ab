"""Sites: which sites a file knows, as they were read, and what follows from that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import apsw

from crdtsql.base import memory, query


@dataclass(frozen=True)
class Sites:
    """The sites that a file knows. Whoever asks shares it, so it never changes; there may be thousands.

    Attributes:
        listed: (ordinal, id, upto) of all, by ordinal.
    """

    listed: Sequence[tuple[int, bytes, int]]

    @cached_property
    def ordinals(self) -> MappingProxyType[bytes, int]:
        """Return the ordinals by the sites' ids."""
        return MappingProxyType({site: ordinal for ordinal, site, _ in self.listed})

    @cached_property
    def vector(self) -> MappingProxyType[bytes, int]:
        """Return the version vector: site id -> highest hlc seen; sites without events are left out."""
        return MappingProxyType({site: upto for _, site, upto in self.listed if upto > 0})

    def raised(self, risen: Mapping[int, int]) -> Sites:
        """Return them with other entries of the vector: ordinal -> hlc."""
        return Sites([one if one[0] not in risen else (*one[:2], risen[one[0]]) for one in self.listed])


def known(connection: apsw.Connection) -> Sites:
    """Return the sites of a file."""
    return memory.of_transaction(connection, "sites", lambda: _read(connection))


def replace(connection: apsw.Connection, sites: Sites) -> None:
    """Keep them as they are now, because somebody changed them."""
    memory.replace_row(connection, "sites", sites)


def _read(connection: apsw.Connection) -> Sites:
    return Sites(query.rows(connection, "SELECT ordinal, id, upto FROM _crdt_site ORDER BY ordinal"))
