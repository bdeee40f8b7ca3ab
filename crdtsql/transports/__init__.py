"""By which way do changes reach another replica?"""

from crdtsql.transports import http, pipe
from crdtsql.transports.addresses import parse
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Entry, Peer, Request, Response, Store
from crdtsql.transports.stores.looking import StoreStatus, stores
from crdtsql.transports.syncing import probe, reached, sync

__all__ = [
    "Entry",
    "Peer",
    "Request",
    "Response",
    "Store",
    "StoreStatus",
    "answer",
    "http",
    "parse",
    "pipe",
    "probe",
    "reached",
    "stores",
    "sync",
]
