"""By which way do changes reach another replica?

Whoever serves figures for monitoring calls `metrics_text(replicas)`, with the name of each open replica as its key, or, where
replicas belong to threads, `gather` and `text` of `observing/exposition.py`: they have all that is known of files and of what was
merged and moved (docs/TRANSPORTS.md lists it), so that nobody counts that anew; figures of a server's own have names of their own.
"""

from typing import TYPE_CHECKING

from crdtsql.base import door
from crdtsql.transports import syncing  # noqa: F401 - a replica can sync from now on

if TYPE_CHECKING:
    from crdtsql.transports import http, pipe, secrecy
    from crdtsql.transports.addresses import named, parse
    from crdtsql.transports.cards import Contact, contacts
    from crdtsql.transports.exchange import answer
    from crdtsql.transports.interface import Entry, Peer, Request, Response, Store
    from crdtsql.transports.observing import metrics_text
    from crdtsql.transports.stores.looking import StoreStatus, known_stores
    from crdtsql.transports.syncing import probe, reached, sync, whole
else:
    __getattr__ = door(
        __name__,
        {
            "addresses": "named parse",
            "cards": "Contact contacts",
            "exchange": "answer",
            "interface": "Entry Peer Request Response Store",
            "observing": "metrics_text",
            "stores.looking": "StoreStatus known_stores",
            "syncing": "probe reached sync whole",
        },
    )

__all__ = [
    "Contact",
    "Entry",
    "Peer",
    "Request",
    "Response",
    "Store",
    "StoreStatus",
    "answer",
    "contacts",
    "http",
    "known_stores",
    "metrics_text",
    "named",
    "parse",
    "pipe",
    "probe",
    "reached",
    "secrecy",
    "sync",
    "whole",
]
