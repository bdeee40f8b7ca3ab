"""Due: what a file that compacts by itself has to do next, so that it comes to rest where nobody writes.

Facts of `_crdt_meta`: `compact_keep_ms`, there once somebody asked for a compaction, says what is kept; `compacted` says for which
floor all rows were looked at; `names_looked` says after which batch nothing was found to do. Runs inside the caller's transaction, on
a folded registry.
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


def is_worth_beginning(registry: Registry, keep: int, now: Now) -> bool:
    """Tell whether a round that somebody asks for now may let more be forgotten; else a command that runs each minute never rests.

    Where a cut ends amid the events of a site, nothing tells cheaply whether any of them is between it and the floor.
    """
    known = floor.read(registry)
    if known.is_open or not known:
        return True
    until_ms, vector = max(0, now() - keep), retired.told_vector(registry)
    cut = rounds_rule.before(vector, clock.from_ms(until_ms))
    if rounds_rule.covers(known.floor, {site: hlc for site, hlc in cut.items() if hlc > 0}):
        return False
    newest = max(known.floor.values(), default=0)
    has_ended = any(known.floor.get(site, 0) < upto == cut[site] for site, upto in vector.items())
    return has_ended or until_ms - clock.to_ms(newest) >= keep // SHARE


def is_swept(registry: Registry) -> bool:
    """Tell whether all rows were looked at since the floor rose last."""
    forgotten = floor.read(registry).floor
    return not forgotten or registry.get("compacted") == _named(forgotten)


def note_swept(registry: Registry, forgotten: floor.Vector) -> None:
    """Note that all rows were looked at, by a floor."""
    if registry.get("compacted") != _named(forgotten):
        registry.set("compacted", _named(forgotten))


def note_looked(registry: Registry) -> None:
    """Note that all rows and stamps were looked at, and nothing was found that can go."""
    registry.set("names_looked", _moment(registry))


def has_looked(registry: Registry) -> bool:
    """Tell whether all rows and stamps are still what they were when nothing was found that can go."""
    return is_swept(registry) and registry.get("names_looked") == _moment(registry)


def _moment(registry: Registry) -> str:
    return f"{registry.number('batch')} {_named(floor.read(registry).floor)}"


def _named(forgotten: floor.Vector) -> str:
    return Agreement(floor=forgotten).fingerprint
