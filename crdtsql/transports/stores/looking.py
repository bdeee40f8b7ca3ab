"""Looking: what the last visits of a replica found in stores, for `status`. Reads what is kept here, asks no store."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import Any

from crdtsql.base import vector_to_json
from crdtsql.replica import Replica
from crdtsql.transports import cards
from crdtsql.transports.stores.known import StoreCache


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A store as it was last seen.

    Attributes:
        seen_ms: when, in milliseconds since 1970.
        waiting: changesets there that build on what is not there.
        waiting_since_ms: since when there were some, None if there are none.
        missing: site -> hlc up to which that is.
        vector: what it has, as a vector.
    """

    address: str
    seen_ms: int
    waiting: int
    waiting_since_ms: int | None
    missing: dict[str, int]
    vector: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self) | {
            "missing": vector_to_json(self.missing),
            "vector": vector_to_json(self.vector),
        }


def known_stores(replica: Replica) -> list[StoreStatus]:
    """List the stores that a replica has synced with on this machine."""
    found = []
    with suppress(OSError):
        for path in sorted(cards.folder(replica.site, "stores").iterdir()):
            if "." in path.name:
                continue
            with closing(StoreCache(path)) as known:
                facts = known.facts
            if facts.get("address"):
                waiting = facts["waiting"]
                found.append(
                    StoreStatus(
                        facts["address"],
                        facts["seen_ms"],
                        waiting["count"],
                        waiting["since_ms"],
                        waiting["missing"],
                        facts["vector"],
                    )
                )
    return sorted(found, key=lambda one: one.address)
