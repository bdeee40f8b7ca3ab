"""In which order do the steps of a verb run, under which lock?"""

from crdtsql.replica.replica import UNSET, Replica, sync

__all__ = [
    "UNSET",
    "Replica",
    "sync",
]
