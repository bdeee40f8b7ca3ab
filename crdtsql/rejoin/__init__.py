"""How does a replica that missed a compaction come back without losing what it wrote?"""

from crdtsql.rejoin.aside import copy_aside
from crdtsql.rejoin.rejoining import check, check_brought, check_present, rejoin
from crdtsql.rejoin.report import RejoinReport, Unwritten

__all__ = [
    "RejoinReport",
    "Unwritten",
    "check",
    "check_brought",
    "check_present",
    "copy_aside",
    "rejoin",
]
