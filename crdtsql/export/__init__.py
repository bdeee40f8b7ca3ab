"""What does a receiver lack?"""

from crdtsql.export import kept, parkedcells, sendable
from crdtsql.export.changes import Change, changes
from crdtsql.export.collecting import collect
from crdtsql.export.describing import describe
from crdtsql.export.exporting import count_missing_rows, export, find_start, lacks_genesis
from crdtsql.export.receiving import receiver_noted

__all__ = [
    "Change",
    "changes",
    "collect",
    "count_missing_rows",
    "describe",
    "export",
    "find_start",
    "kept",
    "lacks_genesis",
    "parkedcells",
    "receiver_noted",
    "sendable",
]
