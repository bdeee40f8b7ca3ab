"""Marks: until when a file was read, so that a later comparison can leave out what has not been written since.

Each row of the clock table carries the batch that changed it last, in an index. So whoever found two replicas equal can ask later for
the digests of the rows of later batches alone. A mark is made before anything is read, and counts while all that could change rows
without a batch is as it was: the site, the schema, the types and policies of the tables, their geneses. What lies in older rows is not
looked at: damage to them, and writes that no trigger saw, go unseen. That is why nobody gets this without asking for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from crdtsql.base import Sql, integer, query
from crdtsql.store import Registry, Table
from crdtsql.verify.reading import packer


def mark(registry: Registry) -> dict[str, Any]:
    """Say where a file stands now."""
    return {
        "site": registry.site_id(registry.self_ordinal).hex(),
        "batch": registry.number("batch"),
        "is": _is(registry),
    }


def honoured(registry: Registry, told: Any) -> int | None:
    """Return the batch of a mark, None if it is none of this file, or what it says may not hold any more."""
    if not isinstance(told, Mapping):
        return None
    batch, now = told.get("batch"), mark(registry)
    if type(batch) is not int or not 0 <= batch <= now["batch"]:
        return None
    return batch if now | {"batch": batch} == told else None


def changed_since(table: Table, batch: int) -> Sql:
    """Render which clock rows later batches changed; of a batch that changed many, all that are not in the index."""
    later = Sql(f"clock.seq > {integer(batch)}")
    return Sql(f"({later} OR clock.seq IS NULL)") if table.bulk > batch else later


def _is(registry: Registry) -> str:
    """Return a hash of all that decides what rows are, beside their batches."""
    (version,) = query.first(registry.connection, "PRAGMA main.schema_version")
    sites = {ordinal: site for ordinal, site, _ in registry.sites()}
    tables = [
        (
            table.uid,
            table.genesis and (table.genesis[0], sites[table.genesis[1]]),
            (
                table.identity,
                table.rows,
                table.granularity,
                table.absent,
                sorted(table.unique.items()),
                repr(table.references),
            ),
            [(field.uid, field.type, field.late) for field in table.fields],
        )
        for table in registry.tables()
    ]
    return blake2b(packer()((version, tables)), digest_size=16).hexdigest()
