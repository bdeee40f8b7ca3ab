"""Floor: what replicas agreed may be forgotten, as far as it is known here (decision 0034).

Two facts of `_crdt_meta`, neither of which is there until somebody asked for a compaction: `agreement`, which travels with changesets,
and `promise`, which does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from crdtsql.base import Agreement, clock, memory, rounds_rule
from crdtsql.store import Registry, retired

Vector = Mapping[bytes, int]


def read(registry: Registry) -> Agreement:
    """Return what is known of rounds, floor, ends and vouchers."""
    return memory.of_transaction(registry.connection, "agreement", lambda: _read(registry))


def _read(registry: Registry) -> Agreement:
    found = registry.get("agreement")
    return Agreement() if found is None else Agreement.from_json(json.loads(str(found)))


def write(registry: Registry, agreement: Agreement) -> None:
    """Store what is known; sites that are new in it get ordinals."""
    registry.set("agreement", json.dumps(agreement.to_json(), separators=(",", ":")))
    memory.forget_row(registry.connection, "agreement")
    sites = {*agreement.acks, *agreement.ends, *agreement.vouchers, *agreement.vouchers.values()}
    registry.add_sites([*(sites - retired.among(registry, sites).keys())])


def promised(registry: Registry) -> dict[bytes, int]:
    """Return all that this replica ever agreed may be forgotten, if the others agree."""
    found = registry.get("promise")
    return {} if found is None else {bytes.fromhex(site): hlc for site, hlc in json.loads(str(found)).items()}


def promise(registry: Registry, cut: Vector) -> None:
    """Note that this replica agreed to a cut."""
    before = promised(registry)
    joined = rounds_rule.most(before, cut)
    if joined != before:
        registry.set("promise", json.dumps({site.hex(): hlc for site, hlc in sorted(joined.items())}))


def forget_promises(registry: Registry, sites: Iterable[bytes]) -> None:
    """Forget what was promised of retired sites, of which the entry of all of them says the same."""
    left = {site: hlc for site, hlc in promised(registry).items() if site not in {*sites}}
    registry.set("promise", json.dumps({site.hex(): hlc for site, hlc in sorted(left.items())}))


def with_retired(registry: Registry, vector: Vector) -> dict[bytes, int]:
    """Return a floor, or a promise, by all sites that stamps here name: of those that are retired all is below it."""
    return {**vector, **{site: one.upto for site, one in retired.named(registry).items()}}


def covers(registry: Registry, vector: Vector, hlc: int, ordinal: int) -> bool:
    """Tell whether a floor, or a promise, covers a stamp of this file."""
    return with_retired(registry, vector).get(registry.site_id(ordinal), 0) >= clock.to_event(hlc)
