"""What replicas say of compaction, and a compaction that nobody agreed to, which the histories must notice."""

from __future__ import annotations

import json
from typing import Any

from crdtsql import Replica
from crdtsql.base.errors import RejoinError
from crdtsql.base.sqltext import identifier
from crdtsql.store.registry import Registry
from tests.machines.compaction.pairs import Pair

GONE = "00" * 16
"""What a vector names all ended sites by."""


def sites(replica: Replica) -> set[str]:
    """Return the sites that the replica tells others of."""
    return replica.vector().keys() - {GONE}


def awaited(replica: Replica) -> set[str]:
    """Return the sites whose agreement a round waits for, those too that are only vouched for."""
    return (sites(replica) | _agreement(replica).get("vouchers", {}).keys()) - ended(replica)


def _agreement(replica: Replica) -> dict[str, Any]:
    found = replica.registry.get("agreement")
    return {} if found is None else dict(json.loads(str(found)))


def has_begun(replica: Replica) -> bool:
    """Tell whether a replica knows that somebody asked for a compaction; from then on it vouches for its clones."""
    return bool(_agreement(replica))


def floor(replica: Replica) -> dict[bytes, int]:
    """Return the floor: site -> hlc; empty while there is none."""
    return {bytes.fromhex(site): upto for site, upto in _agreement(replica).get("floor", {}).items()}


def promise(replica: Replica) -> dict[bytes, int]:
    """Return what the replica ever agreed may be forgotten."""
    found = replica.registry.get("promise")
    told = {} if found is None else {bytes.fromhex(site): upto for site, upto in json.loads(str(found)).items()}
    return {**told, **retired(replica)}


def retired(replica: Replica) -> dict[bytes, int]:
    """Return the ended sites that vectors name no more: site -> its last event."""
    return {bytes(site): upto for site, upto in replica.connection.execute("SELECT id, upto FROM _crdt_retired")}


def below(replica: Replica) -> dict[bytes, int]:
    """Return what the floor covers, by all sites."""
    return {**floor(replica), **retired(replica)}


def seen(replica: Replica) -> set[tuple[bytes, bytes, int, int]]:
    """Return what is known of what sites had seen: site, peer, before which event, up to which one."""
    ids = {ordinal: site for ordinal, site, _ in replica.registry.sites()}
    rows = replica.connection.execute("SELECT site, peer, at, upto FROM _crdt_merged")
    return {(ids[int(site)], ids[int(peer)], int(at), int(upto)) for site, peer, at, upto in rows}  # type: ignore[arg-type]


def ended(replica: Replica) -> set[str]:
    """Return the sites that are known to be ended."""
    return set(_agreement(replica).get("ends", {}))


def members(replica: Replica) -> int:
    """Return how many sites must agree to a round."""
    return len(awaited(replica))


def who_missed(error: RejoinError, raised_by: Pair, other: Pair | None) -> Pair | None:
    """Return who missed a compaction, or is ended; None if it is one that is not there any more."""
    return raised_by if error.here else other


def compact_unasked(replica: Replica) -> int:
    """Forget the stamps of all live rows and all deleted rows, though nobody agreed to it; return of how many."""
    connection, removed = replica.connection, 0
    replica.vector()
    registry = Registry(connection)
    stamps = [(upto - 2**62, ordinal) for ordinal, _, upto in registry.sites() if upto > 0]
    for table in registry.tables():
        if table.identity != "key" or (table.genesis is None and not stamps):
            continue
        if table.genesis is None:
            connection.execute(
                "UPDATE _crdt_table SET genesis_t = ?, genesis_s = ? WHERE id = ?", (*stamps[0], table.id)
            )
        dead = f"(SELECT id FROM {table.held} WHERE reason = 'deleted')"
        gone = f"(gone IS NULL AND held IS NULL OR held IN {dead}) AND many IS NULL"
        parts = f"_crdt_parts_{table.name}"
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (parts,)).fetchall():
            connection.execute(f"DELETE FROM {identifier(parts)}")
        connection.execute(f"DELETE FROM {table.clock} WHERE {gone}")
        removed += connection.changes()
        connection.execute(
            f"DELETE FROM {table.held} WHERE id NOT IN (SELECT held FROM {table.clock} WHERE held IS NOT NULL)"
        )
    return removed


def told(value: Any) -> str:
    """Return what a report says, for the story of a history."""
    return json.dumps(value.to_json()) if hasattr(value, "to_json") else repr(value)
