"""Earlier: what sites had seen before the events of a changeset, for receivers that may have forgotten it (decision 0040)."""

from __future__ import annotations

import json

from crdtsql.base import Sql, rounds_rule, sql
from crdtsql.compaction import floor, rounds
from crdtsql.store import Registry


def tell(registry: Registry, image: Sql) -> None:
    """Add to a changeset, for the noted receiver, the records of what sites had seen before their first event in it.

    Whoever has forgotten them, and gets a stamp back that asks for one, gets the record with it. That can only be where the receiver
    was last known to have less than all members agreed on: this replica promised that, if it ever was one of them.
    """
    promised = rounds_rule.most(floor.promised(registry), floor.read(registry).floor)
    ordinals = registry.ordinals()
    values = {
        "all": rounds.own_site(registry) not in floor.read(registry).floor,
        "promised": json.dumps([[ordinals[site], hlc] for site, hlc in promised.items() if site in ordinals]),
    }
    registry.connection.execute(sql("export/earlier/tell", image=image), values)
