"""Due: what a file that compacts by itself has to do next, so that it comes to rest where nobody writes.

Two facts of `_crdt_meta`: `compact_keep_ms`, which is there once somebody asked for a compaction, and says what is kept; and
`compacted`, which says for which floor all rows were looked at. Runs inside the caller's transaction, on a folded registry.
"""

from __future__ import annotations

from crdtsql.base import Agreement, Now, clock, rounds_rule
from crdtsql.compaction import floor
from crdtsql.compaction.rounds import own_site
from crdtsql.store import Registry, retired

SHORTEST_MS = 3600 * 1000
SHARE = 30
"""A round begins once there is news of so long a part of `keep`: of a day where 30 days are kept, and never of less than an hour."""


def keep_ms(registry: Registry) -> int | None:
    """Return how young what is kept is, in milliseconds; None if the file does not compact by itself."""
    found = registry.get("compact_keep_ms")
    return None if found is None else int(str(found))


def set_keep(registry: Registry, keep: int | None) -> None:
    """Let the file compact by itself from now on, or not."""
    if keep != keep_ms(registry):
        registry.set("compact_keep_ms", keep)


def is_round_due(registry: Registry, keep: int, now: Now) -> bool:
    """Tell whether this replica has to agree, or to begin a round: there are events of which nobody asked yet whether all have them.

    All replicas go by the floor, which they share, so that not each of them begins one of its own.
    """
    known, own = floor.read(registry), own_site(registry)
    if known.is_open:
        return own not in known.acks and own not in known.ends
    until_ms = max(0, now() - keep)
    cut = rounds_rule.before(retired.told_vector(registry), clock.from_ms(until_ms))
    newest = max(known.floor.values(), default=0)
    is_late = not newest or until_ms - clock.to_ms(newest) >= max(SHORTEST_MS, keep // SHARE)
    return is_late and not rounds_rule.covers(known.floor, {site: hlc for site, hlc in cut.items() if hlc > 0})


def is_swept(registry: Registry) -> bool:
    """Tell whether all rows were looked at since the floor rose last."""
    forgotten = floor.read(registry).floor
    return not forgotten or registry.get("compacted") == _named(forgotten)


def note_swept(registry: Registry, forgotten: floor.Vector) -> None:
    """Note that all rows were looked at, by a floor."""
    if registry.get("compacted") != _named(forgotten):
        registry.set("compacted", _named(forgotten))


def _named(forgotten: floor.Vector) -> str:
    return Agreement(floor=forgotten).fingerprint
