"""What does a receiver lack?"""

from crdtsql.export import parkedcells
from crdtsql.export.changes import Change, changes
from crdtsql.export.exporting import attached, count_missing_rows, describe, export

__all__ = [
    "Change",
    "attached",
    "changes",
    "count_missing_rows",
    "describe",
    "export",
    "parkedcells",
]
