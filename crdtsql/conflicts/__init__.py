"""What collided, and what is the answer?"""

from crdtsql.conflicts import arbitrated, conflict_log, executing, rowwrite, severed, unseen, writes
from crdtsql.conflicts.arbitrated import ArbitrateReport, read_answer
from crdtsql.conflicts.conflict_log import Conflict
from crdtsql.conflicts.resolve import Answer, check_open, resolve
from crdtsql.conflicts.resolve_all import ResolveReport, resolve_all
from crdtsql.conflicts.selection import Selection, select
from crdtsql.conflicts.undelete import undelete

__all__ = [
    "Answer",
    "ArbitrateReport",
    "Conflict",
    "ResolveReport",
    "Selection",
    "arbitrated",
    "check_open",
    "conflict_log",
    "executing",
    "read_answer",
    "resolve",
    "resolve_all",
    "rowwrite",
    "select",
    "severed",
    "undelete",
    "unseen",
    "writes",
]
