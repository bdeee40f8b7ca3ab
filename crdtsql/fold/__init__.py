"""How does the log become clocks?"""

from crdtsql.fold.folding import fold
from crdtsql.fold.pieces import Piece, reached
from crdtsql.fold.retype import retype

__all__ = [
    "Piece",
    "fold",
    "reached",
    "retype",
]
