"""Spot checks: at the end of a sync, if there is reason to, and now and then, both sides look whether they have the same rows.

They must, because they have the same changes. But a peer may say that it has changes which it does not give, its own or another one's,
and then nobody ever asks for these again: all syncs succeed, and the rows differ. Nothing but the content shows that (decision
0036). So a spot check compares what was written since the one before, as `verify` does, and notes on both sides what it finds.

There is reason to where both sides have changes which neither gave the other: from third ones, mostly, but one of them may only have
been told so. Where each has nothing but what it wrote, and what it got from the other, there is no room for that. A spot check takes a
small share of the time at most. What is kept about it stands outside of the user's file, and may be lost at any time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from crdtsql.base import CrdtsqlError
from crdtsql.replica import Replica, SyncReport
from crdtsql.transports import cards
from crdtsql.transports.interface import Peer, Request, Response

KIND = "spotchecks"
EVERY_MS = 10 * 60 * 1000
"""No sooner than after so long with the same peer."""
LONGEST_MS = 24 * 3600 * 1000
"""A time that lies further ahead is that of a clock which was wrong."""
SHARE = 50
"""And no sooner than after so many times as long as the last one took."""
SHARE_WITH_REASON = 20
"""If there is reason to, after so many times as long;"""
SHORT_MS = 20
"""but what took no longer than that is not waited for."""
WHOLE_BYTES = 4 << 20
"""Files up to this size are read as a whole where what was written since is not known."""
MOST_TABLES = 200


class Next(NamedTuple):
    """When the next spot check of a replica and a peer is due, in milliseconds since 1970.

    Attributes:
        at_ms: whatever happens.
        soon_ms: if there is reason to.
        reason: there is.
        apart: the last one found a difference, which anything new may have mended.
    """

    at_ms: int
    soon_ms: int
    reason: bool = False
    apart: bool = False

    def is_due(self, now_ms: int) -> bool:
        """Tell whether it is time for it."""
        due_ms = min(self.soon_ms, self.at_ms) if self.reason else self.at_ms
        return not due_ms - LONGEST_MS <= now_ms < due_ms


_NEXT: WeakKeyDictionary[Replica, dict[tuple[str, str], Next]] = WeakKeyDictionary()
"""What is kept of that, by site and address: asked in each sync."""


def is_due(replica: Replica, site: str, address: str, now_ms: int, *, reason: bool, news: bool) -> bool:
    """Tell whether it is time for a spot check of a replica and the peer of an address.

    Args:
        reason: there is, after this sync; it counts until the next spot check.
        news: this sync brought something to one of them.
    """
    found = _NEXT.get(replica, {}).get((site, address))
    if found is None:
        kept = _read(site, address)
        with suppress(KeyError, TypeError, ValueError):
            flags = kept.get("reason") is True, kept.get("apart") is True
            found = Next(int(kept["next_ms"]), int(kept.get("soon_ms", now_ms)), *flags)
            _NEXT.setdefault(replica, {})[site, address] = found
        if found is None:
            found = Next(now_ms + EVERY_MS, now_ms)
            _keep(replica, site, address, found, None)
    if (reason or (news and found.apart)) and not found.reason:
        found = found._replace(reason=True)
        _NEXT.setdefault(replica, {})[site, address] = found
        if not found.is_due(now_ms):
            put_off(replica, address)
    return found.is_due(now_ms)


def put_off(replica: Replica, address: str) -> None:
    """Keep that there is reason for a spot check which could not be made now, for later processes too."""
    found = _NEXT[replica][replica.site, address]
    _keep(replica, replica.site, address, found, _read(replica.site, address).get("look"))


def spot_check(replica: Replica, peer: Peer, known: Response, report: SyncReport) -> None:
    """Compare with a peer that has the same changes, and have both sides note what differs; what fails is tried later.

    Args:
        report: gets how many rows differ.
    """
    from crdtsql.transports.observing import verifying
    from crdtsql.verify import Look

    began, look, before = time.monotonic(), None, _NEXT[replica][replica.site, peer.address]
    reason, apart, answered = before.reason, before.apart, False
    with suppress(CrdtsqlError, LookupError, TypeError, ValueError):
        kept = _read(replica.site, peer.address).get("look")
        last = None if kept is None else Look(dict(kept["here"]), dict(kept["there"]), dict(kept["columns"]))
        look = last  # it counts until another one takes its place, or its trust ends with a difference
        had = replica.differing().get(known.site)
        found = verifying.spot_check(replica, peer, known, last, whole=had is not None or _is_small(replica))
        answered = True
        if found is not None:
            rows = {table.name: table.differing for table in found.tables if table.differing}
            report.differing = sum(rows.values())
            look, reason, apart = None if rows else found.looked, False, bool(rows)
            if rows or (had is not None and not found.partly):
                replica.note_differing(known.site, rows)
                peer.exchange(Request(replica.site, known.vector, pull=False, question={"differing": rows}))
    now_ms, took_ms = replica.time_ms(), int((time.monotonic() - began) * 1000)
    wait_ms = min(max(EVERY_MS, SHARE * took_ms), LONGEST_MS)
    soon_ms = 0 if took_ms <= SHORT_MS else min(SHARE_WITH_REASON * took_ms, LONGEST_MS)
    soon_ms = soon_ms if answered else wait_ms  # an earlier version knows no questions, a token may not cover them
    _keep(replica, replica.site, peer.address, Next(now_ms + wait_ms, now_ms + soon_ms, reason, apart), look)


def hear(replica: Replica, site: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Note what another replica found when it compared itself with this one; a stranger's word."""
    told = question["differing"]
    if isinstance(told, dict) and len(told) <= MOST_TABLES:
        rows = {name: rows for name, rows in told.items() if type(rows) is int and 0 < rows < 1 << 53}
        replica.note_differing(site, rows, told=True)
    return {"noted": True}


def _is_small(replica: Replica) -> bool:
    try:
        return os.stat(replica.path).st_size <= WHOLE_BYTES
    except OSError:
        return True  # it is in memory


def _read(site: str, address: str) -> dict[str, Any]:
    with suppress(OSError, ValueError, TypeError):
        return dict(json.loads(cards.place_of(site, address, KIND).read_text(encoding="utf-8")))
    return {}


def _keep(replica: Replica, site: str, address: str, due: Next, look: Any) -> None:
    """Keep when a spot check is due, and the last look at both sides, as it was read here or as it was found."""
    from crdtsql.verify import Look

    _NEXT.setdefault(replica, {})[site, address] = due
    told = {"here": look.here, "there": look.there, "columns": look.columns} if isinstance(look, Look) else look
    found = {"address": address, "next_ms": due.at_ms, "soon_ms": due.soon_ms, "reason": due.reason, "apart": due.apart}
    found["look"] = told
    cards.replace(cards.place_of(site, address, KIND), json.dumps(found))
