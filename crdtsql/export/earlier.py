"""Earlier: what sites had seen before the events of a changeset, for receivers that may have forgotten it (decision 0040)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from crdtsql.base import Sql, rounds_rule, sql
from crdtsql.compaction import floor, rounds
from crdtsql.store import Registry


def tell(registry: Registry, receiver: Mapping[bytes, int], image: Sql) -> None:
    """Add to a changeset, for the noted receiver, the records of what sites had seen before their first event in it.

    Whoever has forgotten them, and gets a stamp back that asks for one, gets the record with it. That can only be where the receiver
    was last known to have less than all members agreed on: this replica promised that, if it ever was one of them. It was one whenever
    they agreed on anything after they knew of it; and what they agreed on before, its first event had seen, or it would not have been
    let in. So a receiver that knows of this replica has that too, and only one that does not may lack what nobody here promised.
    """
    promised = rounds_rule.most(floor.promised(registry), floor.read(registry).floor)
    own, ordinals = rounds.own_site(registry), registry.ordinals()
    values = {
        "all": own not in floor.read(registry).floor and own not in receiver,
        "promised": json.dumps([[ordinals[site], hlc] for site, hlc in promised.items() if site in ordinals]),
    }
    registry.connection.execute(sql("export/earlier/tell", image=image), values)
