"""Which row has an automatic number (decision 0012)?"""

from crdtsql.numbers import births, followers, ids, renumbered
from crdtsql.numbers.renumbered import Renumbered

__all__ = [
    "Renumbered",
    "births",
    "followers",
    "ids",
    "renumbered",
]
