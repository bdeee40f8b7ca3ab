"""Which row has an automatic number (decision 0012)?"""

from crdtsql.numbers import births, blocks, followers, foretelling, ids, reference, renumbered
from crdtsql.numbers.reference import FollowedReference
from crdtsql.numbers.renumbered import Renumbered

__all__ = [
    "FollowedReference",
    "Renumbered",
    "births",
    "blocks",
    "followers",
    "foretelling",
    "ids",
    "reference",
    "renumbered",
]
