"""Seen: which events had seen what ended sites wrote, where a changeset says no more than that their writer had seen all of them.

Writes `_crdt_merged` alone. Costs nothing where no site ever retired.
"""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet

from crdtsql.base import RETIRED, Sql, sql
from crdtsql.compaction import retiring
from crdtsql.store import Registry, retired


def note(registry: Registry, before: AbstractSet[bytes], image: Sql) -> None:
    """Note it, once the sites of a changeset have ordinals, and what it says of other sites was recorded.

    A retired site that is named again has no record here any more. Whatever event comes from now on has seen all that it wrote,
    because all of that is below the floor.

    Args:
        before: the sites that had an ordinal before.
    """
    if RETIRED not in registry.vector():
        return
    ordinals = registry.ordinals()
    everybody = ordinals[RETIRED]
    back = [ordinals[site] for site in retired.named(registry) if site not in before]
    if back:
        values = {"sites": json.dumps(back), "everybody": everybody}
        registry.connection.execute(sql("compaction/seen/has_been_seen"), values)
    ended = [[ordinals[site], hlc] for site, hlc in retiring.ends(registry).items() if site in ordinals]
    values = {"everybody": everybody, "ended": json.dumps(ended)}
    registry.connection.execute(sql("compaction/seen/note_seen", image=image), values)
