"""By which way do changes reach another replica?"""

from crdtsql.transports.addresses import parse
from crdtsql.transports.exchange import answer
from crdtsql.transports.interface import Peer, Request, Response
from crdtsql.transports.syncing import sync

__all__ = [
    "Peer",
    "Request",
    "Response",
    "answer",
    "parse",
    "sync",
]
