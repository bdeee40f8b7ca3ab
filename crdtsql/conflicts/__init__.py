"""What collided, and what is the answer?"""

from crdtsql.conflicts import conflict_log, severed, unseen
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.conflicts.resolve import Answer, check_open, resolve
from crdtsql.conflicts.undelete import undelete

__all__ = [
    "Answer",
    "Conflict",
    "check_open",
    "conflict_log",
    "resolve",
    "severed",
    "undelete",
    "unseen",
]
