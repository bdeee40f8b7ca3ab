"""How does a changeset get into the clocks and the tables?"""

from crdtsql.merge import parking
from crdtsql.merge.absent import set_uids
from crdtsql.merge.merging import MergeReport, check_needs, check_skew, merge

__all__ = [
    "MergeReport",
    "check_needs",
    "check_skew",
    "merge",
    "parking",
    "set_uids",
]
