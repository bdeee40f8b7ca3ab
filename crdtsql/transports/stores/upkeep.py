"""Upkeep: what keeps a store small: snapshots, segments that stand for many short ones, and the deletion of what others cover.

Each of these may be done by anybody, at any time, by two at once, or never; none needs to know who the members are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crdtsql.transports.interface import Store
from crdtsql.transports.stores.fingerprints import Vector
from crdtsql.transports.stores.reach import covered, covers, includes, meet, snapshots
from crdtsql.transports.stores.rest import LOOK_CLOSER_MS
from crdtsql.transports.stores.segments import Segment

if TYPE_CHECKING:
    from crdtsql.transports.stores.visit import Visit

MUCH = 2.0
"""At so many times a limit nobody waits for somebody else to tidy up."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When to tidy up.

    Attributes:
        grace_ms: how long a segment must have been covered before its writer deletes it: that may arrive before what covers it.
        others_grace_ms: the same for those of other writers, who may be gone.
        most_short: how many short segments may lie there uncovered.
        short_bytes: what is short.
        snapshot_bytes: after less than this no snapshot is made.
        look_closer_ms: how often the files are looked at though their names are the same: what was whole can be damaged later.
        eagerness: how likely it is that this visit does what is due, so that not all do it at once; it is certain where much is.
    """

    grace_ms: int
    others_grace_ms: int
    most_short: int = 64
    short_bytes: int = 256 << 10
    snapshot_bytes: int = 64 << 10
    look_closer_ms: int = LOOK_CLOSER_MS
    eagerness: float = 1 / 3


PATIENCE_WITH_OTHERS = 4
"""So many times as long as for its writer's a segment waits for others, who delete it in the end."""


def rules_of(store: Store) -> Rules:
    """Return the rules for a store, by how late files may be seen there."""
    grace_ms = int(1000 * store.settles_s)
    return Rules(grace_ms, PATIENCE_WITH_OTHERS * grace_ms)


def tidy(visit: Visit, rules: Rules) -> int | None:
    """Do what is due, if this replica has all that the store has; return when something will be due again, in ms since 1970."""
    due_ms = None
    if includes(visit.had, visit.vector):
        wide = covered(list(visit.found.values()))
        since, times = _worth_compacting(visit, rules, wide)
        if since is not None and (times >= MUCH or visit.chance.random() < rules.eagerness):
            visit.put(since)
            wide = covered(list(visit.found.values()))
        elif since is not None:
            due_ms = visit.now_ms
        _note_covered(visit, wide)
    _delete(visit, rules)
    _delete_broken(visit, rules)
    graces = [
        seen.covered_ms + (rules.grace_ms if stem.startswith(visit.site) else rules.others_grace_ms)
        for stem, seen in visit.known.seen.items()
        if seen.covered_ms and (seen.covered_by or stem.startswith(visit.site))
    ]
    return min(graces, default=None) if due_ms is None else due_ms


def _worth_compacting(visit: Visit, rules: Rules, wide: dict[str, Segment]) -> tuple[Vector | None, float]:
    """Return from where a segment would lead that is worth to be put, None for none, and how many times the limit was reached.

    It is a snapshot, or one that covers many short ones.
    """
    newest = next(iter(snapshots(visit.found.values())), None)
    bare = [one for one in visit.found.values() if one.stem not in wide and one != newest]
    times = sum(one.size for one in bare) / max(rules.snapshot_bytes, newest.size if newest else 0)
    if times > 1:
        return {}, times
    short = [one for one in bare if one.size <= rules.short_bytes]
    times = len(short) / rules.most_short
    return meet([one.needs for one in short]) if times > 1 else None, times


def _note_covered(visit: Visit, wide: dict[str, Segment]) -> None:
    """Note since when each segment is covered; one that goes on being covered by the same one keeps its time."""
    for stem, seen in visit.known.seen.items():
        if stem not in visit.found:
            continue
        before = visit.found.get(seen.covered_by)
        if before is not None and covers(before, visit.found[stem]):
            continue
        by = wide.get(stem)
        seen.covered_by, seen.covered_ms = (by.stem, visit.now_ms) if by else ("", 0)


def _delete(visit: Visit, rules: Rules) -> None:
    """Delete what was covered for long enough, or by what another writer has taken over already."""
    newest: dict[str, Segment] = {}
    for one in visit.found.values():
        if one.writer not in newest or one.highest > newest[one.writer].highest:
            newest[one.writer] = one
    for stem, seen in list(visit.known.seen.items()):
        wide = visit.found.get(seen.covered_by)
        if seen.segment is None or wide is None:
            continue
        own = stem.startswith(visit.site)
        age_ms = visit.now_ms - seen.covered_ms
        taken_over = own and any(one.writer != wide.writer and includes(one.upto, wide.upto) for one in newest.values())
        if taken_over or age_ms >= (rules.grace_ms if own else rules.others_grace_ms):
            _drop(visit, stem)


def _delete_broken(visit: Visit, rules: Rules) -> None:
    """Delete own segments that have not been whole for long, once all that this replica knows is reachable without them.

    What was in them is among that. Of those of others nobody can say so.
    """
    if not includes(visit.vector, visit.had):
        return
    for stem, seen in list(visit.known.seen.items()):
        if seen.segment is None and stem.startswith(visit.site) and visit.now_ms - seen.covered_ms >= rules.grace_ms:
            _drop(visit, stem)


def _drop(visit: Visit, stem: str) -> None:
    for name in visit.files[stem]:
        visit.store.delete(name)
    visit.gone.update(visit.files[stem])
    visit.came.difference_update(visit.files[stem])
    del visit.known.seen[stem], visit.files[stem]
    visit.found.pop(stem, None)
