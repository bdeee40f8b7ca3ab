"""Peers: the version vectors that other sites were last seen to have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import apsw

from crdtsql.base import differing, memory, query, sql
from crdtsql.store import facts


def remember(
    connection: apsw.Connection, peer: int, vector: Mapping[bytes, int], ordinals: Mapping[bytes, int]
) -> None:
    """Remember the vector that a peer was seen to have, as far as its sites are known here; entries only rise.

    Args:
        peer: its ordinal.
        ordinals: those of all sites.
    """
    before = known(connection, peer)
    news = sorted(differing(vector, before))
    risen = {site: vector[site] for site in news if site in ordinals and vector[site] > before.get(site, -1)}
    if risen:
        entries = [(peer, ordinals[site], upto) for site, upto in risen.items()]
        connection.executemany(sql("store/vectors/peers/remember"), entries)
        now = {**before, **risen}
        # Where both are equal the peer's own is kept, as it is likely to be told again: then nothing is compared.
        same = len(risen) == len(news) and len(now) == len(vector) and isinstance(vector, MappingProxyType)
        memory.replace_row(connection, ("peer", peer), vector if same else now)


def known(connection: apsw.Connection, peer: int) -> Mapping[bytes, int]:
    """Return the vector that a peer, given by its ordinal, was seen to have; nobody may change what is returned."""
    read = partial(_read, connection, peer)
    return memory.of_state(connection, ("peer", peer), partial(facts.state, connection), read)


def every(connection: apsw.Connection) -> dict[bytes, dict[bytes, int]]:
    """Return the remembered vectors: peer's site id -> its vector."""
    found: dict[bytes, dict[bytes, int]] = {}
    for peer, site, upto in connection.execute(sql("store/vectors/peers/list")):
        found.setdefault(bytes(peer), {})[bytes(site)] = upto
    return found


def _read(connection: apsw.Connection, peer: int) -> dict[bytes, int]:
    return dict(query.rows(connection, sql("store/vectors/peers/of_peer"), (peer,)))
