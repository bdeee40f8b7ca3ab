"""How does the log become clocks?"""

from crdtsql.fold.folding import fold, has_pending
from crdtsql.fold.retype import retype

__all__ = [
    "fold",
    "has_pending",
    "retype",
]
