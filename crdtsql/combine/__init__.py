"""How do the rows of a file that was filled separately become rows here?"""

from crdtsql.combine.combining import combinations, combine, keep_combinations
from crdtsql.combine.gather import Gathered, gather
from crdtsql.combine.report import CombinedTable, CombineReport, UndoReport
from crdtsql.combine.undo import undo

__all__ = [
    "CombineReport",
    "CombinedTable",
    "Gathered",
    "UndoReport",
    "combinations",
    "combine",
    "gather",
    "keep_combinations",
    "undo",
]
