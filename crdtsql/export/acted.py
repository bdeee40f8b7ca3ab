"""Acted: who wrote the events that a receiver lacks, as far as their writers said it (decision 0042)."""

from __future__ import annotations

from crdtsql.base import Sql, query, sql
from crdtsql.store import Registry
from crdtsql.wire import Header


def count(registry: Registry) -> int:
    """Count the attributions that have events which the noted receiver lacks."""
    if not query.exists(registry.connection, "_crdt_attribution"):
        return 0
    return int(query.first(registry.connection, sql("export/acted/count"))[0])


def tell(registry: Registry, header: Header, image: Sql) -> None:
    """Add them to an image, whose header counts them."""
    if header.acted:
        registry.connection.execute(sql("export/acted/tell", image=image))
