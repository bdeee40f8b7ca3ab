"""Which row has an automatic number (decision 0012)?"""

from crdtsql.numbers import births, blocks, followers, ids, renumbered
from crdtsql.numbers.renumbered import Renumbered

__all__ = [
    "Renumbered",
    "births",
    "blocks",
    "followers",
    "ids",
    "renumbered",
]
