"""Rebuilding: a replica that is made of nothing but what a store has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from crdtsql.replica import Replica, SyncOptions
from crdtsql.transports import cards
from crdtsql.transports.interface import Store
from crdtsql.transports.stores.rest import sync_with_store


@contextmanager
def rebuilt(replica: Replica, store: Store) -> Iterator[Replica]:
    """Give a replica, for the length of a block, and throw it away."""
    connection, seen = apsw.Connection(""), None
    try:
        found = Replica.on(connection)
        found.path = f"what {store.address} has"
        found.adopt_schema(replica)
        seen = cards.folder(found.site, "stores")
        sync_with_store(found, store, SyncOptions(push=False, max_deletes=None))
        yield found
    finally:
        connection.close()
        if seen is not None:
            shutil.rmtree(os.fspath(seen), ignore_errors=True)
