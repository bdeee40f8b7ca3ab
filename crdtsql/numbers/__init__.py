"""Which row has an automatic number (decision 0012)?"""

from crdtsql.numbers import archive, births, blocks, followers, foretelling, ids, reference, renumbered
from crdtsql.numbers.reference import FollowedReference
from crdtsql.numbers.renumbered import Renumbered

__all__ = [
    "FollowedReference",
    "Renumbered",
    "archive",
    "births",
    "blocks",
    "followers",
    "foretelling",
    "ids",
    "reference",
    "renumbered",
]
