"""Receiving: what the receiver of a changeset lacks, as statements compare with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from crdtsql.base import TemporaryTable, differing, query
from crdtsql.store import Registry

_READERS = ("export/acted", "export/earlier", "export/exporting", "export/parkedcells", "look/measures")
RECEIVER = TemporaryTable("_crdt_receiver", "export/receiving/create_receiver", read_by=_READERS)


@contextmanager
def receiver_noted(registry: Registry, receiver: Mapping[bytes, int]) -> Iterator[set[bytes]]:
    """Note what the receiver lacks, for the length of a block, for statements to compare with; yield the sites of which it has
    something else than this file: there may be thousands of which it has the same.
    """
    with RECEIVER.created(registry.connection):
        vector, ordinals = registry.vector(), registry.ordinals()
        others = {*differing(vector, receiver)}
        known = [(ordinals[site], receiver.get(site, 0)) for site in others if vector[site] > receiver.get(site, 0)]
        query.insert_all(registry.connection, "temp._crdt_receiver", known)
        yield others
