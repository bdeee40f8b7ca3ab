"""In which order do the steps of a verb run, under which lock?"""

from crdtsql.replica.answers import UNSET
from crdtsql.replica.carried import RowChange, SyncOptions, SyncReport, Told, carries
from crdtsql.replica.replica import Replica
from crdtsql.replica.transactions import LOCK_TIMEOUT_S

__all__ = [
    "LOCK_TIMEOUT_S",
    "UNSET",
    "Replica",
    "RowChange",
    "SyncOptions",
    "SyncReport",
    "Told",
    "carries",
]
