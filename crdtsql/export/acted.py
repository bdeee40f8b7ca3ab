"""Acted: who wrote the events that a receiver lacks, as far as their writers said it (decision 0048)."""

from __future__ import annotations

from dataclasses import replace

from crdtsql.base import Sql, fragment, query, sql
from crdtsql.store import Registry
from crdtsql.wire import Header


def counted(registry: Registry, header: Header) -> Header:
    """Count in a header the attributions that have events which the noted receiver lacks."""
    if not query.exists(registry.connection, "_crdt_attribution"):
        return header
    (count,) = query.first(registry.connection, sql("export/acted/count", lacked=fragment("export/acted/lacked")))
    return replace(header, acted=int(count))


def tell(registry: Registry, header: Header, image: Sql) -> None:
    """Add them to an image, whose header counts them."""
    if header.acted:
        registry.connection.execute(sql("export/acted/tell", image=image, lacked=fragment("export/acted/lacked")))
