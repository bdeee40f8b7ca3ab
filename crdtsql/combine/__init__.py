"""How do the rows of a file that was filled separately become rows here?"""

from crdtsql.combine.combining import combine
from crdtsql.combine.gather import Gathered, gather
from crdtsql.combine.report import CombinedTable, CombineReport, UndoReport
from crdtsql.combine.undo import undo

__all__ = [
    "CombineReport",
    "CombinedTable",
    "Gathered",
    "UndoReport",
    "combine",
    "gather",
    "undo",
]
