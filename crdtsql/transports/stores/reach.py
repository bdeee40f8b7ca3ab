"""Reach: where segments lead, which of them to take, and which are not needed any more: what they say, no store, no replica.

`reach(S, R)` is the least vector above R that includes `upto` of every segment of S whose `needs` it includes. So a store's
vector is what is reachable in it from nothing, not the maximum over its segments: one that builds on what is lost leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import le

from crdtsql.base import Agreement
from crdtsql.transports.stores.fingerprints import Vector
from crdtsql.transports.stores.segments import Segment

MOST_COMPARED = 256
"""So many segments that no snapshot covers are compared with each other; older ones wait until fewer are left."""
MOST_SNAPSHOTS = 4


def includes(vector: Vector, other: Vector) -> bool:
    """Tell whether a vector has everything that another one has; this is asked thousands of times in a visit."""
    return all(map(le, other.values(), map(vector.get, other, repeat(0))))


def join(*vectors: Vector) -> dict[bytes, int]:
    """Return the least vector that includes all."""
    found: dict[bytes, int] = {}
    for vector in vectors:
        for site, upto in vector.items():
            if upto > found.get(site, 0):
                found[site] = upto
    return found


def meet(vectors: Sequence[Vector]) -> dict[bytes, int]:
    """Return the greatest vector that all include."""
    first, *others = vectors
    found = {
        site: min(upto, *(other.get(site, 0) for other in others)) if others else upto for site, upto in first.items()
    }
    return {site: upto for site, upto in found.items() if upto > 0}


def walk(segments: Iterable[Segment], start: Vector) -> tuple[dict[bytes, int], list[Segment]]:
    """Return what is reachable from a vector, and the segments that lead there, each with news, in an order that can be merged."""
    reached, taken = dict(start), []
    left = sorted(segments, key=lambda one: (one.highest, one.stem))
    while True:
        waiting = []
        for one in left:
            if includes(reached, one.upto):
                continue
            if not includes(reached, one.needs):
                waiting.append(one)
            else:
                taken.append(one)
                reached = join(reached, one.upto)
        if len(waiting) == len(left) or not waiting:
            return reached, taken
        left = waiting


def reach(segments: Iterable[Segment], start: Vector) -> dict[bytes, int]:
    """Return what is reachable from a vector."""
    return walk(segments, start)[0]


def plan(segments: Sequence[Segment], start: Vector) -> list[Segment]:
    """Return the segments to take, in order; a snapshot comes first where the others don't do without it, or are larger."""
    goal, shortest = walk(segments, start)
    if not all(one.needs for one in shortest):
        reached, path = walk([one for one in segments if one.needs], start)
        shortest = path if reached == goal else shortest
    for snapshot in snapshots(segments):
        if snapshot.size >= _size(shortest):
            continue
        reached, rest = walk([one for one in segments if one.needs], join(start, snapshot.upto))
        by_snapshot = [snapshot, *rest]
        if reached == goal and not includes(start, snapshot.upto) and _size(by_snapshot) < _size(shortest):
            shortest = by_snapshot
    return shortest


def _size(path: Iterable[Segment]) -> int:
    return sum(one.size for one in path)


def snapshots(segments: Iterable[Segment]) -> list[Segment]:
    """Return the newest segments that need nothing, the newest first."""
    found = sorted((one for one in segments if not one.needs), key=lambda one: (one.highest, one.stem), reverse=True)
    return found[:MOST_SNAPSHOTS]


def knows(told: Agreement, other: Agreement) -> bool:
    """Tell whether what is told of what may be forgotten has all that is told elsewhere."""
    return told is other or not other or told.joined(other) == told


def joined(tolds: Iterable[Agreement]) -> Agreement:
    """Return what follows from all that is told."""
    found = Agreement()
    for told in {id(one): one for one in tolds}.values():
        found = found.joined(told)
    return found


def covers(wide: Segment, narrow: Segment) -> bool:
    """Tell whether one segment makes another one superfluous: it needs no more, and brings and tells no less.

    Of two that do the same the one with the lower hash stays, so that never both go. This is a strict order, so on finitely many
    segments a covered one is covered by one that nothing covers.
    """
    if wide.stem == narrow.stem or not (includes(narrow.needs, wide.needs) and includes(wide.upto, narrow.upto)):
        return False
    if not knows(wide.told, narrow.told):
        return False
    same = includes(wide.needs, narrow.needs) and includes(narrow.upto, wide.upto) and knows(narrow.told, wide.told)
    return not same or (wide.stem.rpartition("-")[2], wide.stem) < (narrow.stem.rpartition("-")[2], narrow.stem)


def covered(segments: Sequence[Segment]) -> dict[str, Segment]:
    """Find superfluous segments: stem -> one that covers it and that nothing covers among those looked at."""
    newest = snapshots(segments)
    found: dict[str, Segment] = {}
    left = []
    for one in segments:
        wide = next((snapshot for snapshot in newest if covers(snapshot, one)), None)
        if wide is None:
            left.append(one)
        else:
            found[one.stem] = wide
    found.update(_covered_by_each_other(sorted(left, key=lambda one: (one.highest, one.stem))[-MOST_COMPARED:]))
    return found


def _covered_by_each_other(segments: Sequence[Segment]) -> Iterator[tuple[str, Segment]]:
    """Compare each segment with those alone that can cover it: a vector that includes another one has no lower sum.

    Where each begins with what the one before it brought, as it mostly is, none is compared.
    """
    needs = {one.stem: sum(one.needs.values()) for one in segments}
    upto = {one.stem: sum(one.upto.values()) for one in segments}
    most = second = 0
    second_of: dict[int, int] = {}
    for one in sorted(segments, key=lambda one: needs[one.stem]):
        brings = upto[one.stem]
        most, second = (brings, most) if brings > most else (most, max(second, brings))
        second_of[needs[one.stem]] = second  # the second most that any brings that needs no more
    for one in segments:
        least, brings = needs[one.stem], upto[one.stem]
        if second_of[least] >= brings:
            can = (other for other in reversed(segments) if needs[other.stem] <= least and upto[other.stem] >= brings)
            wide = next((other for other in can if covers(other, one)), None)
            if wide is not None:
                yield one.stem, wide
