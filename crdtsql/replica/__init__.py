"""In which order do the steps of a verb run, under which lock?"""

from crdtsql.replica.answers import UNSET
from crdtsql.replica.replica import Replica, sync
from crdtsql.replica.transactions import LOCK_TIMEOUT_S

__all__ = [
    "LOCK_TIMEOUT_S",
    "UNSET",
    "Replica",
    "sync",
]
