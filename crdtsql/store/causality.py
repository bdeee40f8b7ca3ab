"""Causality: had the writer of one event seen another?

Exact for any two events of the merged state: events of one site have seen each other in order, and `_crdt_merged` says what
a site had merged before an event of its own. Reads only.
"""

from __future__ import annotations

import apsw

from crdtsql.base import clock, query

Stamp = tuple[int, int]
"""hlc (negative for genesis) and local ordinal of the site."""


class Causality:
    """Answers of one moment, remembered."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[int, int, int], int] = {}

    def has_seen(self, later: Stamp, earlier: Stamp) -> bool:
        """Tell whether the writer of an event had seen another one.

        Source: one row per site and peer, by the time at which it had merged (Fowler and Zwaenepoel's direct dependencies).
        """
        at, site = later[0] & clock.EVENT_MASK, later[1]
        what, peer = earlier[0] & clock.EVENT_MASK, earlier[1]
        if site == peer:
            return at > what
        if (site, peer, at) not in self._known:
            found = query.first(
                self._connection,
                "SELECT upto FROM _crdt_merged WHERE site = ? AND peer = ? AND at <= ? ORDER BY at DESC LIMIT 1",
                (site, peer, at),
            )
            self._known[site, peer, at] = found[0] if found else 0
        return self._known[site, peer, at] >= what
