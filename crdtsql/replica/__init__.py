"""In which order do the steps of a verb run, under which lock?"""

from crdtsql.replica.answers import UNSET
from crdtsql.replica.replica import Replica, sync

__all__ = [
    "UNSET",
    "Replica",
    "sync",
]
