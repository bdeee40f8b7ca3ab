"""Typed cells in the model: what a write means for their parts, and which heads the known events leave.

`events` are always all known events on the cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.machines.oracle import parts
from tests.machines.oracle.events import Cell, Event, Write
from tests.machines.oracle.parts import GONE, TOTAL, WHOLE, Head


def heads(cell: Cell, events: Iterable[Event]) -> frozenset[Head]:
    """Return the heads of all parts."""
    seen_by_whole = 0
    seen_on_part: dict[str, int] = {}
    seen_by_site: dict[bytes, int] = {}
    for event in events:
        write = event.typed[cell]
        seen_by_whole |= event.seen if write.whole else 0
        for part in write.parts:
            seen_on_part[part] = seen_on_part.get(part, 0) | event.seen
        if TOTAL in write.parts:
            seen_by_site[event.site] = seen_by_site.get(event.site, 0) | event.seen
    found = set()
    for event in events:
        write = event.typed[cell]
        if write.whole and not seen_by_whole >> event.number & 1:
            found.add(Head(WHOLE, event.stamp, write.value))
            for site, (total, hlc) in write.noted.items():
                found.add(Head(site.hex(), event.stamp, total, hlc))
        for part, value in write.parts.items():
            later = seen_by_site[event.site] if part == TOTAL else seen_on_part[part] | seen_by_whole
            if not later >> event.number & 1:
                found.add(Head(part, event.stamp, value))
    return frozenset(found)


def shown(kind: str, cell: Cell, events: Iterable[Event], found: frozenset[Head], real: bool = False) -> Any:
    """Return what a cell with these heads shows: as it was written, if they all stem from one whole write."""
    if parts.is_implicit(found):
        stamp = next(iter(found)).stamp
        return next(event.typed[cell].value for event in events if event.stamp == stamp)
    return parts.show(kind, found, real)


def whole(kind: str, cell: Cell, events: Iterable[Event], value: Any) -> Write:
    """Return the write of a value as a whole."""
    if parts.falls_into_parts(kind):
        return Write(True, value, parts.explode(kind, value))
    totals = [head for head in heads(cell, events) if head.part == TOTAL]
    return Write(True, value, noted={head.stamp[1]: (head.value, head.stamp[0]) for head in totals})


def changed(
    kind: str, cell: Cell, events: list[Event], site: bytes, old: Any, now: Any, real: bool = False
) -> Write | None:
    """Return what an update of a site means, from the value before it to that after it; None if it changes no part."""
    if kind == "register":
        return whole(kind, cell, events, now)
    found = heads(cell, events)
    if kind in parts.EXTREMES:
        return whole(kind, cell, events, parts.extreme(kind, (shown(kind, cell, events, found), old, now)))
    if kind in parts.COUNTERS:
        added = parts.number(now) - parts.number(old)
        if added == 0 and not (old is None and now is not None):
            return None
        mine = [parts.number(head.value) for head in found if head.part == TOTAL and head.stamp[1] == site]
        return Write(False, parts={TOTAL: parts.total(sum(mine, start=added), real)})
    if old is None:
        return None if now is None else whole(kind, cell, events, now)
    known, wanted = parts.live(found), parts.explode(kind, now)
    changes = {part: value for part, value in wanted.items() if part not in known or known[part] != value}
    for part in known.keys() - wanted.keys():
        if kind != "map" or part in parts.visible(known) or not any(parts.extends(other, part) for other in wanted):
            changes[part] = GONE
    return Write(False, parts=changes) if changes else None
