"""Spot checks: at the end of a sync, now and then, both sides look whether they have the same rows, as they must.

A peer may say that it has changes which it does not give, its own or another one's, and then nobody ever asks for these again: all
syncs succeed, and the rows differ for ever. Nothing but the content shows that (decision 0036). So a spot check compares what was
written since the one before, as `verify` does, and notes on both sides what it finds. It is rare, and takes a small share of the time
at most: what is kept about it stands outside of the user's file, and may be lost at any time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from crdtsql.base import CrdtsqlError
from crdtsql.replica import Replica, SyncReport
from crdtsql.transports import cards
from crdtsql.transports.interface import Peer, Request, Response

if TYPE_CHECKING:
    from crdtsql.verify import Look

KIND = "spotchecks"
EVERY_MS = 10 * 60 * 1000
"""No sooner than after so long with the same peer."""
LONGEST_MS = 24 * 3600 * 1000
"""A time that lies further ahead is that of a clock which was wrong."""
SHARE = 50
"""And no sooner than after so many times as long as the last one took."""
WHOLE_BYTES = 4 << 20
"""Files up to this size are read as a whole where what was written since is not known."""
MOST_TABLES = 200
_NEXT: WeakKeyDictionary[Replica, dict[tuple[str, str], int]] = WeakKeyDictionary()
"""When the next spot check is due, in milliseconds since 1970, by site and address: asked in each sync."""


def is_due(replica: Replica, site: str, address: str, now_ms: int) -> bool:
    """Tell whether it is time for a spot check of a replica and the peer of an address; at the first sync it is not."""
    due_ms = _NEXT.get(replica, {}).get((site, address))
    if due_ms is None:
        kept = _read(site, address)
        due_ms = int(kept.get("next_ms", now_ms + EVERY_MS))
        if kept:
            _NEXT.setdefault(replica, {})[site, address] = due_ms
        else:
            _keep(replica, site, address, now_ms, EVERY_MS, None)
    return not due_ms - LONGEST_MS <= now_ms < due_ms


def spot_check(replica: Replica, peer: Peer, known: Response, report: SyncReport) -> None:
    """Compare with a peer that has the same changes, and have both sides note what differs; what fails is tried later.

    Args:
        report: gets how many rows differ.
    """
    from crdtsql.transports.observing import verifying
    from crdtsql.verify import Look

    began, look = time.monotonic(), None
    with suppress(CrdtsqlError, LookupError, TypeError, ValueError):
        kept = _read(replica.site, peer.address).get("look")
        last = None if kept is None else Look(dict(kept["here"]), dict(kept["there"]), dict(kept["columns"]))
        had = replica.differing().get(known.site)
        found = verifying.spot_check(replica, peer, known, last, whole=had is not None or _is_small(replica))
        if found is not None:
            rows = {table.name: table.differing for table in found.tables if table.differing}
            report.differing = sum(rows.values())
            look = None if rows else found.looked
            if rows or (had is not None and not found.partly):
                replica.note_differing(known.site, rows)
                peer.exchange(Request(replica.site, known.vector, pull=False, question={"differing": rows}))
    took_ms = int((time.monotonic() - began) * 1000)
    _keep(replica, replica.site, peer.address, replica.time_ms(), min(max(EVERY_MS, SHARE * took_ms), LONGEST_MS), look)


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


def _keep(replica: Replica, site: str, address: str, now_ms: int, wait_ms: int, look: Look | None) -> None:
    _NEXT.setdefault(replica, {})[site, address] = now_ms + wait_ms
    told = None if look is None else {"here": look.here, "there": look.there, "columns": look.columns}
    found = {"address": address, "next_ms": now_ms + wait_ms, "look": told}
    cards.replace(cards.place_of(site, address, KIND), json.dumps(found))
